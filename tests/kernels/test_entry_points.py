"""Every way from the rest of the package into a kernel, and what checks its arguments before.

Kernels check nothing: a wrong shape, dtype or number there reads and writes memory that is not
theirs. The entry points are found in the imports. One that is not in ENTRIES fails here: say what
guards it, and call it wrongly.
"""

from __future__ import annotations

import ast
import importlib
from collections.abc import Callable, Iterator
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

import numpy as np
import pytest
from numba.core.dispatcher import Dispatcher

import nnscratch as nn
from nnscratch.kernels.finite import all_finite
from nnscratch.kernels.products.matmul import matmul
from nnscratch.keypoints.geometry.affine_maps import AffineMaps
from nnscratch.keypoints.geometry.augmentation import Augmentation
from nnscratch.keypoints.geometry.crops import crops
from nnscratch.profiling.roof import roof

PACKAGE = Path(nn.__file__).parent
F = np.float32

# Where a kernel is called from: what guards it, whose errors the calls of GUARDS below provoke.
ENTRIES = {
    "checks: finite.all_finite": "all_finite",
    "diagnosis.learnable: products.matmul.matmul": "matmul",
    "diagnosis.passes: finite.all_finite": "all_finite",
    "gradient_check.broken_rules.images: layerwise.im2col.conv2d_backward_input": "Conv2D backward",
    "keypoints.geometry.augmentation: warp.warp": "Augmentation",
    "keypoints.geometry.crops: warp.sample": "crops",
    "layers.average_pool2d: layerwise.pooling.average_pool2d_backward": "AveragePool2D backward",
    "layers.average_pool2d: layerwise.pooling.average_pool2d_forward": "AveragePool2D forward",
    "layers.contrast_normalization: normalization.normalize_backward": "ContrastNormalization backward",
    "layers.contrast_normalization: normalization.normalize_forward": "ContrastNormalization forward",
    "layers.conv2d: layerwise.im2col.conv2d_backward_input": "Conv2D backward",
    "layers.conv2d: layerwise.im2col.conv2d_backward_weight": "Conv2D backward",
    "layers.conv2d: layerwise.im2col.conv2d_forward": "Conv2D forward",
    "layers.dense: products.matmul.matmul": "matmul",
    "layers.max_pool2d: layerwise.pooling.max_pool2d_backward": "MaxPool2D backward",
    "layers.max_pool2d: layerwise.pooling.max_pool2d_forward": "MaxPool2D forward",
    "losses.mean_squared_error: finite.all_finite": "all_finite",
    "optimizers.adam: update_table.adam": "Adam",
    "optimizers.sgd: update_table.sgd": "SGD",
    "optimizers.sgd: update_table.sgd_momentum": "SGD with momentum",
    "profiling.dense: products.matmul.matmul": "matmul",
    "profiling.roof: roof.multiply_adds": "roof",
    "stages.channel_vectors: channel_vectors.backward.backward": "channel vectors backward",
    "stages.channel_vectors: channel_vectors.forward.forward": "channel vectors forward",
    "stages.contrast_normalization: normalization.normalize_backward": "ContrastNormalization backward",
    "stages.dense: bias_relu.add_bias_relu": "Dense and ReLU forward",
    "stages.dense: bias_relu.relu_backward": "Dense and ReLU backward",
    "stages.dense: finite.all_finite": "all_finite",
    "stages.dense: products.matmul.matmul": "matmul",
    "stages.dense: products.packed_factors.copy_factors": "Dense backward",
    "stages.gradients_call: one_call.team.run_together": "one call",
    "stages.image_vectors: finite.all_finite": "all_finite",
    "stages.image_vectors: image_vectors.chain.chain_backward": "image vectors backward",
    "stages.image_vectors: image_vectors.chain.chain_forward": "image vectors forward",
    "stages.image_vectors: image_vectors.layout.pack": "image vectors forward",
    "stages.image_vectors: image_vectors.layout.unpack": "image vectors forward",
    "stages.one_call: one_call.team.run_together": "one call",
    "stages.runner: finite.all_finite": "all_finite",
    "training.averaging: finite.all_finite": "all_finite",
    "training.averaging: updates.running_mean": "WeightAverage",
    "training.clipping: updates.sum_of_squares": "clip_gradients",
    "training.divergence: finite.all_finite": "all_finite",
    "training.fit_state: finite.all_finite": "all_finite",
    "training.loaded: finite.all_finite": "all_finite",
}


def zeros(*shape: int, dtype: Any = F) -> np.ndarray:
    return np.zeros(shape, dtype)


