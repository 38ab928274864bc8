"""What is the classifier's own: classes, probabilities, rows that come bit by bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("sklearn")

from sklearn.model_selection import GridSearchCV

from nnscratch.sklearn import NetworkClassifier


@pytest.fixture(scope="module")
def table() -> tuple[np.ndarray, np.ndarray]:
    """120 rows of 2 numbers; whether they have one sign, which no straight line tells."""
    X = np.random.default_rng(0).uniform(-1, 1, (120, 2))
    return X, np.where(X[:, 0] * X[:, 1] > 0, "same", "other")


def small(**others: Any) -> NetworkClassifier:
    return NetworkClassifier(**({"hidden_layers": (16,), "lr": 0.05, "epochs": 60, "random_state": 0} | others))


def test_classes_are_learnt_and_named(table: tuple[np.ndarray, np.ndarray]) -> None:
    X, y = table
    model = small().fit(X, y)
    assert model.classes_.tolist() == ["other", "same"]
    assert model.score(X, y) > 0.95
    assert set(model.predict(X)) == {"other", "same"}


def test_probabilities_sum_to_1_and_agree(table: tuple[np.ndarray, np.ndarray]) -> None:
    X, y = table
    for dtype in ("float32", "float64"):
        model = small(dtype=dtype).fit(X, y)
        probabilities = model.predict_proba(X)
        np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-12)
        np.testing.assert_array_equal(model.classes_[probabilities.argmax(axis=1)], model.predict(X))
    for layer in model.model_.layers:
        for w in layer.params.values():
            w *= 1000
    assert np.isfinite(model.predict_proba(X)).all()


def test_weights_move_the_answer() -> None:
    X, y = np.zeros((10, 1)), np.array([0] * 7 + [1] * 3)
    weights = np.where(y == 1, 7.0, 1.0)
    model = small(hidden_layers=(), epochs=300).fit(X, y, sample_weight=weights)
    np.testing.assert_allclose(model.predict_proba(X[:1]), [[7 / 28, 21 / 28]], atol=0.01)


def test_held_out_rows_have_the_shares_of_all_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    X, y = np.random.default_rng(0).random((100, 2)), np.repeat([0, 1], [90, 10])
    seen: list[np.ndarray] = []
    from nnscratch.training import Trainer

    fit = Trainer.fit

    def look(trainer: Trainer, *arguments: Any, **options: Any) -> Any:
        seen.append(options["validation"][1])
        return fit(trainer, *arguments, **options)

    monkeypatch.setattr(Trainer, "fit", look)
    small(epochs=2, validation_fraction=0.2).fit(X, y)
    assert np.bincount(seen[-1]).tolist() == [18, 2]
    y[:10] = 2 + np.arange(10)  # classes of one row
    small(epochs=2, validation_fraction=0.2).fit(X, y)
    assert len(seen[-1]) == 20


def test_rows_come_bit_by_bit(table: tuple[np.ndarray, np.ndarray]) -> None:
    X, y = table
    order = np.argsort(y)  # the first rows have one class
    model = small(batch_size=10)
    for _ in range(60):
        for rows in (order[:50], order[50:]):
            model.partial_fit(X[rows], y[rows], classes=["same", "other"])
    assert model.score(X, y) > 0.9
    assert model.n_iter_ == 120
    model.partial_fit(X, y)  # the classes are known
    with pytest.raises(ValueError, match=r"NetworkClassifier: got the classes .*'new'.* expected"):
        model.partial_fit(X[:1], ["new"])
    with pytest.raises(ValueError, match="got the classes"):
        model.partial_fit(X, y, classes=["same", "other", "third"])
    with pytest.raises(ValueError, match="got the classes"):
        small().partial_fit(X, y, classes=["same"])


def test_numbers_are_no_classes(table: tuple[np.ndarray, np.ndarray]) -> None:
    with pytest.raises(ValueError, match="Unknown label type"):
        small().fit(table[0], table[0][:, 0])


def test_a_search_over_layers(table: tuple[np.ndarray, np.ndarray]) -> None:
    X, y = table
    search = GridSearchCV(small(), {"hidden_layers": [(), (16,)]}, cv=2).fit(X, y)
    assert search.best_params_ == {"hidden_layers": (16,)}
