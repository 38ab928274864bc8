"""The report's experiments as data: what is trained, how, and what the report got.

Source of every number: He & Yang, "Facial Keypoints Detection Using Convolutional Neural Network"
(2015), its text, its figures and its published code. "Ours" marks what is not theirs.

    data    : rows with all 15 points; the last 400 are validation; x = pixel / 256,
        y = (coordinate - 48) / 48
    batches : 100 rows, 17 per epoch, in the file's order, always the same; the last 40 training
        rows are never used
    update  : v <- 0.9 v + 0.1 g; w <- w - 0.01 v, which is SGD(lr=0.001, momentum=0.9)
    L2      : + 0.0005 * sum of w^2 over the weights, without 1/2, which is weight_decay=0.001
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from nnscratch.keypoints.experiments import networks
from nnscratch.keypoints.faces import Faces
from nnscratch.keypoints.kaggle.files import DataError
from nnscratch.model import Sequential


@dataclass(frozen=True)
class ReportLevel:
    """A later level of a cascade: for each point one network per side, on crops; their answers are
    averaged.

    network    : makes one, from (N, seen, seen, 1) to (N, 2)
    sides      : of the crops, in pixels; one network for each
    seen       : side to which a crop is shrunk before the network sees it; 0: as it is
    epochs, quick_epochs : as in `Experiment`
    shift      : training crops are centred on the true point, moved by up to so many pixels
                 (uniform, in x and in y); None: centred on the answers of the level before
    """

    network: Callable[..., Sequential]
    sides: tuple[int, ...]
    epochs: int
    quick_epochs: int
    seen: int = 0
    shift: float | None = None

    def limited(self, *, quick: bool, most_epochs: int) -> ReportLevel:
        return replace(self, epochs=min(self.quick_epochs if quick else self.epochs, most_epochs))

    def settings(self) -> dict[str, object]:
        numbers = {name: getattr(self, name) for name in ("sides", "epochs", "seen", "shift")}
        return {"network": repr(self.network(rng=0)), **numbers}


@dataclass(frozen=True)
class Experiment:
    """One row of the report's comparison: what is trained, how, and what the report got.

    name          : short, of the files
    title         : for people
    kind          : how it is run: "constant", "eyes", "points", "map" or "crops" (`kinds.py`)
    network       : makes the network; None for a baseline without one
    epochs        : the report's own (or near them, where it does not say)
    quick_epochs  : enough to see the same with --quick
    dropout       : after each hidden dense layer; None for a network that has none to set
    shuffled      : a new order of the rows in every epoch
    loss          : "squared error" or, for a map, "cross-entropy"
    reported      : (epoch, RMSE px) as the report has them, on its validation rows or Kaggle's test
        set
    reported_note : what the report says about it, where that is no such number
    optimizer     : "sgd" or "adam"; under Adam, L2 is a part of the gradient too, as it is of the
        report's loss
    centred       : whether the mean training picture is taken away from every picture
    levels        : what follows the first network in a cascade
    input_side    : side of the picture that the network sees
    probe_epochs  : epochs after which the network is probed (`probe.py`)
    """

    name: str
    title: str
    kind: str
    network: Callable[..., Sequential] | None = None
    epochs: int = 0
    quick_epochs: int = 0
    lr: float = 0.001
    momentum: float = 0.9
    weight_decay: float = 0.001
    dropout: float | None = None
    shuffled: bool = False
    batch_size: int = 100
    loss: str = "squared error"
    reported: tuple[tuple[int, float], ...] = ()
    reported_note: str = ""
    optimizer: str = "sgd"
    centred: bool = False
    levels: tuple[ReportLevel, ...] = ()
    input_side: int = 96
    probe_epochs: tuple[int, ...] = ()
    note: str = ""

    def make(self, seed: int) -> Sequential:
        """A new network, its weights drawn from `seed`."""
        assert self.network is not None
        settings = {} if self.dropout is None else {"dropout": self.dropout}
        return self.network(rng=np.random.default_rng(seed), **settings)

    def batches(self, count: int, rng: np.random.Generator | None = None) -> Iterator[np.ndarray]:
        """The rows of each batch of an epoch over `count` rows; whole batches only. `rng` draws a
        new order.
        """
        size = min(self.batch_size, count)
        order = np.arange(count) if rng is None else rng.permutation(count)
        return (order[start : start + size] for start in range(0, count - size + 1, size))

    def changed(self, **settings: Any) -> Experiment:
        """The same experiment with other settings."""
        return replace(self, **settings)

    def with_network(self, **arguments: Any) -> Experiment:
        """The same experiment with other arguments of its network."""
        assert self.network is not None
        return replace(self, network=partial(self.network, **arguments))

    def limited(self, *, quick: bool, most_epochs: int) -> Experiment:
        """The same experiment for fewer epochs: those of a quick run if `quick`, and at most
        `most_epochs`.
        """
        epochs = self.quick_epochs if quick else self.epochs
        levels = tuple(level.limited(quick=quick, most_epochs=most_epochs) for level in self.levels)
        return replace(self, epochs=min(epochs, most_epochs), levels=levels)

    def settings(self) -> dict[str, object]:
        """Everything that decides the result, in words and numbers."""
        return {
            "network": repr(self.make(0)) if self.network else "",
            "levels": [level.settings() for level in self.levels],
            **{name: getattr(self, name) for name in _NUMBERS},
            "looks": self.probe_epochs,  # the name that files have had from the start
        }


_NUMBERS = (
    "kind", "epochs", "lr", "momentum", "weight_decay", "shuffled", "batch_size", "loss", "optimizer", "centred",
    "input_side",
)  # fmt: skip


@dataclass(frozen=True)
class Split:
    """The report's split of a training file.

    train      : complete rows, without the last 400
    validation : the last 400 complete rows; of a file with fewer than 800, the last fifth
    all_train  : all rows except the validation rows, with the labels that they have: level 2 learns
        from these
    """

    train: Faces
    validation: Faces
    all_train: Faces

    @classmethod
    def of(cls, faces: Faces, name: str) -> Split:
        """The split of the faces in the file `name`.

        Raises
            DataError : fewer than 10 complete rows
        """
        complete = np.flatnonzero(faces.complete)
        if len(complete) < 10:
            came, fix = f"{len(complete)} of {len(faces)} rows with all 15 points", "is it the training file?"
            raise DataError.at(name, came=came, expected="ten or more", fix=fix)
        count = 400 if len(complete) >= 800 else len(complete) // 5
        others = np.setdiff1d(np.arange(len(faces)), complete[-count:])
        return cls(*(faces.select(rows) for rows in (complete[:-count], complete[-count:], others)))


def _cured_f1_map(**arguments: Any) -> Sequential:
    """The cured F1 with an output for every pixel."""
    return networks.REPORT["f1-cured"](outputs=9216, **arguments)


_Points = partial(Experiment, kind="points")
_F1 = partial(_Points, epochs=1000, quick_epochs=100, dropout=0.5)
# Ours: what "f1-cured" needs beside its own changes.
_Cured = partial(Experiment, dropout=0.0, optimizer="adam", lr=0.002, weight_decay=0.0, shuffled=True)
_COLLAPSED = "the same output whatever the picture"

EXPERIMENTS: tuple[Experiment, ...] = (
    Experiment("mean_face", "mean face", "constant", reported_note="3.96 (Kaggle's test set)"),
    Experiment(
        "eyes", "eigenfaces + mean patch search, eye centres", "eyes",
        reported_note="1.70 (Wang & Song: MSE 2.88)",
        note="Scored on the two eye centres alone, beside the mean face's error on the same two points.",
    ),
    _Points(
        "mlp", "MLP 256-100", network=networks.REPORT["mlp"], epochs=10_000, quick_epochs=100, dropout=0.0,
        reported=((100, 6.14), (1_000, 4.76), (3_000, 3.96), (10_000, 3.61)),
    ),
    _Points(
        "mlp_dropout", "MLP 256-100, dropout", network=networks.REPORT["mlp-dropout"], epochs=10_000, quick_epochs=100,
        dropout=0.5, reported=((10_000, 4.00),),
    ),
    _F1("f1", "F1 CNN, the code's head", network=networks.REPORT["f1-code"], quick_epochs=400,
        reported_note=_COLLAPSED),
    _F1("f1_figure", "F1 CNN, the figure's head", network=networks.REPORT["f1-figure"], dropout=None,
        reported_note=_COLLAPSED,
        note="Without hidden dense layers there is neither dropout nor a hidden bias of 1."),
    _Points(
        "large", "large CNN", network=networks.REPORT["large"], epochs=2_000, quick_epochs=80, dropout=0.5,
        reported=((200, 4.97), (2_000, 4.19)),
    ),
    _F1("f1_no_last_bias", "F1 CNN, no bias in the last layer", network=networks.REPORT["f1-no-last-bias"], epochs=500,
        reported=((500, 4.31),)),
    _F1("f1_early", "F1 CNN, weights N(0, 0.01²), conv biases N(0, 1)", network=networks.REPORT["f1-early"],
        reported_note=_COLLAPSED),
    _F1("f1_glorot_normal", "F1 CNN, Glorot normal", network=networks.REPORT["f1-glorot-normal"],
        reported_note="no noticeable difference"),
    _F1("f1_he_uniform", "F1 CNN, He uniform", network=networks.REPORT["f1-he-uniform"],
        reported_note="no noticeable difference"),
    _F1("f1_he_normal", "F1 CNN, He normal", network=networks.REPORT["f1-he-normal"],
        reported_note="no noticeable difference"),
    _Cured("f1_cured", "F1 CNN, cured", "points", networks.REPORT["f1-cured"], epochs=300, quick_epochs=100,
        weight_decay=0.001 / 30, reported_note="(ours)",
        note="The same layers; hidden biases begin at 0, no dropout, a thirtieth of the L2, Adam, shuffled rows."),
    _Cured(
        "map_squares", "classification to a map, squared error", "map", network=_cured_f1_map, epochs=300,
        quick_epochs=60, reported_note='"goes very bad"',
        note="The report's target and loss (a single 1, squared error) in the cured network: the loss alone fails.",
    ),
    _Cured(
        "map_softmax", "classification to a map, softmax", "map", network=_cured_f1_map, epochs=300,
        quick_epochs=60, loss="cross-entropy", reported_note="(ours)",
        note="The same network; soft targets, softmax over the map, cross-entropy, expectation.",
    ),
    Experiment(
        "cascade", "cascade: F1, then 15 networks on 50x50 crops", "crops", network=networks.REPORT["f1-code"],
        epochs=1_000, quick_epochs=100, dropout=0.5,
        levels=(ReportLevel(networks.report_level_2, sides=(50,), epochs=300, quick_epochs=20),),
        reported_note="2.3 for the first points, above 3.5 for later ones",
        note="F1's structure does not fit 50 x 50: the fourth convolution is 2 x 2 here, which leaves 16 numbers.",
    ),
    _Cured(
        "sun", "Sun et al.'s cascade, three levels", "crops", network=networks.sun_level_1, epochs=300,
        quick_epochs=60, input_side=39, dropout=None, reported_note="(cited, other data)",
        levels=(
            ReportLevel(networks.sun_level_2, sides=(31, 35), epochs=60, quick_epochs=5, seen=15, shift=4.8),
            ReportLevel(networks.sun_level_2, sides=(21, 23), epochs=60, quick_epochs=5, seen=15, shift=1.9),
        ),
        note="Its layers with ReLU, trained as the cured network is, on pictures shrunk to 39 x 39; then, twice, for "
        "each point the mean of two networks on crops shrunk to 15 x 15. Theirs begins with three networks.",
    ),
)  # fmt: skip
