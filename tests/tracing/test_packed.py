"""What is packed comes out as it went in."""

from __future__ import annotations

import numpy as np
import pytest

from nnscratch.tracing.packed import ALPHABET, Pack, base85
from tests.tracing.read_page import array, unpacked

_RNG = np.random.default_rng(0)
ARRAYS = {
    "float32": _RNG.standard_normal((3, 5, 2), np.float32),
    "float64": _RNG.standard_normal((7, 3)),
    "many zeros": np.maximum(_RNG.standard_normal((40, 9)), 1).astype(np.float32) - 1,
    "all zeros": np.zeros((11,)),
    "not finite": np.float32([np.nan, np.inf, -np.inf, 0, 1e-45, -3e38]),
    "bools": _RNG.random((5, 7)) < 0.3,
    "bytes": np.arange(200, dtype=np.uint8).reshape(10, 20),
    "whole numbers": np.int32([[-1, 0, 2**31 - 1]]),
    "one": np.array(3.0),
    "none": np.zeros((0, 4), np.float32),
    "not contiguous": np.arange(24.0).reshape(4, 6).T[::2],
    "big end first": np.arange(5, dtype=">f4"),
}


def test_every_array_comes_back_bit_for_bit() -> None:
    pack = Pack()
    places = {name: pack.add(values) for name, values in ARRAYS.items()}
    data = unpacked(pack.text())
    for name, values in ARRAYS.items():
        back = array(data, places[name])
        assert back.shape == values.shape, name
        np.testing.assert_array_equal(back, values, err_msg=name)
        if name != "big end first":
            assert back.dtype == values.dtype, name


def test_other_dtypes_become_float64() -> None:
    pack = Pack()
    place = pack.add(np.int64([3, -(2**40)]))
    back = array(unpacked(pack.text()), place)
    assert back.dtype == np.float64
    assert back.tolist() == [3, -(2.0**40)]


def test_a_negative_zero_among_zeros_becomes_zero() -> None:
    pack = Pack()
    place = pack.add(np.array([-0.0, 1.0, 0.0, 0.0]))
    assert not np.signbit(array(unpacked(pack.text()), place)).any()


def test_zeros_take_no_room() -> None:
    dense, sparse = Pack(), Pack()
    dense.add(ARRAYS["float32"])
    sparse.add(np.where(np.arange(30).reshape(3, 5, 2) % 10 == 0, ARRAYS["float32"], 0))
    assert len(sparse.text()) < len(dense.text()) / 2


@pytest.mark.parametrize("size", range(9))
def test_base85_of_every_length(size: int) -> None:
    data = bytes(range(250, 250 - 30 * size, -30))
    text = base85(data)
    assert len(text) == 5 * -(-size // 4)
    value = [ALPHABET.index(digit) for digit in text]
    words = [sum(digit * 85 ** (4 - k) for k, digit in enumerate(value[i : i + 5])) for i in range(0, len(value), 5)]
    assert b"".join(word.to_bytes(4, "big") for word in words)[:size] == data


def test_nothing_in_the_text_means_anything_in_html() -> None:
    assert len(set(ALPHABET)) == 85
    assert not set(ALPHABET) & set("<>&'\"`\\ \n")
