"""Why a signal fades though no weight was drawn too small: activations that flatten it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nnscratch.diagnosis.activity import can_die
from nnscratch.diagnosis.setup import Treatment
from nnscratch.diagnosis.treatments import replace_activations
from nnscratch.layers import ReLU, Sigmoid, Tanh

if TYPE_CHECKING:
    from nnscratch.diagnosis.case import Case

# Weights over what Glorot's initializer would have drawn: smaller ones make a signal fade by
# themselves.
SMALL_WEIGHTS = 0.5


def fades_by_bias(case: Case) -> bool:
    """Whether large biases push units to where their activation is flat, and the weights are fine.

    Then `saturated_by_bias` says what is wrong. A ReLU has no such place but the one where it is
    dead, which is a finding of its own.
    """
    behind = [case.activation_behind(layer) for layer in case.saturated_layers]
    return any(layer is not None and not can_die(layer) for layer in behind) and _weights_are_fine(case)


def remedy_for_sigmoids(case: Case) -> str:
    """What helps if Sigmoids make a signal fade; "" without one, or if weights are to blame."""
    sigmoids = [layer for layer in case.signals.layers if isinstance(case.activation_behind(layer), Sigmoid)]
    if not sigmoids or not _weights_are_fine(case):
        return ""
    return (
        "The slope of a Sigmoid is 1/4 at most: use Tanh or ReLU, or weights four times as large as for these, "
        "normal(4 / sqrt(n_in))."
    )


def treatments_of_sigmoids(case: Case) -> tuple[Treatment, ...]:
    """The same, as changes that can be tried."""
    if not remedy_for_sigmoids(case):
        return ()
    return replace_activations((Sigmoid,), Tanh), replace_activations((Sigmoid,), ReLU)


def _weights_are_fine(case: Case) -> bool:
    """As they were drawn, of a network that was trained: its steps may have made them smaller."""
    began = case.at_the_start or case
    return all(layer.weight_rms >= SMALL_WEIGHTS * layer.initial_rms for layer in began.signals.layers)
