"""What the layers and the loss without a mask write."""

from __future__ import annotations

import numpy as np

from nnscratch.gradient_check.broken_rules.masks import (
    ForgottenDropoutMask,
    ForgottenLabelMask,
    ForgottenReLUMask,
    MissingScale,
)

DY = np.array([[1.0, 2.0, 3.0, 4.0]])


def test_relu_passes_everything() -> None:
    layer = ForgottenReLUMask()
    layer.forward(np.array([[-1.0, 0.0, 1.0, 2.0]]), training=True)
    np.testing.assert_array_equal(layer.backward(DY), DY)


def test_dropout_passes_everything() -> None:
    layer = ForgottenDropoutMask(0.5, rng=0)
    y = layer.forward(np.ones((1, 4)), training=True)
    assert (y == 0).any()
    np.testing.assert_array_equal(layer.backward(DY), DY)


def test_dropout_passes_what_was_kept_without_the_scale() -> None:
    layer = MissingScale(0.5, rng=0)
    y = layer.forward(np.ones((1, 4)), training=True)
    assert set(y.ravel().tolist()) == {0.0, 2.0}
    np.testing.assert_array_equal(layer.backward(DY), DY * (y > 0))


def test_a_missing_label_has_the_gradient_of_the_label_0() -> None:
    loss = ForgottenLabelMask()
    prediction, target = np.array([[3.0, 5.0, 1.0]]), np.array([[2.0, np.nan, np.nan]])
    assert loss.forward(prediction, target) == 1.0
    np.testing.assert_allclose(loss.backward(), [[2.0, 10.0, 2.0]])
    assert loss.forward(prediction, np.full_like(target, np.nan)) == 0.0
    assert np.isfinite(loss.backward()).all()
