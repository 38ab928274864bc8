from __future__ import annotations

import json

import numpy as np
import pytest

import nnscratch as nn


class Doubled(nn.Layer):
    """A layer of the reader's own, with a very long name for a class of one line."""

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        return 2 * x

    def backward(self, dy: np.ndarray) -> np.ndarray:
        return 2 * dy

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        return input_shape


@pytest.fixture(scope="module")
def trace() -> nn.Trace:
    model = nn.Sequential(
        nn.ContrastNormalization(),
        nn.Conv2D(1, 2, 3, rng=0),
        nn.ReLU(),
        nn.MaxPool2D(2),
        nn.Flatten(),
        Doubled(),
        nn.Dense(18, 3, rng=1),
    )
    rng = np.random.default_rng(0)
    y = rng.standard_normal((4, 3), np.float32)
    y[0, 0] = np.nan
    return nn.trace(model, rng.random((4, 8, 8, 1), np.float32), y, nn.MSELoss(), nn.SGD(model, lr=0.1, momentum=0.9))


def test_one_line_an_operation_80_columns(trace: nn.Trace) -> None:
    text = str(trace)
    lines = text.split("\n")
    assert max(map(len, lines)) <= 80
    assert not any(line != line.rstrip() for line in lines)
    forward = lines[lines.index(next(line for line in lines if "input x" in line)) + 1 :][:7]
    assert [line.split()[1] for line in forward] == [
        type(layer.layer).__name__[:12] + "…" if len(type(layer.layer).__name__) > 13 else type(layer.layer).__name__
        for layer in trace.layers
    ]
    backward = [line for line in lines[lines.index("backward") :] if " dx = " in line]
    assert [int(line.split()[0]) for line in backward] == [6, 5, 4, 3, 2, 1, 0]
    assert sum("dweight = " in line for line in lines) == sum("dbias = " in line for line in lines) == 2
    assert "over 11 of 12 labels" in text


def test_its_numbers_are_the_arrays(trace: nn.Trace) -> None:
    y = trace.layers[1].y
    for image, rows in ((None, y), (2, y[2])):
        line = next(line for line in trace.table(image).split("\n") if line.startswith(" 1 Conv2D"))
        *_, shape, mean, _, spread, milliseconds = line.split()
        assert (shape, float(milliseconds)) == (
            "4x6x6x2",
            pytest.approx(1e3 * trace.layers[1].forward_seconds, abs=0.01),
        )
        assert float(mean) == pytest.approx(rows.mean(), rel=0.05)  # two digits are shown of a small number
        assert float(spread) == pytest.approx(rows.std(), rel=0.05)
    weight = trace.layers[1].parameters["weight"]
    update = [line for line in str(trace).split("\n") if line.startswith(" 1 Conv2D")][-2]
    rms = [
        float(np.sqrt(np.square(array, dtype=np.float64).mean()))
        for array in (weight.before, weight.gradient, weight.step)
    ]
    assert update.split()[3:] == [f"{rms[0]:.3g}", f"{rms[1]:.3g}", f"{rms[2]:.3g}", f"{rms[2] / rms[0]:.2e}"]


def test_facts_are_the_same_for_programs(trace: nn.Trace) -> None:
    facts = json.loads(json.dumps(trace.facts(), allow_nan=False))
    assert [line["number"] for line in facts["forward"]] == list(range(7))
    assert facts["forward"][1]["mean"] == pytest.approx(trace.layers[1].y.mean(), rel=1e-5)
    assert facts["loss"]["value"] == trace.loss.value
    assert facts["loss"]["labels"] == 11
    names = [(line["layer"], line["name"]) for line in facts["update"]["parameters"]]
    assert names == [(1, "weight"), (1, "bias"), (6, "weight"), (6, "bias")]
    assert facts["update"]["parameters"][1]["ratio"] is None  # a bias of 0 has no share that it moved by


@pytest.mark.parametrize("image", [-1, 4, 1.5])
def test_a_row_that_is_not_there(trace: nn.Trace, image: int) -> None:
    with pytest.raises(ValueError, match="image="):
        trace.table(image)
