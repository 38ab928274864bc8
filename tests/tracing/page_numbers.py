"""Every number that the page must show after a click, from a trace's arrays by plain NumPy.

This is no copy of the page's script: it gathers with slices of NumPy arrays, sums exactly
(`math.fsum`), and rounds by `decimal`.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Any

import numpy as np

import nnscratch as nn

Index = tuple[int, ...]
DIGITS = 6
TOP = 10


def rounded(value: float, digits: int) -> Decimal:
    """`digits` significant digits, half away from zero."""
    return Context(prec=digits, rounding=ROUND_HALF_UP).plus(Decimal(value))


def shown(value: float, digits: int = DIGITS) -> str:
    """The text of a number on the page: zeros at the end go if it is exact without them.

    >>> shown(-0.1), shown(0.5), shown(1234567.0), shown(1.5e-9)
    ('−0.1', '0.5', '1.23457e6', '1.5e−9')
    """
    if value == 0:
        return "0"
    decimal = rounded(value, digits)
    exponent = decimal.adjusted()
    figures = "".join(map(str, decimal.as_tuple().digits)).ljust(digits, "0")
    power = ""
    if abs(value) < 1e-4 or exponent >= digits:
        power, exponent = f"e{exponent}", 0
    figures = "0" * max(-exponent, 0) + figures
    whole = max(exponent, 0) + 1
    mantissa = f"{'-' if value < 0 else ''}{figures[:whole]}.{figures[whole:]}".rstrip(".")
    short = mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa
    if float(short + power) == value:
        mantissa = short
    return (mantissa + power).replace("-", "−")


def shared_digits(own: float, total: float) -> int:
    """In how many digits, at most 6, the two numbers agree when rounded; 0 if in none."""
    return next((d for d in range(DIGITS, 0, -1) if rounded(own, d) == rounded(total, d)), 0)


@dataclass(frozen=True)
class Number:
    """What must be shown, in how many digits at most, and how far float64 sums may be off."""

    value: float
    digits: int = DIGITS
    slack: float = 0.0


class Numbers:
    """The numbers after one click, by name; each with its index, or None, in the page's order."""

    def __init__(self) -> None:
        self.by_name: dict[str, list[tuple[Index | None, Number]]] = defaultdict(list)

    def add(self, name: str, value: Any, index: Index | None = None, digits: int = DIGITS, slack: float = 0.0) -> None:
        self.by_name[name].append((index, Number(float(value), digits or DIGITS, slack)))

    def problems(self, read: Iterable[tuple[str, str, str, str | None]], optional: set[str]) -> list[str]:
        """What the page shows otherwise: a line for each number that is missing, wrong or unknown.

        read     : of the page, in its order: name, exact number, text, index
        optional : names of numbers that it may leave out
        """
        found: dict[str, list[tuple[Index | None, float, str]]] = defaultdict(list)
        for name, exact, text, index in read:
            at = None if index is None else tuple(int(part) for part in index.split(","))
            found[name].append((at, float(exact), text))
        lines = [f"{name}: not expected, got {found[name][:3]}" for name in found if name not in self.by_name]
        for name, expected in self.by_name.items():
            if name not in found:
                if name not in optional:
                    lines.append(f"{name}: missing, expected {expected[:3]}")
                continue
            lines += _differences(name, found[name], expected)
        return lines


def _differences(
    name: str, found: list[tuple[Index | None, float, str]], expected: list[tuple[Index | None, Number]]
) -> list[str]:
    if [index for index, _, _ in found] != [index for index, _ in expected]:
        places = [index for index, _, _ in found][:12], [index for index, _ in expected][:12]
        return [f"{name}: got {len(found)} at {places[0]}, expected {len(expected)} at {places[1]}"]
    lines = []
    for (index, exact, text), (_, number) in zip(found, expected, strict=True):
        where = f"{name}[{index}]"
        if not abs(exact - number.value) <= number.slack:
            lines.append(f"{where}: exact {exact!r}, expected {number.value!r} within {number.slack:.1e}")
        elif text.replace("\u202f", "") not in _texts(exact, number.digits):
            lines.append(f"{where}: text {text!r} of {exact!r}, expected {shown(exact, number.digits)!r}")
    return lines


def _texts(exact: float, digits: int) -> set[str]:
    """A number may have fewer digits where there is little room, but three if it has them."""
    return {shown(exact, fewer) for fewer in range(min(3, digits), digits + 1)}


