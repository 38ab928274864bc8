"""From numbers to words: the thresholds, and the checks that turn what was measured into findings.

A cause comes before what it causes. Each check looks at one disease alone; `EXPLAINS` then takes away what follows
from another finding, and the order of `ORDER` puts causes first. A network that has learnt (its answers explain a
fifth of what differs between the targets) is not looked at for the diseases that keep a network from learning.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from nnscratch.layers import Dropout, Layer
from nnscratch.losses import MSELoss
from nnscratch.optimizers import Adam
from nnscratch.signals import LayerSignals, Signals, effective_lr

if TYPE_CHECKING:
    from nnscratch.history import History
    from nnscratch.optimizer import Optimizer

# Glorot's and He's variances assume inputs of about 1; ten times more or a hundred times less is no rounding matter.
LARGE, SMALL = 10.0, 0.01
# Pixels in 0..1 have a mean of two or three times their spread; from ten on, the mean drowns what differs.
OFF_CENTRE = 10.0
# Face targets in -1..1 spread 0.08. Below a fortieth of that, the squares of MSE hardly give a gradient.
SMALL_TARGETS = 0.002
# Independent weights never agree; half of a layer in pairs means that it was not drawn at random.
TWINS = 0.5
# Glorot weights keep 3 % of the spread through six layers of the report's CNN; weights of 0.01 keep 1e-7.
VANISHED = 1e-3
# Glorot weights lose a factor of 1.2 to 3 a layer, and N(0, 0.01^2) in the report's networks 10 to 30.
FADES_PER_LAYER = 8.0
# He and Glorot are made to keep the size of the signal: a hundred times the input's is no accident of drawing.
EXPLODED = 100.0
# A bias ten times the spread decides alone whether its unit is on: ReLU then is a line, or nothing.
SATURATED, LARGE_BIAS = 10.0, 0.3
# At the start at most a third of the units of a healthy layer are silent, after a hard training four fifths.
DEAD = 0.9
# |dL/dz| of the first over that of the last layer: healthy networks lie between 0.05 and 3.
VANISHED_GRADIENT, EXPLODED_GRADIENT = 1e-4, 100.0
# Decay pulls harder than the data: in equilibrium both are equal, so more than twice, to leave room for noise.
DECAY = 2.0
# In `steps * lr * decay` = 0.5, decay alone takes 40 % of the weights away: less cannot be what keeps them down.
DECAY_TIME, SHRUNK = 0.5, 0.4
# Share of its way that one step can go. Below 1/50,000 no usual training (some thousand steps) gets anywhere.
STEP = 2e-5
# Adam moves each weight by lr: more than half of a typical weight forgets what was there.
ADAM_STEP = 0.5
# Momentum overshoots by a factor of ten and comes back; a hundred times worse than at the start is a divergence.
DIVERGED = 100.0
# Report: 0.03 px of a targets' spread of 4 px is "the same output for every image"; its MLP has a tenth and more.
CONSTANT = 0.05
# Share of the targets' variance explained: below a twentieth it is the mean, from a fifth on something was learnt.
NO_BETTER, LEARNT = 0.05, 0.2
# Fewer epochs say nothing about where a training goes.
EPOCHS = 5
# A plateau: the second half of the training took less than a tenth off the loss; without a history, many steps.
PROGRESS, MANY_STEPS, MANY_EPOCHS = 0.9, 1000, 100
# Half of the squared difference of neighbouring rows over the variance: 1 in a random order (+- 0.1), 0 when sorted.
ORDERED, ORDERED_ROWS = 0.25, 32
# Validation loss a fifth above its best, and twice the training loss: noise of a few percent cannot do that.
WORSE, GAP = 1.2, 2.0
# Validation loss over training loss: from ten on the rows are known by heart, whether or not the first one rises.
BY_HEART = 10.0


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong.

    code : its name, such as "dead_units"; see `ORDER`
    layer : place in `model.layers`, or None if no single layer is meant
    evidence : the numbers that it rests on
    message, remedy : what is wrong and why; what to change

    >>> Finding("unlabelled", None, {"labels": 0.0}, "No target has a value.", "Look at y.").code
    'unlabelled'
    """

    code: str
    layer: int | None
    evidence: dict[str, float]
    message: str
    remedy: str


