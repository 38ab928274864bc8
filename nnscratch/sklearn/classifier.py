"""NetworkClassifier: a network that predicts one of several classes."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils import column_or_1d
from sklearn.utils.multiclass import check_classification_targets

from nnscratch.losses import SoftmaxCrossEntropy, softmax
from nnscratch.sklearn.estimator import NetworkEstimator


class NetworkClassifier(ClassifierMixin, NetworkEstimator):
    """A network that predicts one of several classes, as scikit-learn's estimators do.

    It minimises `SoftmaxCrossEntropy`; the last layer has an output for each class.

    Arguments
        all : as those of `NetworkRegressor`, without `loss`, `scale_targets` and `missing_targets`;
            validation rows have the classes in the shares that all rows have them

    Attributes
        classes_ : (C,) the classes, in order
        others : as those of `NetworkRegressor`

    Raises
        ValueError : as `NetworkRegressor`; targets that are no classes
        sklearn.exceptions.NotFittedError : `predict` before `fit`

    >>> from sklearn.datasets import load_iris
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> X, y = load_iris(return_X_y=True)
    >>> network = NetworkClassifier((16,), lr=0.01, epochs=50, random_state=0)
    >>> model = make_pipeline(StandardScaler(), network)
    >>> model.fit(X, y).score(X, y) > 0.95
    True
    """

    classes_: np.ndarray

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Trains on all rows; with `warm_start`, goes on with the network that is there.

        X : (N, n_features), numbers;  y : (N,), classes: numbers or texts
        sample_weight : (N,), >= 0: how much each row counts; 0 leaves it out. None: alike
        """
        return self._fit(X, y, sample_weight, None, goes_on=self._goes_on())

    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Self:
        """One epoch on these rows, with the network and the optimizer that are there.

        classes : all classes that will come; the first call needs them if these rows lack some
        X, y, sample_weight : as for `fit`
        """
        return self._fit(X, y, sample_weight, classes, goes_on=self.__sklearn_is_fitted__(), one_epoch=True)

    def predict_proba(self, X: Any) -> np.ndarray:
        """The probability of each class, (N, C) float64, in the order of `classes_`: softmax.

        p[n,c] = exp(z[n,c]) / sum over k of exp(z[n,k]),   z the outputs of the network
        """
        return softmax(self._outputs(X).astype(np.float64))

    def predict(self, X: Any) -> np.ndarray:
        """The most probable class of each row, (N,)."""
        outputs = self._outputs(X)
        return self.classes_[outputs.argmax(axis=1)]

    def _fit(self, X: Any, y: Any, sample_weight: Any, classes: Any, *, goes_on: bool, one_epoch: bool = False) -> Self:
        X, y, weights = self._rows(X, y, sample_weight, goes_on=goes_on, dtype=None)
        y = column_or_1d(y, warn=True)
        check_classification_targets(y)
        found = np.unique(y if classes is None else classes)
        if goes_on and classes is None:
            found = self.classes_
        unknown = np.setdiff1d(y, found)
        if len(unknown) or (goes_on and not np.array_equal(found, self.classes_)):
            expected = self.classes_ if goes_on else found
            raise ValueError(
                f"{self._name}: got the classes {np.union1d(found, y).tolist()}, expected those of the first rows or "
                f"of classes=..., {expected.tolist()}; pass all classes to the first partial_fit, or fit anew"
            )
        codes = np.searchsorted(found, y)
        self._train(
            X, codes, weights, SoftmaxCrossEntropy(), len(found), goes_on=goes_on, one_epoch=one_epoch, classes=codes
        )
        self.classes_ = found
        return self._ended()