def nan(*shape: int) -> np.ndarray:
    return np.full(shape, np.nan, F)


def network(c_out: int, padding: int = 0, fuse: bool = True) -> nn.Sequential:
    """Few channels run in image vectors, many in channel vectors; not fused, layer by layer."""
    return nn.Sequential(nn.Conv2D(1, c_out, 3, padding=padding, rng=0), nn.ReLU(), nn.MaxPool2D(2), fuse=fuse)


def forward(model: Any, x: Any) -> Callable[[], object]:
    return lambda: model.forward(x, training=True)


def backward(model: Any, x: np.ndarray, dy: Any) -> Callable[[], object]:
    def call() -> None:
        model.forward(x, training=True)
        model.backward(dy)

    return call


def step(optimizer: Callable[[nn.Sequential], Any], change: Callable[[nn.Layer], None]) -> Callable[[], object]:
    def call() -> None:
        model = nn.Sequential(nn.Dense(4, 3, rng=0))
        rule = optimizer(model)
        model.forward(zeros(2, 4), training=True)
        model.backward(zeros(2, 3))
        change(model.layers[0])
        rule.step()

    return call


def update_average() -> None:
    model = nn.Sequential(nn.Dense(4, 3, rng=0))
    average = nn.WeightAverage(model)
    model.layers.append(nn.Dense(3, 2, rng=0))
    average.update()


def clip_without_gradients() -> None:
    from nnscratch.training.clipping import clip_gradients

    clip_gradients(nn.Sequential(nn.Dense(4, 3, rng=0)), 1.0)


def with_bias(bias: np.ndarray) -> Callable[[], object]:
    model = nn.Sequential(nn.Dense(4, 2, rng=0), nn.ReLU())
    model.layers[0].params["bias"] = bias
    return forward(model, zeros(3, 4))


def wrong_images(model: Any) -> list[Callable[[], object]]:
    wrong = [zeros(2, 12, 12), zeros(2, 12, 12, 2), zeros(2, 0, 12, 1), zeros(2, 12, 12, 1, dtype=float),
             nan(2, 12, 12, 1), [[1.0]]]  # fmt: skip
    return [forward(model, x) for x in wrong]


def wrong_gradients(model: Any, *y_shape: int) -> list[Callable[[], object]]:
    wrong = [zeros(*y_shape[:-1]), zeros(*y_shape[:-1], y_shape[-1] + 1), zeros(*y_shape, dtype=float), [[1.0]]]
    return [backward(model, zeros(2, 12, 12, 1), dy) for dy in wrong]


def wrong_grad(layer: nn.Layer) -> None:
    layer.grads["weight"] = zeros(4, 2)


def wrong_dtype(layer: nn.Layer) -> None:
    layer.grads["weight"] = zeros(4, 3, dtype=float)


def after_many(change: Callable[[nn.Sequential], Any], *shape: int, dtype: Any = F) -> Callable[[], object]:
    """A pass of an x of this shape when the network, since changed, has long run in one call."""

    def call() -> None:
        model = nn.Sequential(*network(2).layers, nn.Flatten(), nn.Dense(50, 3, rng=0))
        for _ in range(12):
            model.forward(zeros(1, 12, 12, 1))
        change(model)
        model.forward(zeros(*shape, dtype=dtype))

    return call


