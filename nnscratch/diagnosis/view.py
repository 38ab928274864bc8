"""A diagnosis as HTML, for a notebook and for a run's page: verdict, findings, layers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from nnscratch.diagnosis.finding import SYMPTOMS
from nnscratch.pages.markup import Html, element, joined
from nnscratch.pages.notebook import view
from nnscratch.pages.tables import table

if TYPE_CHECKING:
    from nnscratch.diagnosis.doctor import Diagnosis
    from nnscratch.diagnosis.finding import Finding
    from nnscratch.diagnosis.signals import LayerSignals

_HEADINGS = ("layer", "z spread", "h spread", "silent", "gradient", "decay/data", "update/w")


def content(diagnosis: Diagnosis, next_look: str) -> Html:
    """Verdict, findings, and a table of the layers with weights.

    next_look : what to do where it is too early to tell
    """
    explained = diagnosis.explained
    share = None
    if math.isfinite(explained) and not diagnosis.too_early:  # which says it already
        share = element("p", f"The network explains {max(explained, 0):.1%} of what differs between the targets.")
    return joined(
        [
            element("p", element("span", diagnosis.verdict, class_=f"badge {'good' if diagnosis.healthy else 'warn'}")),
            element("p", next_look, class_="remedy") if diagnosis.too_early else None,
            share,
            _findings(diagnosis) if diagnosis.findings else None,
            layers(diagnosis.signals.layers),
        ]
    )


def _findings(diagnosis: Diagnosis) -> Html:
    tried = {trial.code: str(trial) for trial in diagnosis.trials}
    items = (element("li", finding_content(each, tried.get(each.code))) for each in diagnosis.findings)
    return element("ol", joined(items), class_="findings")


def finding_content(finding: Finding, tried: str | None = None) -> Html:
    """What is wrong, why, and what helps.

    tried : what its remedy brought
    """
    place = "" if finding.layer is None else f" (layer {finding.layer})"
    kind = "symptom: " if finding.code in SYMPTOMS else ""
    return joined(
        [
            element("p", element("strong", f"{kind}{finding.code}{place}")),
            element("p", finding.message),
            element("p", finding.remedy, class_="remedy"),
            None if tried is None else element("p", tried, class_="note"),
        ]
    )


def layers(signals: Sequence[LayerSignals]) -> Html:
    """A row per layer with weights: what doctor.layer_table has as text."""
    rows = []
    for layer in signals:
        share = layer.saturated if math.isnan(layer.never_active) else layer.never_active
        numbers = (layer.z_spread, layer.h_spread, share, layer.gradient_rms, layer.decay_ratio, layer.update_ratio)
        rows.append([layer.name, *(_number(each, is_share=each is share) for each in numbers)])
    return table(_HEADINGS, rows, caption="Signals, layer by layer")


def _number(value: float, *, is_share: bool) -> str:
    if math.isnan(value):
        return "–"
    return f"{value:.0%}" if is_share else f"{value:.2g}"


def finding_view(finding: Finding) -> str:
    """A finding for a notebook."""
    return view("Finding", finding_content(finding))
