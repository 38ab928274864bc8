"""The fast parser takes exactly what a plain one takes, and gives the same picture."""

from __future__ import annotations

import numpy as np
import pytest

from nnscratch.keypoints.kaggle.pixels import format_pixels, parse_pixels, why_no_picture

DIGITS = set("0123456789")


def plain_parse(text: str) -> list[int] | None:
    """The definition, word by word."""
    words = [word for word in text.split(" ") if word]
    if len(words) != 9216 or any(set(word) - DIGITS or len(word) > 3 or int(word) > 255 for word in words):
        return None
    return [int(word) for word in words]


def test_every_value_in_every_width_after_every_other() -> None:
    rng = np.random.default_rng(0)
    values = np.concatenate([np.arange(256), rng.integers(0, 256, 9216 - 256)])
    words = [str(value).zfill(width) for value, width in zip(values, rng.integers(1, 4, 9216), strict=True)]
    for separator in (" ", "   "):
        image = parse_pixels(separator.join(words))
        assert image is not None
        np.testing.assert_array_equal(image.ravel(), values)


def test_format_and_parse_undo_each_other() -> None:
    image = np.random.default_rng(1).integers(0, 256, (96, 96), dtype=np.uint8)
    np.testing.assert_array_equal(parse_pixels(format_pixels(image)), image)
    assert len(format_pixels(image).split(" ")) == 9216


def test_mutated_texts_as_the_plain_parser() -> None:
    rng = np.random.default_rng(2)
    text = format_pixels(rng.integers(0, 256, (96, 96), dtype=np.uint8))
    judged = set()
    for _ in range(300):
        at = rng.integers(len(text))
        mutated = text[:at] + "".join(rng.choice(list("0123456789   x-٣"), 2)) + text[at + 2 :]
        expected, image = plain_parse(mutated), parse_pixels(mutated)
        assert (None if image is None else image.ravel().tolist()) == expected
        judged.add(expected is None)
    assert judged == {True, False}


@pytest.mark.parametrize(
    "text", ["", " ", "1", "1" * 9216, " ".join(["256"] * 9216), "0 " * 9215, "0 " * 9217, "é" * 20]
)
def test_what_is_no_picture_is_refused_with_a_reason(text: str) -> None:
    assert parse_pixels(text) is None
    came, fix = why_no_picture(text)
    assert came
    assert fix
