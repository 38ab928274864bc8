"""The report that `examples/experiments/reproduce_report.py` writes: a table, what it shows in
words, and pictures.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from nnscratch.files import atomic
from nnscratch.history import Outcome
from nnscratch.keypoints.experiments import report_figures
from nnscratch.keypoints.experiments.results import Result
from nnscratch.keypoints.experiments.settings import EXPERIMENTS, Experiment
from nnscratch.keypoints.faces import POINTS

Results = Mapping[str, Result]

COLLAPSED_PX = 0.1  # outputs that differ less than this from picture to picture are the same for every practical end

_HEADING = ("experiment", "epochs", "RMSE", "ratio", "spread", "active units, %", "the report's own")
_HOW_TO_READ = """\
- **RMSE** in pixels on the validation rows, after the last epoch, without dropout.
- **ratio**: RMSE over the mean face's on the same labels. 1 or more: saying the mean face would do as well.
- **spread**: how much the outputs differ from picture to picture, in pixels (root mean square of each coordinate's
  deviation from its mean over the pictures). The faces themselves have {faces:.2f}; 0 is one answer for all.
- **active units**: share of a layer's values above 0, over units and validation pictures, one number per layer
  in order: convolutions / hidden dense layers. A unit that is 0 for every picture passes on nothing, and no gradient.
- **the report's own**: RMSE in pixels as it has them, at the epoch. Its split is the same, if its file was.
"""


def reported(experiment: Experiment) -> str:
    """What the report has for an experiment, in words: "4.97 at 200, 4.19 at 2,000".

    >>> reported(EXPERIMENTS[0])
    "3.96 (Kaggle's test set)"
    """
    numbers = ", ".join(f"{error:.2f} at {epoch:,}" for epoch, error in experiment.reported)
    return numbers or experiment.reported_note


def row(experiment: Experiment, result: Result) -> tuple[str, ...]:
    """The cells of an experiment's row, in the order of the heading."""
    history = result.get("history")
    epochs = f"{len(history['epoch']):,}" if history else "-"
    spread = "-" if experiment.kind == "eyes" else number(result["spread_px"])
    scores = number(result["rmse_px"]), number(result["ratio"])
    return (experiment.title, epochs, *scores, spread, _active(result), reported(experiment))


def number(value: float | None) -> str:
    """Two decimals; below 0.1 two significant digits; a dash for None.

    >>> number(3.951), number(0.0312), number(1.2e-7), number(0), number(None)
    ('3.95', '0.031', '1.2e-07', '0', '-')
    """
    if value is None:
        return "-"
    return f"{value:.2f}" if value >= 0.1 else f"{value:.2g}"


TERMINAL_HEADING = f"{'experiment':<36}{'RMSE':>7}{'ratio':>7}{'spread':>9}{'active':>8}  report"


def terminal_row(experiment: Experiment, result: Result) -> str:
    """Title, RMSE, ratio, spread, activity of the last hidden layer and the report's own last
    number, in 80 columns.
    """
    title, _, error, ratio, spread, _, _ = row(experiment, result)
    last = list((result.get("active") or {}).values())[-1:]
    active = f"{last[0]:.0%}" if last else "-"
    own = f"{experiment.reported[-1][1]:.2f}" if experiment.reported else ""
    short = title if len(title) <= 35 else title[:34] + "…"
    return f"{short:<36}{error:>7}{ratio:>7}{spread:>9}{active:>8}  {own}".rstrip()


def write(results: Results, folder: Path, *, heading: str) -> list[str]:
    """Writes report.md and its pictures into `folder`, which exists; returns the names of the
    files.

    results : name of an experiment -> its result; experiments that are missing are left out
    heading : a paragraph on data, settings and time

    Raises
        OSError : the folder cannot be written
    """
    pictures = report_figures.draw(results, folder)
    parts = [
        "# The 2015 report's experiments, rebuilt",
        heading,
        "## What came out",
        _table(results),
        _HOW_TO_READ.format(faces=_faces_spread(results)),
        "## What it shows",
        "\n".join(f"- {sentence}" for sentence in findings(results)),
        "## Pictures",
        *(f"![{caption}]({file})\n\n*{caption}*" for file, caption in pictures.items()),
        "## How each was set up",
        _settings(results),
    ]
    for e in EXPERIMENTS:
        if e.levels and e.name in results:
            parts += [f"## {e.title[0].upper()}{e.title[1:]}: point by point", _cascade(results[e.name])]
    atomic.write_text(folder / "report.md", "\n\n".join(parts) + "\n")
    return ["report.md", *pictures]


def findings(results: Results) -> list[str]:
    """What the numbers say, in sentences; each only if the experiments it needs were run."""
    sentences = []
    if "f1" in results:
        sentences.append(_on_collapse(results["f1"], _faces_spread(results)))
    if "f1_early" in results:
        early = results["f1_early"]
        sentences.append(
            f"With the early weights of N(0, 0.01²) the spread is {number(early['spread_px'])} px, while "
            f"{_last_active(early):.0%} of the last hidden layer's values are above 0: no unit need be dead for a "
            "signal to get lost; weights that small shrink it in every layer."
        )
    if "mlp" in results:
        mlp = results["mlp"]
        sentences.append(
            f"The MLP's outputs do differ from picture to picture ({number(mlp['spread_px'])} px), and it ends at "
            f"{number(mlp['rmse_px'])} px, {number(mlp['ratio'])} times the mean face's error."
        )
    if {"f1", "f1_cured"} <= results.keys():
        cured = results["f1_cured"]
        sentences.append(
            f"The same convolutions and dense layers, cured (see below), end at {number(cured['rmse_px'])} px, "
            f"{number(cured['ratio'])} times the mean face's error; their spread is {number(cured['spread_px'])} px, "
            f"and {_last_active(cured):.0%} of the last hidden layer's values are above 0."
        )
    if "map_squares" in results:
        sentences.append(_on_map(results["map_squares"]))
    if "map_softmax" in results:
        result = results["map_softmax"]
        sentences.append(
            f"With softmax over the map and cross-entropy, the same network finds that point with "
            f"{number(result['rmse_px'])} px, {number(result['ratio'])} times the mean face's error."
        )
    if "eyes" in results:
        eyes = results["eyes"]
        sentences.append(
            f"Mean patch search, with no network at all, finds the eye centres with {number(eyes['rmse_px'])} px; on "
            f"them the mean face has {number(eyes['mean_face_rmse_px'])} px."
        )
    sentences += _beside_the_report(results)
    return sentences or ["Too few experiments were run to say anything."]


