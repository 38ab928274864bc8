from __future__ import annotations

import re

import pytest
from house.formulas import math, mathml


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x[n,i]", "<msub><mi>x</mi><mrow><mi>n</mi><mo>,</mo><mi>i</mi></mrow></msub>"),
        ("dw^2", "<msup><mi>dw</mi><mn>2</mn></msup>"),
        ("(a + b)^-1", None),
        ("dL/dy", "<mfrac><mi>dL</mi><mi>dy</mi></mfrac>"),
        ("a / b * c", "<mfrac><mi>a</mi><mi>b</mi></mfrac><mo>·</mo><mi>c</mi>"),
        # Which slash binds first would have to be decided.
        ("a / b / c", "<mi>a</mi><mo>/</mo><mi>b</mi><mo>/</mo><mi>c</mi>"),
        ("(a + b) / c", "<mfrac><mrow><mi>a</mi><mo>+</mo><mi>b</mi></mrow><mi>c</mi></mfrac>"),
        ("a / (b) c", None),
        ("dy weightᵀ", '<mi>dy</mi><mspace width="0.3em"/><msup><mi>weight</mi><mi>T</mi></msup>'),
        ("H_out", "<msub><mi>H</mi><mi>out</mi></msub>"),
        ("weight_decay", "<mi>weight_decay</mi>"),
        ("h'", "<msup><mi>h</mi><mo>′</mo></msup>"),
        ("w <- w", "<mi>w</mi><mo>←</mo><mi>w</mi>"),
        ("sqrt(v)", "<msqrt><mrow><mi>v</mi></mrow></msqrt>"),
        ("floor(v)", "<mrow><mo>⌊</mo><mrow><mi>v</mi></mrow><mo>⌋</mo></mrow>"),
        ("x < 0", "<mi>x</mi><mo>&lt;</mo><mn>0</mn>"),
    ],
)
def test_signs(text: str, expected: str | None) -> None:
    made = mathml(text)
    if expected is None:  # only that it is understood, and no fraction is guessed
        assert made is not None
        assert "mfrac" not in made
    else:
        assert made == expected


def test_a_sum_has_its_letters_below_it_and_ends_nowhere_by_itself() -> None:
    made = mathml("sum over n,h of x[n] * dy[n] + 1")
    assert made is not None
    assert re.match(r"<munder><mo[^>]*>∑</mo><mrow><mi>n</mi><mo>,</mo><mi>h</mi></mrow></munder><msub>", made)
    assert made.endswith("<mo>+</mo><mn>1</mn>")


def test_words_below_a_sum_stay_words() -> None:
    made = mathml("sum over all i,j that meet at h', of dy")
    assert made is not None
    assert "<mi>all</mi><mspace" in made
    assert made.index("</munder>") > made.index("<mi>meet</mi>")


@pytest.mark.parametrize(
    "text",
    ["a # b", "x[n", "x)", "(x]", "a ** b", "^2", "x^", "|u|^2", "`x`", "1 0 -1", 'say "so'],
)
def test_what_is_not_understood_stays_plain(text: str) -> None:
    assert mathml(text) is None
    assert math(text) is None


def test_the_plain_text_is_there_for_a_reader_by_ear() -> None:
    made = math('y  =  x where "on" < 1')
    assert made is not None
    assert made.startswith('<math displaystyle="true" alttext="y = x where &quot;on&quot; &lt; 1">')