# Causes before what they cause.
ORDER = (
    "unlabelled",
    "input_unscaled",
    "targets_unscaled",
    "identical_units",
    "step_too_large",
    "not_finite",
    "decay_dominates",
    "exploding_signal",
    "vanishing_signal",
    "saturated_by_bias",
    "dead_units",
    "exploding_gradient",
    "vanishing_gradient",
    "step_too_small",
    "unshuffled",
    "overfitting",
    "constant_output",
    "no_better_than_mean",
)
# A finding on the left makes those on the right superfluous: they follow from it.
EXPLAINS = {
    "input_unscaled": {"exploding_signal", "exploding_gradient", "step_too_large", "dead_units", "vanishing_signal",
                       "vanishing_gradient", "saturated_by_bias"},
    "targets_unscaled": {"step_too_large", "exploding_signal", "exploding_gradient", "dead_units", "step_too_small",
                         "vanishing_signal", "vanishing_gradient", "saturated_by_bias"},
    "identical_units": {"vanishing_signal", "vanishing_gradient", "step_too_small", "exploding_signal",
                        "exploding_gradient", "step_too_large"},
    "saturated_by_bias": {"step_too_small"},
    "vanishing_signal": {"step_too_small"},
    "vanishing_gradient": {"step_too_small"},
    "dead_units": {"vanishing_gradient", "step_too_small", "vanishing_signal"},
    "decay_dominates": {"step_too_small", "dead_units"},
    "step_too_large": {"vanishing_signal", "vanishing_gradient", "saturated_by_bias"},
}  # fmt: skip


