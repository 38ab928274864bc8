"""What an ablation found: a table of all runs, a picture of them, and the race between the cure and
the MLP.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from nnscratch.files import atomic
from nnscratch.keypoints.experiments.ablation.settings import Names
from nnscratch.keypoints.experiments.report_text import markdown
from nnscratch.keypoints.experiments.results import LayerProbe, Probe, Result
from nnscratch.pictures import BLACK, BLUE, ORANGE, new_figure, save

Runs = Mapping[Names, Sequence[Result]]  # what was changed -> one result per seed

LEARNT = 0.9  # share of the mean face's error, below which a run has left the mean face behind

_HEADING = (
    "run", "seeds", "epochs", "RMSE, px", "ratio", "spread, px", "last hidden: active", "never", "always",
    "dropout noise, px", "learns",
)  # fmt: skip
_RACE_EPOCHS = (10, 20, 30, 60, 100, 150, 200, 300)


def write(runs: Runs, folder: Path) -> list[str]:
    """Writes ablation.md and ablation.png into `folder`, which exists; returns their names.

    Raises
        OSError : the folder cannot be written
    """
    _draw(runs, folder / "ablation.png")
    faces = next(iter(runs.values()))[0]["mean_face_rmse_px"]
    parts = [
        "# What keeps the report's CNN from learning",
        f"Validation RMSE of the mean face: {faces:.3f} px. Each cell: mean over the seeds; ± is half their range. A "
        f"run learns if every seed ends below {LEARNT} of the mean face's error; \"some\" if only some do. Shares of "
        "units are of the last hidden layer; `experiments/results.py` says what spread and noise are.",
        markdown(_HEADING, [_row(names, results) for names, results in runs.items()], text_last=False),
        *_race(runs),
    ]  # fmt: skip
    with atomic.write(folder / "ablation.md") as temporary:
        temporary.write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    return ["ablation.md", "ablation.png"]


def learns(results: Sequence[Result]) -> str:
    """ "yes", "no" or "some", over the seeds."""
    count = sum(result["ratio"] < LEARNT for result in results)
    return "yes" if count == len(results) else "some" if count else "no"


def _row(names: Names, results: Sequence[Result]) -> tuple[str, ...]:
    error = [result["rmse_px"] for result in results]
    hidden = [_last_hidden(result) for result in results]
    active, never, always = zip(*((layer["active"], layer["never"], layer["always"]) for layer in hidden), strict=True)
    shares = (f"{np.mean(share):.0%}" for share in (active, never, always))
    noise = np.mean([_last_probe(result)["noise_px"] for result in results])
    epochs = f"{len(results[0]['history']['epoch'])}"
    ratio, spread = np.mean([result["ratio"] for result in results]), np.mean([spread_of(result) for result in results])
    return (
        ": ".join(names), f"{len(results)}", epochs, f"{np.mean(error):.2f} ± {np.ptp(error) / 2:.2f}", f"{ratio:.2f}",
        f"{spread:.3f}", *shares, f"{noise:.2f}", learns(results),
    )  # fmt: skip


def _last_probe(result: Result) -> Probe:
    return list(result["probes"].values())[-1]


def _last_hidden(result: Result) -> LayerProbe:
    return [layer for layer in _last_probe(result)["layers"].values() if "active" in layer][-1]


def spread_of(result: Result) -> float:
    """The spread of a network's outputs, px; a run of the ablation always has one."""
    spread = result["spread_px"]
    return math.nan if spread is None else spread


def _race(runs: Runs) -> list[str]:
    """The two curves at the same epochs, mean over the seeds."""
    mlp, cure = runs.get(("race", "the report's MLP")), runs.get(("race", "the cure"))
    if not mlp or not cure:
        return []
    curves = [np.mean([np.array(r["history"]["rmse_px"], float) for r in results], axis=0) for results in (mlp, cure)]
    rows = []
    for epoch in (epoch for epoch in _RACE_EPOCHS if epoch <= len(curves[0])):
        of_mlp, of_cure = (curve[epoch - 1] for curve in curves)
        rows.append((f"{epoch}", f"{of_mlp:.2f}", f"{of_cure:.2f}", f"{1 - of_cure / of_mlp:.0%}"))
    heading = ("epoch", "report's MLP, px", "cured CNN, px", "lower by")
    return ["## The cure beside the report's MLP", markdown(heading, rows, text_last=False)]


def _draw(runs: Runs, path: Path) -> None:
    """Left the error, right the spread of the outputs: one dot per seed, one line per run."""
    names = list(runs)[::-1]
    figure = new_figure(11, 1.6 + 0.22 * len(names))
    errors, spreads = figure.subplots(1, 2, sharey=True)
    for place, key in enumerate(names):
        colour, marker = (BLUE, "o") if learns(runs[key]) == "yes" else (ORANGE, "s")
        for axes, of_result in ((errors, lambda result: result["rmse_px"]), (spreads, spread_of)):
            values = [max(of_result(result), 1e-4) for result in runs[key]]
            axes.plot(values, [place] * len(values), marker, color=colour, markersize=5)
    face = next(iter(runs.values()))[0]["mean_face_rmse_px"]
    errors.axvline(face, color=BLACK, linestyle=":", label=f"mean face: {face:.2f} px; the faces' own spread")
    errors.plot([], [], "o", color=BLUE, label="learns (every seed)")
    errors.plot([], [], "s", color=ORANGE, label="does not")
    spreads.axvline(face, color=BLACK, linestyle=":")
    errors.set_ylim(-1, len(names))
    errors.set_yticks(range(len(names)), [": ".join(key) for key in names], fontsize=7)
    errors.set(xlabel="validation RMSE (px)", xscale="log", title="Error after the last epoch, one mark per seed")
    spreads.set(xlabel="spread of the outputs (px; the leftmost: 0.0001 or less)", xscale="log")
    spreads.set_title("Does it see the picture?")
    ticks = [2, 3, 4, 6, 10, 20]
    errors.set_xticks(ticks, [f"{tick}" for tick in ticks])
    errors.minorticks_off()
    for axes in (errors, spreads):
        axes.title.set_fontsize(10)
        axes.grid(alpha=0.3)
    figure.legend(loc="outside lower center", ncols=3, fontsize=8)
    save(figure, path)
