"""A training under watch: it stops if it is hopeless, and goes on undisturbed if it learns."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nnscratch as nn


def rows() -> tuple[np.ndarray, np.ndarray]:
    x = np.random.default_rng(0).standard_normal((96, 8)).astype(np.float32)
    return x, np.tanh(x[:, :2] + x[:, 2:4])


def network(bias: float = 0.0, weight: str = "he_normal") -> nn.Sequential:
    rng = np.random.default_rng(0)
    hidden = nn.Dense(8, 16, bias_init=f"constant({bias})", weight_init=weight, rng=rng)
    return nn.Sequential(hidden, nn.ReLU(), nn.Dense(16, 2, weight_init=weight, rng=rng))


def fit(model: nn.Sequential, epochs: int = 30, **arguments: Any) -> nn.History:
    optimizer = nn.SGD(model, lr=0.05, momentum=0.9, weight_decay=arguments.pop("weight_decay", 0.0))
    arguments.setdefault("progress", False)
    trainer = nn.Trainer(model, nn.MSELoss(), optimizer, batch_size=16, **arguments)
    return trainer.fit(*rows(), epochs=epochs)


@pytest.mark.parametrize("every", [1, 3])
def test_stops_at_the_second_hopeless_diagnosis_and_says_why(every: int) -> None:
    history = fit(network(bias=-60), diagnose_every=every)
    assert len(history) == 2 * every
    assert history.stopped.startswith("saturated by bias: In Dense(8, 16")
    assert "dead units" in history.stopped
    assert "\n" not in history.stopped


@pytest.mark.parametrize(
    ("model", "decay", "words"),
    [(network(weight="constant(0.1)"), 0.0, "identical units: "), (network(), 2.0, "decay dominates: ")],
)
def test_other_reasons(model: nn.Sequential, decay: float, words: str) -> None:
    history = fit(model, diagnose_every=2, weight_decay=decay)
    assert len(history) < 30
    assert history.stopped.startswith(words)


def test_what_is_certain_before_the_first_step_is_in_the_history_and_above_the_bar(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Also if no diagnosis is due before the training ends."""
    history = fit(network(bias=-60), 1, diagnose_every=5)
    (line,) = history.warnings
    assert line.startswith("saturated_by_bias (layer 0): In Dense(8, 16")
    assert " -> Start the hidden biases at 0" in line
    assert capsys.readouterr().err == ""  # no progress is shown
    fit(network(bias=-60), 1, diagnose_every=5, progress=True)
    assert f"warning: {line}\n" in capsys.readouterr().err
    for untold in (fit(network(), 1, diagnose_every=5), fit(network(bias=-60), 1)):
        assert untold.warnings == []


def test_a_training_that_goes_on_has_the_same_warnings(tmp_path: Path) -> None:
    for _ in range(2):
        model = network(bias=-60)
        trainer = nn.Trainer(model, nn.MSELoss(), nn.SGD(model, lr=0.05), diagnose_every=5, progress=False)
        history = trainer.fit(*rows(), epochs=2, checkpoint=tmp_path / "state.npz")
        assert [line.partition(" ")[0] for line in history.warnings] == ["saturated_by_bias"]


def test_leaves_alone_what_learns_and_is_off_unless_asked() -> None:
    assert fit(network(), diagnose_every=1).stopped == "all 30 epochs done"
    assert fit(network(bias=-60)).stopped == "all 30 epochs done"


def test_changes_nothing_in_the_training() -> None:
    one, other = network(), network()
    fit(one, 6)
    fit(other, 6, diagnose_every=1)
    np.testing.assert_array_equal(one.layers[0].params["weight"], other.layers[0].params["weight"])


def test_refuses_a_number_out_of_range() -> None:
    with pytest.raises(ValueError, match="diagnose_every=0"):
        fit(network(), diagnose_every=0)