CHANGES: list[Callable[[nn.Layer], Any]] = [wrong_grad, wrong_dtype, lambda layer: layer.grads.clear()]
MAPS = AffineMaps(np.tile(np.eye(2, 3), (2, 1, 1)))
GUARDS: dict[str, list[Callable[[], object]]] = {
    "one call": [
        after_many(lambda _: None, 1, 10, 12, 1),
        after_many(lambda _: None, 1, 12, 12, 2),
        after_many(lambda _: None, 1, 12, 12, 1, dtype=float),
        after_many(lambda model: model.layers[4].params.update(weight=zeros(49, 3)), 1, 12, 12, 1),
        after_many(lambda model: model.layers[0].params.update(bias=zeros(1)), 1, 12, 12, 1),
        after_many(lambda model: setattr(model.layers[0], "kernel_size", (5, 5)), 1, 12, 12, 1),
    ],
    "all_finite": [
        lambda: all_finite([1.0]),
        lambda: all_finite(np.array(["a"])),
        lambda: all_finite(np.array([None])),
    ],  # type: ignore[arg-type]
    "matmul": [
        lambda: matmul(zeros(3, 4), zeros(5, 2)),
        lambda: matmul(zeros(4), zeros(4, 2)),
        lambda: matmul(zeros(3, 4), zeros(4, 2), zeros(3, 3)),
        lambda: matmul(zeros(1, 4), zeros(4, 2), zeros(2, 1)),
        lambda: matmul(zeros(8, 4).T[::2], zeros(7, 2)),
        forward(nn.Dense(4, 2, rng=0), zeros(3, 5)),
        forward(nn.Sequential(nn.Dense(4, 2, rng=0)), zeros(3, 5)),
        forward(nn.Sequential(nn.Dense(4, 2, rng=0)), nan(3, 4)),
        backward(nn.Sequential(nn.Dense(4, 2, rng=0)), zeros(3, 4), zeros(2, 2)),
    ],
    "Augmentation": [
        lambda: Augmentation()(zeros(2, 96, 95, 1), zeros(2, 30), np.random.default_rng(0)),
        lambda: Augmentation()(zeros(2, 96, 96, 1, dtype=float), zeros(2, 30), np.random.default_rng(0)),
        lambda: Augmentation()(zeros(2, 96, 96, 1), zeros(3, 30), np.random.default_rng(0)),
    ],
    "crops": [
        lambda: crops(zeros(2, 0, 9, 1), MAPS, (4, 4)),
        lambda: crops(zeros(2, 9, 9, 1, dtype=float), MAPS, (4, 4)),
        lambda: crops(zeros(3, 9, 9, 1), MAPS, (4, 4)),
        lambda: crops(zeros(2, 9, 9, 1), AffineMaps(np.full((2, 2, 3), np.nan)), (4, 4)),
        lambda: crops(zeros(2, 9, 9, 1), AffineMaps(np.full((2, 2, 3), 1e39)), (4, 4)),
        lambda: crops(zeros(2, 9, 9, 1), MAPS, (4, 0)),
    ],
    "ContrastNormalization forward": [
        forward(model, x)
        for model in (nn.ContrastNormalization(), nn.Sequential(nn.ContrastNormalization()))
        for x in (zeros(2, 3, dtype=int), nan(2, 3), np.zeros((), F), [[1.0]])
    ],
    "ContrastNormalization backward": [
        backward(model, zeros(2, 3), dy)
        for model in (nn.ContrastNormalization(), nn.Sequential(nn.ContrastNormalization()))
        for dy in (zeros(2, 4), zeros(3), zeros(2, 3, dtype=float))
    ],
    "Dense backward": [
        backward(nn.Sequential(nn.Dense(512, 512, rng=0)), zeros(rows, 512), dy)  # of so many weights it is deferred
        for rows in (1, 3)
        for dy in (zeros(2, 512), zeros(rows, 511), zeros(512), zeros(rows, 512, dtype=float))
    ],
    "Dense and ReLU forward": [with_bias(bias) for bias in (zeros(3), zeros(1), zeros(2, 1), zeros(1, 2))],
    "Dense and ReLU backward": [
        backward(nn.Sequential(nn.Dense(4, 2, rng=0), nn.ReLU()), zeros(3, 4), dy)
        for dy in (zeros(2, 2), zeros(3, 1), zeros(2), zeros(3, 2, dtype=float))
    ],
    "Conv2D forward": wrong_images(nn.Conv2D(1, 2, 3, rng=0)) + wrong_images(network(2, fuse=False)),
    "Conv2D backward": wrong_gradients(nn.Conv2D(1, 2, 3, rng=0), 2, 10, 10, 2),
    "AveragePool2D forward": [
        forward(nn.AveragePool2D(2), x)
        for x in (zeros(2, 4, 4), zeros(2, 1, 4, 1), zeros(2, 4, 4, 1, dtype=int), nan(2, 4, 4, 1))
    ],
    "AveragePool2D backward": wrong_gradients(nn.AveragePool2D(2), 2, 6, 6, 1),
    "MaxPool2D forward": [
        forward(nn.MaxPool2D(2), x)
        for x in (zeros(2, 4, 4), zeros(2, 1, 4, 1), zeros(2, 4, 4, 1, dtype=int), nan(2, 4, 4, 1))
    ],
    "MaxPool2D backward": wrong_gradients(nn.MaxPool2D(2), 2, 6, 6, 1),
    "image vectors forward": wrong_images(network(2)),
    "image vectors backward": wrong_gradients(network(2), 2, 5, 5, 2),
    "channel vectors forward": wrong_images(network(32)) + wrong_images(network(2, padding=1)),
    "channel vectors backward": wrong_gradients(network(32), 2, 5, 5, 32),
    "SGD": [step(lambda model: nn.SGD(model, lr=0.1), change) for change in CHANGES],
    "SGD with momentum": [step(lambda model: nn.SGD(model, lr=0.1, momentum=0.9), change) for change in CHANGES],
    "Adam": [step(lambda model: nn.Adam(model, lr=0.1), change) for change in CHANGES],
    "WeightAverage": [update_average],
    "roof": [lambda: roof("int8"), lambda: roof(threads=0), lambda: roof(threads=True)],
    "clip_gradients": [clip_without_gradients],
}


