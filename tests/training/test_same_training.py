"""What makes two trainings the same one, and how a difference is named."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.optimizers import schedules
from nnscratch.training import same_training
from nnscratch.training.same_training import described, first_difference


@dataclass(frozen=True)
class Shift:
    by: np.ndarray
    name: str = "shift"


class Noise:
    def __init__(self, size: float) -> None:
        self.size = size

    def __call__(self, x: Any, y: Any, rng: np.random.Generator) -> Any:
        return x + self.size, y


def adding(number: float) -> Callable[[float], float]:
    return lambda x: x + number


def test_equal_settings_have_equal_texts_and_others_have_others() -> None:
    pairs: list[tuple[Callable[[float], Any], float, float]] = [
        (lambda n: n, 1, 2),
        (lambda n: schedules.linear(n, 0.0), 0.1, 0.2),
        (lambda n: Shift(np.full(100_000, n)), 1, 2),
        (lambda n: [Shift(np.full(3, n)), "x"], 1, 2),
        (lambda n: {"a": {n}}, 1, 2),
        (Noise, 0.1, 0.2),
        (adding, 1, 2),
        (lambda n: partial(max, n), 1, 2),
        (lambda n: Noise(n).__call__, 1, 2),
    ]
    for make, one, other in pairs:
        assert described(make(one)) == described(make(one))
        assert described(make(one)) != described(make(other))
        assert " at 0x" not in described(make(one))


def test_a_text_is_the_same_in_another_process() -> None:
    program = (
        "from nnscratch.training.same_training import described, versions\n"
        "def f(x, name='a'):\n    return x in {'one', 'two', 'three'} and name\n"
        "print(described(f), described({'a', 'b', 'c'}), versions())"
    )
    texts = {
        subprocess.run(
            [sys.executable, "-c", program], env={"PYTHONHASHSEED": seed, "PYTHONPATH": str(Path.cwd())},
            capture_output=True, text=True, check=True,
        ).stdout
        for seed in ("1", "2")
    }  # fmt: skip
    assert len(texts) == 1


CHANGES: dict[str, dict[str, Any]] = {
    "batch_size": {"batch_size": 4},
    "seed": {"seed": 1},
    "lr": {"lr": schedules.linear(0.1, 0.05)},
    "average": {"average": 0.5},
    "clip_norm": {"clip_norm": 1.0},
    "augment": {"augment": Noise(0.1)},
    "diagnose_every": {"diagnose_every": 2},
    "metric": {"metric": nn.Metric("other", "", lambda y, target: 0.0)},
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_checkpoint_of_other_settings_is_refused_by_name(
    name: str, tmp_path: Path, trainer_of: Any, rows: Any
) -> None:
    x, y = rows()
    fitted = {"epochs": 2, "validation": (x, y), "checkpoint": tmp_path / "run.npz"}
    trainer_of(lr=schedules.linear(0.1, 0.0)).fit(x, y, **fitted)
    with pytest.raises(ValueError, match=f"with {name} ") as caught:
        trainer_of(**{"lr": schedules.linear(0.1, 0.0)} | CHANGES[name]).fit(x, y, **fitted)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value).replace(str(tmp_path), "")) < 300


@pytest.mark.parametrize(
    "name",
    [
        "epochs",
        "patience",
        "keep_best",
        "rows",
        "validation rows",
        "model",
        "optimizer",
        "layers of the optimizer",
        "sample weights",
        "frozen layers",
    ],
)
def test_a_checkpoint_of_another_fit_is_refused_by_name(name: str, tmp_path: Path, trainer_of: Any, rows: Any) -> None:
    x, y = rows()
    weights = np.ones(len(x))
    fitted = {"x": x, "y": y, "epochs": 2, "validation": (x, y), "checkpoint": tmp_path / "run.npz"}
    fitted["sample_weight"] = weights
    trainer_of().fit(**fitted)
    trainer, other_y = trainer_of(), y.copy()
    other_y[7] += 1e-6
    changed = {
        "epochs": {"epochs": 3}, "patience": {"patience": 5}, "keep_best": {"keep_best": False},
        "rows": {"y": other_y}, "validation rows": {"validation": (x, other_y)},
        "sample weights": {"sample_weight": 2 * weights},
    }  # fmt: skip
    if name == "optimizer":
        trainer.optimizer.weight_decay = 0.5
    if name == "layers of the optimizer":
        optimizer = trainer.optimizer
        trainer.optimizer = type(optimizer)(trainer.model, lr=optimizer.lr, layers=[trainer.dense])
        name = "optimizer"
    if name == "frozen layers":
        trainer.dense.frozen = True
    if name == "model":
        trainer.model.layers.append(nn.ReLU())
    with pytest.raises(ValueError, match=f"with {name} "):
        trainer.fit(**fitted | changed.get(name, {}))


def test_a_checkpoint_of_other_code_is_refused(
    tmp_path: Path, trainer_of: Any, rows: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    x, y = rows()
    trainer_of().fit(x, y, epochs=1, checkpoint=tmp_path / "run.npz")
    monkeypatch.setattr(same_training, "_code", lambda: "0123456789abcdef")
    with pytest.raises(ValueError, match="with nnscratch's code .*, expected 0123456789abcdef"):
        trainer_of().fit(x, y, epochs=1, checkpoint=tmp_path / "run.npz")


def test_the_code_is_that_of_every_source_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "package"
    (package / "inner").mkdir(parents=True)
    for file in ("a.py", "inner/b.py"):
        (package / file).write_text("1")
    monkeypatch.setattr(same_training, "_PACKAGE", package)
    codes = [same_training._code.__wrapped__()]
    (package / "inner" / "b.py").write_text("2")
    codes.append(same_training._code.__wrapped__())
    (package / "inner" / "b.py").rename(package / "inner" / "c.py")
    codes.append(same_training._code.__wrapped__())
    assert len(set(codes)) == 3


def test_a_long_value_is_shown_where_it_differs() -> None:
    before, now = f"Sequential({'Dense(3, 4), ' * 30}ReLU())", f"Sequential({'Dense(3, 4), ' * 30}Dropout(0.5))"
    difference = first_difference({"model": before}, {"model": now})
    assert difference is not None
    assert "ReLU" in difference
    assert "Dropout" in difference
    assert len(difference) < 150
    assert first_difference({"a": "1"}, {"a": "1"}) is None
    assert first_difference({"a": "1", "b": "2"}, {"a": "1"}) == "b 2, expected nothing"
