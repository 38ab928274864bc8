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


def test_places_are_vectors() -> None:
    assert [choice.places_are_vectors(images, 16) for images in (1, 15, 16, 17)] == [False, False, True, False]


@pytest.mark.parametrize(
    ("weight_shape", "windows", "dtype", "wanted"),
    [
        ((3, 3, 16, 32), 256, np.float32, True),
        ((3, 3, 16, 32), 255, np.float32, False),  # transforming the weights would not pay
        ((3, 3, 1, 32), 1000, np.float32, False),  # a vector of input channels is mostly empty
        ((3, 3, 64, LANES), 1000, np.float32, False),
        ((3, 3, 64, LANES + 1), 1000, np.float32, True),
        ((2, 2, 64, 64), 1000, np.float32, True),
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
    ("weight_shape", "y_shape", "dtype", "wanted"),
    [
        ((3, 3, 16, 32), (33, 24, 6, 32), np.float32, True),
        ((3, 3, 16, 32), (32, 24, 6, 32), np.float32, False),  # as in one call
        ((3, 3, 16, 32), (128, 2, 4, 32), np.float32, True),
        ((3, 3, 16, 32), (127, 2, 4, 32), np.float32, False),  # there are more weights to transform
        ((3, 3, 16, 32), (33, 23, 6, 32), np.float32, False),
        ((3, 3, 16, 32), (33, 24, 5, 32), np.float32, False),
        ((2, 2, 16, 32), (33, 24, 6, 32), np.float32, False),
        ((3, 3, 16, 32), (33, 24, 6, 32), np.float64, False),
    ],
)
def test_large_patches(weight_shape, y_shape, dtype: type, wanted: bool) -> None:
    assert choice.large_patches(weight_shape, y_shape, np.dtype(dtype)) == (wanted and AVX512)


@pytest.mark.parametrize(
    ("weight_shape", "wanted"),
    [
        ((3, 3, 1, LANES), True),
        ((3, 3, 1, LANES + 1), AVX512),  # a vector of output channels would be mostly empty: AVX-512 has masks
        ((3, 3, 1, LANES // 2 - 1), False),
        ((9, 1, 2 * LANES - 1, LANES), True),
        ((1, 1, 2 * LANES, LANES), False),  # a run of x fills two vectors
    ],
)
def test_weight_gradient_by_channel(weight_shape: tuple[int, ...], wanted: bool) -> None:
    assert choice.weight_gradient_by_channel(weight_shape, np.dtype(np.float32)) == wanted


@pytest.mark.parametrize(
    ("weight_shape", "wanted"),
    [
        ((3, 3, LANES, 32), True),
        ((3, 3, LANES + 1, 32), AVX512),  # without, weights of several vectors were not measured by patch
        ((2, 2, 4, 32), AVX512),
        ((2, 3, 4, 32), False),
        ((3, 2, 4, 32), False),
    ],
)
def test_input_gradient_by_patch(weight_shape: tuple[int, ...], wanted: bool) -> None:
    assert choice.input_gradient_by_patch(weight_shape, np.dtype(np.float32)) == wanted


@pytest.mark.parametrize(
    ("c_in", "padding", "wanted"),
    [
        (LANES + 8, (1, 1), 2 * LANES if AVX512 else LANES + 8),
        (LANES + 8, (0, 1), 2 * LANES if AVX512 else LANES + 8),
        (LANES + 8, (0, 0), LANES + 8),  # x is not copied
        (LANES - 1, (1, 1), LANES - 1),
        (2 * LANES, (1, 1), 2 * LANES),
    ],
)
def test_channels_of_runs(c_in: int, padding: tuple[int, int], wanted: int) -> None:
    assert choice.channels_of_runs((3, 3, c_in, 32), padding, np.dtype(np.float32)) == wanted


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
    shape, dtype, y_shape = (k, k, c_in, c_out), np.dtype(np.float32), (windows + 1, 2, 2, c_out)
    for rule, conditions in (
        (choice.large_patches(shape, y_shape, dtype), choice.large_patches_conditions(shape, y_shape, dtype)),
        (choice.winograd(shape, windows, dtype), choice.winograd_conditions(shape, windows, dtype)),
        (choice.weight_gradient_by_channel(shape, dtype), choice.weight_gradient_by_channel_conditions(shape, dtype)),
        (choice.input_gradient_by_patch(shape, dtype), choice.input_gradient_by_patch_conditions(shape, dtype)),
    ):
        listed = list(conditions)
        assert rule == all(holds for holds, _, _ in listed)
        reasons = {otherwise for _, _, otherwise in listed}
        assert (choice.because(iter(listed)) in reasons) == (not rule)


@pytest.mark.parametrize(("images", "wanted"), [(0, False), (1, True), (4, True), (6, False), (16, True), (17, False)])
def test_whole_vectors_are_pooled(images: int, wanted: bool) -> None:
    assert choice.pools_whole_vectors(images, 16) == wanted
