"""Arguments: what a Trainer and `fit` refuse, on one line, before the model sees a single row."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.optimizers import schedules


def r_squared(prediction: np.ndarray, target: np.ndarray) -> float:
    return 1 - float(np.mean((prediction - target) ** 2) / np.var(target))


R2 = nn.Metric("R2", "", r_squared, higher_is_better=True)


def refusal(call: Callable[[], Any]) -> str:
    """The message, which is one line in the form of all messages."""
    with pytest.raises(
        ValueError, match=r"^(Trainer|fit|Metric): got .*(, expected .*; |does not fit the model: )"
    ) as caught:
        call()
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300
    return str(caught.value)


@pytest.mark.parametrize("place", ["training", "validation"])
def test_refuses_data_before_it_trains(place: str, trainer_of: Any, rows: Any) -> None:
    x, y = rows()
    trainer, wrong = trainer_of(), (x, y[:-1])
    training, validation = (wrong, None) if place == "training" else ((x, y), wrong)
    which = "" if place == "training" else "validation "
    with pytest.raises(ValueError, match=f"fit: got {which}x of shape"):
        trainer.fit(*training, validation=validation, epochs=1)
    assert trainer.seen == []


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("model", nn.Sequential, "got the class Sequential as model, expected an object of it; write Sequential(...)"),
        ("model", nn.Dense(1, 1, rng=0), "got model=Dense(1, 1), expected a Sequential; write Sequential(*layers)"),
        ("model", None, "got model=None"),
        ("model", [nn.Dense(1, 1, rng=0)], "got model=[Dense(1, 1)]"),
        ("loss", nn.MSELoss, "got the class MSELoss as loss, expected an object of it; write MSELoss()"),
        ("loss", "mse", "got loss='mse', expected an object with forward and backward; write MSELoss()"),
        ("loss", r_squared, "got loss=<function r_squared"),
        ("optimizer", "adam", "got optimizer='adam', expected an optimizer of the model; write Adam(model), or"),
        ("optimizer", nn.Adam, "got the class Adam as optimizer, expected an object of it; write Adam(model, lr=...)"),
        ("optimizer", nn.SGD, "got the class SGD as optimizer"),
        ("optimizer", None, "got optimizer=None"),
        ("optimizer", 0.01, "got optimizer=0.01"),
        ("metric", r_squared, "got metric=<function r_squared"),
        ("metric", nn.Metric, "got metric=<class"),
        ("metric", "R2", "got metric='R2', expected a Metric or None; write Metric(name, unit, function)"),
        ("lr", 0.1, "got lr=0.1, expected a schedule or None; try constant(0.1)"),
        ("lr", schedules.linear, "got the class linear as lr, expected an object of it; write linear(...), with the"),
        ("momentum", 0.9, "got momentum=0.9, expected a schedule or None; try constant(0.9)"),
        ("momentum", schedules.constant, "got the class constant as momentum"),
        ("batch_size", 0.5, "got batch_size=0.5, expected a whole number from 1 up"),
        ("batch_size", 0, "got batch_size=0"),
        ("batch_size", True, "got batch_size=True"),
        ("batch_size", "8", "got batch_size='8'"),
        ("progress", "yes", "got progress='yes', expected True, False or None"),
        ("progress", 5, "got progress=5"),
        ("augment", True, "got augment=True, expected a function (x, y, rng) -> x, y"),
        ("augment", dict, "got the class dict as augment"),
        ("average", True, "got average=True"),
        ("clip_norm", "1", "got clip_norm='1'"),
        ("diagnose_every", 1.5, "got diagnose_every=1.5"),
    ],
)  # fmt: skip
def test_refuses_parts_that_are_something_else(name: str, value: Any, message: str) -> None:
    model = nn.Sequential(nn.Dense(1, 1, rng=0))
    arguments = {"model": model, "loss": nn.MSELoss(), "optimizer": nn.SGD(model, lr=0.1)} | {name: value}
    assert refusal(lambda: nn.Trainer(**arguments)).startswith(f"Trainer: {message}")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"epochs": True}, "got epochs=True"),
        ({"epochs": 1.0}, "got epochs=1.0"),
        ({"epochs": "3"}, "got epochs='3'"),
        ({"patience": 0}, "got patience=0"),
        ({"patience": True}, "got patience=True"),
        ({"time_limit": "10"}, "got time_limit='10', expected a finite number > 0; give seconds"),
        ({"time_limit": True}, "got time_limit=True"),
        ({"keep_best": "no"}, "got keep_best='no', expected True or False"),
        ({"keep_best": None}, "got keep_best=None"),
        ({"stop": True}, "got stop=True, expected a threading.Event or None"),
        ({"callbacks": r_squared}, "got callbacks=<function r_squared"),
        ({"callbacks": [r_squared, None]}, "got callbacks=[<function r_squared"),
        ({"callbacks": "print"}, "got callbacks='print'"),
        ({"callbacks": None}, "got callbacks=None"),
        ({"sample_weight": np.ones(19)}, "got sample_weight of shape (19,), expected (20,), one weight per row"),
        ({"sample_weight": [1.0] * 20}, "got sample_weight of type list"),
        ({"sample_weight": -np.ones(20)}, "got sample_weight[0]=-1.0, expected finite numbers >= 0"),
        ({"sample_weight": np.full(20, np.nan)}, "got sample_weight[0]=nan, expected finite numbers >= 0"),
        ({"sample_weight": np.zeros(20)}, "got sample_weight of 0 only, expected a row that counts"),
        ({"validation": 0.2}, "got validation=0.2, expected a pair (x, y) of rows that are not trained on; split"),
        ({"validation": (np.ones((2, 1), np.float32),)}, "got validation=(array("),
        ({"validation": np.ones((2, 1), np.float32)}, "got validation=array("),
        ({"validation": True}, "got validation=True"),
        ({"validation": ([[1.0]], [[1.0]])}, "got validation x, y = "),
    ],
)  # fmt: skip
def test_fit_refuses_before_it_trains(arguments: dict[str, Any], message: str, trainer_of: Any, rows: Any) -> None:
    trainer = trainer_of()
    assert refusal(lambda: trainer.fit(*rows(), **{"epochs": 1, **arguments})).startswith(f"fit: {message}")
    assert trainer.seen == []


def test_a_callback_alone_is_told_to_be_put_in_a_list(trainer_of: Any, rows: Any) -> None:
    assert "write callbacks=[r_squared]" in refusal(lambda: trainer_of().fit(*rows(), epochs=1, callbacks=r_squared))


def test_callbacks_from_a_generator_and_an_event_are_fine(trainer_of: Any, rows: Any) -> None:
    seen: list[int] = []
    callbacks = (function for function in [lambda trainer, history: seen.append(len(history))])
    trainer_of().fit(*rows(), epochs=3, callbacks=callbacks, stop=threading.Event())
    assert seen == [1, 2, 3]


def image_trainer(loss: Any = None, augment: Any = None) -> tuple[nn.Trainer, list[int]]:
    """A trainer of images (6, 6, 1) with 2 outputs, and the rows of each of its forwards."""
    model = nn.Sequential(nn.Conv2D(1, 2, 3, rng=0), nn.MaxPool2D(2), nn.Flatten(), nn.Dense(8, 2, rng=1))
    forward, seen = model.forward, list[int]()

    def watched(x: np.ndarray, training: bool = False) -> np.ndarray:
        seen.append(len(x))
        return forward(x, training)

    model.forward = watched  # type: ignore[method-assign]
    return nn.Trainer(model, loss or nn.MSELoss(), nn.SGD(model, lr=0.01), batch_size=4, augment=augment), seen


def images(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).random(shape, dtype=np.float32)


GOOD = images(8, 6, 6, 1), images(8, 2)
WRONG: list[tuple[tuple[Any, Any], str]] = [
    ((images(8, 6, 6, 1), images(8, 3)), "y of shape (8, 3), expected (N, 2) as the model's outputs; give the last"),
    ((images(8, 6, 6, 1), images(8)), "y of shape (8,), expected (N, 2) as the model's outputs"),
    ((images(8, 6, 6, 1), images(8, 2, 1)), "y of shape (8, 2, 1), expected (N, 2)"),
    ((images(8, 6, 6), images(8, 2)), "x of shape (8, 6, 6), which does not fit the model: Conv2D(1, 2, 3): got"),
    ((images(8, 9, 9, 1), images(8, 2)), "x of shape (8, 9, 9, 1), which does not fit the model: Dense(8, 2): got"),
    ((images(8, 2, 2, 1), images(8, 2)), "x of shape (8, 2, 2, 1), which does not fit the model: Conv2D(1, 2, 3)"),
    ((images(8, 6, 6, 3), images(8, 2)), "x of shape (8, 6, 6, 3), which does not fit the model: Conv2D(1, 2, 3): got"),
    ((images(8, 36), images(8, 2)), "x of shape (8, 36), which does not fit the model"),
    ((images(8, 6, 6, 1).tolist(), images(8, 2)), "x, y = <class 'list'>"),
    ((images(8, 6, 6, 1), images(8, 2).astype(np.float64)), "y of float64"),
]


@pytest.mark.parametrize(("wrong", "message"), WRONG)
def test_shapes_are_compared_to_the_model_before_it_trains(wrong: Any, message: str) -> None:
    trainer, seen = image_trainer()
    assert refusal(lambda: trainer.fit(*wrong, epochs=1)).startswith(f"fit: got {message}")
    said = refusal(lambda: trainer.fit(*GOOD, validation=wrong, epochs=1))
    assert said.startswith(f"fit: got validation {message}")
    assert seen == []


def test_one_column_without_its_axis_is_told_how_to_get_it(rows: Any) -> None:
    x, y = rows()
    model = nn.Sequential(nn.Dense(1, 1, rng=0))
    trainer = nn.Trainer(model, nn.MSELoss(), nn.SGD(model, lr=0.1))
    assert "use y[:, np.newaxis]" in refusal(lambda: trainer.fit(x, y[:, 0], epochs=1))
    said = refusal(lambda: trainer.fit(x, y, validation=(x, y[:, 0]), epochs=1))
    assert said.startswith("fit: got validation y of shape (20,), expected (N, 1)")


def test_augmented_rows_may_have_any_shape_but_validation_has_the_models() -> None:
    trainer, seen = image_trainer(augment=lambda x, y, rng: (x[:, :6, :6].copy(), y[:, :2].copy()))
    rows = images(8, 9, 9, 1), images(8, 5)
    assert refusal(lambda: trainer.fit(*rows, validation=rows, epochs=1)).startswith("fit: got validation x of shape")
    assert seen == []
    assert len(trainer.fit(*rows, validation=GOOD, epochs=1)) == 1


class OfClasses:
    """A loss of the user's own: the outputs (N, C) against the number of the class, (N,)."""

    def forward(self, prediction: np.ndarray, target: np.ndarray) -> float:
        rest = prediction.copy()
        rest[np.arange(len(target)), target.astype(int)] -= 1
        self.rest = rest / np.float32(len(target))
        return float(np.square(rest).sum() / len(target))

    def backward(self) -> np.ndarray:
        return 2 * self.rest


