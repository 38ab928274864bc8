"""Several layers and no activation between them: together they are one weighted sum."""

from __future__ import annotations

from collections.abc import Iterator

from nnscratch.diagnosis.case import Case
from nnscratch.diagnosis.finding import Finding
from nnscratch.diagnosis.setup import Treatment
from nnscratch.diagnosis.treatments import add_activations
from nnscratch.layers import AveragePool2D, Conv2D, Dense, Dropout, Flatten

# How much more of the targets' variance a curved rule explains than a straight one, on rows left
# out.
CURVED = 0.1

_STRAIGHT = Dense, Conv2D, AveragePool2D, Flatten, Dropout


def check(case: Case) -> Iterator[Finding]:
    layers = case.signals.layers
    if len(layers) < 2 or not all(isinstance(x, _STRAIGHT) for x in case.model.layers[: layers[-1].index]):
        return
    straight, curved = case.learnable.by_linear, case.learnable.best
    if curved - max(straight, 0.0) > CURVED and not case.skill > curved - CURVED / 2:
        yield Finding(
            "no_nonlinearity",
            layers[0].index,
            {"explained_by_linear": straight, "explained_by_curved": curved},
            f"There is no activation between the {len(layers)} layers with weights: together they are one weighted "
            f"sum of x. No such sum explains more than {max(straight, 0.0):.0%} of the targets' variance on rows left "
            f"out; a curved rule explains {curved:.0%}.",
            "Put a ReLU behind each hidden layer.",
            treatments=(Treatment("a ReLU behind each hidden layer", add_activations),),
        )