def _beside_the_report(results: Results) -> list[str]:
    """Where a training came as far as an epoch that the report has a number for: both numbers."""
    pairs = []
    for e in EXPERIMENTS:
        errors = results.get(e.name, {}).get("history", {}).get("rmse_px", [])
        for epoch, error in e.reported:
            if epoch <= len(errors):
                pairs.append(f"{e.title}, epoch {epoch:,}: {number(errors[epoch - 1])} px here, {error:.2f} there")
    return [f"Beside the report, at the same epoch: {'; '.join(pairs)}."] if pairs else []


def _on_collapse(f1: Result, faces: float) -> str:
    spread, active = f1["spread_px"], _last_active(f1)
    if spread is None:
        return f"The F1 CNN {f1['stopped']}: its numbers say nothing."
    same = spread < COLLAPSED_PX
    says = "gives the same answer whatever the picture" if same else "has not collapsed entirely in these epochs"
    return (
        f"The report's F1 CNN {says}: its outputs differ by {number(spread)} px from picture to picture, where the "
        f"faces differ by {faces:.2f} px. In its last hidden layer {active:.1%} of the values are above 0: "
        f"{'what is left of the picture does not reach the output, and the biases answer' if same else 'look there'}."
    )


def _on_map(result: Result) -> str:
    extra = result["extra"]
    return (
        f"Classification with squared error: a map of zeros has a loss of {extra['loss_of_zeros']:.3e}; the best map "
        f"that ignores the picture, {extra['loss_of_shares']:.3e}; the trained network, {extra['loss_of_this']:.3e}, "
        f"with a mean highest value of {number(extra['highest_value'])} where 1 is asked for. Its highest pixel "
        f"misses the {extra['point'].replace('_', ' ')} by {number(result['rmse_px'])} px, "
        f"{number(result['ratio'])} times the mean face's error."
    )


def _table(results: Results) -> str:
    rows = [row(experiment, results[experiment.name]) for experiment in EXPERIMENTS if experiment.name in results]
    return markdown(_HEADING, rows)


def _settings(results: Results) -> str:
    heading = ("experiment", "optimizer", "lr", "weight decay", "dropout", "order", "parameters", "seconds", "note")
    rows = []
    for e in EXPERIMENTS:
        if e.name not in results:
            continue
        if e.network is None:
            rows.append((e.title, *["-"] * 7, e.note))
            continue
        result = results[e.name]
        dropout = f"{e.dropout:g}" if e.dropout else "none"
        optimizer = "Adam" if e.optimizer == "adam" else f"SGD, momentum {e.momentum:g}"
        order = "shuffled" if e.shuffled else "fixed"
        count, seconds = f"{result['parameters']:,}", f"{result['seconds']:.0f}"
        note = f"{result['stopped']}. {e.note}" if result["outcome"] == Outcome.DIVERGED.name else e.note
        rows.append((e.title, optimizer, f"{e.lr:g}", f"{e.weight_decay:.3g}", dropout, order, count, seconds, note))
    same = "The report's update v <- 0.9 v + 0.1 g; w <- w - 0.01 v is SGD with lr 0.001 and momentum 0.9."
    return f"{same}\n\n{markdown(heading, rows)}"


def _cascade(result: Result) -> str:
    levels = result["extra"]["levels"]
    heading = ("point", *(f"level {number}" for number in range(1, len(levels) + 1)))
    rows = [(point.replace("_", " "), *(number(level["per_point"][point]) for level in levels)) for point in POINTS]
    rows.append(("all", *(number(level["rmse_px"]) for level in levels)))
    return f"RMSE in pixels on the validation rows after each level.\n\n{markdown(heading, rows, text_last=False)}"


def markdown(heading: tuple[str, ...], rows: Sequence[tuple[str, ...]], *, text_last: bool = True) -> str:
    """A table in Markdown; the first column is text, and so is the last one if `text_last`."""
    sides = ["---", *["---:"] * (len(heading) - 2), "---" if text_last else "---:"]  # numbers right, text left
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (heading, sides, *rows))


def _active(result: Result) -> str:
    """ "56 48 31 / 2 1": percent above 0, convolutions / dense layers."""
    groups: dict[str, list[str]] = {"conv": [], "dense": []}
    for name, share in (result.get("active") or {}).items():
        groups[name.split()[0]].append(f"{100 * share:.0f}" if share >= 0.01 or share == 0 else f"{100 * share:.1g}")
    return " / ".join(" ".join(shares) or "-" for shares in groups.values()) if any(groups.values()) else "-"


def _last_active(result: Result) -> float:
    return float(list(result["active"].values())[-1])


def _faces_spread(results: Results) -> float:
    """The validation faces' own deviation from the mean face, px: every result on all points has
    it.
    """
    errors = [
        r["mean_face_rmse_px"] for name, r in results.items() if name not in ("eyes", "map_squares", "map_softmax")
    ]
    return float(errors[0]) if errors else float("nan")
