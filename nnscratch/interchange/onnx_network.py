"""A network that is built from ONNX operators, one after the other."""

from __future__ import annotations

import math

from nnscratch.interchange.onnx_chain import NORMALIZATION, Operator
from nnscratch.interchange.onnx_file import OnnxFile
from nnscratch.interchange.onnx_operators import LAYERS, PRODUCTS, WINDOWS, add_bias, layer_of
from nnscratch.layers import Conv2D, Dense, Flatten, Layer
from nnscratch.model import Sequential

_TO_CHANNELS_FIRST, _TO_CHANNELS_LAST = (0, 3, 1, 2), (0, 2, 3, 1)
_MOVES = ("Cast", "Identity", "Reshape", "Transpose")
KINDS = tuple(kind for kind in (*LAYERS, *PRODUCTS, *_MOVES, "Add", "Flatten") if kind != NORMALIZATION)


class NetworkOfOperators:
    """The layers so far, and how the numbers lie in the file at this point.

    layers    : those so far
    turned    : a picture lies as (N, C, H, W) there, True, or as (N, H, W, C), False. None: which
        axis the channels are is not known yet, and the network takes x as the file has it
    flattened : C of the picture whose numbers the rows there hold channel by channel; else 1
    """

    def __init__(self, file: OnnxFile) -> None:
        self.file = file
        self.layers: list[Layer] = []
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
            self._move(operator)
        elif operator.kind == "Add":
            self._add_bias(operator)
        elif operator.kind == "Flatten":
            axis, axes = operator.attributes.get("axis", 1), len(operator.x or ())
            if axis not in (1, 1 - axes):
                raise operator.refusal(f"axis={axis}", "axis=1")
            self._flatten(operator)
        else:
            if operator.kind in WINDOWS:
                self._check_picture(operator)
            self._append(layer_of(operator, self.flattened))

    def finished(self) -> Sequential:
        """The network.

        Raises
            ValueError     : there is no layer, or they do not fit each other
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
        model._seen_shape = self._checked_shape()
        return model

    def _append(self, layer: Layer) -> None:
        self.layers.append(layer)
        self._product = layer if isinstance(layer, Dense | Conv2D) else None
        if isinstance(layer, Dense):
            self.flattened = 1

    def _check_picture(self, operator: Operator) -> None:
        if operator.x is not None and len(operator.x) != 4:
            raise operator.refusal(f"x of sizes {operator.x}", "pictures, four axes")
        if self.turned is False:
            raise operator.refusal("pictures (N, H, W, C)", "(N, C, H, W), as ONNX has them")
        if self.turned is None:
            self.turned = self._x_is_turned = True

    def _flatten(self, operator: Operator) -> None:
        if self.turned:
            sizes = operator.x or (None,) * 4
            channels = next((each.c_out for each in reversed(self.layers) if isinstance(each, Conv2D)), sizes[1])
            if not isinstance(channels, int):
                raise operator.refusal("an unknown number of channels", "a known one", "export it with sizes")
            self.flattened = channels if sizes[2:] != (1, 1) else 1
        self.turned = None
        self._append(Flatten())

    def _add_bias(self, operator: Operator) -> None:
        bias = operator.constant(1 - operator.x_place)
        if self._product is None or bias is None:
            raise operator.refusal("a constant", "a bias right behind Gemm, MatMul or Conv")
        add_bias(operator, self._product, bias, axis=1 if self.turned else -1)

    def _move(self, operator: Operator) -> None:
        if operator.kind == "Transpose":
            axes = tuple(operator.attributes.get("perm", reversed(range(len(operator.x or ())))))
            if axes in (_TO_CHANNELS_FIRST, _TO_CHANNELS_LAST):
                self._turn(operator, axes == _TO_CHANNELS_FIRST)
            elif not axes or axes != tuple(range(len(axes))):
                raise operator.refusal(f"perm={list(axes)}", "one that moves the channels only")
        elif operator.kind == "Cast":
            self._casts.append((len(self.layers), operator))
        elif operator.kind == "Reshape":
            self._reshape(operator)

    def _turn(self, operator: Operator, turned: bool) -> None:
        if self.turned is turned:
            raise operator.refusal("channels that move once more", "a turn forth or back")
        if self.turned is None:
            self._x_is_turned = not turned
        self.turned = turned

    def _reshape(self, operator: Operator) -> None:
        """To rows, or one that moves channels: with one of them that takes no Transpose."""
        x, y, target = operator.x or (), operator.y or (), operator.constant(1)
        numbers = _product(x[1:])
        same_rows = len(x) > 1 and len(y) == 2 and (None is not y[0] == x[0] or None is not y[1] == numbers)
        # skl2onnx ends every MLPRegressor so: all its rows below each other, in one column.
        one_column = operator.is_last and len(x) == 2 and target is not None and target.tolist() == [-1, 1]
        if same_rows and len(x) > 2:
            self._flatten(operator)
        elif not same_rows and not one_column and (x[1:] != y[1:] or not numbers):
            if not numbers or len(x) != 4:
                raise operator.refusal(f"sizes {x or 'unknown'} to {y or 'unknown'}", "one from pictures to rows")
            _, a, b, c = x
            if self.turned is not True and y[1:] == (c, a, b) and 1 in (c, _product((a, b))):
                self._turn(operator, turned=True)
            elif self.turned is not False and y[1:] == (b, c, a) and 1 in (a, _product((b, c))):
                self._turn(operator, turned=False)
            else:
                raise operator.refusal(f"sizes {x} to {y}", "one from pictures to rows")

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

    def _checked_shape(self) -> tuple[int, ...] | None:
        """Of one x, without N, as the network takes it; None: the file does not say it."""
        sizes = self.file.sizes(self.file.input)
        if sizes is None or not _product(sizes[1:]):
            return None
        shape = tuple(int(size) for size in sizes[1:] if size is not None)
        if self._x_is_turned:
            shape = (*shape[1:], shape[0])
        after = shape
        try:
            for layer in self.layers:
                after = layer.output_shape(after)
        except ValueError as error:
            raise self.file.refusal(f"layers that do not fit ({error})", "a whole network", "export it again") from None
        return shape


def _product(sizes: tuple[int | str | None, ...]) -> int | None:
    """How many numbers that are; None: a size is not known."""
    known = [size for size in sizes if isinstance(size, int)]
    return math.prod(known) if len(known) == len(sizes) else None
