"""A case: a network, its data, its training, and the facts about them that several checks need."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from nnscratch.diagnosis import saturation
from nnscratch.diagnosis.activity import ACTIVATIONS, can_saturate, has_units
from nnscratch.diagnosis.answers import Answers
from nnscratch.diagnosis.rehearsal import Rehearsal, rehearse
from nnscratch.diagnosis.rows import evenly_spaced
from nnscratch.diagnosis.setup import Setup, Treatment, left_after, steps_of_a_trial
from nnscratch.diagnosis.signals import FEW_ROWS, LayerSignals, measure
from nnscratch.diagnosis.thresholds import EXPLODED, EXPLODED_GRADIENT, FEWEST_EPOCHS, SMALL_INPUT, VANISHED
from nnscratch.history import Outcome
from nnscratch.layers import Dropout, Layer

if TYPE_CHECKING:
    from nnscratch.history import History
    from nnscratch.optimizers.base import Optimizer

# A plateau: the second half of the training took less than a tenth off the loss.
PROGRESS = 0.9

# The same for a network that need not be stuck: it has made most of its way.
SETTLED = 0.85
SOME_STEPS = 100

# So many steps (epochs, where the steps are not known) are enough to leave a plateau.
MANY_STEPS = 1000
MANY_EPOCHS = 100

# Share of units of a layer that are 0 for every image. At the start at most a third are in a
# healthy layer. Adam at 0.001 silences up to 0.92 of a wide one that still learns; those that
# reached 0.95 ended at 1.
DEAD = 0.95

# The same, once the training has come to a halt.
DEAD_AND_STUCK = 0.9

# Last weights over what Glorot's initializer would have drawn: smaller ones began as 0.
NEARLY_ZERO = 1e-4


@dataclass(frozen=True)
class Case(Answers):
    """Everything that the checks look at: the answers, and what led to them.

    optimizer, history : what trains or trained it; None where that is not known
    foreign_optimizer : whether the optimizer given was another network's; then it is None here

    The properties are facts, each measured when it is first asked for.
    """

    optimizer: Optimizer | None = None
    history: History | None = None
    foreign_optimizer: bool = False

    # The training

    @property
    def steps(self) -> int:
        """Steps that the optimizer has made; 0 without one."""
        return self.optimizer.steps if self.optimizer is not None else 0

    @property
    def batch_size(self) -> int:
        """Rows per step, as far as steps and epochs tell; otherwise 32."""
        epochs = len(self.history) if self.history is not None else 0
        if not epochs or not self.steps:
            return 32
        return max(1, min(len(self.x), math.ceil(len(self.x) / max(1.0, self.steps / epochs))))

    @cached_property
    def at_the_start(self) -> Case | None:
        """The network drawn anew: its steps hide what it began with. None before its first step."""
        if not self.trained:
            return None
        setup = Setup.of(self.model, self.x, self.y, self.loss, self.optimizer, self.batch_size)
        optimizer = setup.optimizer if self.optimizer is not None else None
        # 32 rows of a large network are enough: first weights are off by far, or not at all.
        few = evenly_spaced(len(self.x), FEW_ROWS // 2) if self.is_large else slice(None)
        signals = measure(setup.model, self.x[few], self.y[few], setup.loss, optimizer)
        return Case(setup.model, signals, self.x, self.y, setup.loss, optimizer)

    @cached_property
    def trained(self) -> bool | None:
        """Whether the network has had steps; None if nothing tells."""
        if self.steps or (self.history is not None and len(self.history)):
            return True
        for layer in list(filter(has_units, self.model.layers))[:-1]:
            # (The last one's biases may start from the mean of the targets.)
            drawn_equal = str(getattr(layer, "bias_init", "")).startswith("constant")
            if drawn_equal and "bias" in layer.params and np.ptp(layer.params["bias"]) > 0:
                return True
        return False if self.optimizer is not None else None

    @cached_property
    def losses(self) -> list[float]:
        """The training losses by epoch; empty if there are too few, or one is not finite."""
        losses = self.history.columns.get("loss", []) if self.history is not None else []
        return losses if len(losses) >= FEWEST_EPOCHS and np.isfinite(losses).all() else []

    @property
    def diverged(self) -> bool:
        """Whether the training ended because the loss or a weight was not finite."""
        return self.history is not None and self.history.outcome is Outcome.DIVERGED

    @cached_property
    def is_stuck(self) -> bool:
        """Whether the training had many steps and, as far as losses tell, no longer improves."""
        if self.history is None or "loss" not in self.history.names:
            return self.steps >= MANY_STEPS
        losses = self.history.columns["loss"]
        enough = self.steps >= MANY_STEPS if self.optimizer is not None else len(losses) >= MANY_EPOCHS
        return enough and len(losses) >= 2 * FEWEST_EPOCHS and not losses[-1] < PROGRESS * losses[len(losses) // 2]

    @cached_property
    def has_settled(self) -> bool:
        """Whether the losses of ten epochs or more have become flat."""
        if self.is_stuck:
            return True
        losses = self.losses
        enough = len(losses) >= 2 * FEWEST_EPOCHS and not 0 < self.steps < SOME_STEPS
        return enough and not losses[-1] < SETTLED * losses[len(losses) // 2]

    @cached_property
    def largest_lr(self) -> float:
        """The largest learning rate of the training so far and of the next step."""
        lr = self.optimizer.lr if self.optimizer is not None else 0.0
        rates = self.history.columns.get("lr", []) if self.history is not None else []
        return max(lr, *rates) if rates else lr

    @property
    def largest_effective_lr(self) -> float:
        """The optimizer's `effective_lr` at the largest learning rate; 0 without an optimizer."""
        if self.optimizer is None:
            return 0.0
        optimizer = copy.copy(self.optimizer)
        optimizer.lr = self.largest_lr
        return optimizer.effective_lr

    @cached_property
    def rehearsal(self) -> Rehearsal | None:
        """What ten steps at the largest learning rate do to a copy that begins anew.

        A network that had no step yet is tried as it is. The biases of saturated layers are left
        out: what they do is not the fault of the steps. None if there is no optimizer, x or y are
        not finite, or the network has learnt something: then its steps are good.
        """
        finite = bool(np.isfinite(self.x).all()) and not np.isinf(self.y).any()
        if self.optimizer is None or not finite or self.has_learnt:
            return None
        return rehearse(
            self.model,
            self.x,
            self.y,
            self.loss,
            self.optimizer,
            self.largest_lr,
            fresh=self.trained is not False,
            batch_size=min(self.batch_size, 256),
            without_bias=[layer.index for layer in self.saturated_layers],
        )

    # What is tried

    def brought_by(self, treatment: Treatment) -> float:
        """How much more of the targets' variance the network explains if it is treated and trained.

        Both begin anew, and are judged on rows kept apart. NaN for a large network, where it would
        take too long, and without an optimizer.
        """
        if self.as_it_is is None:
            return math.nan
        setup, left = self.as_it_is
        return left - left_after(setup, treatment, steps_of_a_trial(self.model, self.x))

    @cached_property
    def as_it_is(self) -> tuple[Setup, float] | None:
        """The training from its beginning, and what some hundred steps of it leave unexplained."""
        if self.optimizer is None or self.is_large or not np.isfinite(self.x).all():
            return None
        setup = Setup.of(self.model, self.x, self.y, self.loss, self.optimizer, self.batch_size)
        return setup, left_after(setup, None, steps_of_a_trial(self.model, self.x))

    # The layers

    @property
    def strongest_dropout(self) -> float:
        """The largest p of a Dropout; 0 without one."""
        return max((layer.p for layer in self.model.layers if isinstance(layer, Dropout)), default=0.0)

    @property
    def output_activation(self) -> Layer | None:
        """The activation behind the last layer with weights; None if there is none."""
        last = self.signals.layers[-1].index if self.signals.layers else len(self.model.layers)
        return next((layer for layer in self.model.layers[last + 1 :] if isinstance(layer, ACTIVATIONS)), None)

    @cached_property
    def last_weights_are_blank(self) -> bool:
        """Whether the last weights are 0 and free to move: a start from the mean, on purpose.

        Frozen ones are not.

        Also if they are no larger than the steps so far can have made them from 0.
        """
        last = self.signals.layers[-1]
        made_by_steps = 10 * self.steps * last.update_ratio * last.weight_rms
        still_small = last.weight_rms < min(made_by_steps, NEARLY_ZERO * last.initial_rms)
        return not last.frozen and last.gradient_rms > 0 and (last.weight_rms == 0 or still_small)

    @property
    def signal_arrives(self) -> bool:
        """Whether what differs between the images reaches the last layer's outputs.

        Blank last weights do not count against it.
        """
        arrived = self.signals.layers[-1].z_spread > VANISHED * self.signals.x_spread
        return arrived or self.last_weights_are_blank

    @cached_property
    def exploding_layer(self) -> LayerSignals | None:
        """The first layer whose outputs are a hundred times as large as the input, or None.

        What a Sigmoid or a Tanh squeezes does not go on: it saturates.
        """
        largest = EXPLODED * max(self.signals.x_rms, SMALL_INPUT)
        for layer in self.signals.layers:
            if layer.z_rms > largest and not can_saturate(self.activation_behind(layer)):
                return layer
        return None

    @cached_property
    def gradient_ratio(self) -> float:
        """|dL/dz| of the first layer that learns over that of the last.

        NaN where it says nothing: with one layer, no gradient, or blank last weights.
        """
        first, last = next(iter(self.learning_layers), None), self.signals.layers[-1]
        if first is None or first is last or not last.dz_norm > 0 or self.last_weights_are_blank:
            return math.nan
        return first.dz_norm / last.dz_norm

    @property
    def is_exploding(self) -> bool:
        """Whether the signal or the gradient explodes, though everything is still finite."""
        explodes = self.exploding_layer is not None or self.gradient_ratio > EXPLODED_GRADIENT
        return explodes and not self.signals.not_finite

    @property
    def dead_share(self) -> float:
        """From which share of silent units on a layer counts as dead."""
        return DEAD_AND_STUCK if self.is_stuck else DEAD

    @cached_property
    def learning_layers(self) -> list[LayerSignals]:
        """The layers with weights that an optimizer moves: those that are not frozen."""
        return [layer for layer in self.signals.layers if not layer.frozen]

    @cached_property
    def saturated_layers(self) -> list[LayerSignals]:
        """The hidden layers whose bias is ten or more times what differs between the images."""
        return [layer for layer in self.signals.layers if self.bias_to_spread(layer) > saturation.SATURATED]

    def bias_to_spread(self, signals: LayerSignals) -> float:
        """How many times the spread over images the bias is; 0 if the layer feeds no activation."""
        if signals.is_last or self.activation_behind(signals) is None:
            return 0.0
        layer = self.layer(signals)
        return saturation.bias_to_spread(layer, signals, self.signals.x_spread, bool(self.trained))

    def activation_behind(self, signals: LayerSignals) -> Layer | None:
        """The activation right behind the layer that the numbers are of; None if there is none."""
        behind = self.model.layers[signals.index + 1 : signals.index + 2]
        return behind[0] if behind and isinstance(behind[0], ACTIVATIONS) else None

    def layer(self, signals: LayerSignals) -> Layer:
        """The layer that the numbers are of."""
        return self.model.layers[signals.index]

    def dropout_behind(self, signals: LayerSignals) -> str:
        """What a dropout behind it makes of the layer's large biases: " A sentence.", or ""."""
        behind = self.model.layers[signals.index + 1 : signals.index + 3]
        p = next((layer.p for layer in behind if isinstance(layer, Dropout)), 0.0)
        said = f" Dropout of {p:g} behind it turns the large common part into noise, which the training flees."
        return said if p else ""
