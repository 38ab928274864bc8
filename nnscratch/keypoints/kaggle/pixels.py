"""Pictures as Kaggle writes them: 9,216 grey values as text, separated by spaces, row by row."""

from __future__ import annotations

import numpy as np

from nnscratch.keypoints.faces import SIDE
from nnscratch.messages import shown

PIXELS = SIDE * SIDE

_SPACE, _ZERO = ord(" "), ord("0")
_WORDS = [str(value) for value in range(256)]


def parse_pixels(text: str) -> np.ndarray | None:
    """The picture in one `Image` field: (96, 96) uint8, or None if the text is no picture.

    `why_no_picture` says why it is none. A picture is exactly 9,216 words of one to three digits,
    each 0..255, separated by spaces. There is no loop over words: first, each character i gets the
    value of the word that would end there, with d = 0 for a space,
        value[i] = d[i] + 10 d[i-1] + 100 d[i-2] (if character i-1 is a digit)
    and then only those values are kept where a word does end, at a digit before a space.

    >>> parse_pixels("7 20 255" + " 0" * 9213)[0, :4]
    array([  7,  20, 255,   0], dtype=uint8)
    """
    # Three spaces in front, for the two characters before the first; "?" for what is not ASCII.
    characters = np.frombuffer(b"   " + text.encode("ascii", "replace") + b" ", np.uint8)
    digits = characters - _ZERO  # wraps around below "0", so one comparison finds the digits
    is_digit = digits < 10
    if not (is_digit | (characters == _SPACE)).all():
        return None
    if (is_digit[3:] & is_digit[2:-1] & is_digit[1:-2] & is_digit[:-3]).any():
        return None  # a word of four digits or more
    ends = np.flatnonzero(is_digit[2:-1] & ~is_digit[3:])
    if ends.size != PIXELS:
        return None
    digits *= is_digit
    values = digits[2:-1] + 10 * digits[1:-2] + np.uint16(100) * (digits[:-3] * is_digit[1:-2])
    image = values[ends]
    return image.astype(np.uint8).reshape(SIDE, SIDE) if image.max() <= 255 else None


def why_no_picture(text: str) -> tuple[str, str]:
    """(what came, what to do about it), for a text that `parse_pixels` refused.

    >>> why_no_picture("7 20 256" + " 0" * 9213)
    ("pixel 3 = '256'", 'correct that value')
    >>> why_no_picture("7 20 255")
    ('3 pixels', 'the row was cut off, or the picture is not 96 x 96')
    """
    words = [word for word in text.split(" ") if word]
    for number, word in enumerate(words, start=1):
        if not (word.isascii() and word.isdigit() and len(word) <= 3 and int(word) <= 255):
            return f"pixel {number:,} = {shown(word)}", "correct that value"
    if not words:
        return "an empty field", "fill in the pixels, or remove the row"
    return f"{len(words):,} pixels", "the row was cut off, or the picture is not 96 x 96"


def format_pixels(image: np.ndarray) -> str:
    """The text of one picture, (96, 96) uint8, for an `Image` field.

    >>> format_pixels(np.zeros((96, 96), np.uint8))[:8]
    '0 0 0 0 '
    """
    return " ".join([_WORDS[value] for value in image.tobytes()])
