"""Which kernel runs: each rule at its borders."""

from __future__ import annotations

import numpy as np
import pytest

from nnscratch.kernels import choice
from nnscratch.kernels.vectors import AVX512, VECTOR_BYTES

LANES = VECTOR_BYTES // 4  # of float32


@pytest.mark.parametrize(
    ("c_in", "c_out", "padding", "wanted"),
    [
        (1, 16, (0, 0), True),
        (16, 16, (0, 0), True),
        (17, 16, (0, 0), False),  # a block of images would leave the cache
        (1, 17, (0, 0), False),  # vectors of channels are filled
        (1, 16, (1, 1), False),
        (1, 16, (0, 1), False),
    ],
)
def test_image_vectors(c_in: int, c_out: int, padding: tuple[int, int], wanted: bool) -> None:
    assert choice.image_vectors(c_in, c_out, padding) == wanted


def test_pools_in_registers() -> None:
    assert [choice.pools_in_registers(images, 16) for images in (1, 15, 16, 17)] == [False, False, True, False]


@pytest.mark.parametrize(
    ("weight_shape", "windows", "dtype", "wanted"),
    [
        ((3, 3, 16, 32), 256, np.float32, True),
        ((3, 3, 16, 32), 255, np.float32, False),  # transforming the weights would not pay
        ((3, 3, 1, 32), 1000, np.float32, False),  # a vector of input channels is mostly empty
        ((3, 3, 64, LANES), 1000, np.float32, False),
        ((3, 3, 64, LANES + 1), 1000, np.float32, True),
        ((2, 2, 64, 64), 1000, np.float32, not AVX512),  # which was not measured
        ((2, 3, 64, 64), 1000, np.float32, False),
        ((3, 3, LANES // 2, 32), 1000, np.float64, True),
    ],
)
def test_winograd(weight_shape: tuple[int, ...], windows: int, dtype: type, wanted: bool) -> None:
    assert choice.winograd(weight_shape, windows, np.dtype(dtype)) == wanted


@pytest.mark.parametrize(("windows", "wanted"), [(31, False), (32, True), (256, True)])
def test_winograd_with_weights_that_are_kept(windows: int, wanted: bool) -> None:
    assert choice.winograd((3, 3, 16, 32), windows, np.dtype(np.float32), kept=True) == wanted


@pytest.mark.parametrize(
    ("weight_shape", "wanted"),
    [
        ((3, 3, 1, LANES), True),
        ((3, 3, 1, LANES + 1), False),  # a vector of output channels would be mostly empty
        ((9, 1, 2 * LANES - 1, LANES), True),
        ((1, 1, 2 * LANES, LANES), False),  # a run of x fills two vectors
    ],
)
def test_weight_gradient_by_channel(weight_shape: tuple[int, ...], wanted: bool) -> None:
    assert choice.weight_gradient_by_channel(weight_shape, np.dtype(np.float32)) == wanted


@pytest.mark.parametrize(
    ("weight_shape", "wanted"),
    [((3, 3, LANES, 32), True), ((3, 3, LANES + 1, 32), False), ((2, 3, 4, 32), False), ((3, 2, 4, 32), False)],
)
def test_input_gradient_by_patch(weight_shape: tuple[int, ...], wanted: bool) -> None:
    assert choice.input_gradient_by_patch(weight_shape, np.dtype(np.float32)) == wanted


@pytest.mark.parametrize(
    ("m", "k", "n", "wanted"), [(5, 1, 7, "outer"), (1, 1, 7, "outer"), (1, 3, 7, "row"), (2, 3, 7, "tiles")]
)
def test_dense_kernel(m: int, k: int, n: int, wanted: str) -> None:
    assert choice.dense_kernel(m, k, n) == wanted


def test_what_is_left_to_numpy() -> None:
    a, b, out = np.ones((4, 3)), np.ones((3, 5)), np.ones((4, 5))
    assert not choice.numpy_multiplies(a, b, out)
    assert not choice.numpy_multiplies(np.ones((3, 4)).T, np.ones((5, 3)).T, out)
    assert choice.numpy_multiplies(np.ones((4, 6))[:, ::2], b, out)
    assert choice.numpy_multiplies(a, np.ones((3, 10))[:, ::2], out)
    assert choice.numpy_multiplies(a, b, np.asfortranarray(out))
    assert choice.numpy_multiplies(a, b.astype(np.float32), out)
    assert choice.numpy_multiplies(a.astype(int), b.astype(int), out.astype(int))
    assert choice.numpy_multiplies(a, np.ones((4, 5)), out)  # it raises the error
    assert choice.numpy_multiplies(np.ones((0, 3)), b, np.ones((0, 5)))


def test_what_is_shared_and_along_which_axis() -> None:
    assert not choice.shares_product(100, 100, 100)
    assert choice.shares_product(100, 9216, 256)
    assert not choice.shares_numbers(512 * 512)
    assert choice.shares_numbers(15488 * 500)
    assert [choice.shared_axis(*sizes) for sizes in ((100, 401, 100), (100, 400, 100), (101, 4, 100))] == [
        "k",
        "n",
        "m",
    ]


@pytest.mark.parametrize("c_in", [1, 16, 17])
@pytest.mark.parametrize("c_out", [16, 17])
@pytest.mark.parametrize("padding", [(0, 0), (0, 1)])
def test_the_reason_is_that_of_the_rule(c_in: int, c_out: int, padding: tuple[int, int]) -> None:
    """All reasons if the rule says yes; otherwise the one condition that does not hold."""
    conditions = list(choice.image_vectors_conditions(c_in, c_out, padding))
    text = choice.because(iter(conditions))
    if choice.image_vectors(c_in, c_out, padding):
        assert text == "at most 16 input channels, at most 16 output channels, no padding"
    else:
        assert text == next(otherwise for holds, _, otherwise in conditions if not holds)


@pytest.mark.parametrize(
    ("images", "training", "c_out", "wanted"),
    [
        (1, True, [LANES], True),
        (LANES - 1, True, [LANES, 16], True),
        (LANES, True, [LANES], False),
        (LANES, False, [LANES], True),
        (1, True, [LANES, LANES - 1], False),
        (1, False, [LANES - 1], False),
    ],
)
def test_few_channels_by_channels(images: int, training: bool, c_out: list[int], wanted: bool) -> None:
    by_channels = choice.few_channels_by_channels(images, training, c_out, np.dtype(np.float32))
    assert by_channels == (wanted and not AVX512)


@pytest.mark.parametrize("k", [2, 3])
@pytest.mark.parametrize("c_in", [1, LANES, LANES + 1, 2 * LANES])
@pytest.mark.parametrize("c_out", [LANES, LANES + 1, 2 * LANES])
@pytest.mark.parametrize("windows", [255, 256])
def test_rules_and_their_conditions_never_part(k: int, c_in: int, c_out: int, windows: int) -> None:
    shape, dtype = (k, k, c_in, c_out), np.dtype(np.float32)
    for rule, conditions in (
        (choice.winograd(shape, windows, dtype), choice.winograd_conditions(shape, windows, dtype)),
        (choice.weight_gradient_by_channel(shape, dtype), choice.weight_gradient_by_channel_conditions(shape, dtype)),
        (choice.input_gradient_by_patch(shape, dtype), choice.input_gradient_by_patch_conditions(shape, dtype)),
    ):
        listed = list(conditions)
        assert rule == all(holds for holds, _, _ in listed)
        reasons = {otherwise for _, _, otherwise in listed}
        assert (choice.because(iter(listed)) in reasons) == (not rule)


def test_products_are_told_with_their_kernel_their_reason_and_their_threads() -> None:
    assert choice.product(5, 1, 7) == ("products/gemv.py, outer", choice.DENSE_BECAUSE["outer"])
    assert choice.product(1, 9, 7) == ("products/gemv.py, row", choice.DENSE_BECAUSE["row"])
    kernel, why = choice.product(100, 9, 7, transposed=True)
    assert kernel == "products/gemm.py, tiles"
    least = f"{choice.LEAST_PRODUCTS_TO_SHARE / 1e6:.0f} million multiply-adds"
    assert why.endswith(f"below {least}, one thread")
    assert choice.product(100, 9, 7)[0] == f"products/{'gemm_panels' if LANES == 8 else 'gemm'}.py, tiles"
    assert choice.product(145, 9, 7)[0] == "products/gemm.py, tiles"
    kernel, why = choice.product(100, 9216, 256, transposed=True)
    assert kernel == "products/gemm.py, tiles, blocks along K"
    assert why.endswith(f"from {least} on, a second thread pays")
