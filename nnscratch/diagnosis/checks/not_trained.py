"""Parameters that no step reaches: frozen, a rate of 0, an optimizer of another network."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from nnscratch import initializers
from nnscratch.diagnosis.case import Case
from nnscratch.diagnosis.finding import Finding
from nnscratch.diagnosis.setup import Treatment
from nnscratch.diagnosis.treatments import let_it_move

# Learning rate times steps: what comes of less is rounding in float32.
ROUNDING = 1e-6


def check(case: Case) -> Iterator[Finding]:
    """One finding, for the first reason that holds."""
    for why, remedy in (_other_model(case), _frozen(case), _no_rate(case), _nothing_moved(case)):
        if why:
            yield Finding(
                "not_trained",
                None,
                {"steps": float(case.steps), "lr": case.largest_lr},
                f"No step has reached the network: {why}.",
                remedy,
                treatments=(Treatment("an optimizer of this network that may move it", let_it_move),),
            )
            return


def _other_model(case: Case) -> tuple[str, str]:
    why = "the optimizer is of another network, or of layers that were replaced" if case.foreign_optimizer else ""
    return why, "Make the optimizer after the network, and of this one: Adam(model)."


def _frozen(case: Case) -> tuple[str, str]:
    if case.learning_layers or case.trained is False:
        return "", ""
    of_some = case.optimizer is not None and case.optimizer.layers is not None
    why = "all layers that its optimizer has are frozen" if of_some else "all its layers are frozen"
    return why, "Set layer.frozen = False where it shall learn."


def _no_rate(case: Case) -> tuple[str, str]:
    no_rate = case.optimizer is not None and case.largest_lr == 0
    return "the learning rate is 0" if no_rate else "", "Set lr to 0.001 (Adam) or 0.01 to 0.1 (SGD)."


def _nothing_moved(case: Case) -> tuple[str, str]:
    """Something was done, and every bias that may move is what it began as, to the bit."""
    call, look = "Call optimizer.step() after each backward.", "Train the network that you ask about, and not a copy."
    if case.optimizer is None or case.signals.not_finite or case.diverged or not _all_biases_as_they_began(case):
        return "", ""
    if case.steps:
        # (Steps of a rate that is far too small end in rounding: that is another finding.)
        long = case.steps * case.largest_effective_lr > ROUNDING
        moving = long and any(signals.gradient_rms > 0 for signals in case.learning_layers)
        return (f"after {case.steps} steps all biases are what they began as" if moving else ""), look
    if case.history is not None and len(case.history):
        return "its history has epochs, its optimizer made no step, and all biases are what they began as", call
    passed = any(layer.grads for layer in case.model.layers)
    return ("it has gradients, and its optimizer made no step" if passed else ""), call


def _all_biases_as_they_began(case: Case) -> bool:
    """As their initializer made them; False if none began as a constant."""
    layers = [
        layer
        for layer in map(case.layer, case.learning_layers)
        if "bias" in layer.params and str(getattr(layer, "bias_init", "")).startswith("constant")
    ]
    rng = np.random.default_rng(0)  # a constant draws nothing
    began = [initializers.get(str(getattr(layer, "bias_init", ""))) for layer in layers]
    now = [layer.params["bias"] for layer in layers]
    return bool(layers) and all(np.array_equal(b, make(b.shape, rng)) for b, make in zip(now, began, strict=True))