class Step:
    """What a trace holds of one image, and of the batch."""

    def __init__(self, trace: nn.Trace, image: int, points_scale: float | None = None) -> None:
        self.trace, self.image, self.points_scale = trace, image, points_scale

    def y(self, layer: int) -> np.ndarray:
        return self.trace.x[self.image] if layer < 0 else self.trace.layers[layer].y[self.image]

    def dy(self, layer: int) -> np.ndarray:
        """dL/dy of the layer; of layer -1, dL/dx of the input."""
        layers = self.trace.layers
        return layers[0].dx[self.image] if layer < 0 else layers[layer].dy[self.image]

    def kind(self, layer: int) -> str:
        inside = 0 <= layer < len(self.trace.layers)
        return type(self.trace.layers[layer].layer).__name__ if inside else ""

    # ------------------------------------------------------------------------------------ Outputs

    def output(self, layer: int, index: Index) -> Numbers:
        """How a number of the layer's y came about."""
        numbers = Numbers()
        kind = self.kind(layer)
        value = self.y(layer)[index]
        numbers.add("output.value", value)
        if layer < 0:
            numbers.add("input.value", value)
            return numbers
        x = self.y(layer - 1)
        made = getattr(self, f"_output_{kind}", None)
        if made:
            made(numbers, layer, index, x)
        elif kind in ("Sigmoid", "Tanh"):
            numbers.add(f"{kind.lower()}.x", x[index])
            numbers.add(f"{kind.lower()}.value", value)
        else:
            numbers.add({"Flatten": "flatten.value"}.get(kind, "other.value"), value)
        self._onward(numbers, layer, index)
        return numbers

    def _output_Conv2D(self, numbers: Numbers, layer: int, index: Index, x: np.ndarray) -> None:
        conv = self.trace.layers[layer].layer
        assert isinstance(conv, nn.Conv2D)
        h, w, o = index
        (k_h, k_w), (s_h, s_w), (p_h, p_w) = conv.kernel_size, conv.stride, conv.padding
        padded = np.pad(x, ((p_h, p_h), (p_w, p_w), (0, 0)))
        patch = padded[h * s_h : h * s_h + k_h, w * s_w : w * s_w + k_w].astype(np.float64)
        kernel = self._before(layer, "weight")[..., o].astype(np.float64)
        products = patch * kernel
        for c in range(x.shape[2]):
            numbers.add("conv.channel_sum", math.fsum(products[..., c].ravel()), (c,), slack=_slack(products))
            for i, j in np.ndindex(k_h, k_w):
                numbers.add("conv.patch", patch[i, j, c], (i, j, c))
                numbers.add("conv.kernel", kernel[i, j, c], (i, j, c))
                numbers.add("conv.product", products[i, j, c], (i, j, c))
        in_order = products.transpose(2, 0, 1).ravel()
        self._sum(numbers, "conv", in_order, self._bias(layer, o), self.y(layer)[index])
        if in_order.size > TOP:
            top = in_order[_largest(in_order)]
            for product in top:
                numbers.add("conv.top", product)
            numbers.add("conv.rest", math.fsum(in_order) - math.fsum(top), slack=_slack(in_order))

    def _output_Dense(self, numbers: Numbers, layer: int, index: Index, x: np.ndarray) -> None:
        (o,) = index
        weight = self._before(layer, "weight")[:, o].astype(np.float64)
        products = x.astype(np.float64) * weight
        for i in _top(products):
            numbers.add("dense.x", x[i], (i,))
            numbers.add("dense.weight", weight[i], (i,))
            numbers.add("dense.product", products[i], (i,))
        self._rest(numbers, "dense.rest", products)
        self._sum(numbers, "dense", products, self._bias(layer, o), self.y(layer)[index])

    def _sum(self, numbers: Numbers, name: str, products: np.ndarray, bias: float | None, own: float) -> None:
        total = math.fsum(products)
        numbers.add(f"{name}.sum", total, slack=_slack(products))
        if bias is not None:
            numbers.add(f"{name}.bias", bias)
        numbers.add(f"{name}.value", own, digits=shared_digits(float(own), total + (bias or 0.0)))

    def _output_ReLU(self, numbers: Numbers, layer: int, index: Index, x: np.ndarray) -> None:
        numbers.add("relu.x", x[index])
        numbers.add("relu.value", max(float(x[index]), 0.0))
        self._off(numbers, layer, index)

    def _output_LeakyReLU(self, numbers: Numbers, layer: int, index: Index, x: np.ndarray) -> None:
        numbers.add("leaky.x", x[index])
        numbers.add("leaky.slope", self._leaky_slope(layer, x[index]))
        numbers.add("leaky.value", self.y(layer)[index])
        self._off(numbers, layer, index)

    def _leaky_slope(self, layer: int, x: float) -> float:
        slope: Any = self.trace.layers[layer].layer
        return 1.0 if x > 0 else float(self.y(layer).dtype.type(slope.negative_slope))

    def _off(self, numbers: Numbers, layer: int, index: Index) -> None:
        off = ~(self.trace.layers[layer].x > 0)
        count = int(off[(slice(None), *index)].sum())
        numbers.add("relu.off_images", count)
        numbers.add("relu.off_share", 100 * count / len(off), digits=3)
        if len(index) == 3:
            share = 100 * float(off[..., index[2]].mean())
            numbers.add("relu.unit_off_share", share, digits=3, slack=1e-12 * 100)

    def _pool_window(self, layer: int, h: int, w: int, c: int) -> np.ndarray:
        pool: Any = self.trace.layers[layer].layer
        (p_h, p_w), (s_h, s_w) = pool.pool_size, pool.stride
        return self.y(layer - 1)[h * s_h : h * s_h + p_h, w * s_w : w * s_w + p_w, c]

    def _output_MaxPool2D(self, numbers: Numbers, layer: int, index: Index, x: np.ndarray) -> None:
        window = self._pool_window(layer, *index)
        for place, value in np.ndenumerate(window):
            numbers.add("pool.window", value, place)
        numbers.add("pool.value", window.max())

    def _output_AveragePool2D(self, numbers: Numbers, layer: int, index: Index, x: np.ndarray) -> None:
        window = self._pool_window(layer, *index).astype(np.float64)
        for place, value in np.ndenumerate(window):
            numbers.add("average.window", value, place)
        total = math.fsum(window.ravel())
        own = self.y(layer)[index]
        numbers.add("average.sum", total, slack=_slack(window))
        numbers.add("average.value", own, digits=shared_digits(float(own), total / window.size))

    def _output_Dropout(self, numbers: Numbers, layer: int, index: Index, x: np.ndarray) -> None:
        traced: Any = self.trace.layers[layer]
        numbers.add("dropout.x", x[index])
        numbers.add("dropout.mask", traced.kept["mask"][self.image][index])
        numbers.add("dropout.factor", x.dtype.type(1 / (1 - traced.layer.p)))
        numbers.add("dropout.p", traced.layer.p)
        numbers.add("dropout.value", self.y(layer)[index])

    def _onward(self, numbers: Numbers, layer: int, index: Index) -> None:
        """What the ReLU and the pooling behind make of it."""
        after = layer + 1
        if self.kind(after) == "ReLU" and self.kind(layer) != "ReLU":
            numbers.add("relu.x", self.y(layer)[index])
            numbers.add("relu.value", max(float(self.y(layer)[index]), 0.0))
            after += 1
        if self.kind(after) != "MaxPool2D" or self.kind(layer) == "MaxPool2D":
            return
        for h, w, _, _ in self._windows_over(after, index):
            window = self._pool_window(after, h, w, index[2])
            numbers.add("pool.value", window.max(), (h, w))
            for place, value in np.ndenumerate(window):
                numbers.add("pool.window", value, (h, w, *place))

    def wins(self, layer: int, index: Index) -> dict[Index, bool]:
        """Whether it is the winner, for each window of the pooling behind that contains it."""
        after = layer + 1 + (self.kind(layer + 1) == "ReLU")
        if self.kind(after) != "MaxPool2D" or self.kind(layer) == "MaxPool2D":
            return {}
        windows = self._windows_over(after, index)
        return {(h, w): int(self._pool_window(after, h, w, index[2]).argmax()) == k for h, w, k, _ in windows}

    def _windows_over(self, layer: int, index: Index) -> list[tuple[int, int, int, Index]]:
        """Windows of the layer that contain a pixel of its x: h, w, place in the window, (i, j)."""
        over: Any = self.trace.layers[layer].layer
        k_h, k_w = getattr(over, "kernel_size", None) or over.pool_size
        (s_h, s_w), (p_h, p_w) = over.stride, getattr(over, "padding", (0, 0))
        h_out, w_out, _ = self.y(layer).shape
        found = []
        for h, w in np.ndindex(h_out, w_out):
            i, j = index[0] - (h * s_h - p_h), index[1] - (w * s_w - p_w)
            if 0 <= i < k_h and 0 <= j < k_w:
                found.append((h, w, i * k_w + j, (i, j)))
        return found

    # ---------------------------------------------------------------------------------- Gradients

    def gradient(self, layer: int, index: Index) -> Numbers:
        """Who sends gradient to a number of the layer's y: the layer behind it."""
        own = float(self.dy(layer)[index])
        after = layer + 1
        kind = self.kind(after)
        if not kind:
            numbers = self.loss(index)
            numbers.add("gradient.value", own)
            return numbers
        numbers = Numbers()
        made = getattr(self, f"_gradient_{kind}", None)
        slope = self._slope(after, index)
        digits = DIGITS
        if made:
            digits = made(numbers, after, index, own)
        elif slope is not None:
            dy = float(self.dy(after)[index])
            digits = shared_digits(own, dy * slope) or DIGITS
            numbers.add("gradient.dy", dy, index)
            numbers.add("gradient.slope", slope)
            numbers.add("gradient.sum", dy * slope, digits=digits)
        numbers.add("gradient.value", own, digits=digits)
        return numbers

    def _slope(self, layer: int, index: Index) -> float | None:
        kind = self.kind(layer)
        if kind not in ("ReLU", "LeakyReLU", "Sigmoid", "Tanh", "Dropout"):
            return None
        x, y = float(self.y(layer - 1)[index]), float(self.y(layer)[index])
        if kind == "ReLU":
            return float(x > 0)
        if kind == "LeakyReLU":
            return self._leaky_slope(layer, x)
        if kind == "Dropout":
            return float(self.trace.layers[layer].kept["mask"][self.image][index])
        return y * (1 - y) if kind == "Sigmoid" else 1 - y * y

    def _gradient_Conv2D(self, numbers: Numbers, layer: int, index: Index, own: float) -> int:
        dy = self.dy(layer).astype(np.float64)
        weight = self._before(layer, "weight").astype(np.float64)
        windows = self._windows_over(layer, index)
        products = []
        for o in range(dy.shape[2] if windows else 0):
            of_map = []
            for h, w, _, (i, j) in windows:
                product = dy[h, w, o] * weight[i, j, index[2], o]
                numbers.add("gradient.dy", dy[h, w, o], (h, w, o))
                numbers.add("gradient.weight", weight[i, j, index[2], o], (h, w, o))
                numbers.add("gradient.product", product, (h, w, o))
                of_map.append(product)
            numbers.add("gradient.map_sum", math.fsum(of_map), (o,), slack=_slack(np.array(of_map)))
            products += of_map
        all_products = np.array(products)
        if all_products.size > TOP:
            top = all_products[_largest(all_products)]
            for product in top:
                numbers.add("gradient.top", product)
            rest = math.fsum(all_products) - math.fsum(top)
            numbers.add("gradient.rest", rest, slack=_slack(all_products))
        return self._gradient_sum(numbers, all_products, own)

    def _gradient_Dense(self, numbers: Numbers, layer: int, index: Index, own: float) -> int:
        dy = self.dy(layer).astype(np.float64)
        weight = self._before(layer, "weight")[index[0]].astype(np.float64)
        products = dy * weight
        for o in _top(products):
            numbers.add("gradient.dy", dy[o], (o,))
            numbers.add("gradient.weight", weight[o], (o,))
            numbers.add("gradient.product", products[o], (o,))
        self._rest(numbers, "gradient.rest", products)
        return self._gradient_sum(numbers, products, own)

    def _gradient_MaxPool2D(self, numbers: Numbers, layer: int, index: Index, own: float) -> int:
        def share(h: int, w: int, place: int) -> float:
            return float(int(self._pool_window(layer, h, w, index[2]).argmax()) == place)

        return self._pool_gradient(numbers, layer, index, own, share)

    def _gradient_AveragePool2D(self, numbers: Numbers, layer: int, index: Index, own: float) -> int:
        pool: Any = self.trace.layers[layer].layer
        return self._pool_gradient(numbers, layer, index, own, lambda h, w, place: 1 / math.prod(pool.pool_size))

    def _pool_gradient(self, numbers: Numbers, layer: int, index: Index, own: float, share: Any) -> int:
        products = []
        for h, w, place, _ in self._windows_over(layer, index):
            dy = float(self.dy(layer)[h, w, index[2]])
            products.append(dy * share(h, w, place))
            numbers.add("gradient.dy", dy, (h, w))
            numbers.add("gradient.share", share(h, w, place), (h, w))
            numbers.add("gradient.product", products[-1], (h, w))
        return self._gradient_sum(numbers, np.array(products), own)

    def _gradient_Flatten(self, numbers: Numbers, layer: int, index: Index, own: float) -> int:
        place = int(np.ravel_multi_index(index, self.y(layer - 1).shape))
        numbers.add("gradient.dy", self.dy(layer)[place], (place,))
        return DIGITS

    def _gradient_sum(self, numbers: Numbers, products: np.ndarray, own: float) -> int:
        total = math.fsum(products)
        digits = shared_digits(own, total) or DIGITS
        numbers.add("gradient.sum", total, digits=digits, slack=_slack(products))
        return digits

    # ------------------------------------------------------------------------------------ Weights

    def weight(self, layer: int, name: str, index: Index) -> Numbers:
        """Where a parameter's gradient comes from, and what the optimizer made of it."""
        traced = self.trace.layers[layer]
        parameter = traced.parameters[name]
        numbers = Numbers()
        own = float(parameter.gradient[index])
        before, after = float(parameter.before[index]), float(parameter.after[index])
        numbers.add("weight.before", before)
        numbers.add("weight.after", after)
        numbers.add("weight.step", after - before)
        if self.kind(layer) not in ("Conv2D", "Dense"):
            numbers.add("weight.gradient", own)
            return numbers
        x, dy, places = self._terms(layer, name, index)
        products = (x * dy).ravel()
        total = math.fsum(products)
        numbers.add("weight.gradient", own, digits=shared_digits(own, total))
        numbers.add("weight.count", products.size)
        numbers.add("weight.sum", total, slack=_slack(products))
        top = _largest(products)
        for k in top:
            numbers.add("weight.top_x", x.ravel()[k], places[k])
            numbers.add("weight.top_dy", dy.ravel()[k], places[k])
            numbers.add("weight.top_product", products[k], places[k])
        rest = math.fsum(products) - math.fsum(products[top]) if products.size > TOP else 0.0
        numbers.add("weight.rest", rest, slack=_slack(products))
        for n, of_image in enumerate(products.reshape(len(traced.x), -1)):
            numbers.add("weight.image_sum", math.fsum(of_image), (n,), slack=_slack(of_image))
        return numbers

    def _terms(self, layer: int, name: str, index: Index) -> tuple[np.ndarray, np.ndarray, list[Index]]:
        """x and dy of each product of a gradient, (N, ...) float64; where each is: n, h, w or n."""
        traced: Any = self.trace.layers[layer]
        dy = traced.dy[..., index[-1]].astype(np.float64)
        places = [tuple(map(int, place)) for place in np.ndindex(*dy.shape)]
        if name == "bias":
            return np.ones_like(dy), dy, places
        if dy.ndim == 1:
            return traced.x[:, index[0]].astype(np.float64), dy, places
        i, j, c, _ = index
        (s_h, s_w), (p_h, p_w) = traced.layer.stride, traced.layer.padding
        padded = np.pad(traced.x[..., c], ((0, 0), (p_h, p_h), (p_w, p_w)))
        x = padded[:, i : i + s_h * dy.shape[1] : s_h, j : j + s_w * dy.shape[2] : s_w].astype(np.float64)
        return x[:, : dy.shape[1], : dy.shape[2]], dy, places

    def update(self, numbers: Numbers, layer: int, name: str, index: Index, optimizer: Any) -> None:
        """Adds the optimizer's own numbers. optimizer : the one of the step."""
        if self.trace.layers[layer].layer.frozen:
            return
        parameter = self.trace.layers[layer].parameters[name]
        before, gradient = float(parameter.before[index]), float(parameter.gradient[index])
        decay = optimizer.weight_decay if name == "weight" else 0.0
        numbers.add("update.lr", optimizer.lr)
        if decay:
            numbers.add("update.weight_decay", decay)
        if isinstance(optimizer, nn.SGD):
            numbers.add("update.g", gradient + decay * before)
            if decay:
                numbers.add("update.gradient", gradient)
                numbers.add("update.old", before)
            if optimizer.momentum:
                numbers.add("update.momentum", optimizer.momentum)
                numbers.add("update.velocity_before", parameter.memory_before["v"][index])
                numbers.add("update.velocity_after", parameter.memory_after["v"][index])
            return
        numbers.add("update.gradient", gradient)
        numbers.add("update.steps", optimizer.steps)
        numbers.add("update.epsilon", optimizer.epsilon)
        for key, beta in zip(("m", "v"), ("beta1", "beta2"), strict=True):
            numbers.add(f"update.{beta}", optimizer.betas[beta == "beta2"])
            numbers.add(f"update.{key}_before", parameter.memory_before[key][index])
            numbers.add(f"update.{key}_after", parameter.memory_after[key][index])

    # --------------------------------------------------------------------------------------- Loss

    def masked(self, index: Index) -> bool:
        """Whether that number of the prediction has no label."""
        target = self.trace.loss.target[self.image]
        return not target >= 0 if target.ndim == 0 else bool(np.isnan(target[index]))

    def loss(self, index: Index) -> Numbers:
        """One number of the prediction: its error, and its gradient."""
        loss = self.trace.loss
        numbers = Numbers()
        own = float(loss.dprediction[self.image][index])
        numbers.add("loss.prediction", loss.prediction[self.image][index])
        numbers.add("loss.value", loss.value)
        squares = isinstance(loss.loss, nn.MSELoss)
        labels = int((~np.isnan(loss.target)).sum())
        if squares:
            numbers.add("loss.labels", labels)
        if self.masked(index):
            assert own == 0
            numbers.add("loss.gradient", 0.0)
        elif squares:
            self._square(numbers, index, own, labels)
        else:
            self._probability(numbers, index, own)
        return numbers

    def _square(self, numbers: Numbers, index: Index, own: float, labels: int) -> None:
        prediction, target = (array[self.image].astype(np.float64) for array in self._prediction_and_target())
        error = float(prediction[index] - target[index])
        numbers.add("loss.target", target[index])
        numbers.add("loss.error", error)
        numbers.add("loss.square", error * error)
        numbers.add("loss.gradient", own, digits=shared_digits(own, 2 / labels * error))
        if self.points_scale is not None:
            pair = slice(index[0] - index[0] % 2, index[0] - index[0] % 2 + 2)
            distance = abs(self.points_scale) * math.hypot(*(prediction[pair] - target[pair]))
            if not math.isnan(distance):
                numbers.add("loss.distance", distance, slack=1e-14 * distance)

    def _probability(self, numbers: Numbers, index: Index, own: float) -> None:
        prediction, target = (array[self.image].astype(np.float64) for array in self._prediction_and_target())
        powers = np.exp(prediction - prediction.max())
        numbers.add("loss.probability", powers[index] / powers.sum(), slack=1e-14)
        numbers.add("loss.target", target[index] if target.ndim else float(target == index[0]))
        numbers.add("loss.gradient", own)

    def _prediction_and_target(self) -> tuple[np.ndarray, np.ndarray]:
        return self.trace.loss.prediction, self.trace.loss.target

    # ------------------------------------------------------------------------------------- Parts

    def _before(self, layer: int, name: str) -> np.ndarray:
        return self.trace.layers[layer].parameters[name].before

    def _bias(self, layer: int, o: int) -> float | None:
        parameters = self.trace.layers[layer].parameters
        return float(parameters["bias"].before[o]) if "bias" in parameters else None

    def _rest(self, numbers: Numbers, name: str, products: np.ndarray) -> None:
        if products.size > TOP:
            rest = math.fsum(products) - math.fsum(products[_largest(products)])
            numbers.add(name, rest, slack=_slack(products))


def _largest(products: np.ndarray) -> np.ndarray:
    """Places of the ten largest by size; of equal ones the first."""
    return np.argsort(-np.abs(products), kind="stable")[:TOP]


def _top(products: np.ndarray) -> list[int]:
    """The same, or all places in order if there are ten or fewer."""
    return [int(k) for k in (_largest(products) if products.size > TOP else np.arange(products.size))]


def _slack(products: np.ndarray) -> float:
    """How far a float64 sum of these, in any order, may be off: Higham (2002), section 4.2."""
    return products.size * 2.0**-52 * float(np.abs(products).sum())
