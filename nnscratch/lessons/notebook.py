"""Lessons as files: reads a notebook, runs its cells, and keeps what they print and show.

The cells run one after the other in one namespace of this process, figures drawn without a display.
That is what Jupyter does, without its server, so tests and `examples/lessons/build.py` need no more
than the library does. Tags that mean something here:

    setup          imports and small functions that every exercise of the lesson needs
    exercise:NAME  the cell that the reader fills, for the exercise NAME
    needs:NAME     stands beside exercise:...: that cell uses the answer to NAME
    varies         prints times or other numbers of this machine, which differ from run to run
    trains         prints where a training ended: its last digit depends on the processor
"""

from __future__ import annotations

import ast
import base64
import contextlib
import io
import json
import linecache
import os
import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nnscratch.files import atomic

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


@dataclass(frozen=True)
class Output:
    """Something that a cell printed, or one figure as a PNG."""

    text: str = ""
    png: bytes = b""
    size: str = ""  # of the figure, as Jupyter describes it

    def as_json(self) -> dict[str, Any]:
        if not self.png:
            return {"name": "stdout", "output_type": "stream", "text": self.text.splitlines(keepends=True)}
        picture = base64.b64encode(self.png).decode()
        return {
            "data": {"image/png": picture, "text/plain": [self.size]},
            "metadata": {},
            "output_type": "display_data",
        }


@dataclass(frozen=True)
class Cell:
    """One cell: Markdown or code, its tags, and the outputs that the file keeps.

    number : its place among all cells, from 0
    """

    number: int
    code: bool
    source: str
    tags: tuple[str, ...] = ()
    outputs: tuple[Mapping[str, Any], ...] = ()

    def tagged(self, prefix: str) -> list[str]:
        """What stands behind `prefix:` in the tags."""
        return [tag.removeprefix(f"{prefix}:") for tag in self.tags if tag.startswith(f"{prefix}:")]

    @property
    def kept_text(self) -> str:
        """What it printed when its outputs were kept."""
        return "".join("".join(output.get("text", ())) for output in self.outputs)

    @property
    def kept_pictures(self) -> list[bytes]:
        """The PNGs that it showed when its outputs were kept."""
        data = [output.get("data", {}).get("image/png") for output in self.outputs]
        return [base64.b64decode(picture) for picture in data if picture]


@dataclass(frozen=True)
class Notebook:
    """A lesson: the name of its file, and its cells in order."""

    name: str
    cells: tuple[Cell, ...]

    @property
    def exercises(self) -> list[str]:
        """The names of its exercises, in order."""
        return [name for cell in self.cells for name in cell.tagged("exercise")]

    def answered(self, answers: Mapping[str, str]) -> Notebook:
        """The notebook with these answers, name -> code, in the cells of their exercises."""
        cells = tuple(
            replace(cell, source=next((answers[n] for n in cell.tagged("exercise") if n in answers), cell.source))
            for cell in self.cells
        )
        return replace(self, cells=cells)

    def only(self, exercise: str) -> Notebook:
        """What one exercise needs: the setup, cells that its own cell needs, itself, its check.

        Raises
            ValueError : the notebook has no such exercise, or no check("...") of it
        """
        own = next((cell for cell in self.cells if exercise in cell.tagged("exercise")), None)
        checks = [cell for cell in self.cells if cell.code and f'check("{exercise}"' in cell.source]
        if own is None or len(checks) != 1:
            raise ValueError(
                f"{self.name}: got {exercise!r}, which has {int(own is not None)} cells and {len(checks)} checks, "
                f'expected one of each; tag a cell exercise:{exercise}, and write check("{exercise}", ...) once'
            )
        needed = {exercise, *own.tagged("needs")}
        cells = [
            cell
            for cell in self.cells
            if cell in (own, checks[0]) or "setup" in cell.tags or needed & {*cell.tagged("exercise")}
        ]
        return replace(self, cells=tuple(cells))


def read(path: str | os.PathLike[str]) -> Notebook:
    """The notebook in a file, .ipynb."""
    content = json.loads(Path(path).read_text(encoding="utf-8"))
    cells = [
        Cell(
            number,
            raw["cell_type"] == "code",
            "".join(raw["source"]),
            tuple(raw.get("metadata", {}).get("tags", ())),
            tuple(raw.get("outputs", ())),
        )
        for number, raw in enumerate(content["cells"])
    ]
    return Notebook(Path(path).name, tuple(cells))


