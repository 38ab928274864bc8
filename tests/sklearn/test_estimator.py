"""What regressor and classifier share, beginning with what scikit-learn asks of every estimator."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("sklearn")

import joblib
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import nnscratch as nn
from nnscratch.kernels.thread_limits import OTHERS
from nnscratch.kernels.thread_shares import share_of_threads
from nnscratch.sklearn import NetworkClassifier, NetworkRegressor
from nnscratch.training import Trainer

ROOT = Path(__file__).parents[2]
# Small, so that the many trainings of these checks take seconds.
SMALL: dict[str, Any] = {"lr": 0.02, "epochs": 20}


# None is expected to fail. scikit-learn itself skips its check of array API input while
# SCIPY_ARRAY_API is not set: it is experimental, and no part of the contract.
@parametrize_with_checks([NetworkRegressor((8,), **SMALL), NetworkClassifier((8,), **SMALL)])
def test_scikit_learn_takes_it(estimator: Any, check: Callable[[Any], None]) -> None:
    check(estimator)


@pytest.fixture(scope="module")
def table() -> tuple[np.ndarray, np.ndarray]:
    """300 rows of 3 numbers, and a product of two of them far from 0."""
    X = np.random.default_rng(0).uniform(-1, 1, (300, 3))
    return X, 1000 + 50 * X[:, 0] * X[:, 1]


def small(**others: Any) -> NetworkRegressor:
    return NetworkRegressor(**({"hidden_layers": (16,), "lr": 0.02, "epochs": 8, "random_state": 0} | others))


def build(input_shape: tuple[int, ...], n_outputs: int, rng: np.random.Generator, units: int = 8) -> nn.Sequential:
    return nn.Sequential(nn.Dense(*input_shape, units, rng=rng), nn.Tanh(), nn.Dense(units, n_outputs, rng=rng))


def image_network(input_shape: tuple[int, ...], n_outputs: int, rng: np.random.Generator) -> nn.Sequential:
    assert input_shape == (4, 5, 1)
    convolution = nn.Conv2D(1, 2, 3, rng=rng, dtype=np.float64)
    return nn.Sequential(convolution, nn.Flatten(), nn.Dense(12, n_outputs, rng=rng, dtype=np.float64))


def test_a_builder_makes_the_network(table: tuple[np.ndarray, np.ndarray]) -> None:
    X, y = table
    model = small(builder=partial(build, units=5)).fit(X, y)
    assert [layer.n_out for layer in model.model_.layers[::2]] == [5, 1]
    assert model.model_.parameters()[0].dtype == np.float32  # as it was built, whatever X is
    assert small(builder=build, dtype="float64").fit(X, y).model_.parameters()[0].dtype == np.float64
    again = pickle.loads(pickle.dumps(clone(model))).fit(X, y)
    np.testing.assert_array_equal(again.predict(X), model.predict(X))


def test_images_come_as_rows() -> None:
    X, y = np.random.default_rng(0).random((40, 20)), np.arange(40.0)
    built = small(builder=image_network, input_shape=(4, 5, 1)).fit(X, y)
    assert built.predict(X[:3]).shape == (3,)
    given = small(hidden_layers=[("Conv2D", {"c_out": 2, "kernel_size": 3}), "ReLU"], input_shape=(4, 5, 1)).fit(X, y)
    assert repr(given.model_.layers[0]) == "Conv2D(1, 2, 3)"
    first_row = given.model_.predict(X[:1].reshape(1, 4, 5, 1))
    np.testing.assert_allclose(given.target_scale_.unscaled(first_row)[:, 0], given.predict(X[:1]))


def test_same_seed_same_bits_on_any_number_of_threads(table: tuple[np.ndarray, np.ndarray]) -> None:
    rng = np.random.default_rng(1)
    X, y = rng.random((2000, 200)), rng.random((2000, 3))  # large enough to be shared among threads
    results = []
    for threads in (1, 2, 3, None):
        model = small(hidden_layers=(300,), dropout=0.2, batch_size=1000, epochs=2, n_threads=threads)
        results.append(model.fit(X, y).predict(X))
    for result in results[1:]:
        np.testing.assert_array_equal(result, results[0])


def test_the_random_state_decides(table: tuple[np.ndarray, np.ndarray]) -> None:
    X, y = table
    states: list[Callable[[], Any]] = [lambda: 3, lambda: np.random.RandomState(3), lambda: np.random.default_rng(3)]
    for state in states:
        first, second = (small(random_state=state()).fit(X, y).predict(X) for _ in range(2))
        np.testing.assert_array_equal(first, second)
    assert not np.array_equal(small(random_state=3).fit(X, y).predict(X), small(random_state=4).fit(X, y).predict(X))
    assert not np.array_equal(*(small(random_state=None).fit(X, y).predict(X) for _ in range(2)))


def test_threads_are_held_while_it_works(monkeypatch: pytest.MonkeyPatch, table: tuple[np.ndarray, np.ndarray]) -> None:
    X, y = table
    seen = []
    fit, predict = Trainer.fit, nn.Sequential.predict

    def fit_and_look(*arguments: Any, **options: Any) -> Any:
        seen.append(nn.get_threads())
        return fit(*arguments, **options)

    def predict_and_look(*arguments: Any) -> Any:
        seen.append(nn.get_threads())
        return predict(*arguments)

    monkeypatch.setattr(Trainer, "fit", fit_and_look)
    monkeypatch.setattr(nn.Sequential, "predict", predict_and_look)
    nn.set_threads(6)
    try:
        small(n_threads=5).fit(X, y).predict(X)
        small().fit(X, y)
        elsewhere, looked = threading.Event(), threading.Event()

        def hold() -> None:
            with share_of_threads():
                elsewhere.set()
                looked.wait(10)

        other = threading.Thread(target=hold)
        other.start()
        elsewhere.wait(10)
        small().fit(X, y)  # beside another one
        looked.set()
        other.join()
    finally:
        nn.set_threads(None)
    assert seen == [5, 5, 6, 3]


def test_names_of_columns_are_kept_and_asked_for(table: tuple[np.ndarray, np.ndarray]) -> None:
    X, y = table
    frame = pd.DataFrame(X, columns=["a", "b", "c"])
    model = small().fit(frame, pd.Series(y))
    assert model.feature_names_in_.tolist() == ["a", "b", "c"]
    np.testing.assert_array_equal(model.predict(frame), small().fit(X, y).predict(X))
    with pytest.raises(ValueError, match="feature names"):
        model.predict(frame[["b", "a", "c"]])


@pytest.mark.parametrize(
    ("given", "dtype", "expected"),
    [("f4", None, "f4"), ("f8", None, "f8"), ("i8", None, "f8"), ("f8", "float32", "f4"), ("f4", np.float64, "f8")],
)
def test_the_dtype_is_that_of_x_or_the_one_asked_for(given: str, dtype: Any, expected: str) -> None:
    X = np.arange(30).reshape(10, 3).astype(given)
    model = small(dtype=dtype).fit(X, X[:, 0])
    assert model.model_.parameters()[0].dtype == np.dtype(expected)
    assert model.predict(X).dtype == np.float64


def test_copies_and_pickles_answer_alike_and_carry_no_gradients(table: tuple[np.ndarray, np.ndarray]) -> None:
    X, y = table
    model = small(hidden_layers=(500,)).fit(X, y)
    file = pickle.dumps(model)
    for other in (copy.deepcopy(model), pickle.loads(file)):
        np.testing.assert_array_equal(other.predict(X), model.predict(X))
    assert len(file) < 1.3 * sum(w.nbytes for w in model.model_.parameters())
    with pytest.raises(NotFittedError):
        clone(model).predict(X)


def test_a_validation_ends_it_and_the_best_epoch_stays(table: tuple[np.ndarray, np.ndarray]) -> None:
    X, _ = table
    y = np.random.default_rng(2).random(300)  # nothing to learn
    model = small(epochs=500, patience=3, validation_fraction=0.2, average=0.9).fit(X, y)
    assert "no better for 3 epochs" in model.history_.stopped
    assert model.history_.columns["images"][0] == 240
    assert model.n_iter_ == len(model.loss_curve_) == len(model.history_) < 500
    assert "average_validation_loss" in model.history_.names


def test_warm_start_goes_on_where_it_was(table: tuple[np.ndarray, np.ndarray]) -> None:
    X, y = table
    once = small(epochs=8).fit(X, y)
    twice = small(epochs=4, warm_start=True).fit(X, y)
    other = pickle.loads(pickle.dumps(twice))
    for model in (twice, other):
        model.fit(X, y)
        assert model.n_iter_ == 8
        np.testing.assert_allclose(model.loss_curve_, once.loss_curve_)
        np.testing.assert_allclose(model.predict(X), once.predict(X), rtol=1e-9)
    anew = small(epochs=4).fit(X, y).fit(X, y)
    assert anew.n_iter_ == 4
    with pytest.raises(ValueError, match="3 features"):
        twice.fit(X[:, :2], y)


def test_warm_start_takes_a_new_rate_and_another_optimizer(table: tuple[np.ndarray, np.ndarray]) -> None:
    X, y = table
    model = small(warm_start=True).fit(X, y)
    before = model.predict(X)
    for others in ({"lr": 0.0}, {"optimizer": "sgd"}, {"optimizer": partial(nn.Adam, betas=(0.5, 0.9))}):
        np.testing.assert_array_equal(model.set_params(**others).fit(X, y).predict(X), before)


def test_partial_fit_is_one_epoch_of_these_rows(table: tuple[np.ndarray, np.ndarray]) -> None:
    X, y = table
    model = small(epochs=1000, validation_fraction=0.5, patience=1, average=0.9, lr=nn.schedules.linear(0.02, 0))
    for n in range(1, 6):
        assert model.partial_fit(X, y) is model
        assert model.n_iter_ == n
        assert model.history_.columns["images"] == [300]
        assert model.history_.columns["lr"] == [0.02]
    assert model.loss_curve_[-1] < model.loss_curve_[0]
    np.testing.assert_allclose(model.loss_curve_, small(epochs=5).fit(X, y).loss_curve_)


def test_schedules_and_other_optimizers(table: tuple[np.ndarray, np.ndarray]) -> None:
    X, y = table
    model = small(lr=nn.schedules.cosine(0.1, 0.0), optimizer="sgd", momentum=0.5, clip_norm=1.0).fit(X, y)
    assert model.history_.columns["lr"][-1] == 0
    assert small(optimizer=nn.SGD, time_limit=1e-9).fit(X, y).n_iter_ == 1


def test_a_training_that_diverges_warns(table: tuple[np.ndarray, np.ndarray]) -> None:
    X, y = table
    with pytest.warns(ConvergenceWarning, match="NetworkRegressor: diverged: .* lower the learning rate") as warned:
        model = small(optimizer="sgd", lr=1e9).fit(X, y)
    assert Path(warned[0].filename).name == Path(__file__).name  # where fit was called
    assert np.isfinite(model.predict(X)).all()


@pytest.mark.parametrize("kind", [NetworkRegressor, NetworkClassifier])
def test_ctrl_c_goes_on_to_whoever_searches_and_the_estimator_can_be_used(
    monkeypatch: pytest.MonkeyPatch, kind: Any, table: tuple[np.ndarray, np.ndarray]
) -> None:
    X, y = table[0], (table[1] > 1000).astype(int)
    fit = Trainer.fit

    def interrupted(trainer: Trainer, *arguments: Any, **options: Any) -> Any:
        stop = threading.Event()
        return fit(trainer, *arguments, **options, stop=stop, callbacks=[lambda *_: stop.set()])

    monkeypatch.setattr(Trainer, "fit", interrupted)
    model = kind((4,), epochs=50, random_state=0)
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, y)
    assert model.n_iter_ == 1
    assert model.predict(X).shape == y.shape


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"epochs": 0}, "epochs=0"),
        ({"batch_size": 0}, "batch_size=0"),
        ({"lr": -1}, "lr=-1"),
        ({"optimizer": "lbfgs"}, "got optimizer='lbfgs', expected 'adam' or 'sgd'"),
        ({"optimizer": "sgd", "momentum": 2}, "momentum=2"),
        ({"validation_fraction": 1.0}, "validation_fraction=1.0"),
        ({"dtype": "int32"}, "got dtype int32, expected float32 or float64"),
        ({"n_threads": 0}, "NetworkRegressor: got n_threads=0"),
        ({"warm_start": "no"}, "warm_start='no'"),
        ({"verbose": 3}, "verbose=3"),
        ({"scale_targets": None}, "scale_targets=None"),
        ({"missing_targets": "yes"}, "missing_targets='yes'"),
        ({"input_shape": (2, 2, 1)}, "3 features and input_shape"),
        ({"builder": nn.Sequential(nn.Dense(3, 1))}, "got builder=Sequential"),
        ({"builder": lambda *_: None}, "got NoneType from builder"),
    ],
)
def test_what_is_wrong_is_said_and_leaves_no_half_an_estimator(
    parameters: dict[str, Any], message: str, table: tuple[np.ndarray, np.ndarray]
) -> None:
    model = small(**parameters)
    with pytest.raises(ValueError, match="expected") as error:
        model.fit(*table)
    assert message in str(error.value)
    with pytest.raises(NotFittedError):
        model.predict(table[0])


def test_wrong_weights_are_said(table: tuple[np.ndarray, np.ndarray]) -> None:
    X, y = table
    for weights in (np.ones(299), -np.ones(300), np.full(300, np.nan), np.zeros(300), ["a"] * 300):
        with pytest.raises(ValueError, match=r"weight|convert"):
            small().fit(X, y, sample_weight=weights)


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_a_search_with_two_jobs_finds_what_one_job_finds(backend: str, table: tuple[np.ndarray, np.ndarray]) -> None:
    X, y = table
    model = make_pipeline(StandardScaler(), small())
    grid = {"networkregressor__lr": [0.0001, 0.02]}
    alone = GridSearchCV(model, grid, cv=2, n_jobs=1).fit(X, y)
    with joblib.parallel_config(backend=backend, n_jobs=2):
        search = GridSearchCV(model, grid, cv=2).fit(X, y)
        scores = cross_val_score(model, X, y, cv=2)
    for key in ("split0_test_score", "split1_test_score"):
        np.testing.assert_array_equal(search.cv_results_[key], alone.cv_results_[key])
    np.testing.assert_array_equal(scores, cross_val_score(model, X, y, cv=2))
    assert search.best_params_ == {"networkregressor__lr": 0.02}


def threads_in_a_worker() -> int:
    with share_of_threads():
        return nn.get_threads()


def test_workers_of_joblib_have_a_share_of_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NNSCRATCH_NUM_THREADS", *OTHERS):
        monkeypatch.delenv(name, raising=False)
    with joblib.parallel_config(backend="loky", n_jobs=2):
        found = joblib.Parallel()(joblib.delayed(threads_in_a_worker)() for _ in range(2))
    assert found == [max(1, joblib.cpu_count() // 2)] * 2


def test_the_library_does_without_scikit_learn() -> None:
    code = "import sys, nnscratch; print('sklearn' in sys.modules, 'joblib' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]


def test_who_lacks_scikit_learn_is_told_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.split(".")[:2] == ["nnscratch", "sklearn"]]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'nnscratch\[sklearn\]'") as error:
        import nnscratch.sklearn  # noqa: F401
    assert "\n" not in str(error.value)
