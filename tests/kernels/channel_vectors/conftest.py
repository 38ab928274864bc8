"""The kernels of channel vectors as functions that return their results."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from nnscratch.kernels.channel_vectors import backward, forward
from nnscratch.kernels.memory import Scratch
from nnscratch.kernels.threads import set_threads


class ChannelVectors:
    """Results are filled with NaN (argmax with 99) first, so that what is not written shows."""

    @staticmethod
    def forward(x, weight, bias, padding=(0, 0), scratch=None, winograd=False) -> tuple[np.ndarray, np.ndarray]:
        """y and argmax"""
        sizes = [forward.pooled_size(x.shape[a + 1], weight.shape[a], padding[a]) for a in (0, 1)]
        y = np.full((len(x), *sizes, weight.shape[3]), np.nan, x.dtype)
        argmax = np.full(y.shape, 99, np.uint8)
        forward.forward(x, weight, bias, padding, y, argmax, scratch or Scratch(), winograd)
        return y, argmax

    @staticmethod
    def backward(x, weight, dy, argmax, padding=(0, 0), scratch=None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """dx, dweight, dbias"""
        dx, dweight, dbias = (np.full(s, np.nan, x.dtype) for s in (x.shape, weight.shape, weight.shape[3:]))
        backward.backward(x, weight, dy, argmax, padding, dweight, dbias, dx, scratch or Scratch())
        return dx, dweight, dbias

    @staticmethod
    def assert_same_bits_on_any_number_of_threads(compute: Callable[[Scratch], tuple[np.ndarray, ...]]) -> None:
        """One scratch serves all calls: what an earlier one left in it must not show."""
        scratch, results = Scratch(), []
        try:
            for count in (1, 2, 3, 8, 1):
                set_threads(count)
                results.append(compute(scratch))
        finally:
            set_threads(None)
        for result in results[1:]:
            for a, b in zip(results[0], result, strict=True):
                np.testing.assert_array_equal(a, b)

    # (image shape, c_out, kernel size, padding)
    CASES = (
        ((1, 2, 2, 1), 1, (1, 1), (0, 0)),
        ((2, 7, 6, 3), 4, (3, 3), (0, 0)),  # odd rows: the last one has no window
        ((1, 6, 7, 3), 17, (2, 3), (0, 0)),
        ((3, 9, 8, 9), 5, (2, 2), (0, 0)),
        ((9, 5, 6, 2), 3, (4, 5), (0, 0)),  # more images than partial sums
        ((2, 4, 5, 2), 3, (3, 3), (1, 1)),
        ((2, 5, 4, 8), 3, (5, 1), (2, 0)),
        ((2, 3, 4, 2), 3, (3, 4), (2, 3)),  # windows that lie wholly in the padding
        ((2, 2, 2, 1), 2, (5, 5), (2, 2)),
        ((2, 5, 9, 1), 32, (3, 3), (0, 0)),  # channels in whole tiles, and few taps
        ((1, 4, 5, 3), 64, (2, 4), (1, 0)),
        ((1, 3, 4, 64), 40, (2, 2), (0, 0)),  # runs of several vectors, a last vector of channels that is half empty
        ((1, 4, 3, 7), 70, (3, 2), (0, 0)),  # more channels than a number has bits
        ((1, 3, 3, 2), 2, (3, 3), (0, 0)),  # one place of z: nothing left after pooling
        ((1, 5, 9, 1), 48, (3, 3), (0, 0)),  # few taps again; a whole tile of channels and half a one
        ((1, 5, 4, 16), 3, (3, 3), (1, 1)),  # a vector of input channels; two of float64
        ((1, 5, 9, 1), 27, (3, 3), (0, 0)),  # and a last vector of channels that is partly empty
        ((2, 7, 8, 24), 70, (3, 3), (1, 1)),  # a vector of input channels and half a one; more than 64 output channels
        ((2, 6, 9, 40), 64, (2, 2), (0, 0)),  # several vectors of input channels in a patch, the last one half empty
        ((0, 4, 4, 2), 3, (3, 3), (0, 0)),  # no image at all
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that asks for `case` gets each of CASES."""
    if "case" in metafunc.fixturenames:
        ids = [f"{shape} to {c_out}, kernel {k}, padding {p}" for shape, c_out, k, p in ChannelVectors.CASES]
        metafunc.parametrize("case", ChannelVectors.CASES, ids=ids)


@pytest.fixture(scope="session")
def kernels() -> type[ChannelVectors]:
    return ChannelVectors
