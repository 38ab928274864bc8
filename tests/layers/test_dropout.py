from __future__ import annotations

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.kernels import loops
from nnscratch.layers.dropout import masks_for


@pytest.mark.parametrize("p", [0.0, 0.2, 0.5, 0.9])
def test_share_and_mean(p: float) -> None:
    y = nn.Dropout(p, rng=0).forward(np.ones((400, 500)), training=True)
    # The share of 200,000 draws has a standard deviation of at most 0.0011, the mean of at most
    # 0.0067.
    assert np.mean(y == 0) == pytest.approx(p, abs=0.006)
    assert y.mean() == pytest.approx(1.0, abs=0.035)
    assert set(np.unique(y)) <= {0.0, 1 / (1 - p)}


def test_equal_to_the_loops_forward_and_backward() -> None:
    x, layer = np.random.default_rng(0).standard_normal((3, 4)), nn.Dropout(0.3, rng=5)
    mask = np.random.default_rng(5).random(x.shape, dtype=np.float32) >= 0.3
    np.testing.assert_allclose(layer.forward(x, training=True), loops.dropout_forward(x, mask, 0.3), rtol=1e-12)
    np.testing.assert_allclose(layer.backward(x), loops.dropout_forward(x, mask, 0.3), rtol=1e-12)


def test_a_new_mask_each_time_and_the_same_from_the_same_seed() -> None:
    x = np.ones((4, 50))
    layer, twin = nn.Dropout(0.5, rng=1), nn.Dropout(0.5, rng=1)
    first, second = layer.forward(x, training=True), layer.forward(x, training=True)
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(twin.forward(x, training=True), first)


def test_nothing_is_dropped_outside_training() -> None:
    x = np.random.default_rng(0).standard_normal((3, 4))
    np.testing.assert_array_equal(nn.Dropout(0.9, rng=0).forward(x), x)


@pytest.mark.parametrize("p", [-0.1, 1.0, 50, float("nan"), "0.5", None, True])
def test_wrong_p(p: object) -> None:
    with pytest.raises(
        ValueError, match="Dropout: got p=.*, expected a finite number >= 0 and < 1; it is the share to drop"
    ):
        nn.Dropout(p)  # type: ignore[arg-type]


@pytest.mark.parametrize("fuse", [True, False])
def test_a_share_of_a_batch_has_the_masks_of_its_rows(fuse: bool) -> None:
    def network() -> nn.Sequential:
        return nn.Sequential(
            nn.Dropout(0.3, rng=1), nn.Dense(3, 9, rng=0), nn.ReLU(), nn.Dropout(0.5, rng=2), fuse=fuse
        )

    x = np.random.default_rng(0).standard_normal((7, 3)).astype(np.float32)
    whole, part = network(), network()
    for _ in range(2):  # the random numbers stay together, too
        y = whole.forward(x, training=True)
        with masks_for(slice(2, 5), 7):
            own = part.forward(x[2:5], training=True)
        np.testing.assert_array_equal(own == 0, y[2:5] == 0)
        np.testing.assert_allclose(own, y[2:5], rtol=1e-6)
    y = whole.forward(x, training=True)  # behind the block, all rows again
    np.testing.assert_array_equal(part.forward(x, training=True), y)
