"""The stage of channel vectors against the layers that it stands for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.kernels import choice
from nnscratch.kernels.vectors import AVX512
from nnscratch.stages import plan
from nnscratch.stages.channel_vectors import ChannelVectorsStage
from nnscratch.stages.one_call import MOST_IMAGES

# name -> (channels in and out, kernel size, options, image shape)
CASES = {
    "many channels": (17, 12, 3, {}, (9, 10, 17)),
    "no bias": (17, 4, 2, {"bias": False}, (6, 5, 17)),
    "padding": (2, 4, 3, {"padding": 1}, (7, 8, 2)),
    "large patches": (17, 33, 3, {"padding": 1}, (12, 12, 17)),  # of 37 images
}


@pytest.fixture(params=CASES.values(), ids=CASES)
def make_and_shape(request, stages):
    c_in, c_out, k, options, shape = request.param
    return lambda rng: stages.conv(c_in, c_out, k, rng, **options), shape


@pytest.mark.parametrize("images", [1, 2, 5, 37])
def test_the_same_numbers_as_the_layers(stages, make_and_shape, dtype_and_tolerance, images: int) -> None:
    make, shape = make_and_shape
    assert [type(stage) for stage in plan(make(np.random.default_rng(0)))] == [ChannelVectorsStage]
    stages.assert_same_numbers(make, shape, *dtype_and_tolerance, images)


def test_the_same_numbers_behind_another_stage(stages, dtype_and_tolerance) -> None:
    """Then dx may be written where x was."""
    stages.assert_same_numbers(
        lambda rng: stages.conv(17, 20, 3, rng) + stages.conv(20, 17, 2, rng), (14, 15, 17), *dtype_and_tolerance, 5
    )


def test_errors_are_those_of_the_layers(stages, make_and_shape) -> None:
    make, shape = make_and_shape
    stages.assert_same_errors(make, shape)


def test_strided_arrays_give_the_same_bits(stages, make_and_shape) -> None:
    stages.assert_same_bits_of_strided_arrays(*make_and_shape)


def test_gradients(stages, make_and_shape) -> None:
    make, shape = make_and_shape
    x = np.random.default_rng(1).standard_normal((2, *shape))
    errors = nn.gradient_check(stages.model(make), x)
    assert max(errors.values()) <= 1e-7, errors


def test_winograd_can_be_asked_for() -> None:
    x = np.random.default_rng(0).random((2, 12, 12, 16), dtype=np.float32)
    layers = nn.Conv2D(16, 40, 3, rng=0), nn.ReLU(), nn.MaxPool2D(2)
    results = [ChannelVectorsStage(*layers, winograd=winograd).forward(x, True) for winograd in (False, True, None)]
    assert (results[0] != results[1]).any()  # rounded in other places
    np.testing.assert_allclose(results[0], results[1], rtol=2e-5, atol=2e-5)
    np.testing.assert_array_equal(results[0], results[2])  # 50 windows: Winograd's does not pay
    inference = ChannelVectorsStage(*layers).forward(x, False)
    np.testing.assert_array_equal(inference, results[1])  # but where the transformed weights are kept


def test_no_more_images_than_in_one_call_have_large_patches() -> None:
    assert choice.MOST_IMAGES_OF_ONE_CALL == MOST_IMAGES
    for images in (MOST_IMAGES, MOST_IMAGES + 1):
        large = choice.large_patches((3, 3, 16, 32), (images, 24, 24, 32), np.dtype(np.float32))
        assert large == (images > MOST_IMAGES and AVX512)


@pytest.mark.parametrize("images", [33, 41])
def test_large_patches_give_the_same_bits_on_any_number_of_threads(stages, images: int) -> None:
    x = np.random.default_rng(1).standard_normal((images, 20, 20, 16)).astype(np.float32)
    results = []
    try:
        for threads in (1, 2, 3):
            nn.set_threads(threads)
            model = stages.model(lambda rng: stages.conv(16, 33, 3, rng, padding=1))
            results.append(model.forward(x))
    finally:
        nn.set_threads(None)
    for result in results[1:]:
        np.testing.assert_array_equal(result, results[0])


@pytest.mark.parametrize("c_out", [20, 32])  # dweight by run, and by channel
@pytest.mark.parametrize("images", [1, 9, 37])
def test_the_same_bits_on_any_number_of_threads(stages, c_out: int, images: int) -> None:
    rng = np.random.default_rng(1)
    x = rng.standard_normal((images, 48, 47, 3)).astype(np.float32)
    results = []
    try:
        for threads in (1, 2, 3, 4):
            nn.set_threads(threads)
            model = stages.model(lambda rng: stages.conv(3, c_out, 3, rng))
            y = model.forward(x, training=True)
            dx = model.backward(np.random.default_rng(2).standard_normal(y.shape).astype(np.float32), True)
            results.append([y, dx, *model.layers[0].grads.values()])
    finally:
        nn.set_threads(None)
    for result in results[1:]:
        for got, expected in zip(result, results[0], strict=True):
            np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("images", [1, 30])
@pytest.mark.parametrize("sizes", [(16, 40, 3), (3, 32, 3), (40, 20, 2)])
def test_the_kernels_that_are_told_are_those_that_run(
    images: int, sizes: tuple[int, int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernels' own questions to kernels/choice.py, and the answers they got."""
    answers: dict[str, bool] = {}
    rules = (choice.winograd, choice.weight_gradient_by_channel, choice.input_gradient_by_patch)
    for rule in rules:

        def ask(*arguments: Any, rule: Any = rule) -> bool:
            return answers.setdefault(rule.__name__, rule(*arguments))

        monkeypatch.setattr(choice, rule.__name__, ask)
    c_in, c_out, k = sizes
    stage = ChannelVectorsStage(nn.Conv2D(c_in, c_out, k, rng=0), nn.ReLU(), nn.MaxPool2D(2))
    x = np.random.default_rng(0).random((images, 12, 12, c_in), dtype=np.float32)
    stage.backward(stage.forward(x, training=True), input_gradient=True)
    ran = dict(answers)
    assert len(ran) == 3
    answers.clear()
    forward, dweight, dx = stage.kernels(x.shape, x.dtype, input_gradient=True)
    assert answers == ran
    assert forward.kernel == f"channel_vectors/{'winograd' if ran['winograd'] else 'direct'}.py"
    assert dweight.kernel.endswith("by channel" if ran["weight_gradient_by_channel"] else "by run")
    assert dx.kernel.endswith("by patch" if ran["input_gradient_by_patch"] else "place by place")
    assert [each.work for each in stage.kernels(x.shape, x.dtype, input_gradient=False)] == ["forward", "dweight"]


def test_what_it_was_told_is_no_rule() -> None:
    stage = ChannelVectorsStage(nn.Conv2D(1, 2, 3, rng=0), nn.ReLU(), nn.MaxPool2D(2), winograd=True)
    told = stage.kernels((2, 8, 8, 1), np.dtype(np.float32), input_gradient=False)[0]
    assert told == ("forward", "channel_vectors/winograd.py", "as it was told")
