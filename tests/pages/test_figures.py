"""Figures as SVG, arrays as PNG: the theme's colours, no ids twice, the same text again."""

from __future__ import annotations

import base64
import io
import re

import numpy as np
from matplotlib.figure import Figure
from matplotlib.image import imread

from nnscratch.pages.figures import figure, png_address, signed_picture, signed_pixels
from nnscratch.pages.markup import element
from nnscratch.pictures import BLACK, BLUE, GREEN, GREY, ORANGE, PALETTE, new_figure
from tests.pages.parsed_page import ParsedPage


def drawn(label: str = "loss") -> Figure:
    made = new_figure(3, 2)
    axes = made.subplots()
    for colour in (BLUE, ORANGE, GREEN, GREY, BLACK):
        axes.plot([0, 1], [0, 1], color=colour, marker="o", label=label)
    axes.set_title("a < b & c")
    axes.legend()
    return made


def test_its_colours_follow_the_page_and_its_text_is_text() -> None:
    made = figure(drawn(), "Loss <by> epoch")
    assert "a &lt; b &amp; c" in made
    for name in ("--first", "--second", "--third", "--soft"):
        assert f"var({name}, #" in made
    outside = re.sub(r"var\([^)]*\)", "", made).lower()
    assert [colour for colour in (*PALETTE, BLACK, GREY) if colour.lower() in outside] == []
    assert 'fill="currentColor"' in made
    assert 'aria-label="Loss &lt;by&gt; epoch"' in made


def test_two_in_one_page_share_no_id_and_no_style() -> None:
    first, second = figure(drawn(), "one"), figure(drawn("other"), "two")
    page = ParsedPage(element("div", first, second))
    assert page.problems == []
    assert page.attributes("id")  # of clip paths and markers
    assert "<style" not in first + second
    assert "http" not in first + second


def test_the_same_figure_gives_the_same_text() -> None:
    assert figure(drawn(), "it") == figure(drawn(), "it")


def test_a_picture_is_in_its_address() -> None:
    pixels = np.array([[0, 255], [100, 7]], np.uint8)
    kind, _, data = png_address(pixels).partition(",")
    assert kind == "data:image/png;base64"
    read = imread(io.BytesIO(base64.b64decode(data)), format="png")
    np.testing.assert_array_equal(np.round(read[..., 0] * 255), pixels)


def test_signed_numbers() -> None:
    values = np.array([[-2.0, 0.0, 1.0, np.nan, np.inf]])
    pixels = signed_pixels(values, most=2.0)[0].tolist()
    assert pixels[:2] == [[0, 114, 178], [247, 247, 247]]
    assert pixels[2][0] > pixels[2][2]  # orange
    assert pixels[3] == [128, 128, 128]
    assert signed_pixels(np.zeros((1, 2)), most=0.0).tolist() == [[[247, 247, 247]] * 2]
    assert ParsedPage(signed_picture(values, "Weights", most=1.0)).problems == []
