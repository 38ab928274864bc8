"""A network that is built from ONNX operators, one after the other."""

from __future__ import annotations

from collections.abc import Callable

from nnscratch.interchange.onnx_chain import NORMALIZATION, Operator
from nnscratch.interchange.onnx_file import OnnxFile
from nnscratch.interchange.onnx_operators import LAYERS, PRODUCTS, WINDOWS, add_bias, layer_of
from nnscratch.interchange.onnx_sizes import Sizes, count, input_sizes, whole
from nnscratch.layers import Conv2D, Dense, Flatten, Layer
from nnscratch.model import Sequential

_TO_CHANNELS_FIRST, _TO_CHANNELS_LAST = (0, 3, 1, 2), (0, 2, 3, 1)


class NetworkOfOperators:
    """The layers so far, and how the numbers lie in the file at this point.

    layers    : those so far
    sizes     : the name of each value so far -> its sizes in the file, with N
    turned    : a picture lies as (N, C, H, W) there, True, or as (N, H, W, C), False. None: which
        axis the channels are is not known yet, and the network takes x as the file has it
    flattened : C of the picture whose numbers the rows there hold channel by channel; else 1
    """

    def __init__(self, file: OnnxFile) -> None:
        self.file = file
        self.layers: list[Layer] = []
        self.sizes = {file.input.name: input_sizes(file.input)}
        self.turned: bool | None = None
        self.flattened = 1
        self._x_is_turned = False
        self._product: Dense | Conv2D | None = None  # the last layer, if it may still get a bias
        self._casts: list[tuple[int, Operator]] = []  # and how many layers came before

    def add(self, operator: Operator) -> None:
        """Adds what the operator stands for; its kind is in `KINDS`, or `NORMALIZATION`.

        Raises
            ValueError : no layer computes what it does
        """
        if operator.kind in _MOVES:
            sizes = _MOVES[operator.kind](self, operator)
        elif operator.kind == "Add":
            sizes = self._add_bias(operator)
        elif operator.kind == "Flatten":
            sizes = self._add_flatten(operator)
        else:
            sizes = self._add_layer(operator)
        self.sizes[operator.output] = sizes

    def finished(self) -> Sequential:
        """The network.

        Raises
            ValueError     : there is no layer, or its output lies as none of the network's can
            NotFiniteError : a weight is NaN or infinite
        """
        if not self.layers:
            raise self.file.refusal("a graph that computes nothing", "at least one layer", "export it again")
        if self.flattened > 1:
            raise self.file.refusal(
                "a flattened picture, channel by channel, as the output",
                "a Gemm or MatMul behind it",
                "leave the flattening out of the network",
            )
        self._check_dtypes()
        model = Sequential(*self.layers)
        model.check_finite()
        shape = whole(self.sizes[self.file.input.name][1:])
        if shape:
            model._seen_shape = _moved(shape, _TO_CHANNELS_LAST) if self._x_is_turned else shape
        return model

    def _append(self, layer: Layer) -> None:
        self.layers.append(layer)
        self._product = layer if isinstance(layer, Dense | Conv2D) else None

    def _add_layer(self, operator: Operator) -> Sizes:
        if operator.kind in WINDOWS:
            self._check_picture(operator)
        layer = layer_of(operator, self.flattened)
        self._append(layer)
        if isinstance(layer, Dense):
            self.flattened = 1
        return self._after(operator, layer)

    def _after(self, operator: Operator, layer: Layer) -> Sizes:
        """The sizes of what the layer gives; ValueError if it does not take what goes in."""
        if not operator.x:
            raise operator.refusal("a single number as x", "an array", "export it again")
        n, shape = operator.x[0], whole(operator.x[1:])
        if shape is None:
            if isinstance(layer, Dense):
                return n, layer.n_out
            channels = layer.c_out if isinstance(layer, Conv2D) else operator.x[1]
            return (n, channels, None, None) if operator.kind in WINDOWS else operator.x
        try:
            shape = layer.output_shape(_moved(shape, _TO_CHANNELS_LAST) if self.turned else shape)
        except ValueError as error:
            raise operator.refusal(f"x of sizes {operator.x} ({error})", "one that fits", "export it again") from None
        return n, *(_moved(shape, _TO_CHANNELS_FIRST) if self.turned else shape)

    def _check_picture(self, operator: Operator) -> None:
        if len(operator.x) != 4:
            raise operator.refusal(f"x of sizes {operator.x}", "pictures, four axes")
        if self.turned is False:
            raise operator.refusal("pictures (N, H, W, C)", "(N, C, H, W), as ONNX has them")
        if self.turned is None:
            self.turned = self._x_is_turned = True

    def _add_flatten(self, operator: Operator) -> Sizes:
        axis, axes = operator.attributes.get("axis", 1), len(operator.x)
        if axis not in (1, 1 - axes) or not axes:
            raise operator.refusal(f"axis={axis}", "axis=1")
        return self._flatten(operator)

    def _flatten(self, operator: Operator) -> Sizes:
        if self.turned:
            _, channels, height, width = operator.x
            if not isinstance(channels, int):
                raise operator.refusal("an unknown number of channels", "a known one", "export it with sizes")
            self.flattened = 1 if height == width == 1 else channels
        self.turned = None
        self._append(Flatten())
        return operator.x[0], count(operator.x[1:])

    def _add_bias(self, operator: Operator) -> Sizes:
        bias = operator.constant(1 - operator.x_place)
        if self._product is None or bias is None:
            raise operator.refusal("a constant", "a bias right behind Gemm, MatMul or Conv")
        add_bias(operator, self._product, bias, axis=1 if self.turned else -1)
        return operator.x

    # Operators that only move or convert numbers.

    def _stay(self, operator: Operator) -> Sizes:
        return operator.x

    def _cast(self, operator: Operator) -> Sizes:
        self._casts.append((len(self.layers), operator))
        return operator.x

    def _transpose(self, operator: Operator) -> Sizes:
        none = tuple(range(len(operator.x)))
        axes = tuple(operator.attributes.get("perm", none[::-1]))
        if axes in (_TO_CHANNELS_FIRST, _TO_CHANNELS_LAST) and len(operator.x) == 4:
            self._turn(operator, axes == _TO_CHANNELS_FIRST)
        elif axes != none:
            raise operator.refusal(f"perm={list(axes)}", "one that moves the channels only")
        return tuple(operator.x[axis] for axis in axes)

    def _turn(self, operator: Operator, turned: bool) -> None:
        if self.turned is turned:
            raise operator.refusal("channels that move once more", "a turn forth or back")
        if self.turned is None:
            self._x_is_turned = not turned
        self.turned = turned

    def _reshape(self, operator: Operator) -> Sizes:
        """To rows, or one that moves channels: with one of them that takes no Transpose."""
        x, target = operator.x, operator.target or ()
        if operator.attributes.get("allowzero", 0) and 0 in target:
            target = ()  # no number at all
        y = tuple(x[i] if size == 0 and i < len(x) else size for i, size in enumerate(target))
        numbers = count(x[1:])
        keeps_n = bool(x and y) and (y[0] == x[0] or (y[0] == -1 and None is not numbers == count(y[1:])))
        if keeps_n and len(y) == 2 and y[1] in (-1, numbers or -1):
            return (x[0], numbers) if len(x) == 2 else self._flatten(operator)
        if keeps_n and numbers and y[1:] == x[1:]:
            return x
        if keeps_n and numbers and len(x) == len(y) == 4:
            for turned, axes in ((True, _TO_CHANNELS_FIRST), (False, _TO_CHANNELS_LAST)):
                moved, channels = tuple(x[axis] for axis in axes), x[3 if turned else 1]
                if self.turned is not turned and channels in (1, numbers) and y[1:] == moved[1:]:
                    self._turn(operator, turned)
                    return moved
        # skl2onnx ends every MLPRegressor so: all its rows below each other, in one column.
        if operator.is_last and len(x) == 2 and y == (-1, 1):
            return x
        raise operator.refusal(f"sizes {x} to {operator.target or 'unknown'}", "one from pictures to rows")

    def _check_dtypes(self) -> None:
        """All weights are of one dtype, and between them nothing is converted to another."""
        weighted = [i for i, layer in enumerate(self.layers) if layer.params]
        dtypes = {str(array.dtype) for layer in self.layers for array in layer.params.values()}
        if len(dtypes) > 1:
            raise self.file.refusal(f"weights of {' and '.join(sorted(dtypes))}", "one dtype", "convert the network")
        helper = self.file.onnx.helper
        for place, operator in self._casts:
            dtype = str(helper.tensor_dtype_to_np_dtype(operator.attributes["to"]))
            inside = bool(weighted) and weighted[0] < place <= weighted[-1]
            if dtype not in (dtypes if inside else ("float32", "float64")):
                raise operator.refusal(f"a result of {dtype}", " or ".join(dtypes) or "float32 or float64")


_MOVES: dict[str, Callable[[NetworkOfOperators, Operator], Sizes]] = {
    "Cast": NetworkOfOperators._cast,
    "Identity": NetworkOfOperators._stay,
    "Reshape": NetworkOfOperators._reshape,
    "Transpose": NetworkOfOperators._transpose,
}
KINDS = tuple(kind for kind in (*LAYERS, *PRODUCTS, *_MOVES, "Add", "Flatten") if kind != NORMALIZATION)


def _moved(shape: tuple[int, ...], axes: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of a picture, without N, after its axes have moved."""
    return tuple(shape[axis - 1] for axis in axes[1:])
