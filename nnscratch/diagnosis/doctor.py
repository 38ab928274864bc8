"""Why a network does not learn: its layers in numbers, what is wrong in words, causes first.

The 2015 report ends with a network that gives the same answer for every image, "which till now we
have no idea about". `diagnose` measures what it takes to have an idea: where the signal ends, which
units are silent, what pulls at the weights.
"""

from __future__ import annotations

import copy
import math
import os
import textwrap
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from nnscratch.checks import check_rows, flag
from nnscratch.diagnosis.case import Case
from nnscratch.diagnosis.finding import Finding
from nnscratch.diagnosis.setup import Setup
from nnscratch.diagnosis.signals import LayerSignals, Signals, measure
from nnscratch.diagnosis.trying import Trial
from nnscratch.diagnosis.trying import try_remedies as tried_remedies
from nnscratch.losses import Loss, MSELoss
from nnscratch.model import Sequential
from nnscratch.pictures import save

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from nnscratch.history import History
    from nnscratch.optimizers.base import Optimizer
    from nnscratch.pages.markup import Html


# Share of the targets' variance: a trained network that explains less is not called healthy.
EXPLAINS_SOMETHING = 0.1

NEXT_LOOK = (
    "Train it for some epochs more and ask again, with loss, optimizer and history; diagnose(..., try_remedies=True) "
    "tries what may help."
)


@dataclass(frozen=True)
class Diagnosis:
    """What `diagnose` found; print it.

    findings : causes before what they cause
    signals : what was measured, layer by layer
    explained : share of the targets' variance that the network explains, 1 at best; NaN if unknown
    trained : whether it has had steps; None if nothing tells
    outputs_behind : how many outputs it explains nothing of, though a plain rule explains half
    trials : what the remedies brought, if they were tried
    """

    findings: list[Finding]
    signals: Signals
    explained: float = math.nan
    trained: bool | None = None
    outputs_behind: int = 0
    trials: list[Trial] = field(default_factory=list)

    @property
    def codes(self) -> list[str]:
        """The findings' codes, in order."""
        return [finding.code for finding in self.findings]

    @property
    def healthy(self) -> bool:
        """Whether nothing was found, and a network that was trained has learnt something."""
        return not self.findings and not self.too_early

    @property
    def too_early(self) -> bool:
        """Whether nothing was found, and yet a trained network, or an output, explains nothing."""
        little = not self.explained >= EXPLAINS_SOMETHING or self.outputs_behind > 0
        return not self.findings and bool(self.trained) and little

    @property
    def verdict(self) -> str:
        """One line: the first finding's code, or that there is none and what that is worth."""
        if self.findings:
            return self.findings[0].code
        if self.too_early:
            share = "an unknown share" if math.isnan(self.explained) else f"{max(self.explained, 0):.1%}"
            of = f", and nothing of {self.outputs_behind} of its outputs" if self.outputs_behind else ""
            return f"too early to tell: no finding, but it explains {share} of what differs between the targets{of}"
        return "healthy: no finding"

    def facts(self) -> dict[str, Any]:
        """The findings and the layers' numbers, for programs: dicts, lists, text and numbers.

        What was not measured, or is not finite, is None.
        """
        return {
            "healthy": self.healthy,
            "verdict": self.verdict,
            "explained": _numbers(self.explained),
            "findings": [_numbers(_facts_of(finding)) for finding in self.findings],
            "trials": [_numbers(asdict(trial)) for trial in self.trials],
            "layers": [_numbers(asdict(layer)) for layer in self.signals.layers],
        }

    def figure(self) -> Figure:
        """A matplotlib Figure: spread, gradient and silent units by layer, with the findings."""
        # Late: a diagnosis in words needs no picture.
        from nnscratch.diagnosis.figure import figure_of

        return figure_of(self.signals, self.findings, self.verdict)

    def save_picture(self, path: str | os.PathLike[str]) -> None:
        """Writes `figure()` as a PNG; whole or not at all.

        Raises
            ValueError : `path` does not end in .png
            OSError : the folder is missing or cannot be written
        """
        save(self.figure(), path)

    def __str__(self) -> str:
        lines = [layer_table(self.signals.layers), ""]
        if not self.findings and self.trained is False:
            lines.append("Before its first step nothing is seen that would keep it from learning.")
        if not self.findings:
            lines += textwrap.wrap(self.verdict, 80)
        if self.too_early:
            lines += textwrap.wrap(NEXT_LOOK, 80, initial_indent="-> ", subsequent_indent="   ")
        tried = {trial.code: str(trial) for trial in self.trials}
        for number, finding in enumerate(self.findings, 1):
            place = "" if finding.layer is None else f" (layer {finding.layer})"
            lines.append(f"{number}. {finding.code}{place}")
            for text in (finding.message, f"-> {finding.remedy}", tried.get(finding.code, "")):
                lines += textwrap.wrap(text, 80, initial_indent="   ", subsequent_indent="   ")
        return "\n".join(lines)

    def html(self) -> Html:
        """Verdict, findings and layers as a part of a page (`nnscratch.pages`)."""
        from nnscratch.diagnosis.view import content

        return content(self, NEXT_LOOK)

    def _repr_html_(self) -> str:
        from nnscratch.pages.notebook import view

        return view("Diagnosis", self.html())


