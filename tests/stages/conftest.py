"""Stages beside the layers that they stand for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import nnscratch as nn

Make = Callable[[np.random.Generator], list[nn.Layer]]


class Stages:
    """What the tests of several stages do."""

    @staticmethod
    def conv(
        c_in: int, c_out: int, k: int, rng: np.random.Generator, pool: nn.Layer | None = None, **options: Any
    ) -> list[nn.Layer]:
        """Convolution, ReLU and 2x2 pooling, or another `pool`; biases that are not 0."""
        convolution = nn.Conv2D(c_in, c_out, k, bias_init="normal(0.1)", rng=rng, **options)
        return [convolution, nn.ReLU(), pool or nn.MaxPool2D(2)]

    @staticmethod
    def model(make: Make, fuse: bool = True, dtype: Any = np.float32) -> nn.Sequential:
        layers = (layer.astype(dtype) for layer in make(np.random.default_rng(0)))
        return nn.Sequential(*layers, fuse=fuse)

    @classmethod
    def assert_same_numbers(cls, make: Make, shape: tuple[int, ...], dtype: Any, tolerance: float, images: int) -> None:
        """Outputs and gradients of steps, with a smaller batch in between, against the layers in
        turn.
        """
        fused, layers = cls.model(make, True, dtype), cls.model(make, False, dtype)
        rng = np.random.default_rng(1)

        def close(a: np.ndarray | None, b: np.ndarray | None) -> None:
            assert a is not None
            assert b is not None
            assert a.dtype == dtype
            np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance * np.abs(b).max(initial=1e-30))

        for count in (images, max(1, images - 3), images):
            x = rng.standard_normal((count, *shape)).astype(dtype)
            y = fused.forward(x, training=True)
            close(y, layers.forward(x, training=True))
            fused.forward(2 * x)  # a prediction does not disturb the step
            dy = rng.standard_normal(y.shape).astype(dtype)
            close(fused.backward(dy, input_gradient=True), layers.backward(dy, input_gradient=True))
            for a, b in zip(fused.layers, layers.layers, strict=True):
                assert set(a.grads) == set(a.params)
                for name in a.params:
                    close(a.grads[name], b.grads[name])
            close(fused.forward(x), layers.forward(x))

    @classmethod
    def assert_same_errors(cls, make: Make, shape: tuple[int, ...]) -> None:
        """The messages for wrong x, wrong dy and backward without forward are those of the layers,
        word for word.
        """
        fused, layers = cls.model(make), cls.model(make, fuse=False)
        x = np.ones((2, *shape), np.float32)
        not_finite = np.where(x == 1, np.float32(np.nan), x)
        for wrong in (x[..., :0], x[:, :0], x[0], x.astype(np.float64), not_finite):
            assert cls.error(fused, "forward", wrong) == cls.error(layers, "forward", wrong)
        y = fused.forward(x, training=True)
        layers.forward(x, training=True)
        assert cls.error(fused, "backward", y[:1]) == cls.error(layers, "backward", y[:1])
        for fuse in (True, False):
            with pytest.raises(RuntimeError, match=r"call forward"):
                cls.model(make, fuse).backward(y)

    @staticmethod
    def error(model: nn.Sequential, method: str, array: np.ndarray) -> str:
        with pytest.raises(ValueError, match="expected") as raised:
            getattr(model, method)(array)
        return str(raised.value)

    @classmethod
    def assert_same_bits_of_strided_arrays(cls, make: Make, shape: tuple[int, ...]) -> None:
        """x and dy that are not contiguous; and without an input gradient there is none."""
        model = cls.model(make)
        x = np.random.default_rng(1).standard_normal((6, *shape)).astype(np.float32)
        y = model.forward(x, training=True)
        assert model.backward(np.ones_like(y)) is None
        expected = {key: grad.copy() for key, grad in model.layers[0].grads.items()}
        strided = np.repeat(np.repeat(x, 2, axis=0), 2, axis=2)[::2, :, ::2]
        assert not strided.flags.c_contiguous
        np.testing.assert_array_equal(model.forward(strided, training=True), y)
        model.backward(np.asfortranarray(np.ones_like(y)))
        for key, grad in expected.items():
            np.testing.assert_array_equal(model.layers[0].grads[key], grad)


@pytest.fixture(scope="session")
def stages() -> type[Stages]:
    return Stages


@pytest.fixture(params=[(np.float64, 1e-12), (np.float32, 1e-5)], ids=["float64", "float32"])
def dtype_and_tolerance(request: pytest.FixtureRequest) -> tuple[Any, float]:
    return request.param


@pytest.fixture
def two_threads() -> Iterator[None]:
    nn.set_threads(2)
    yield
    nn.set_threads(None)
