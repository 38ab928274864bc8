"""Active units of dense layers and of maps."""

from __future__ import annotations

import numpy as np

from nnscratch.diagnosis.activity import active_units, silent_share


def test_a_map_is_one_unit() -> None:
    h = np.zeros((3, 4, 4, 5))
    h[1, 2, 3, 0] = 0.1  # one position of one image is enough
    h[..., 4] = 7.0
    assert active_units(h).tolist() == [True, False, False, False, True]
    assert silent_share(h) == 3 / 5


def test_below_0_is_silent() -> None:
    assert silent_share(np.array([[-1.0, 0.0, 2.0, 0.0]])) == 3 / 4
