"""The stage of image vectors against the layers that it stands for."""

from __future__ import annotations

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.kernels.vectors import AVX512, VECTOR_BYTES
from nnscratch.stages import plan
from nnscratch.stages.image_vectors import ImageVectorsStage, blocks_of, images_per_block

LANES = VECTOR_BYTES // 4  # of float32
# name -> (for each convolution: channels in and out, kernel size, options; image shape)
CASES = {
    "one convolution": ([(1, 3, 5, {})], (13, 12, 1)),
    "two": ([(1, 2, 3, {}), (2, 5, 2, {})], (15, 14, 1)),
    "output channels that fill vectors": ([(1, LANES, 3, {}), (LANES, 16, 2, {})], (15, 14, 1)),
    "no bias": ([(2, 3, 3, {"bias": False})], (9, 8, 2)),
}


@pytest.fixture(params=CASES.values(), ids=CASES)
def make_and_shape(request, stages):
    convolutions, shape = request.param
    return lambda rng: [
        layer for c_in, c_out, k, options in convolutions for layer in stages.conv(c_in, c_out, k, rng, **options)
    ], shape


@pytest.mark.parametrize("images", [1, 2, 5, 37])
def test_the_same_numbers_as_the_layers(stages, make_and_shape, dtype_and_tolerance, images: int) -> None:
    make, shape = make_and_shape
    assert [type(stage) for stage in plan(make(np.random.default_rng(0)))] == [ImageVectorsStage]
    stages.assert_same_numbers(make, shape, *dtype_and_tolerance, images)


def test_the_same_numbers_before_another_stage(stages, dtype_and_tolerance) -> None:
    stages.assert_same_numbers(
        lambda rng: stages.conv(1, 9, 3, rng) + stages.conv(9, 17, 2, rng), (14, 15, 1), *dtype_and_tolerance, 5
    )


def test_errors_are_those_of_the_layers(stages) -> None:
    stages.assert_same_errors(lambda rng: stages.conv(1, 3, 5, rng), (13, 12, 1))


def test_strided_arrays_give_the_same_bits(stages, make_and_shape) -> None:
    stages.assert_same_bits_of_strided_arrays(*make_and_shape)


@pytest.mark.parametrize("images", [2, VECTOR_BYTES // 8])
def test_gradients(stages, make_and_shape, images: int) -> None:
    make, shape = make_and_shape
    x = np.random.default_rng(1).standard_normal((images, *shape))
    errors = nn.gradient_check(stages.model(make), x)
    assert max(errors.values()) <= 1e-7, errors


def test_images_of_another_size(stages) -> None:
    fused, layers = (stages.model(lambda rng: stages.conv(1, 3, 3, rng), fuse) for fuse in (True, False))
    for shape in ((3, 9, 8, 1), (3, 12, 7, 1), (3, 9, 8, 1)):
        x = np.random.default_rng(1).random(shape, dtype=np.float32)
        y = fused.forward(x, training=True)
        np.testing.assert_allclose(y, layers.forward(x, training=True), rtol=1e-5)
        fused.forward(np.ones((5, 20, 20, 1), np.float32))  # of a third size, between forward and backward
        dx = [model.backward(np.ones_like(y), input_gradient=True) for model in (fused, layers)]
        np.testing.assert_allclose(*dx, rtol=1e-4, atol=1e-5)


def test_images_per_block() -> None:
    lanes = VECTOR_BYTES // 4
    sizes = [images_per_block(images, np.dtype(np.float32)) for images in (1, 2, 5, lanes - 1, lanes, 1000)]
    assert sizes == [1, 1, 3, lanes // 2, lanes, lanes]


@pytest.mark.parametrize(
    ("images", "sizes"),
    [
        (0, []),
        (1, [1]),
        (5, [3, 2]),
        (LANES, [LANES]),
        (LANES + 3, [LANES, 3]),
        (2 * LANES + 1, [LANES, LANES, 1]),
        (2 * LANES + 3, [1, LANES, LANES, 2]),
        (3 * LANES + 3, [LANES, LANES, LANES, 3]),
    ],
)
def test_blocks_are_as_much_work_from_both_ends(images: int, sizes: list[int]) -> None:
    blocks = blocks_of(images, np.dtype(np.float32))
    assert [block.stop - block.start for block in blocks] == sizes
    assert [i for block in blocks for i in range(block.start, block.stop)] == list(range(images))


def test_the_kernels_that_are_told(stages) -> None:
    lanes = VECTOR_BYTES // 4
    one, two = stages.conv(1, 2, 3, np.random.default_rng(0)), stages.conv(2, 3, 3, np.random.default_rng(0))
    stage = ImageVectorsStage(one)
    told = stage.kernels((lanes, 9, 9, 1), np.dtype(np.float32), input_gradient=False)
    assert [each.work for each in told] == ["forward", "dweight"]
    assert f"one image per lane, so a window's four places are registers ({lanes} images)" in told[0].because
    few = stage.kernels((1, 9, 9, 1), np.dtype(np.float32), input_gradient=True)
    assert [each.work for each in few] == ["forward", "dweight", "dx"]
    assert "fewer images than a vector has lanes" in few[0].because
    both = ImageVectorsStage(one, two).kernels((4, 9, 9, 1), np.dtype(np.float32), input_gradient=False)
    assert [each.work for each in both] == ["forward", "dweight", "dx"]  # of the second, for the first
    assert "all 2 maps" in both[1].because


@pytest.mark.skipif(AVX512, reason="not measured there")
def test_few_images_go_by_channels_if_these_fill_vectors(stages) -> None:
    stage = ImageVectorsStage(stages.conv(1, LANES, 3, np.random.default_rng(0)))
    for images, file in ((LANES - 1, "channel_vectors/direct.py"), (LANES, "image_vectors/forward.py")):
        told = stage.kernels((images, 9, 9, 1), np.dtype(np.float32), input_gradient=False)
        assert (told[0].work, told[0].kernel) == ("forward", file)
        assert [each.work for each in told] == ["forward", "dweight"]
    half = stage.kernels((1, 9, 9, 1), np.dtype(np.float64), input_gradient=False)  # which has half the lanes
    assert half[0].kernel == "channel_vectors/direct.py"