def test_another_loss_may_compare_other_shapes() -> None:
    trainer, seen = image_trainer(loss=OfClasses())
    classes = (images(8) > 0.5).astype(np.float32)
    said = refusal(lambda: trainer.fit(GOOD[0], classes, validation=GOOD, epochs=1))
    assert said.startswith("fit: got validation y of shape (8, 2), expected (N,) as y")
    assert seen == []
    history = trainer.fit(GOOD[0], classes, validation=(GOOD[0], classes), epochs=2)
    assert len(history) == 2


def test_a_layer_need_not_tell_its_output_shape(trainer_of: Any, rows: Any) -> None:
    x, y = rows()
    trainer = trainer_of()  # its Recorder does not
    assert len(trainer.fit(x, y, validation=(x[:5], y[:5]), epochs=1)) == 1


@pytest.mark.parametrize("changed", ["layer", "array"])
def test_an_optimizer_of_layers_that_were_replaced(changed: str, rows: Any) -> None:
    model = nn.Sequential(nn.Dense(1, 4, rng=0), nn.ReLU(), nn.Dense(4, 1, rng=1))
    optimizer = nn.Adam(model)
    trainer = nn.Trainer(model, nn.MSELoss(), optimizer, average=0.9)

    def change(*_: object) -> None:
        if changed == "layer":
            model.layers[0] = nn.Dense(1, 4, rng=5)
        else:
            model.layers[0].params["weight"] = np.ones((1, 5), np.float32)

    with pytest.raises(ValueError, match=r"Adam: got .*; make a new Adam"):  # in the last epoch, too
        trainer.fit(*rows(), epochs=1, callbacks=[change])
    with pytest.raises(ValueError, match=r"Adam: got .*; make a new Adam"):
        trainer.fit(*rows(), epochs=1)
    with pytest.raises(ValueError, match=r"Adam: got .*; make a new Adam"):
        nn.Trainer(model, nn.MSELoss(), optimizer)
    if changed == "layer":  # the doctor says so
        assert nn.diagnose(model, *rows(), optimizer=optimizer).codes[0] == "not_trained"
    else:
        with pytest.raises(ValueError, match=r"got weight of shape \(1, 5\), expected \(1, 4\)"):
            nn.diagnose(model, *rows(), optimizer=optimizer)


