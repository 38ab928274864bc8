"""The picture of a diagnosis: what is in it, for whatever was measured."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

import nnscratch as nn
from nnscratch.diagnosis.figure import figure_of
from nnscratch.diagnosis.signals import LayerSignals, Signals

NOTHING = np.empty((0, 2), np.float32)


def signals(*spreads: float, gradient: float = 0.1, silent: float = math.nan, saturated: float = math.nan) -> Signals:
    """A network with these spreads behind its layers, which are 0, 2, 4, ... of model.layers."""
    layers = [
        LayerSignals(2 * i, "Dense(4, 4)", i + 1 == len(spreads), z_spread=value, h_spread=value / 2,
                     gradient_rms=gradient, never_active=silent, saturated=saturated)
        for i, value in enumerate(spreads)
    ]  # fmt: skip
    return Signals(layers, 1.0, 1.0, NOTHING, NOTHING)


def finding(code: str, layer: int | None) -> nn.Finding:
    return nn.Finding(code, layer, {}, "", "")


def words(figure: Figure) -> list[str]:
    return [text.get_text() for axes in figure.axes for text in axes.texts]


def legends(figure: Figure) -> list[list[str]]:
    return [[text.get_text() for text in axes.get_legend().get_texts()] for axes in figure.axes if axes.get_legend()]


def drawn(figure: Figure, tmp_path: Path) -> None:
    """A warning is an error in tests: so this fails if a label has no room."""
    figure.savefig(tmp_path / "figure.png")


def test_what_the_table_says_is_in_it(tmp_path: Path) -> None:
    figure = figure_of(signals(0.5, 0.25, silent=0.75), [finding("dead_units", 2), finding("unshuffled", None)])
    spread, gradient, silent = figure.axes
    z, h = spread.lines
    np.testing.assert_array_equal(z.get_xydata(), [[0, 1.0], [1, 0.5], [2, 0.25]])
    np.testing.assert_array_equal(h.get_xydata(), [[1, 0.25], [2, 0.125]])
    np.testing.assert_array_equal(gradient.lines[0].get_xydata(), [[1, 0.1], [2, 0.1]])
    assert spread.get_yscale() == gradient.get_yscale() == "log"
    assert [bar.get_height() for bar in silent.containers[0]] == [75, 75]
    assert [label.get_text() for label in silent.get_xticklabels()] == ["input", "0: Dense", "2: Dense"]
    assert "dead_units" in words(figure)
    assert figure.get_suptitle() == "found: dead_units (layer 2), unshuffled"
    assert legends(figure) == [["z: output", "h: behind the activation"], ["dL/dW"], ["silent units (ReLU)"]]
    assert all(axes.get_ylabel() for axes in figure.axes)
    drawn(figure, tmp_path)


def test_silent_units_and_saturated_values_differ_in_more_than_colour() -> None:
    (silent,) = figure_of(signals(1.0, silent=0.5), []).axes[2].containers
    (saturated,) = figure_of(signals(1.0, saturated=0.5), []).axes[2].containers
    assert silent[0].get_hatch() != saturated[0].get_hatch()


@pytest.mark.parametrize("place", [1, 2, 3, 99])
def test_a_layer_without_weights_is_marked_at_those_before_it(place: int) -> None:
    figure = figure_of(signals(1.0, 1.0), [finding("dropout_output", place)])
    (mark,) = [text for text in figure.axes[0].texts if text.get_text() == "dropout_output"]
    assert mark.xy[0] == (1 if place == 1 else 2)


def test_many_findings_are_told_to_be_many(tmp_path: Path) -> None:
    figure = figure_of(signals(1.0), [finding(code, 0) for code in ("a", "b", "c", "d", "e")])
    assert "a\nb\nc\nand 2 more" in words(figure)
    assert figure.get_suptitle() == "found: a (layer 0), b (layer 0), c (layer 0), and 2 more"
    drawn(figure, tmp_path)


@pytest.mark.parametrize(
    ("spreads", "gradient", "there"),
    [
        ((1.0, 0.0), 0.0, ["0"]),
        ((1.0, math.inf), math.inf, ["infinite"]),
        ((math.inf, 0.0), 0.1, ["0", "infinite"]),
        ((0.0, 0.0), math.nan, ["0"]),
        ((math.nan, math.nan), math.nan, []),
        ((1e-310, 1e300), 1e-320, ["0", "infinite"]),
        ((1e-140, 1e140), 1e-140, []),
        ((1.0,), 0.1, []),
        ((1.0,) * 20, 0.1, []),
    ],
)
def test_whatever_was_measured_is_drawn(
    spreads: tuple[float, ...], gradient: float, there: list[str], tmp_path: Path
) -> None:
    figure = figure_of(signals(*spreads, gradient=gradient), [])
    assert [label for label in legends(figure)[0] if ":" not in label] == there
    assert ("nothing was measured" in words(figure)) == math.isnan(gradient)
    assert "no ReLU, Sigmoid or Tanh was measured" in words(figure)
    assert figure.get_suptitle() == "no finding"
    drawn(figure, tmp_path)


def test_it_is_written_as_a_png(tmp_path: Path) -> None:
    x = np.random.default_rng(0).standard_normal((64, 4)).astype(np.float32)
    model = nn.Sequential(nn.Dense(4, 8, rng=0), nn.ReLU(), nn.Dense(8, 1, rng=1))
    model.layers[0].params["weight"][0] = np.nan
    diagnosis = nn.diagnose(model, x, x[:, :1])
    assert "NaN or infinite first: the weight of Dense(4, 8)" in diagnosis.figure().get_suptitle()
    diagnosis.save_picture(tmp_path / "diagnosis.png")
    assert (tmp_path / "diagnosis.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(ValueError, match=r"\.png"):
        diagnosis.save_picture(tmp_path / "diagnosis.svg")