def _imports(path: Path) -> Iterator[tuple[str, Any]]:
    """(its name below kernels, the object) for all that a file takes from nnscratch.kernels."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            assert not [alias for alias in node.names if alias.name.startswith("nnscratch.kernels")], path
        if not (isinstance(node, ast.ImportFrom) and (node.module or "").startswith("nnscratch.kernels")):
            continue
        module = importlib.import_module(str(node.module))
        for alias in node.names:
            found = getattr(module, alias.name, None) or importlib.import_module(f"{node.module}.{alias.name}")
            name = f"{node.module}.{alias.name}".removeprefix("nnscratch.kernels.")
            if not isinstance(found, ModuleType):
                yield name, found
                continue
            for use in ast.walk(tree):
                if isinstance(use, ast.Attribute) and getattr(use.value, "id", None) == (alias.asname or alias.name):
                    yield f"{name}.{use.attr}", getattr(found, use.attr)


def _reaches_a_kernel(value: Any, seen: set[int]) -> bool:
    """Whether it is compiled, or a function of the kernels that mentions one, directly or not."""
    if isinstance(value, Dispatcher):
        return True
    if not isinstance(value, FunctionType) or not value.__module__.startswith("nnscratch.kernels") or id(value) in seen:
        return False
    seen.add(id(value))
    names, codes = set(), [value.__code__]
    while codes:
        code = codes.pop()
        names |= set(code.co_names)
        codes += [constant for constant in code.co_consts if isinstance(constant, CodeType)]
    mentioned = [value.__globals__.get(name) for name in names]
    modules = [each for each in mentioned if isinstance(each, ModuleType) and each.__name__.startswith("nnscratch")]
    mentioned += [getattr(module, name, None) for module in modules for name in names]
    return any(_reaches_a_kernel(each, seen) for each in mentioned)


def entry_points() -> set[str]:
    found = set()
    for path in PACKAGE.rglob("*.py"):
        relative = path.relative_to(PACKAGE)
        if relative.parts[0] != "kernels":
            module = ".".join(relative.with_suffix("").parts)
            found |= {f"{module}: {name}" for name, value in _imports(path) if _reaches_a_kernel(value, set())}
    return found


def test_every_entry_point_is_listed_with_its_guard() -> None:
    found = entry_points()
    assert found - ENTRIES.keys() == set(), "new ways into a kernel: say what guards them"
    assert ENTRIES.keys() - found == set(), "no longer there"
    assert set(ENTRIES.values()) == GUARDS.keys()


def test_an_entry_point_is_found_through_plain_functions_and_modules() -> None:
    from nnscratch.kernels import threads, updates
    from nnscratch.kernels.products import choice

    assert _reaches_a_kernel(updates.sgd, set())
    assert _reaches_a_kernel(matmul, set())
    assert not _reaches_a_kernel(choice.dense_kernel, set())
    assert not _reaches_a_kernel(threads.in_blocks, set())


@pytest.mark.parametrize(
    "call", [pytest.param(call, id=f"{guard}-{k}") for guard, calls in GUARDS.items() for k, call in enumerate(calls)]
)
def test_a_guard_stops_what_its_kernel_cannot_take(call: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match="(?s)got |mismatch|argument"):
        call()


def test_arrays_that_are_not_contiguous_are_as_good_as_others() -> None:
    """The other way to be safe: what a kernel cannot step through is copied."""
    x = np.random.default_rng(0).random((5, 12, 12, 1), dtype=F)
    others = [np.asfortranarray(x), x[::-1][::-1], np.repeat(x, 2, axis=1)[:, ::2]]
    for model in (network(2), network(32), network(32, padding=1), network(2, fuse=False)):
        y = model.forward(x, training=True)
        dy = np.random.default_rng(1).random(y.shape, dtype=F)
        dx = model.backward(dy, input_gradient=True)
        for other in others:
            np.testing.assert_array_equal(model.forward(other, training=True), y)
            np.testing.assert_array_equal(model.backward(np.asfortranarray(dy), input_gradient=True), dx)
