"""Sequential: layers one after the other, and the chain rule from the last back to the first."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any, Self

import numpy as np

from nnscratch.checks import check_finite, random_streams, whole_number
from nnscratch.layer_list import LayerList, tie, ties
from nnscratch.layers import Layer
from nnscratch.stages.base import Listener, Stage
from nnscratch.stages.runner import Runner, check_layers, from_first_that_learns
from nnscratch.summary import summary, summary_view


class Sequential(LayerList):
    """A network that is a chain of layers.

    Arguments
        layers : the layers, from input to output
        fuse   : run layers that belong together, such as convolution, ReLU and max pooling, in one
            pass (`nnscratch.stages`); False runs each layer by its own methods. Both give the same
            numbers, to rounding.
        rng    : a seed, or a NumPy Generator, for the whole network: each layer that was made
            without an rng draws its first weights anew, and Dropout its masks from now on, from a
            stream of its own. Stream i is layer i's, so that layers behind change nothing. A layer
            with an rng of its own keeps it, as does one whose weights were trained, loaded or set.
            None: all stay as they are. The seed is not kept: copies and files have the weights

    Shapes
        x (N, ...) as the first layer takes it;  y, dy (N, ...) as the last layer gives it

    Forward
        y = f_last(... f_2(f_1(x)))

    Backward, given dy = dL/dy
        The chain rule, from the last layer to the first: each layer turns the gradient of its
        output into the gradient of its input, which is the output of the layer before:
            dy -> backward of f_last -> ... -> backward of f_2 -> backward of f_1 -> dx

    As a list
        `len(model)`, `model[0]`, `model[-1]`, `for layer in model`; `model[:3]` is a network of the
        first three layers. It shares them: to train either moves the parameters of both. `model(x)`
        is `model.forward(x)`.

    Whose memory (as for a layer by itself)
        y and dx are the caller's own. dy is read by `backward` alone. x is not copied: it must stay
        unchanged until `backward` has used it. Arrays in `grads` are valid until the next
        `backward`.

    Copies and files (`copy`, `pickle`, `astype`, `nnscratch.save`)
        All have `fuse`, what is frozen, and parameters of their own; `copy.copy` alone shares the
        layers. None has `outputs`, buffers or the step under way. An array that two layers have in
        `params` is one in them as well: both compute with it, and each has a gradient. SGD adds
        them; Adam and weight decay act once for each. A view of another layer's array, such as its
        transpose, does not stay one. Copies have the state of Dropout's rng, and whatever a layer
        keeps besides its parameters; a file has neither.

    One step at a time
        `backward` belongs to the last forward(training=True), of the same layers with the same
        sizes. A forward(training=False) in between does no harm. Networks may share a layer, but
        not while one of them is between forward and backward. A copy of a network begins without a
        step.

    NaN and infinity
        forward rejects an x or a y that holds them, backward a dy, whatever `fuse` is. In between a
        number may overflow: NaN stays NaN, so that it shows in y; a ReLU turns -infinity into 0.
        (Where terms of both signs overflow in one sum, its order decides which of these comes out,
        and layers that run as one may add in another order.)

    Attributes
        layers : the list of layers; may be changed between two steps
        outputs : what each layer gave in the last forward(keep=True), the caller's own copies; []
            before any. If y was NaN or infinite, they show where that began

    Raises
        ValueError : no layer, something that is no layer, one layer object twice, an rng that is no
            seed, an x, a dy or a parameter that does not fit
        NotFiniteError : NaN or infinity in x, y or dy; names the layer
        RuntimeError : backward without forward(training=True), or after a change of the layers

    >>> import nnscratch as nn
    >>> model = Sequential(nn.Dense(3, 4, rng=0), nn.ReLU(), nn.Dense(4, 2, rng=1))
    >>> x = np.ones((5, 3), np.float32)
    >>> model.forward(x, training=True).shape
    (5, 2)
    >>> model.backward(np.ones((5, 2), np.float32), input_gradient=True).shape
    (5, 3)
    >>> model[0].grads["weight"].shape
    (3, 4)
    >>> len(model), model[-1], model[:2](x).shape
    (3, Dense(4, 2), (5, 4))
    >>> seeded = [Sequential(nn.Dense(3, 3), nn.Dense(3, 3), rng=0) for _ in range(2)]
    >>> bool((seeded[0][1].params["weight"] == seeded[1][1].params["weight"]).all())
    True
    >>> bool((seeded[0][0].params["weight"] == seeded[0][1].params["weight"]).any())
    False
    >>> y = model.forward(x, keep=True)
    >>> [output.shape for output in model.outputs]
    [(5, 4), (5, 4), (5, 2)]
    """

    layers: list[Layer]
    outputs: list[np.ndarray]

    def __init__(self, *layers: Layer, fuse: bool = True, rng: np.random.Generator | int | None = None) -> None:
        check_layers(layers)
        if rng is not None:
            for layer, stream in zip(layers, random_streams("Sequential", rng, len(layers)), strict=True):
                layer.draw_anew(stream)
        self.layers = list(layers)
        self._runner = Runner(fuse)
        self._seen_shape: tuple[int, ...] | None = None
        self.outputs = []

    @property
    def fuse(self) -> bool:
        """Whether layers that belong together run in one pass; may be set between two steps."""
        return self._runner.fuse

    @fuse.setter
    def fuse(self, value: bool) -> None:
        self._runner.fuse = bool(value)

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """y for x, as `forward` without training gives it."""
        return self.forward(x)

    def forward(self, x: np.ndarray, training: bool = False, keep: bool = False) -> np.ndarray:
        """y, (N, ...), in the dtype of the parameters; keeps what `backward` needs if `training`.

        y is the caller's own; x must stay unchanged until `backward` has used it.

        keep : run the layers one by one by their own methods, whatever `fuse` is, and leave what
            each gives in `outputs`: slower, and y is the same to rounding
        """
        with self._runner.lock:
            if not keep:
                y = self._runner.in_one_call(self.layers, x, training)
                if y is not None:
                    self._seen_shape = x.shape[1:]
                    return y
            # A stage is a layer, or several that run as one.
            stages = self._runner.stages(self.layers, one_by_one=keep)
            number = self._runner.begin(stages, x, training)
            y, outputs = x, []
            for stage in stages:
                y = stage.forward(y, training)
                if keep:
                    outputs.append(y.copy())
            if keep:
                self.outputs = outputs
            self._runner.end(stages, number, x, y)
            self._seen_shape = x.shape[1:]
            return y.copy()

    def backward(self, dy: np.ndarray, input_gradient: bool = False) -> np.ndarray | None:
        """Sets the `grads` of every layer from dy = dL/dy; returns dx if `input_gradient`, or None.

        Nobody reads the gradient of the input while training, and for a convolution on large images
        it is the most expensive of all. For the same reason frozen layers below the first one that
        learns are left out then: their `grads` are empty. The arrays in `grads` are the network's
        own, and the next `backward` overwrites them: copy those that you want to keep.
        """
        with self._runner.lock:
            stages, call = self._runner.begin_backward(self.layers, dy)
            if not input_gradient:
                stages = from_first_that_learns(stages)
            gradient: Any = dy
            for stage in reversed(stages):
                if call is not None and not input_gradient and call.backward(stages[0], stage, gradient):
                    return None
                # of its output -> of its input
                gradient = stage.backward(gradient, input_gradient or stage is not stages[0])
            return None if gradient is None else gradient.copy()

    def predict(self, x: np.ndarray, batch_size: int = 256) -> np.ndarray:
        """y for any number of rows, `batch_size` at a time to bound the memory; dropout is off.

        x, y : (N, ...), as for `forward`

        Raises
            ValueError : batch_size below 1, or an x that does not fit
        """
        batch_size = whole_number("predict", "batch_size", batch_size)
        starts = range(0, max(1, len(x)), batch_size)  # an empty x still goes through once, for its shape
        return np.concatenate([self.forward(x[start : start + batch_size]) for start in starts])

    def time_stages(self, listener: Listener | None) -> list[Stage]:
        """The stages that run the layers; from now on each pass of each tells `listener` its time.

        listener : called as listener(stage, "forward" or "backward", seconds), until the layers or
            their sizes change; None: no more. A network to which nobody listens has no clock in it
        """
        with self._runner.lock:
            return list(self._runner.time_stages(self.layers, listener))

    def runs_in_one_call(self, x_shape: tuple[int, ...], training: bool = False) -> bool:
        """Whether passes of x (N, ...) of this shape run as one call, and no longer stage by stage.

        Those of few rows do, from the tenth pass on, while nobody listens to `time_stages`.

        >>> import nnscratch as nn
        >>> model = Sequential(nn.Dense(3, 4, rng=0), nn.ReLU(), nn.Dense(4, 2, rng=1))
        >>> for _ in range(10):
        ...     y = model(np.ones((1, 3), np.float32))
        >>> model.runs_in_one_call((1, 3)), model.runs_in_one_call((1, 3), training=True)
        (True, False)
        """
        return self._runner.has_call(tuple(x_shape), training)

    def astype(self, dtype: Any) -> Self:
        """A copy of the network that computes in `dtype`: float32 to train, float64 to check."""
        other = copy.copy(self)
        other.layers = [layer.astype(dtype) for layer in self.layers]
        tie(other.layers, ties(self.layers))
        return other

    def parameters(self) -> list[np.ndarray]:
        """The network's own arrays, layer after layer, in the order of each layer's `params`."""
        return [w for layer in self.layers for w in layer.params.values()]

    def copy_parameters(self) -> list[np.ndarray]:
        """A copy of each of `parameters`, for `put_back`.

        The copies are new arrays: a Ctrl-C in the middle cannot leave a mixture of two moments in
        older ones.

        >>> import nnscratch as nn
        >>> model = Sequential(nn.Dense(1, 2, weight_init="constant(3)", rng=0))
        >>> kept = model.copy_parameters()
        >>> model.layers[0].params["weight"][:] = 7
        >>> model.put_back(kept)
        >>> model.layers[0].params["weight"]
        array([[3., 3.]], dtype=float32)
        """
        return [w.copy() for w in self.parameters()]

    def put_back(self, parameters: Sequence[np.ndarray]) -> None:
        """Writes `parameters` into the network's own arrays; optimizers and stages refer to those.

        parameters : as `copy_parameters` gives them

        Raises
            ValueError : another number of arrays, or other shapes; then the network stays as it was
        """
        live = self.parameters()
        got, expected = [w.shape for w in parameters], [w.shape for w in live]
        if got != expected:
            raise ValueError(
                f"put_back: got parameters of shapes {got}, expected {expected}; take those of this very network"
            )
        for w, kept in zip(live, parameters, strict=True):
            np.copyto(w, kept)

    def check_finite(self) -> None:
        """Stops a network whose parameters have become NaN or infinite.

        A loss is measured before its step, so no loss has seen the last step of an epoch.

        Raises
            NotFiniteError : a parameter is NaN or infinite; names its layer
        """
        for layer in self.layers:
            for name, w in layer.params.items():
                check_finite(layer, name, w)

    def summary(self, input_shape: tuple[int, ...] | None = None) -> str:
        """A table for print(), one line per layer.

        Columns: output shape, parameters, multiply-adds, bytes kept for backward, receptive field.

        input_shape : shape of one x without N, such as (96, 96, 1). None stands for the shape of
            the last forward pass. Before any pass it is worked out from the first Dense layer; for
            images that gives the smallest square ones that fit.

        Raises
            ValueError : the layers do not fit input_shape, or none was given and it cannot be
                worked out
        """
        return summary(self.layers, self._seen_shape if input_shape is None else tuple(input_shape))

    def _of(self, layers: list[Layer]) -> Sequential:
        return Sequential(*layers, fuse=self.fuse)

    def __repr__(self) -> str:
        lines = "".join(f"    {layer!r},\n" for layer in self.layers)
        return f"Sequential(\n{lines})"

    def _repr_html_(self) -> str:
        return summary_view(self.layers, self._seen_shape)

    def __getstate__(self) -> dict[str, Any]:
        # A copy runs in buffers of its own, has not run yet, and may get other layers.
        return self.__dict__ | {"_runner": Runner(self.fuse), "outputs": [], "layers": list(self.layers)}
