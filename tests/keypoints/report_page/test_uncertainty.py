"""How far the answers of one predictor are from each other."""

from __future__ import annotations

import numpy as np
import pytest

from nnscratch.keypoints.predictors import SingleNetwork
from nnscratch.keypoints.report_page.uncertainty import disagreement
from tests.keypoints.report_page.made_runs import ALL, cascade, network


def test_a_network_that_answers_alike_for_a_mirror_image_has_none() -> None:
    model = network()
    model.layers[-1].params["weight"][:] = 0
    model.layers[-1].params["bias"][:] = np.tile([0.02, 0.3], 15)  # a shift alone
    found = disagreement(SingleNetwork(model), ALL.images[:4])
    assert found is not None
    size, what = found
    assert size == pytest.approx(0, abs=1e-4)
    assert "mirror image" in what
    model.layers[-1].params["bias"][0] = 1.0  # the left eye alone is elsewhere
    found = disagreement(SingleNetwork(model), ALL.images[:4])
    assert found is not None
    assert (found[0] > 5).all()


def test_a_cascade_is_asked_by_levels() -> None:
    one = cascade()
    one.levels[0].networks[0].layers[-1].params["bias"][:] = 0.5
    found = disagreement(one, ALL.images[:3])
    assert found is not None
    levels = one.predict_levels(ALL.images[:3])
    np.testing.assert_allclose(found[0], np.sqrt(np.square(levels[1] - levels[0]).mean(axis=(1, 2))))
    assert (found[0] > 0).all()


def test_other_predictors_are_not_asked() -> None:
    class Constant:
        def predict_points(self, images: np.ndarray) -> np.ndarray:
            return np.zeros((len(images), 15, 2), np.float32)

        def save(self, folder: object) -> list[str]:
            return []

    assert disagreement(Constant(), ALL.images) is None
