"""What a wrong result gives away: each rule on results that have that one fault."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from nnscratch.lessons.differences import Difference, equal, explain, where

Fault = Callable[[np.ndarray], np.ndarray]


def differences(fault: Fault, *shapes: tuple[int, ...]) -> list[Difference]:
    """Results of those shapes with one fault; the first argument has as many rows as they."""
    rng = np.random.default_rng(0)
    made = []
    for shape in shapes:
        right = rng.standard_normal(shape)
        made.append(Difference(fault(right.copy()), right, len(right)))
    return made


def first_row_only(right: np.ndarray) -> np.ndarray:
    right[1:] = 0.5
    return right


def border(right: np.ndarray) -> np.ndarray:
    inside = right[:, 1:-1, 1:-1].copy()
    right[:] = 0.5
    right[:, 1:-1, 1:-1] = inside
    return right


def one_wrong(right: np.ndarray) -> np.ndarray:
    right[1, 0] = 7.25
    return right


MATRICES = ((3, 4), (4, 4), (5, 2))
FAULTS: list[tuple[Fault, tuple[tuple[int, ...], ...], str]] = [
    (lambda y: -y, MATRICES, "sign is wrong"),
    (lambda y: y.T, MATRICES, "is the transpose"),
    (lambda y: y.T, ((3, 3), (4, 4)), "is the transpose"),
    (lambda y: y.transpose(1, 0, 2), ((3, 4, 2), (2, 2, 3)), "are its axes (1, 0, 2)"),
    (
        lambda y: y.transpose(0, 3, 1, 2),
        ((2, 4, 5, 3), (2, 4, 4, 4)),
        "are its axes (0, 2, 3, 1)",
    ),
    (lambda y: y / len(y), MATRICES, "divided by N, the length of the first argument, once"),
    (lambda y: y / len(y) ** 2, MATRICES, "divided by N, the length of the first argument, twice"),
    (lambda y: y * len(y), MATRICES, "a division by N is missing"),
    (lambda y: y / y.size, MATRICES, "divided by the number of its values"),
    (lambda y: 2 * y, MATRICES, "is 2 times what it should be"),
    (lambda y: -0.5 * y, MATRICES, "is -0.5 times what it should be"),
    (lambda y: y + 0.25, MATRICES, "every number of it is 0.25 too large"),
    (lambda y: y - 1, MATRICES, "every number of it is 1 too small"),
    (lambda y: y[::-1], MATRICES, "reverse order along axis 0"),
    (lambda y: y[:, ::-1], MATRICES, "reverse order along axis 1"),
    (lambda y: y[::-1, ::-1], MATRICES, "reverse order along axis 0 and 1"),
    (first_row_only, MATRICES, "only its first row is right"),
    (border, ((2, 5, 4, 1), (1, 3, 3, 2)), "only its border is wrong"),
    (one_wrong, ((3, 2), (2, 2)), "5 of 6 numbers are right; the first wrong one is at [1, 0]: yours 7.25, right "),
    (lambda y: 0 * y, MATRICES, "is 0 everywhere"),
    (lambda y: y / 0, MATRICES, "where a number is expected"),
    (lambda y: y.astype(int), MATRICES, "holds whole numbers (dtype int64)"),
    (lambda y: y.astype(np.float32), MATRICES, "numbers are rounded (dtype float32)"),
    (lambda y: y > 0, MATRICES, "holds True and False"),
    (lambda y: y.sum(axis=0), MATRICES, "summed over one axis too many, axis 0: its shape is (4,), expected (3, 4)"),
    (lambda y: y.sum(), MATRICES, "one number, the sum of all"),
    (lambda y: np.stack([y / 2, y / 2]), MATRICES, "the sum over its axis 0 is missing"),
    (lambda y: y[:, np.newaxis], MATRICES, "numbers are right, but its shape is (3, 1, 4), expected (3, 4)"),
    (lambda y: y[1:], MATRICES, "its shape is (2, 4), expected (3, 4)"),
]


@pytest.mark.parametrize(("fault", "shapes", "told"), FAULTS, ids=[told for _, _, told in FAULTS])
def test_a_fault_is_told(fault: Fault, shapes: tuple[tuple[int, ...], ...], told: str) -> None:
    with np.errstate(divide="ignore"):
        assert told in explain(differences(fault, *shapes))


def test_a_fault_of_one_case_alone_is_not_taken_for_a_rule() -> None:
    doubled, *others = differences(lambda y: 2 * y, *MATRICES)
    right = [Difference(each.right, each.right, each.rows) for each in others]
    assert "2 times" not in explain([doubled, *right])
    assert explain([doubled, *right]) == where([doubled, *right])
    assert where([*right, doubled]) == where([doubled])


def test_masks() -> None:
    mask = np.array([True, False, False])
    assert "wrong way round" in explain([Difference(~mask, mask, 3)])
    assert "make a comparison" in explain([Difference(mask.astype(float), mask, 3)])
    wrong = np.array([True, True, False])
    assert "2 of 3 numbers are right; the first wrong one is at [1]: yours True" in explain(
        [Difference(wrong, mask, 3)]
    )


def test_one_number() -> None:
    assert where([Difference(np.array(2.5), np.array(1.0), 3)]) == "yours is 2.5, right is 1"


def test_equal_up_to_rounding_of_the_largest_number() -> None:
    a = np.array([1e6, 1e-3])
    assert equal(a + 1e-9, a, 1e-7)
    assert not equal(a * 1.001, a, 1e-7)
    assert not equal(a, a[:1], 1e-7)
    assert equal(np.array([np.nan]), np.array([np.nan]), 1e-7)
    assert not equal(np.array([np.nan]), np.array([1.0]), 1e-7)
