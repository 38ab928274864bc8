"""What regressor and classifier share: parameters, one training, warm starts, threads."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.utils import check_array, check_consistent_length, check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from nnscratch.checks import flag, floating, fraction, whole_number
from nnscratch.history import History, Outcome
from nnscratch.kernels.thread_shares import share_of_threads
from nnscratch.layers.gradients import Gradients
from nnscratch.losses.base import Loss, checked_weights
from nnscratch.model import Sequential
from nnscratch.optimizers import SGD, Adam
from nnscratch.optimizers.base import Optimizer
from nnscratch.sklearn.layers import network, shape_of_input
from nnscratch.training import Trainer

Builder = Callable[[tuple[int, ...], int, np.random.Generator], Sequential]
_FLOATS = (np.float64, np.float32)


class NetworkEstimator(BaseEstimator):
    """A network with scikit-learn's methods. Subclasses say what they predict: see their arguments.

    Attributes
        model_ : the trained Sequential
        history_ : of the last training;  loss_curve_ : list, the loss of every epoch so far
        n_iter_ : epochs so far;  n_outputs_ : of the network
        n_features_in_, feature_names_in_ : of X
    """

    model_: Sequential
    history_: History
    loss_curve_: list[float]
    n_iter_: int
    n_outputs_: int
    n_features_in_: int
    _rng: np.random.Generator  # draws the order of the rows, from one `fit` to the next that goes on
    _optimizer: Optimizer | None  # kept only where another `fit` may go on

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
    ) -> None:
        self.hidden_layers = hidden_layers
        self.activation = activation
        self.dropout = dropout
        self.builder = builder
        self.input_shape = input_shape
        self.optimizer = optimizer
        self.lr = lr
        self.momentum = momentum
        self.weight_decay = weight_decay
        self.batch_size = batch_size
        self.epochs = epochs
        self.patience = patience
        self.validation_fraction = validation_fraction
        self.average = average
        self.clip_norm = clip_norm
        self.time_limit = time_limit
        self.warm_start = warm_start
        self.dtype = dtype
        self.n_threads = n_threads
        self.random_state = random_state
        self.verbose = verbose

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "model_")

    @property
    def _name(self) -> str:
        return type(self).__name__

    def _goes_on(self) -> bool:
        """Whether `fit` goes on with the network that is there."""
        return flag(self._name, "warm_start", self.warm_start) and self.__sklearn_is_fitted__()

    def _rows(
        self, X: Any, y: Any, sample_weight: Any, *, goes_on: bool, **y_checks: Any
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        """X (N, n_features), y (N, ...), weights (N,) or None: checked, no row of weight 0."""
        checks = {"dtype": _FLOATS}, {"ensure_2d": False, **y_checks}
        X, y = validate_data(self, X, y, reset=not goes_on, validate_separately=checks)
        check_consistent_length(X, y)
        if sample_weight is None:
            return X, y, None
        weights = np.asarray(check_array(sample_weight, ensure_2d=False, dtype=np.float64, input_name="sample_weight"))
        weights = checked_weights(f"{self._name}.fit", weights, len(X))
        if not weights.any():
            raise ValueError(
                f"{self._name}.fit: got a sample_weight of zero for each row, expected a row that counts; look at how "
                "they were made"
            )
        counts = weights > 0
        return (X, y, weights) if counts.all() else (X[counts], y[counts], weights[counts])

    def _train(
        self,
        X: np.ndarray,
        y: np.ndarray,
        weights: np.ndarray | None,
        loss: Loss,
        n_outputs: int,
        *,
        goes_on: bool,
        one_epoch: bool = False,
        classes: np.ndarray | None = None,
    ) -> None:
        """Trains a new network, or goes on with the one that is there, and keeps what came of it.

        one_epoch : as `partial_fit` does: no schedule, no validation, the last weights stay
        classes : (N,) of the rows, of which validation rows shall have alike; None: no classes
        """
        drawn, rows_rng = _streams(self.random_state)
        model = self.model_ if goes_on else self._network(X, n_outputs, drawn)
        rng = self._rng if goes_on else rows_rng
        dtype = model.parameters()[0].dtype
        x, y = self._inputs(X, dtype), y if y.dtype.kind in "iu" else y.astype(dtype, copy=False)
        optimizer = self._optimizer_of(model, getattr(self, "_optimizer", None) if goes_on else None)
        choices: dict[str, Any] = {"clip_norm": self.clip_norm, "progress": flag(self._name, "verbose", self.verbose)}
        of_fit: dict[str, Any] = {"epochs": self.epochs, "patience": self.patience, "time_limit": self.time_limit}
        if one_epoch:
            of_fit = {"epochs": 1, "keep_best": False}
        else:
            choices |= {"average": self.average, "lr": self.lr if callable(self.lr) else None}
            if (split := self._split(len(x), classes, rng)) is not None:
                learnt, held_out = split
                of_fit["validation"] = (x[held_out], y[held_out])
                x, y, weights = x[learnt], y[learnt], None if weights is None else weights[learnt]
        with self._threads():
            trainer = Trainer(model, loss, optimizer, batch_size=self.batch_size, seed=rng, **choices)
            history = trainer.fit(x, y, sample_weight=weights, **of_fit)
        for layer in model.layers:
            layer.grads = Gradients()  # as large as the weights, and of no use in a copy or a file
        keeps = one_epoch or self.warm_start
        self.model_, self._rng, self._optimizer, self.history_ = model, rng, optimizer if keeps else None, history
        self.n_outputs_ = n_outputs
        self.loss_curve_ = (self.loss_curve_ if goes_on else []) + history.columns["loss"]
        self.n_iter_ = len(self.loss_curve_)

    def _ended(self) -> Self:
        """Tells how a training ended that went wrong; this estimator has all its attributes by now.

        Raises
            KeyboardInterrupt : it was interrupted: a search ends with it
        """
        outcome = self.history_.outcome
        if outcome is Outcome.DIVERGED:
            warnings.warn(f"{self._name}: {self.history_.stopped}", ConvergenceWarning, stacklevel=4)
        if outcome is Outcome.INTERRUPTED:
            raise KeyboardInterrupt
        return self

    def _network(self, X: np.ndarray, n_outputs: int, rng: np.random.Generator) -> Sequential:
        shape = shape_of_input(self._name, self.input_shape, X.shape[1])
        dtype = None if self.dtype is None else floating(self._name, self.dtype)
        if self.builder is None:
            layers: dict[str, Any] = {"activation": self.activation, "dropout": self.dropout, "rng": rng}
            return network(self._name, self.hidden_layers, shape, n_outputs, dtype=dtype or X.dtype, **layers)
        call = "a function (input_shape, n_outputs, rng) -> Sequential"
        if not callable(self.builder) or isinstance(self.builder, Sequential):  # which one may call, too
            raise ValueError(f"{self._name}: got builder={self.builder!r}, expected {call}; pass the function itself")
        model = self.builder(shape, n_outputs, rng)
        if not isinstance(model, Sequential):
            raise ValueError(f"{self._name}: got {type(model).__name__} from builder, expected {call}; return that")
        return model if dtype is None or model.parameters()[0].dtype == dtype else model.astype(dtype)

    def _optimizer_of(self, model: Sequential, kept: Optimizer | None) -> Optimizer:
        """A new optimizer, or the one of the training before, at the present rate."""
        lr = self.lr(0.0) if callable(self.lr) else self.lr
        makes: dict[object, Callable[..., Optimizer]] = {"adam": Adam, "sgd": partial(SGD, momentum=self.momentum)}
        make = self.optimizer if callable(self.optimizer) else makes.get(self.optimizer)
        if make is None:
            raise ValueError(
                f"{self._name}: got optimizer={self.optimizer!r}, expected 'adam' or 'sgd'; or pass a function "
                "(model, lr=..., weight_decay=...) that makes one"
            )
        made = make(model, lr=lr, weight_decay=self.weight_decay)
        if type(made) is type(kept):
            state = kept.state()
            made.restore(state | {name: getattr(made, name) for name in made.changing})
        return made

    def _split(
        self, rows: int, classes: np.ndarray | None, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray] | None:
        """(rows to learn from, rows to score), or None if no validation is wanted."""
        share = fraction(self._name, "validation_fraction", self.validation_fraction)
        if share == 0:
            return None
        seed = int(rng.integers(2**31))
        if classes is not None:
            counts = np.bincount(classes)
            if counts[counts > 0].min() < 2 or np.ceil(rows * share) < len(counts):
                classes = None  # too few for each side to have some of each
        learnt, held_out = train_test_split(np.arange(rows), test_size=share, random_state=seed, stratify=classes)
        return learnt, held_out

    def _inputs(self, X: np.ndarray, dtype: Any) -> np.ndarray:
        shape = shape_of_input(self._name, self.input_shape, X.shape[1])
        return np.ascontiguousarray(X, dtype).reshape(len(X), *shape)

    def _outputs(self, X: Any) -> np.ndarray:
        """What the network says, (N, n_outputs)."""
        check_is_fitted(self)
        x = self._inputs(validate_data(self, X, dtype=_FLOATS, reset=False), self.model_.parameters()[0].dtype)
        with self._threads():
            return self.model_.predict(x)

    def _threads(self) -> Any:
        threads = self.n_threads
        return share_of_threads(None if threads is None else whole_number(self._name, "n_threads", threads))


def _streams(random_state: Any) -> list[np.random.Generator]:
    """Two streams, for the layers and for the rows, that do not depend on one another's length."""
    if isinstance(random_state, np.random.Generator):
        return random_state.spawn(2)
    seed = check_random_state(random_state).randint(2**31 - 1)
    return [np.random.default_rng(each) for each in np.random.SeedSequence(seed).spawn(2)]