def _facts_of(finding: Finding) -> dict[str, Any]:
    names = ("code", "layer", "evidence", "message", "remedy", "by_training")
    return {name: getattr(finding, name) for name in names}


def _numbers(value: Any) -> Any:
    """The same without NaN and infinity, which JSON does not have."""
    if isinstance(value, dict):
        return {name: _numbers(each) for name, each in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value


def layer_table(layers: list[LayerSignals]) -> str:
    """One line per layer with weights, 80 columns wide; "-" where nothing was measured.

    Silent are the units of a ReLU that are 0 for every image; of a Sigmoid or a Tanh, the share of
    values that are saturated stands there.
    """
    head = f"{'layer':23s}{'z spread':>9s}{'h spread':>9s}{'silent':>8s}{'gradient':>9s}"
    head += f"{'decay/data':>11s}{'update/w':>9s}"
    lines = [head]
    for layer in layers:
        name = layer.name if len(layer.name) <= 22 else layer.name[:18] + "...)"
        share = layer.saturated if math.isnan(layer.never_active) else layer.never_active
        silent = "-" if math.isnan(share) else f"{share:.0%}"
        lines.append(
            f"{name:23s}{_short(layer.z_spread):>9s}{_short(layer.h_spread):>9s}{silent:>8s}"
            f"{_short(layer.gradient_rms):>9s}{_short(layer.decay_ratio):>11s}{_short(layer.update_ratio):>9s}"
        )
    return "\n".join(lines)


def _short(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.2g}"


def diagnose(
    model: Sequential,
    x: np.ndarray,
    y: np.ndarray,
    loss: Loss | None = None,
    optimizer: Optimizer | None = None,
    history: History | None = None,
    *,
    try_remedies: bool = False,
) -> Diagnosis:
    """Examines a network, fresh, in training or trained, and leaves everything in it as it was.

    Signals and gradients are measured on 128 evenly spaced rows, without dropout. If there is an
    optimizer and the network has learnt nothing, some steps are tried on a copy that begins anew.
    What could be learnt is measured by two plain rules from x to y (`learnable.py`).

    Arguments
        model : a Sequential; it may have diverged
        x, y : (N, ...) the training rows, in the order in which they are trained on; NaN where a
            label is missing
        loss : what the training minimises; None means MSELoss()
        optimizer : what trained the network or is about to; without it, nothing is said about steps
            and decay
        history : what `Trainer.fit` gave; without it, nothing is said about overfitting, nor
            about a loss that has become flat
        try_remedies : (default False) True: each remedy is applied to a copy, which is trained for
            300 steps (60 of a large network), and those that bring something come first

    Returns
        Diagnosis; `print(diagnose(...))` gives a table and the findings

    Raises
        ValueError : no rows, lengths that differ, or shapes that do not fit

    Sources: Glorot & Bengio, "Understanding the difficulty of training deep feedforward neural
    networks" (2010), for watching activations and gradients by layer; Karpathy, "CS231n" (2015),
    for the update-to-weight ratio.

    >>> import nnscratch as nn
    >>> rng = np.random.default_rng(0)
    >>> x = rng.standard_normal((64, 8)).astype(np.float32)
    >>> model = nn.Sequential(nn.Dense(8, 16, rng=1), nn.ReLU(), nn.Dense(16, 2, rng=2))
    >>> diagnose(model, x, x[:, :2]).healthy
    True
    >>> model.layers[0].params["bias"][:] = -100
    >>> diagnose(model, x, x[:, :2]).codes
    ['saturated_by_bias', 'dead_units', 'constant_output', 'no_better_than_mean']
    """
    x, y = np.asarray(x), np.asarray(y)
    check_rows("diagnose", x, y)
    flag("diagnose", "try_remedies", try_remedies)
    own = optimizer if optimizer is not None and _trains(optimizer, model) else None
    loss = copy.deepcopy(loss) if loss is not None else MSELoss()
    signals = measure(model, x, y, loss, own)
    # Late: the checks are many files, which only a diagnosis needs.
    from nnscratch.diagnosis.findings import find

    case = Case(model, signals, x, y, loss, own, history, foreign_optimizer=own is not optimizer)
    findings = find(case)
    trials: list[Trial] = []
    if try_remedies:
        findings, trials = tried_remedies(case, findings, Setup.of(model, x, y, loss, optimizer, case.batch_size))
    return Diagnosis(findings, signals, case.explained, case.trained, len(case.outputs_behind), trials)


def _trains(optimizer: Optimizer, model: Sequential) -> bool:
    """Whether the optimizer is this model's, as it is now."""
    try:
        optimizer.check_trains(model, "diagnose")
    except ValueError:
        return False
    return True
