"""A profile: every pass of every stage, why it runs so, and times that add up to the clock's."""

from __future__ import annotations

import copy
import json
import pickle

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.kernels.products.choice import tiles_kernel
from nnscratch.profiling.profile import together
from nnscratch.stages import plan


def network(fuse: bool = True, dropout: float = 0.5) -> nn.Sequential:
    rng = np.random.default_rng(0)
    return nn.Sequential(
        nn.Conv2D(1, 3, 3, rng=rng), nn.ReLU(), nn.MaxPool2D(2),
        nn.Conv2D(3, 4, 3, rng=rng), nn.ReLU(), nn.MaxPool2D(2),
        nn.Flatten(), nn.Dense(36, 20, rng=rng), nn.ReLU(), nn.Dropout(dropout, rng=rng), nn.Dense(20, 2, rng=rng),
        fuse=fuse,
    )  # fmt: skip


def batch(rows: int = 5) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    return rng.random((rows, 18, 18, 1), dtype=np.float32), rng.random((rows, 2), dtype=np.float32)


def test_rows_are_the_passes_of_the_stages_then_the_rest() -> None:
    result = nn.profile(network(), *batch(), steps=4)
    assert [(row.part, row.work) for row in result.rows] == [
        ("Conv2D+ReLU+MaxPool2D x2", "forward"),
        ("Conv2D+ReLU+MaxPool2D x2", "backward"),
        ("Flatten+Dense+ReLU+Dropout", "forward"),
        ("Flatten+Dense+ReLU+Dropout", "backward"),
        ("Dense", "forward"),
        ("Dense", "backward"),
        ("loss (MSELoss)", "both"),
        ("update (SGD)", "step"),
        ("checks, copies of y", "both"),
    ]
    assert result.rows[0].layers == tuple(range(6))
    assert (result.batch, result.steps) == (5, 4)
    assert result.total == pytest.approx(sum(row.milliseconds for row in result.rows))
    assert all(row.gflops for row in result.rows[:6])
    assert {row.bound for row in result.rows} <= {"compute", "memory", "overhead"}
    assert result.rows[0].kept > 0
    with pytest.raises(AttributeError):
        result.total = 0.0  # type: ignore[misc]


def test_the_whole_step_is_beside_the_multiply_adds() -> None:
    result = nn.profile(network(), *batch(), steps=4)
    operations = sum(row.gflops * row.milliseconds * 1e6 for row in result.rows if row.gflops)
    assert result.operations == pytest.approx(operations)
    assert result.gflops == pytest.approx(result.operations / result.clock / 1e6)
    assert result.share_of_multiply_adds == pytest.approx(result.gflops / 100)  # conftest.py's roof
    assert result.as_dict()["share_of_multiply_adds"] == result.share_of_multiply_adds
    assert "GFLOP of the plain formula" in str(result)


def test_unfused_each_layer_is_a_row() -> None:
    result = nn.profile(network(fuse=False), *batch(), steps=4)
    stages = [row for row in result.rows if row.work == "forward"]
    assert [row.part for row in stages] == [type(layer).__name__ for layer in network().layers]
    assert {row.because for row in stages} == {"fuse=False"}
    assert stages[0].kernels[0].kernel == "layerwise/im2col.py"


def test_the_reasons_are_those_of_the_rules() -> None:
    rows = nn.profile(network(), *batch(), steps=4).rows
    assert rows[0].because.endswith("at most 16 input channels, at most 16 output channels, no padding")
    assert rows[0].kernels[0].kernel == "image_vectors/forward.py"
    assert "fewer images than a vector has lanes" in rows[0].kernels[0].because
    assert [kernel.work for kernel in rows[3].kernels] == ["dweight", "dx"]
    forward = tiles_kernel(2, transposed=False)
    assert rows[2].kernels[0] == ("forward", f"products/{forward}.py, tiles", rows[2].kernels[0].because)
    one = nn.profile(network(), *batch(rows=1), steps=4).rows
    assert one[2].kernels[0][1:] == (
        "products/gemv.py, row",
        "one row: the time is that of reading the weights once",
    )