@dataclass
class Case:
    """Everything that the checks look at. `trained`: True or False if that is known, else None."""

    layers: list[Layer]
    signals: Signals
    x: np.ndarray
    y: np.ndarray
    loss: MSELoss
    optimizer: Optimizer | None
    history: History | None
    trained: bool | None
    largest_lr: float
    rehearsal: dict[str, float] = field(default_factory=dict)

    @property
    def steps(self) -> int:
        return self.optimizer.steps if self.optimizer is not None else 0

    @property
    def is_stuck(self) -> bool:
        """Whether a training that is no better than the mean has stopped to become better, or had very many steps."""
        if self.history is None or "loss" not in self.history.names:
            return self.steps >= MANY_STEPS
        losses = self.history.columns["loss"]
        enough = self.steps >= MANY_STEPS if self.optimizer is not None else len(losses) >= MANY_EPOCHS
        return enough and len(losses) >= 2 * EPOCHS and not losses[-1] < PROGRESS * losses[len(losses) // 2]

    @property
    def skill(self) -> float:
        """Share of the targets' variance that the answers explain; for other losses, how much worse mixed-up ones are.

        1 is perfect, 0 is the mean of the targets, NaN is unknown.
        """
        p, y = self.signals.prediction.astype(np.float64), self.signals.target.astype(np.float64)
        if self.signals.not_finite or len(y) < 2:
            return math.nan
        if type(self.loss) is MSELoss:
            variance = float(np.nansum(np.square(y - _mean(y))))
            return 1 - float(np.nansum(np.square(y - p))) / variance if variance > 0 else math.nan
        mixed = self.loss.forward(np.roll(self.signals.prediction, len(y) // 2, axis=0), self.signals.target)
        own = self.loss.forward(self.signals.prediction, self.signals.target)
        return 1 - own / mixed if mixed > 0 else math.nan

    @property
    def is_blank(self) -> bool:
        """Whether the last weights are 0 and ready to move: a start from the mean, on purpose."""
        last = self.signals.layers[-1]
        return last.weight_rms == 0 and last.gradient_rms > 0


def find(case: Case) -> list[Finding]:
    """All findings, causes first."""
    if not np.isfinite(case.y).any() and not np.isinf(case.y).any():
        return [
            Finding(
                "unlabelled",
                None,
                {"labels": 0.0},
                "No target has a value: the loss is 0 whatever the network answers, and no weight gets a gradient.",
                "Look at how y was read and selected; rows without any label must be left out.",
            )
        ]
    found = [*_data(case), *_finite(case), *_overfitting(case)]
    learnt = case.skill >= LEARNT
    if not learnt:
        found += _units(case)
        found += _steps(case)
        if not case.signals.not_finite:
            found += [*_forward(case), *_backward(case)]
    superfluous: set[str] = set()
    for finding in sorted(found, key=lambda finding: ORDER.index(finding.code)):
        if finding.code not in superfluous:
            superfluous |= EXPLAINS.get(finding.code, set())
    found = [finding for finding in found if finding.code not in superfluous]
    if not learnt:
        found += _symptoms(case, found)
    return sorted(found, key=lambda finding: ORDER.index(finding.code))


def _mean(y: np.ndarray) -> np.ndarray:
    """Of each column, over the labelled rows; 0 without any."""
    labelled = np.isfinite(y)
    total: np.ndarray = np.where(labelled, y, 0).sum(axis=0) / np.maximum(labelled.sum(axis=0), 1)
    return total


def _data(case: Case) -> Iterator[Finding]:
    s = case.signals
    if np.isfinite([s.x_rms, s.x_spread]).all():
        offset = math.sqrt(max(0.0, s.x_rms**2 - s.x_spread**2)) / max(s.x_spread, 1e-30)
        if s.x_rms > LARGE or s.x_rms < SMALL or (offset > OFF_CENTRE and len(case.x) > 1):
            yield Finding(
                "input_unscaled",
                None,
                {"x_rms": s.x_rms, "x_spread": s.x_spread},
                f"The input has a root mean square of {s.x_rms:.3g} and spreads {s.x_spread:.3g} between rows; the "
                "first weights were drawn for numbers around 1, so what comes out of them has the wrong size.",
                "Scale x: pixels / 256, or (x - mean) / standard deviation of the training rows.",
            )
    if type(case.loss) is MSELoss:
        y = case.y.astype(np.float64)
        y = np.where(np.isfinite(y), y, np.nan)
        rms, spread = math.sqrt(float(np.nanmean(y**2))), math.sqrt(float(np.nanmean((y - _mean(y)) ** 2)))
        if rms > LARGE or (0 < spread < SMALL_TARGETS):
            yield Finding(
                "targets_unscaled",
                None,
                {"y_rms": rms, "y_spread": spread},
                f"The targets have a root mean square of {rms:.3g} and spread {spread:.3g}, but a fresh "
                "network answers with numbers around 1: the squared error, and with it every step, has the wrong size.",
                "Scale y to about -1..1, as (pixel - 48) / 48, and scale the answers back.",
            )
    likeness = _likeness(case.y)
    if likeness < ORDERED:
        yield Finding(
            "unshuffled",
            None,
            {"neighbours_to_random": likeness},
            f"Rows beside each other have almost the same target ({likeness:.2f} of the difference of random rows): a "
            "batch of them pulls the network to one answer, and the next batch to another.",
            "Shuffle x and y with one permutation before every epoch, as Trainer does; also before a split.",
        )


def _likeness(y: np.ndarray) -> float:
    """Mean squared difference of neighbouring rows over that of random ones, in the direction where it is least."""
    y = y.reshape(len(y), -1).astype(np.float64)
    if y.shape[1] > 64 or len(y) < ORDERED_ROWS:  # maps of pixels have no order
        return 1.0
    labelled = np.isfinite(y)
    y = np.where(labelled, y - _mean(y), 0)
    whole = labelled.all(axis=1).sum() >= ORDERED_ROWS
    if whole:
        directions = np.linalg.svd(y, full_matrices=False)[2][:3]
        y = np.concatenate([y, y @ directions.T, y.sum(axis=1, keepdims=True)], axis=1)
        labelled = np.concatenate(
            [labelled, np.repeat(labelled.all(axis=1)[:, None], y.shape[1] - labelled.shape[1], 1)], 1
        )
    ratios = []
    for column, known in zip(y.T, labelled.T, strict=True):
        values = column[known]
        if len(values) >= ORDERED_ROWS and len(np.unique(values)) > 1:
            ratios.append(float(np.mean(np.diff(values) ** 2) / (2 * values.var())))
    return min(ratios, default=1.0)


def _diverged(case: Case) -> bool:
    if case.history is None:
        return False
    losses = [v for name in ("loss", "validation_loss") for v in case.history.columns.get(name, [])]
    return case.history.stopped.startswith("diverged") or not np.isfinite(losses).all()


def _finite(case: Case) -> Iterator[Finding]:
    place = case.signals.not_finite or ("y, the targets" if np.isinf(case.y).any() else "")
    if place or _diverged(case):
        place = place or "the loss during the training"
        yield Finding(
            "not_finite",
            None,
            {"steps": float(case.steps)},
            f"NaN or infinity came up first in {place}. Whatever is computed with it is NaN too, and no step takes "
            "it away again.",
            "If x and y are finite, make the network anew and train with a learning rate ten times lower.",
        )


def _overfitting(case: Case) -> Iterator[Finding]:
    columns = case.history.columns if case.history is not None else {}
    train, validation = np.array(columns.get("loss", [])), np.array(columns.get("validation_loss", []))
    if len(train) < EPOCHS or len(validation) != len(train) or not np.isfinite([train, validation]).all():
        return
    recent = max(1, len(train) // 10)
    last, best, own = float(np.median(validation[-recent:])), float(validation.min()), float(np.median(train[-recent:]))
    rising = last > WORSE * best and last > GAP * own and own < train[int(validation.argmin())]
    if rising or last > BY_HEART * own:
        yield Finding(
            "overfitting",
            None,
            {"validation_loss": last, "best_validation_loss": best, "training_loss": own},
            f"The training loss has come down to {own:.3g}, but the validation loss is {last:.3g}, after {best:.3g} at "
            f"epoch {int(validation.argmin()) + 1}: the network learns its training rows by heart.",
            "Stop at the best epoch, use more or augmented data, dropout, or a smaller network.",
        )


def _units(case: Case) -> Iterator[Finding]:
    for layer in case.signals.layers:
        if not layer.is_last and layer.twins >= TWINS:
            yield Finding(
                "identical_units",
                layer.index,
                {"twins": layer.twins, "weight_rms": layer.weight_rms},
                f"{layer.twins:.0%} of the units of {layer.name} have the same weights as another one. They "
                "compute the same, get the same gradient, and stay alike for ever: the layer is as good as one unit.",
                "Draw the weights at random: glorot_uniform or he_normal; constants are for biases.",
            )
            return


def _steps(case: Case) -> Iterator[Finding]:
    optimizer = case.optimizer
    if optimizer is None:
        if case.history is not None and case.history.stopped.startswith("diverged"):
            yield _too_large({"lr": case.largest_lr}, "the training diverged")
        return
    lr, tried = case.largest_lr, case.rehearsal
    relative = lr / min(layer.initial_rms for layer in case.signals.layers)
    scale = max(tried.get("start", math.inf), tried.get("zero", math.inf))
    # A network whose first answers are already a hundred times too large diverges at any rate.
    sane = scale < EXPLODED**2 * tried.get("zero", 0.0)
    diverged = case.history is not None and case.history.stopped.startswith("diverged")
    if isinstance(optimizer, Adam) and relative > ADAM_STEP:
        text = f"each step moves a weight by {relative:.1f} times its size"
        yield _too_large({"lr": lr, "lr_to_weight": relative}, text)
    elif sane and tried.get("loss", 0.0) > DIVERGED * scale:
        text = f"ten steps from the start took the loss from {tried['start']:.3g} to {tried['loss']:.3g}"
        yield _too_large({"lr": lr, **tried}, text)
    elif sane and _is_dead(case) and tried.get("dead", 0.0) >= DEAD > tried.get("dead_before", 0.0):
        yield _too_large({"lr": lr, **tried}, f"ten steps killed {tried['dead']:.0%} of a layer's units")
    elif diverged and (sane or not tried):
        yield _too_large({"lr": lr}, "the training diverged")
    else:
        yield from _too_small(case, optimizer)
    yield from _decay(case, optimizer)


def _is_dead(case: Case) -> bool:
    return any(layer.never_active >= DEAD for layer in case.signals.layers)


def _too_large(evidence: dict[str, float], what: str) -> Finding:
    return Finding(
        "step_too_large",
        None,
        evidence,
        f"The steps are too long: {what}. A step that jumps over the loss's valley lands higher up.",
        "Lower the learning rate ten times, and again until the loss of the first steps falls.",
    )


def _too_small(case: Case, optimizer: Optimizer) -> Iterator[Finding]:
    """Whether a step is so short that a training gets nowhere: judged by the learning rate, not by a flat place."""
    scale = case.largest_lr / max(optimizer.lr, 1e-30)
    if isinstance(optimizer, Adam):
        share = case.largest_lr / float(np.median([layer.initial_rms for layer in case.signals.layers]))
    else:
        outputs = max(1, case.y[0].size)
        # The last bias has the curvature 2 / outputs under a mean of squares: so much of its error goes in a step.
        share = 2 * effective_lr(optimizer) * scale / outputs
    if share < STEP:
        yield Finding(
            "step_too_small",
            None,
            {"lr": case.largest_lr, "share_per_step": share},
            f"A step goes only {share:.1g} of the way: even {1 / max(share, 1e-9):,.0f} steps in one direction would "
            "hardly change the network.",
            "Raise the learning rate ten times, and again until the loss falls visibly in the first epochs.",
        )


def _decay(case: Case, optimizer: Optimizer) -> Iterator[Finding]:
    if optimizer.weight_decay == 0 or case.signals.not_finite:
        return
    layers = case.signals.layers
    ratio = float(np.median([layer.decay_ratio for layer in layers]))
    shrunk = float(np.median([layer.weight_rms / layer.initial_rms for layer in layers]))
    lr = (
        case.largest_lr
        if isinstance(optimizer, Adam)
        else effective_lr(optimizer) * case.largest_lr / max(optimizer.lr, 1e-30)
    )
    time = case.steps * lr * optimizer.weight_decay
    pulls = ratio > DECAY and not case.is_blank and (time > DECAY_TIME or not case.trained)
    if pulls or (case.trained and shrunk < SHRUNK and (time > DECAY_TIME or not case.steps)):
        yield Finding(
            "decay_dominates",
            None,
            {"decay_to_data": ratio, "weights_to_glorot": shrunk, "weight_decay": optimizer.weight_decay},
            f"Weight decay pulls {ratio:.3g} times as hard at the weights as the data do (they are {shrunk:.2g} times "
            "a fresh layer's): the cheapest network is one with weights of 0, and that one answers with a constant.",
            "Lower weight_decay ten to a hundred times. Beside a loss averaged over outputs, 1e-5 to 1e-4 is usual.",
        )


def _forward(case: Case) -> Iterator[Finding]:
    s = case.signals
    hidden = [layer for layer in s.layers if not layer.is_last]
    spread = max(s.x_spread, 1e-30)
    for depth, layer in enumerate(s.layers, 1):
        if case.is_blank and layer.is_last:
            break
        kept = max(layer.z_spread / spread, 1e-30)
        if kept < VANISHED and kept ** (-1 / depth) > FADES_PER_LAYER:
            yield Finding(
                "vanishing_signal",
                layer.index,
                {"share_of_input_spread": kept, "weight_rms": layer.weight_rms, "glorot_rms": layer.initial_rms},
                f"What differs between the images fades by {kept ** (-1 / depth):.0f} times a layer: after "
                f"{layer.name} {kept:.1g} of it is left. The layers behind see the same whatever the image.",
                "Draw the weights with glorot_uniform or he_normal; they grow with fewer inputs, 0.01 does not.",
            )
            break
    for layer in s.layers:
        if layer.z_rms > EXPLODED * max(s.x_rms, SMALL):
            yield Finding(
                "exploding_signal",
                layer.index,
                {"z_rms": layer.z_rms, "x_rms": s.x_rms, "weight_rms": layer.weight_rms},
                f"The outputs of {layer.name} are {layer.z_rms / s.x_rms:.3g} times as large as the input: every layer "
                "makes the numbers larger, and the squared error and its gradient larger still.",
                "Draw the weights with he_normal or glorot_uniform: their size falls with the number of inputs.",
            )
            break
    yield from _saturated(case, hidden)
    yield from _dead(case, hidden)


def _saturated(case: Case, hidden: list[LayerSignals]) -> Iterator[Finding]:
    rectified = [layer for layer in hidden if not np.isnan(layer.never_active)]
    saturated = [layer for layer in rectified if layer.bias_ratio > SATURATED and layer.bias > LARGE_BIAS]
    if saturated:
        worst = max(saturated, key=lambda layer: layer.bias_ratio)
        yield Finding(
            "saturated_by_bias",
            worst.index,
            {"bias": worst.bias, "bias_to_spread": worst.bias_ratio, "layers": float(len(saturated))},
            f"In {worst.name} the bias is {worst.bias_ratio:.0f} times what differs between the images: it alone "
            "decides whether a unit is on, the ReLU is a straight line or nothing, and the image counts for little."
            + _dropout(case, worst.index),
            "Start the hidden biases at 0 (bias_init='constant(0)').",
        )


def _dropout(case: Case, index: int) -> str:
    behind = case.layers[index + 1 : index + 3]
    p = next((layer.p for layer in behind if isinstance(layer, Dropout)), 0.0)
    return f" Dropout of {p:g} behind it turns the large common part into noise, which the training flees." if p else ""


def _dead(case: Case, hidden: list[LayerSignals]) -> Iterator[Finding]:
    dead = [layer for layer in hidden if layer.never_active >= DEAD]
    if not dead:
        return
    worst = max(dead, key=lambda layer: layer.never_active)
    bias_init = getattr(case.layers[worst.index], "bias_init", "")
    began = f" Its biases began as {bias_init}." if bias_init not in ("", "constant(0.0)") else ""
    yield Finding(
        "dead_units",
        worst.index,
        {"never_active": worst.never_active, "layers": float(len(dead))},
        f"{worst.never_active:.0%} of the units of {worst.name} are 0 for every image. A ReLU that is always off "
        f"passes no gradient, so these units never come back.{began}{_dropout(case, worst.index)}",
        "Make the network anew with hidden biases of 0 and a lower learning rate; go easy on dropout.",
    )


def _backward(case: Case) -> Iterator[Finding]:
    layers = case.signals.layers
    if len(layers) < 2 or not layers[-1].dz_norm > 0 or case.is_blank:
        return
    ratio = layers[0].dz_norm / layers[-1].dz_norm
    if ratio < VANISHED_GRADIENT or ratio > EXPLODED_GRADIENT:
        small = ratio < VANISHED_GRADIENT
        yield Finding(
            "vanishing_gradient" if small else "exploding_gradient",
            layers[0].index,
            {"first_to_last": ratio},
            f"On its way back from the last layer to {layers[0].name} the gradient becomes {ratio:.1g} times as large: "
            + ("the first layers do not learn." if small else "no learning rate is right for both ends."),
            "Draw the weights with he_normal or glorot_uniform" + (", or use fewer layers." if small else "."),
        )


def _symptoms(case: Case, causes: list[Finding]) -> Iterator[Finding]:
    skill = case.skill
    explained = any(finding.code not in ("unshuffled", "overfitting", "not_finite") for finding in causes)
    shown = (case.trained is not False and explained) or case.is_stuck
    if not shown or np.isnan(skill):
        return
    p, y = case.signals.prediction.astype(np.float64), case.signals.target.astype(np.float64)
    spread, wanted = float(np.sqrt(np.mean(p.var(axis=0)))), math.sqrt(float(np.nanmean((y - _mean(y)) ** 2)))
    constant = type(case.loss) is MSELoss and spread < CONSTANT * wanted
    if constant and not explained:
        yield _plateau(case)
    if constant:
        yield Finding(
            "constant_output",
            case.signals.layers[-1].index,
            {"output_spread": spread, "target_spread": wanted},
            f"The network answers the same for every image: its outputs spread {spread:.2g}, the targets {wanted:.2g}.",
            "This is a symptom: cure what stands above it.",
        )
    if skill < NO_BETTER:
        yield Finding(
            "no_better_than_mean",
            None,
            {"explained_variance": skill},
            f"The network explains {max(skill, 0.0):.1%} of what differs between the targets: their mean, the same for "
            "every row, is as good" + (" or better." if skill < 0 else "."),
            "This is a symptom: cure what stands above it, or train longer.",
        )


def _plateau(case: Case) -> Finding:
    """A constant answer with live units, a living signal and steps of a usual size: it has not left the mean yet."""
    ratio = float(np.nanmedian([layer.update_ratio for layer in case.signals.layers]))
    return Finding(
        "step_too_small",
        None,
        {"update_to_weight": ratio, "steps": float(case.steps)},
        "Signal and units are alive, but the training still sits on the flat place around the mean of the targets, "
        f"where a step moves the weights by {ratio:.1g} of their size.",
        "Train longer, raise the learning rate, or use Adam, whose steps do not shrink with the gradient.",
    )
