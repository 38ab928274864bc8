"""Local contrast normalization against its definition, pixel by pixel."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from nnscratch.kernels.threads import set_threads
from nnscratch.keypoints.geometry.local_contrast import FLOOR, SPREAD, locally_normalized


@pytest.fixture
def _own_threads() -> Iterator[None]:
    yield
    set_threads(None)


def by_definition(x: np.ndarray, window: int) -> np.ndarray:
    """In float64, a pixel at a time."""
    x, y, reach = x.astype(np.float64), np.zeros(x.shape), window // 2
    for n, i, j in np.ndindex(*x.shape[:3]):
        seen = x[n, max(i - reach, 0) : i + reach + 1, max(j - reach, 0) : j + reach + 1]
        y[n, i, j] = SPREAD * (x[n, i, j] - seen.mean()) / max(seen.std(), FLOOR)
    return y


@pytest.mark.parametrize("shape", [(0, 4, 4), (1, 1, 1), (2, 5, 9), (3, 9, 5), (18, 7, 7)])  # 18: two blocks
@pytest.mark.parametrize("window", [3, 5, 13])
@pytest.mark.parametrize("contrast", [1.0, 0.03])  # above the floor, and around it
def test_each_pixel_stands_out_from_its_window(shape: tuple[int, ...], window: int, contrast: float) -> None:
    x = (0.5 + contrast * np.random.default_rng(1).random((*shape, 1))).astype(np.float32)
    y = locally_normalized(x, window)
    assert (y.dtype, y.shape, y.flags.c_contiguous) == (np.float32, x.shape, True)
    np.testing.assert_allclose(y, by_definition(x, window), atol=2e-5)


@pytest.mark.parametrize("level", [0.0, 1.0])
def test_an_empty_wall_stays_one(level: float) -> None:
    np.testing.assert_allclose(locally_normalized(np.full((2, 8, 8, 1), level, np.float32), 5), 0, atol=1e-6)


def test_light_and_contrast_of_the_picture_do_not_matter() -> None:
    x = np.random.default_rng(2).random((3, 20, 20, 1), np.float32)
    np.testing.assert_allclose(locally_normalized(0.5 * x + 0.3, 7), locally_normalized(x, 7), atol=1e-4)


@pytest.mark.usefixtures("_own_threads")
def test_the_same_bits_on_any_number_of_threads_and_in_any_batch() -> None:
    x = np.random.default_rng(3).random((40, 48, 48, 1), np.float32)
    results = []
    for threads in (1, 2, 3):
        set_threads(threads)
        results.append(locally_normalized(x, 13))
    results.append(np.concatenate([locally_normalized(x[:1], 13), locally_normalized(x[1:], 13)]))
    for result in results[1:]:
        np.testing.assert_array_equal(result, results[0])


def test_what_are_no_pictures() -> None:
    with pytest.raises(ValueError, match="locally_normalized: got x of dtype float64"):
        locally_normalized(np.zeros((2, 9, 9, 1)), 3)