def test_nothing_of_the_user_moves() -> None:
    model = network()
    optimizer = nn.Adam(model, lr=0.1)
    loss = nn.MSELoss()
    x, y = batch()
    model.forward(x, training=True)  # a step under way
    before = pickle.dumps((model.parameters(), optimizer.state(), [layer.grads for layer in model.layers]))
    rng = copy.deepcopy(model.layers[-2].rng)
    loss.forward(model.forward(x), y)
    nn.profile(model, x, y, loss, optimizer, steps=4)
    after = pickle.dumps((model.parameters(), optimizer.state(), [layer.grads for layer in model.layers]))
    assert before == after
    assert model.layers[-2].rng.random() == rng.random()
    assert loss.backward().shape == y.shape
    assert model.backward(np.ones_like(y)) is None


def test_any_optimizer_and_float64() -> None:
    model = network().astype(np.float64)
    x, y = (array.astype(np.float64) for array in batch())
    y[0, 0] = np.nan
    result = nn.profile(model, x, y, optimizer=nn.Adam(model, lr=0.1), steps=4)
    assert result.rows[-2].part == "update (Adam)"
    assert result.rows[-2].kept == 2 * 8 * sum(w.size for w in model.parameters())
    assert result.roof.dtype == "float64"


def test_the_sum_of_the_rows_is_the_clocks_time() -> None:
    """100 steps of each kind: on two cores that five programs share, 40 differ by 5 % (rms)."""
    rng = np.random.default_rng(0)
    model = nn.Sequential(nn.Dense(1500, 1000, rng=rng), nn.ReLU(), nn.Dense(1000, 500, rng=rng))
    x, y = rng.random((64, 1500), dtype=np.float32), rng.random((64, 500), dtype=np.float32)
    result = nn.profile(model, x, y, steps=100)
    assert result.total == pytest.approx(result.clock, rel=0.1)
    stages = [row for row in result.rows if row.stage or row.part.startswith("update")]
    assert sum(row.milliseconds for row in stages) > 0.8 * result.total


def test_json_has_the_same_facts() -> None:
    result = nn.profile(network(), *batch(), steps=4)
    facts = json.loads(json.dumps(result.as_dict(), allow_nan=False))
    assert facts["total"] == result.total
    assert facts["roof"]["gflops"] == 100
    assert facts["rows"][0]["kernels"][0]["because"] == result.rows[0].kernels[0].because
    assert len(facts["rows"]) == len(result.rows)


def test_wrong_arguments() -> None:
    model, (x, y) = network(), batch()
    with pytest.raises(ValueError, match="profile: got x .* and y .*, expected rows"):
        nn.profile(model, x, y[:2])
    with pytest.raises(ValueError, match="profile: got x"):
        nn.profile(model, x[:0], y[:0])
    with pytest.raises(ValueError, match="profile: got an optimizer of another model"):
        nn.profile(model, x, y, optimizer=nn.SGD(network(), lr=0.1))
    with pytest.raises(ValueError, match="profile: got steps=3"):
        nn.profile(model, x, y, steps=3)
    with pytest.raises(ValueError, match="expected \\(N, H, W, 1\\)"):
        nn.profile(model, x[..., 0], y)
    with pytest.raises(ValueError, match="profile: got x"):
        nn.profile(model, x.tolist(), y)


def test_layers_that_repeat_are_told_once() -> None:
    convs, dense, last = plan(network().layers)
    assert together(convs) == "Conv2D+ReLU+MaxPool2D x2"
    assert together(dense) == "Flatten+Dense+ReLU+Dropout"
    assert together(last) == "Dense"


def test_frozen_layers_have_no_backward_row_and_other_losses_do() -> None:
    model = network(dropout=0.0)
    for layer in model.layers[:6]:
        layer.frozen = True
    x, y = batch()
    result = nn.profile(model, x, np.abs(y) / np.abs(y).sum(axis=1, keepdims=True), nn.SoftmaxCrossEntropy(), steps=4)
    works = [(row.part.partition(" ")[0], row.work) for row in result.rows]
    assert works[:3] == [
        ("Conv2D+ReLU+MaxPool2D", "forward"),
        ("Flatten+Dense+ReLU+Dropout", "forward"),
        ("Flatten+Dense+ReLU+Dropout", "backward"),
    ]
    assert [kernel.work for kernel in result.rows[2].kernels] == ["dweight"]
    assert result.rows[-3].part == "loss (SoftmaxCrossEntropy)"