def run(notebook: Notebook, *, draw: bool = True) -> Iterator[tuple[Cell, list[Output], list[Figure]]]:
    """Runs the code cells in order, and gives for each what it printed and showed.

    draw : False closes figures without drawing them, which is faster; their outputs are missing

    Raises
        Exception : what a cell raised; warnings are errors
    """
    namespace: dict[str, Any] = {"__name__": "__main__"}
    for cell in notebook.cells:
        if cell.code:
            outputs, figures = _run_cell(cell, f"<{notebook.name} cell {cell.number}>", namespace, draw)
            yield cell, outputs, figures


def printed(outputs: Iterable[Output]) -> str:
    """The text of some outputs."""
    return "".join(output.text for output in outputs)


def keep(path: str | os.PathLike[str]) -> None:
    """Runs a notebook from top to bottom and writes its outputs into its file, whole or not at all.

    The file is written as Jupyter writes it, without whatever would differ from run to run: the
    cells are numbered, and there are no times.

    Raises
        Exception : what a cell raised; the file stays as it was
    """
    notebook = read(path)
    made = {cell.number: [output.as_json() for output in outputs] for cell, outputs, _ in run(notebook)}
    cells = []
    for cell in notebook.cells:
        tags = {"tags": list(cell.tags)} if cell.tags else {}
        source = cell.source.splitlines(keepends=True)
        entry: dict[str, Any] = {"id": f"cell-{cell.number}", "metadata": tags, "source": source}
        if cell.code:
            count = [*made].index(cell.number) + 1
            entry |= {"cell_type": "code", "execution_count": count, "outputs": made[cell.number]}
        else:
            entry |= {"cell_type": "markdown"}
        cells.append(entry)
    content = {"cells": cells, "metadata": _METADATA, "nbformat": 4, "nbformat_minor": 5}
    atomic.write_text(path, json.dumps(content, ensure_ascii=False, indent=1, sort_keys=True) + "\n")


def _run_cell(cell: Cell, filename: str, namespace: dict[str, Any], draw: bool) -> tuple[list[Output], list[Figure]]:
    import matplotlib

    matplotlib.use("Agg")  # before pyplot is imported, by the cell or here
    from matplotlib import pyplot

    outputs: list[Output] = []
    figures: list[Figure] = []
    text = io.StringIO()

    def show(*_: object, **__: object) -> None:
        if text.getvalue():
            outputs.append(Output(text.getvalue()))
            text.seek(0)
            text.truncate()
        for number in pyplot.get_fignums():
            figure = pyplot.figure(number)
            figures.append(figure)
            if draw:
                outputs.append(_picture(figure))
            pyplot.close(figure)

    # So that errors, and `check`, can show the line of the cell.
    linecache.cache[filename] = (len(cell.source), None, cell.source.splitlines(keepends=True), filename)
    usual_show, pyplot.show = pyplot.show, show
    try:
        with matplotlib.rc_context(), contextlib.redirect_stdout(text), warnings.catch_warnings():
            warnings.simplefilter("error")
            _execute(cell.source, filename, namespace)
            show()
    finally:
        pyplot.show = usual_show
        pyplot.close("all")
    return outputs, figures


def _execute(source: str, filename: str, namespace: dict[str, Any]) -> None:
    """Runs a cell. Its last expression must not give a value, which Jupyter would show."""
    tree = ast.parse(source, filename)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, filename, "exec", dont_inherit=True), namespace)
    if isinstance(last, ast.Expr):
        value = eval(compile(ast.Expression(last.value), filename, "eval", dont_inherit=True), namespace)
        if value is not None and value is not Ellipsis and not hasattr(value, "_ipython_display_"):
            raise ValueError(f"{filename}: got a last line with a value, expected none; print it, or give it a name")


def _picture(figure: Figure) -> Output:
    data = io.BytesIO()
    figure.savefig(data, format="png", metadata={"Software": None})
    axes = len(figure.axes)
    return Output(
        png=data.getvalue(), size=f"<Figure size {figure.bbox.width:.0f}x{figure.bbox.height:.0f} with {axes} Axes>"
    )
