"""Small pictures for lessons."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from matplotlib import pyplot, rc_context

from nnscratch.lessons.plots import show_numbers, small_axes


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    pyplot.switch_backend("Agg")
    with rc_context():
        yield
    pyplot.close("all")


def test_axes_come_as_they_are_asked_for() -> None:
    assert small_axes().figure.axes
    assert small_axes(3).shape == (3,)
    assert small_axes(3, rows=2).shape == (2, 3)
    np.testing.assert_allclose(small_axes(2, width=2.0, height=1.5).flat[0].figure.get_size_inches(), [4.0, 1.5])


def test_lines_differ_in_colour_and_in_dashes() -> None:
    axes = small_axes()
    lines = [axes.plot([0, 1])[0] for _ in range(6)]
    assert len({line.get_linestyle() for line in lines[:4]}) == 4
    assert len({line.get_color() for line in lines}) == 6


def test_numbers_stand_in_their_squares() -> None:
    axes = small_axes()
    show_numbers(axes, np.array([[0.5, -1.25, 3.0]]), "x")
    assert [text.get_text() for text in axes.texts] == ["0.5", "-1.25", "3"]
    assert axes.images[0].norm.vmin == -3
    assert axes.images[0].norm.vmax == 3
    show_numbers(axes, np.zeros((1, 1)), "zeros")
    assert axes.images[1].norm.vmax == 1


@pytest.mark.parametrize("shape", [(3,), (2, 2, 1), (30, 20)])
def test_what_cannot_be_read_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="show_numbers: got shape .* expected \\(H, W\\) of at most 400 numbers"):
        show_numbers(small_axes(), np.zeros(shape), "x")
