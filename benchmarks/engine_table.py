"""What engines.py found, as tables of 80 columns and as a picture."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Any

from engine_builders import ENGINES

from nnscratch.pictures import BLACK, BLUE, GREEN, GREY, ORANGE, PURPLE, SKY, VERMILION, new_figure, save
from nnscratch.profiling.table import short, wrapped

Row = dict[str, Any]
WORKS = {"train": "training step", "infer": "inference"}
# A colour for a maker, a marker and a dash for each of its engines.
_STYLES = {
    "nnscratch": (BLACK, "o", "-"),
    "pytorch": (BLUE, "s", "-"),
    "pytorch-last": (BLUE, "D", "--"),
    "torch-compile": (SKY, "^", ":"),
    "tensorflow": (ORANGE, "v", "-"),
    "tensorflow-xla": (ORANGE, "P", "--"),
    "jax": (VERMILION, "X", "-."),
    "onnxruntime": (GREEN, "<", "-"),
    "openvino": (PURPLE, ">", "-"),
    "scikit-learn": (GREY, "*", "-"),
}


def tables(rows: Sequence[Row], processes: Sequence[Row], engines: Sequence[str]) -> Iterator[str]:
    """Lines: every engine's time for each cell, its memory and first step; then the best others.

    rows      : network, batch, work, milliseconds by engine, best_other, ratio
    processes : network, engine, megabytes, first_seconds
    """
    for network in dict.fromkeys(row["network"] for row in rows):
        yield ""
        yield f"{network:18s}" + "".join(f"{ENGINES[name].head:>6s}" for name in engines)
        for row in (row for row in rows if row["network"] == network):
            label = f"{row['work']}, batch {row['batch']}"
            yield _line(label, [row["milliseconds"].get(name) for name in engines])
        of = {each["engine"]: each for each in processes if each["network"] == network}
        for label, key in (("MB added", "megabytes"), ("first step, s", "first_seconds")):
            yield _line(label, [of[name][key] if name in of else None for name in engines])
    yield ""
    yield from wrapped("; ".join(f"{ENGINES[name].head}: {ENGINES[name].title}" for name in engines))
    yield from _best_others(rows)


def _line(label: str, numbers: Sequence[float | None]) -> str:
    return f"{label:18s}" + "".join(f"{short(number):>6s}" for number in numbers)


def _best_others(rows: Sequence[Row]) -> Iterator[str]:
    """A line for each network and batch: ours, the fastest of the others, its time over ours."""
    yield ""
    yield f"{'':22s}{WORKS['train']:>20s}{WORKS['infer']:>26s}".rstrip()
    yield f"{'ms':17s}{'batch':>5s}" + 2 * f"{'ours':>7s}{'best':>7s} {'other':6s}{'x':>5s}"
    cells = {(row["network"], row["batch"], row["work"]): row for row in rows}
    for network, batch in dict.fromkeys((row["network"], row["batch"]) for row in rows):
        found = [cells.get((network, batch, work)) for work in WORKS]
        yield (f"{network:17s}{batch:5d}" + "".join(map(_best_other, found))).rstrip()


def _best_other(row: Row | None) -> str:
    if row is None:
        return " " * 26
    best = row["best_other"]
    other, head = (row["milliseconds"][best], ENGINES[best].head) if best else (None, "")
    return f"{short(row['milliseconds'].get('nnscratch')):>7s}{short(other):>7s} {head:6s}{short(row['ratio']):>5s}"


def markdown(rows: Sequence[Row]) -> Iterator[str]:
    """The best others as a table of Markdown: that of docs/results.md."""
    yield "| | batch | training step | fastest other | x | inference | fastest other | x |"
    yield "|---" * 8 + "|"
    cells = {(row["network"], row["batch"], row["work"]): row for row in rows}
    for network, batch in dict.fromkeys((row["network"], row["batch"]) for row in rows):
        line = [network, str(batch)]
        for work in WORKS:
            row: Row = cells.get((network, batch, work), {"milliseconds": {}, "best_other": None, "ratio": None})
            best, times = row["best_other"], row["milliseconds"]
            other = f"{short(times[best])} {ENGINES[best].title}" if best else "-"
            line += [short(times.get("nnscratch")), other, short(row["ratio"])]
        yield f"| {' | '.join(line)} |"


def draw(rows: Sequence[Row], engines: Sequence[str], title: str, path: str | os.PathLike[str]) -> None:
    """Writes a PNG: milliseconds over the batch, a line an engine; a column a network.

    Raises
        ValueError : `path` does not end in .png
        OSError    : it cannot be written
    """
    networks = list(dict.fromkeys(row["network"] for row in rows))
    figure = new_figure(1.5 + 2.8 * len(networks), 7.5)
    axes = figure.subplots(2, len(networks), sharex=True, squeeze=False)
    batches = sorted({row["batch"] for row in rows})
    for line, work in zip(axes, WORKS, strict=True):
        for axis, network in zip(line, networks, strict=True):
            own = [row for row in rows if (row["network"], row["work"]) == (network, work)]
            for name in engines:
                points = [(row["batch"], row["milliseconds"][name]) for row in own if name in row["milliseconds"]]
                if points:
                    color, marker, dash = _STYLES[name]
                    axis.plot(*zip(*sorted(points), strict=True), color=color, marker=marker, linestyle=dash,
                              label=ENGINES[name].title, linewidth=2.5 if name == "nnscratch" else 1.2)  # fmt: skip
            axis.set(xscale="log", yscale="log", title=f"{network}, {WORKS[work]}")
            axis.set_xticks(batches, [str(batch) for batch in batches], minor=False)
            axis.minorticks_off()
            axis.grid(alpha=0.3)
        line[0].set_ylabel("milliseconds")
    for axis in axes[-1]:
        axis.set_xlabel("pictures in a batch")
    shown = {label: line for axis in axes.flat for line, label in zip(*axis.get_legend_handles_labels(), strict=True)}
    figure.legend(shown.values(), shown.keys(), loc="outside lower center", ncols=min(5, 2 * len(networks)))
    figure.suptitle(title, wrap=True)
    save(figure, path)
