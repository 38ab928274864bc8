"""NetworkRegressor: a network that predicts numbers."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any, Self

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.metrics import r2_score
from sklearn.utils import check_array, check_consistent_length

from nnscratch.checks import flag
from nnscratch.losses import Loss, MSELoss
from nnscratch.optimizers.base import Optimizer
from nnscratch.sklearn.estimator import Builder, NetworkEstimator
from nnscratch.sklearn.targets import TargetScale


class NetworkRegressor(RegressorMixin, NetworkEstimator):
    """A network that predicts one or several numbers, as scikit-learn's estimators do.

    It minimises the mean squared error. Columns of X are taken as they are: put a StandardScaler
    before it. Columns of y are learnt in units of their own spread, and all count alike.

    Arguments
        hidden_layers : (default (100,)) the layers before the last one, a Dense layer that follows
            by itself. Each is a number of units, which are followed by `activation` and `dropout`;
            a name, "ReLU"; or a name and its arguments, ("Conv2D", {"c_out": 8, "kernel_size": 3}).
            n_in and c_in follow from the layer before
        activation : (default "relu") or "leaky_relu", "sigmoid", "tanh", "identity"
        dropout : share of the units of each number in `hidden_layers` to drop (default 0.0)
        builder : (input_shape, n_outputs, rng) -> Sequential, in place of the three above. A
            function of a module can be pickled, a lambda cannot. None: the three above
        input_shape : of one x, such as (96, 96, 1) for images: X is then (N, 96 * 96), an image a
            row, pixel after pixel. None: (n_features,)
        optimizer : (default "adam") or "sgd", or a function (model, lr=..., weight_decay=...)
        lr : learning rate, or a schedule of `nnscratch.schedules` (default 0.001)
        momentum : of "sgd" (default 0.9)
        weight_decay : as the optimizer's (default 0.0)
        batch_size : rows per step (default 128)
        epochs : at most so many times through all rows (default 200)
        patience : epochs without a better score after which it stops; None: never
        validation_fraction : share of the rows, drawn at random, that are not learnt from but give
            the score of each epoch. 0: the score is the training loss (default 0.0)
        average : decay of averaged weights, such as 0.998 (WeightAverage); None: none
        clip_norm : largest norm of a gradient; None: any
        time_limit : seconds; None: any
        warm_start : whether a second `fit` goes on with the network of the first (default False)
        dtype : in which the network computes: "float32", which is faster, or "float64". None: that
            of X, or what `builder` makes
        n_threads : that kernels use. None: what the process may use (`nnscratch.get_threads`),
            shared with the other estimators that work in it at that moment. No bit depends on it
        random_state : int, RandomState, Generator, or None for another network in each `fit`
        verbose : whether a progress bar is shown on stderr (default False)
        loss : a Loss, of targets in units of their spread; None: MSELoss()
        scale_targets : whether each column of y is learnt as (y - mean) / standard deviation, and
            predictions are turned back; otherwise as it is (default True)
        missing_targets : whether y may hold NaN where a target is missing: nothing is learnt from
            it. scikit-learn's own scorers refuse NaN; `score` leaves it out (default False)

    Attributes
        model_ : the trained Sequential, which predicts in units of `target_scale_`
        target_scale_ : TargetScale, the mean and the spread of each column of y
        history_ : History of the last training;  loss_curve_ : list, the loss of every epoch
        n_iter_ : epochs so far;  n_outputs_ : columns of y
        n_features_in_ : columns of X;  feature_names_in_ : their names, if X was a DataFrame

    Weights of rows
        A row of weight 2 counts as if it stood there twice, exactly so as long as all rows fit into
        one batch and none are held out: otherwise they are drawn into other batches.

    How it ends
        The weights of the epoch with the best score stay. A training that diverges warns
        (ConvergenceWarning). Ctrl-C is raised when the weights are there, so that a search ends.

    Raises
        ValueError : an argument out of its range, layers that do not fit, wrong X or y
        sklearn.exceptions.NotFittedError : `predict` before `fit`

    >>> from sklearn.model_selection import GridSearchCV
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> rng = np.random.default_rng(0)
    >>> X = rng.uniform(0, 10, (200, 2))
    >>> y = 1000 + X[:, 0] * X[:, 1]
    >>> network = NetworkRegressor(lr=0.01, epochs=50, random_state=0)
    >>> model = make_pipeline(StandardScaler(), network)
    >>> search = GridSearchCV(model, {"networkregressor__hidden_layers": [(), (20,)]}, cv=2)
    >>> search.fit(X, y).best_params_
    {'networkregressor__hidden_layers': (20,)}
    >>> search.score(X, y) > 0.95
    True
    """

    target_scale_: TargetScale

    def __init__(
        self,
        hidden_layers: Any = (100,),
        *,
        activation: str = "relu",
        dropout: float = 0.0,
        builder: Builder | None = None,
        input_shape: tuple[int, ...] | None = None,
        optimizer: str | Callable[..., Optimizer] = "adam",
        lr: float | Callable[[float], float] = 0.001,
        momentum: float = 0.9,
        weight_decay: float = 0.0,
        batch_size: int = 128,
        epochs: int = 200,
        patience: int | None = None,
        validation_fraction: float = 0.0,
        average: float | None = None,
        clip_norm: float | None = None,
        time_limit: float | None = None,
        warm_start: bool = False,
        dtype: Any = None,
        n_threads: int | None = None,
        random_state: Any = None,
        verbose: bool = False,
        loss: Loss | None = None,
        scale_targets: bool = True,
        missing_targets: bool = False,
    ) -> None:
        super().__init__(
            hidden_layers,
            activation=activation,
            dropout=dropout,
            builder=builder,
            input_shape=input_shape,
            optimizer=optimizer,
            lr=lr,
            momentum=momentum,
            weight_decay=weight_decay,
            batch_size=batch_size,
            epochs=epochs,
            patience=patience,
            validation_fraction=validation_fraction,
            average=average,
            clip_norm=clip_norm,
            time_limit=time_limit,
            warm_start=warm_start,
            dtype=dtype,
            n_threads=n_threads,
            random_state=random_state,
            verbose=verbose,
        )
        self.loss = loss
        self.scale_targets = scale_targets
        self.missing_targets = missing_targets

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Trains on all rows; with `warm_start`, goes on with the network that is there.

        X : (N, n_features), numbers;  y : (N,) or (N, n_outputs), numbers
        sample_weight : (N,), >= 0: how much each row counts; 0 leaves it out. None: alike
        """
        return self._fit(X, y, sample_weight, goes_on=self._goes_on())

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """One epoch on these rows, with the network and the optimizer that are there.

        The first call makes them, and sets the scale of the targets. `epochs`, `patience`,
        `validation_fraction`, `average` and `time_limit` play no part, and a schedule stays at its
        beginning.

        X, y, sample_weight : as for `fit`
        """
        return self._fit(X, y, sample_weight, goes_on=self.__sklearn_is_fitted__(), one_epoch=True)

    def predict(self, X: Any) -> np.ndarray:
        """The numbers that belong to X, (N, n_features): (N,) or (N, n_outputs) as y was."""
        outputs = self._outputs(X)
        y = self.target_scale_.unscaled(outputs)
        return y[:, 0] if self._one_column else y

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """R², the share of what differs between the targets that is explained; 1 is the best.

            R² = 1 - sum of w * (y - prediction)^2 / sum of w * (y - mean of y)^2

        The mean of several columns. With `missing_targets`, over the targets that are there; a
        column with fewer than two is left out.

        Raises
            ValueError : no column has two targets
        """
        y = check_array(y, ensure_2d=False, dtype=np.float64, ensure_all_finite=self._finite, input_name="y")
        prediction = self.predict(X)
        check_consistent_length(prediction, y, sample_weight)
        if not np.isnan(y).any():
            return float(r2_score(y, prediction, sample_weight=sample_weight))
        known = ~np.isnan(y).reshape(len(y), -1)
        columns = [(y.reshape(len(y), -1)[rows, k], prediction.reshape(len(y), -1)[rows, k], rows)
                   for k, rows in enumerate(known.T) if rows.sum() > 1]  # fmt: skip
        if not columns:
            raise ValueError(f"{self._name}.score: got no column of y with two targets, expected one; score more rows")
        weights = None if sample_weight is None else np.asarray(sample_weight, np.float64)
        scores = [r2_score(a, b, sample_weight=None if weights is None else weights[rows]) for a, b, rows in columns]
        return float(np.mean(scores))

    @property
    def _finite(self) -> bool | str:
        """What check_array is told: whether y may hold NaN."""
        return "allow-nan" if flag(self._name, "missing_targets", self.missing_targets) else True

    def _fit(self, X: Any, y: Any, sample_weight: Any, *, goes_on: bool, one_epoch: bool = False) -> Self:
        X, y, weights = self._rows(
            X, y, sample_weight, goes_on=goes_on, dtype=np.float64, ensure_all_finite=self._finite
        )
        one_column, y = y.ndim == 1, y.reshape(len(y), -1)
        labelled = ~np.isnan(y).all(axis=1)
        if not labelled.all():  # from a row without any target nothing is learnt
            X, y, weights = X[labelled], y[labelled], None if weights is None else weights[labelled]
        if goes_on and y.shape[1] != self.n_outputs_:
            raise ValueError(
                f"{self._name}: got y of {y.shape[1]} columns, expected {self.n_outputs_} as before; fit a new one"
            )
        scale = self.target_scale_ if goes_on else self._scale(y, weights)
        loss = MSELoss() if self.loss is None else copy.deepcopy(self.loss)
        self._train(X, scale.scaled(y), weights, loss, y.shape[1], goes_on=goes_on, one_epoch=one_epoch)
        self.target_scale_, self._one_column = scale, one_column
        return self._ended()

    def _scale(self, y: np.ndarray, weights: np.ndarray | None) -> TargetScale:
        if not flag(self._name, "scale_targets", self.scale_targets):
            return TargetScale.none(y.shape[1])
        return TargetScale.of(self._name, y, weights)