def test_new_layers_keep_their_own_weights_when_the_fit_ends_with_the_error(rows: Any) -> None:
    model = nn.Sequential(nn.Dense(1, 1, rng=0))
    trainer, new = nn.Trainer(model, nn.MSELoss(), nn.SGD(model, lr=0.1)), nn.Dense(1, 1, rng=5)
    before = new.params["weight"].copy()
    with pytest.raises(ValueError, match="SGD: got a model with other layers"):
        trainer.fit(*rows(), epochs=3, callbacks=[lambda trainer, history: model.layers.__setitem__(0, new)])
    np.testing.assert_array_equal(new.params["weight"], before)


def test_an_array_of_the_same_kind_is_trained_on(rows: Any) -> None:
    model, same = (nn.Sequential(nn.Dense(1, 1, rng=0)) for _ in range(2))
    model.layers[0].params["weight"] = np.asfortranarray(model.layers[0].params["weight"])
    trainers = [nn.Trainer(each, nn.MSELoss(), nn.SGD(each, lr=0.1), average=0.9) for each in (model, same)]
    model.layers[0].params["weight"] = model.layers[0].params["weight"].copy()
    assert trainers[0].fit(*rows(), epochs=3).columns["loss"] == trainers[1].fit(*rows(), epochs=3).columns["loss"]


# Metrics


def test_a_metric_needs_validation(trainer_of: Any, rows: Any) -> None:
    trainer = trainer_of(metric=R2)
    said = refusal(lambda: trainer.fit(*rows(), epochs=1))
    assert said.startswith("fit: got no validation, expected rows for the metric 'R2'; pass validation=(x, y), or")
    assert trainer.seen == []
