"""Two convolutions in one call, against the same two one after the other."""

from __future__ import annotations

import numpy as np
import pytest

from nnscratch.kernels.image_vectors import chain
from nnscratch.kernels.image_vectors.chain import (
    chain_backward,
    chain_forward,
    input_map,
    output_map,
    weight_and_bias,
)

IMAGES = 5
# 9 x 8 x 2 -> convolution 2x3 to 3 channels, pooled: 4 x 3 x 3 -> convolution 3x2 to 4 channels,
# pooled: 1 x 1 x 4
RECORDS = [
    {"height": 9, "width": 8, "c_in": 2, "k_h": 2, "k_w": 3, "c_out": 3, "h_pooled": 4, "w_pooled": 3,
     "x_at": 0, "y_at": 720, "weight_at": 0, "bias_at": 36},
    {"height": 4, "width": 3, "c_in": 3, "k_h": 3, "k_w": 2, "c_out": 4, "h_pooled": 1, "w_pooled": 1,
     "x_at": 720, "y_at": 928, "weight_at": 39, "bias_at": 111},
]  # fmt: skip
SIZE = 928 + 4 * IMAGES  # 720 + 4*3*3*5 = 900, and a gap up to 928


@pytest.fixture
def geometry() -> np.ndarray:
    geometry = np.empty((len(RECORDS), chain.COLUMNS), np.int64)
    for row, record in zip(geometry, RECORDS, strict=True):
        for name, value in record.items():
            row[getattr(chain, name.upper())] = value
    return geometry


def test_views_of_the_long_arrays(geometry) -> None:
    maps, parameters = np.arange(SIZE), np.arange(115)
    first, second = geometry
    assert input_map(maps, first, IMAGES).shape == (2, 9, 8 * IMAGES)
    assert output_map(maps, first, IMAGES).shape == (3, 4, 3 * IMAGES)
    np.testing.assert_array_equal(output_map(maps, first, IMAGES), input_map(maps, second, IMAGES))
    assert output_map(maps, second, IMAGES).ravel().tolist() == list(range(928, 948))
    weight, bias = weight_and_bias(parameters, second)
    assert (weight.shape, weight[0, 0, 0, 0], bias.tolist()) == ((3, 2, 3, 4), 39, [111, 112, 113, 114])


@pytest.mark.parametrize("input_gradient", [False, True])
def test_equal_to_one_convolution_after_the_other(conv_relu_pool, kernels, geometry, input_gradient: bool) -> None:
    rng = np.random.default_rng(0)
    x, parameters = rng.standard_normal((IMAGES, 9, 8, 2)), rng.standard_normal(115)
    (weight_1, bias_1), (weight_2, bias_2) = (weight_and_bias(parameters, conv) for conv in geometry)
    z_1, middle, _ = conv_relu_pool.forward(x, weight_1, bias_1)
    z_2, y, _ = conv_relu_pool.forward(middle, weight_2, bias_2)
    dy = rng.standard_normal(y.shape)
    dmiddle, dweight_2, dbias_2 = conv_relu_pool.backward(middle, weight_2, z_2, dy)
    dx, dweight_1, dbias_1 = conv_relu_pool.backward(x, weight_1, z_1, dmiddle)

    maps, argmax, gradients = np.full(SIZE, np.nan), np.full(SIZE, 77, np.uint8), np.full(SIZE, 9.0)
    input_map(maps, geometry[0], IMAGES)[:] = kernels.to_block(x)
    chain_forward(IMAGES, geometry, parameters, maps, argmax)
    got_y = kernels.from_block(output_map(maps, geometry[1], IMAGES), IMAGES)
    np.testing.assert_allclose(got_y, y, rtol=1e-12, atol=1e-12)

    output_map(gradients, geometry[1], IMAGES)[:] = kernels.to_block(dy)
    dparameters = np.full(115, np.nan)
    chain_backward(IMAGES, geometry, parameters, maps, argmax, gradients, dparameters, input_gradient)
    expected = np.concatenate([part.ravel() for part in (dweight_1, dbias_1, dweight_2, dbias_2)])
    np.testing.assert_allclose(dparameters, expected, rtol=1e-12, atol=1e-12)
    got_dx = kernels.from_block(input_map(gradients, geometry[0], IMAGES), IMAGES)
    if input_gradient:
        np.testing.assert_allclose(got_dx, dx, rtol=1e-12, atol=1e-12)
    else:
        assert (got_dx == 9).all()  # not computed


@pytest.mark.parametrize("parts", [2, 3, 7])
@pytest.mark.parametrize("images", [1, IMAGES, 16])
def test_the_parts_of_a_convolution_are_the_whole_bit_by_bit(images: int, parts: int) -> None:
    """H 19, W 14, C 3; 3 x 4 to 6 channels, pooled: 8 x 5"""
    size, y_at, numbers = (3 * 19 * 14 + 6 * 8 * 5) * images, 3 * 19 * 14 * images, 3 * 4 * 3 * 6
    conv = np.array([19, 14, 3, 3, 4, 6, 8, 5, 0, y_at, 0, numbers], np.int64)
    rng = np.random.default_rng(images)
    parameters, dy = (rng.standard_normal(n).astype(np.float32) for n in (numbers + 6, size - y_at))
    whole, cut = [], []
    for results, count in ((whole, 1), (cut, parts)):
        maps, argmax = np.full(size, np.nan, np.float32), np.full(size, 77, np.uint8)
        maps[:y_at] = np.random.default_rng(0).standard_normal(y_at)
        gradients, dparameters = np.full(size, 9, np.float32), np.full(numbers + 6, 9, np.float32)
        gradients[y_at:] = dy
        for part in range(count):
            chain_forward(images, conv[np.newaxis], parameters, maps, argmax, part, count)
        for part in range(count):
            chain.weight_gradient(images, conv, maps, argmax, gradients, dparameters, part, count)
            chain.map_gradient(images, conv, parameters, argmax, gradients, part, count)
        results += [maps, argmax, gradients, dparameters]
    for a, b in zip(whole, cut, strict=True):
        np.testing.assert_array_equal(a, b)
    assert (whole[3] != 9).all()
