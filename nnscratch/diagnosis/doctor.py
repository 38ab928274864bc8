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
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from nnscratch.checks import check_rows
from nnscratch.diagnosis.case import Case
from nnscratch.diagnosis.finding import Finding
from nnscratch.diagnosis.signals import LayerSignals, Signals, measure
from nnscratch.losses import Loss, MSELoss
from nnscratch.model import Sequential
from nnscratch.pictures import save

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from nnscratch.history import History
    from nnscratch.optimizers.base import Optimizer


@dataclass(frozen=True)
class Diagnosis:
    """What `diagnose` found; print it.

    findings : causes before what they cause; empty for a healthy network
    signals : what was measured, layer by layer
    """

    findings: list[Finding]
    signals: Signals

    @property
    def codes(self) -> list[str]:
        """The findings' codes, in order."""
        return [finding.code for finding in self.findings]

    @property
    def healthy(self) -> bool:
        """Whether nothing was found."""
        return not self.findings

    def facts(self) -> dict[str, Any]:
        """The findings and the layers' numbers, for programs: dicts, lists, text and numbers.

        What was not measured, or is not finite, is None.
        """
        return {
            "healthy": self.healthy,
            "findings": [_numbers(asdict(finding)) for finding in self.findings],
            "layers": [_numbers(asdict(layer)) for layer in self.signals.layers],
        }

    def figure(self) -> Figure:
        """A matplotlib Figure: spread, gradient and silent units by layer, with the findings."""
        # Late: a diagnosis in words needs no picture.
        from nnscratch.diagnosis.figure import figure_of

        return figure_of(self.signals, self.findings)

    def save_picture(self, path: str | os.PathLike[str]) -> None:
        """Writes `figure()` as a PNG; whole or not at all.

        Raises
            ValueError : `path` does not end in .png
            OSError : the folder is missing or cannot be written
        """
        save(self.figure(), path)

    def __str__(self) -> str:
        lines = [layer_table(self.signals.layers), ""]
        if self.healthy:
            lines.append("healthy: no finding")
        for number, finding in enumerate(self.findings, 1):
            place = "" if finding.layer is None else f" (layer {finding.layer})"
            lines.append(f"{number}. {finding.code}{place}")
            for text in (finding.message, f"-> {finding.remedy}"):
                lines += textwrap.wrap(text, 80, initial_indent="   ", subsequent_indent="   ")
        return "\n".join(lines)


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
) -> Diagnosis:
    """Examines a network, fresh, in training or trained, and leaves everything in it as it was.

    Signals and gradients are measured on 128 evenly spaced rows, without dropout. If there is an
    optimizer and the network has learnt nothing, ten steps are tried on a copy that begins anew.

    Arguments
        model : a Sequential; it may have diverged
        x, y : (N, ...) the training rows, in the order in which they are trained on; NaN where a
            label is missing
        loss : what the training minimises; None means MSELoss()
        optimizer : what trained the network or is about to; without it, nothing is said about steps
            and decay
        history : what `Trainer.fit` gave; without it, nothing is said about overfitting

    Returns
        Diagnosis; `print(diagnose(...))` gives a table and the findings

    Raises
        ValueError : no rows, lengths that differ, shapes that do not fit, an optimizer of another
            model or of layers that the model no longer has

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
    if optimizer is not None:
        optimizer.check_trains(model, "diagnose")
    loss = copy.deepcopy(loss) if loss is not None else MSELoss()
    signals = measure(model, x, y, loss, optimizer)
    # Late: the checks are fifteen files, which only a diagnosis needs.
    from nnscratch.diagnosis.findings import find

    return Diagnosis(find(Case(model, signals, x, y, loss, optimizer, history)), signals)
