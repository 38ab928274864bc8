"""What scikit-learn asks of every estimator."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sklearn.utils.estimator_checks import parametrize_with_checks

from nnscratch.sklearn import NetworkClassifier, NetworkRegressor

# Small, so that the many trainings of these checks take seconds.
SMALL = {"lr": 0.02, "epochs": 20}


@parametrize_with_checks([NetworkRegressor((8,), **SMALL), NetworkClassifier((8,), **SMALL)])
def test_scikit_learn_takes_it(estimator: Any, check: Callable[[Any], None]) -> None:
    check(estimator)
