"""Notebooks as files: read, run without Jupyter, outputs kept."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from nnscratch.lessons import notebook
from nnscratch.lessons.notebook import Cell, Notebook


def code(number: int, source: str, *tags: str) -> Cell:
    return Cell(number, True, source, tags)


def lesson(*sources: str) -> Notebook:
    return Notebook("test.ipynb", tuple(code(number, source) for number, source in enumerate(sources)))


def printed(*sources: str) -> list[str]:
    return [notebook.printed(outputs) for _, outputs, _ in notebook.run(lesson(*sources))]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A small notebook, as an editor leaves it."""
    cells: list[dict[str, Any]] = [
        {"cell_type": "markdown", "id": "x", "metadata": {"collapsed": True}, "source": ["# A\n", "text"]},
        {
            "cell_type": "code",
            "id": "y",
            "metadata": {"tags": ["setup"], "execution": {"time": 1}},
            "execution_count": 17,
            "source": ["import matplotlib.pyplot as plt\n", "print('è', 2)"],
            "outputs": [{"output_type": "error", "ename": "E", "evalue": "", "traceback": []}],
        },
        {
            "cell_type": "code",
            "metadata": {},
            "execution_count": None,
            "source": ["plt.plot([1, 2])\n", "print('before')\n", "plt.show()\n", "print('after')"],
            "outputs": [],
        },
    ]
    path = tmp_path / "test.ipynb"
    path.write_text(json.dumps({"cells": cells, "metadata": {"x": 1}, "nbformat": 4, "nbformat_minor": 5}))
    return path


def test_read(path: Path) -> None:
    text, first, _ = notebook.read(path).cells
    assert (text.code, text.source, text.tags) == (False, "# A\ntext", ())
    assert (first.code, first.tags, first.number) == (True, ("setup",), 1)


def test_cells_run_in_one_namespace() -> None:
    assert printed("a = 1", "print(a + 1)", "print(__name__)") == ["", "2\n", "__main__\n"]


def test_figures_come_where_they_are_shown(path: Path) -> None:
    *_, (_, outputs, figures) = notebook.run(notebook.read(path))
    assert [output.text for output in outputs] == ["before\n", "", "after\n"]
    assert outputs[1].png.startswith(b"\x89PNG")
    assert len(figures) == 1


def test_figures_that_nobody_shows_are_shown_at_the_end_of_the_cell() -> None:
    source = "import matplotlib.pyplot as plt\nfigure = plt.figure()"
    ((_, outputs, figures),) = notebook.run(lesson(source))
    assert len(outputs) == len(figures) == 1
    ((_, outputs, figures),) = notebook.run(lesson(source), draw=False)
    assert (len(outputs), len(figures)) == (0, 1)


def test_no_figure_stays_open_after_an_error() -> None:
    import matplotlib.pyplot as plt

    show = plt.show
    with pytest.raises(ZeroDivisionError):
        printed("import matplotlib.pyplot as plt\nplt.figure()\n1 / 0")
    assert plt.get_fignums() == []
    assert plt.show is show


def test_a_warning_is_an_error() -> None:
    with pytest.raises(UserWarning, match="careful"):
        printed("import warnings\nwarnings.warn('careful')")


def test_a_value_on_the_last_line_is_refused() -> None:
    with pytest.raises(ValueError, match="<test.ipynb cell 1>: got a last line with a value, expected none"):
        printed("a = 1", "a")
    assert printed("print(1)", "...", "None") == ["1\n", "", ""]


def test_errors_show_the_line_of_the_cell() -> None:
    import traceback

    with pytest.raises(ZeroDivisionError) as error:
        printed("a = 0", "b = 1\nc = b / a")
    frame = traceback.extract_tb(error.value.__traceback__)[-1]
    assert (frame.filename, frame.lineno, frame.line) == ("<test.ipynb cell 1>", 2, "c = b / a")


def test_keep(path: Path) -> None:
    notebook.keep(path)
    first = path.read_bytes()
    content = json.loads(first)
    assert [cell["id"] for cell in content["cells"]] == ["cell-0", "cell-1", "cell-2"]
    assert [cell["metadata"] for cell in content["cells"]] == [{}, {"tags": ["setup"]}, {}]
    assert [cell.get("execution_count") for cell in content["cells"]] == [None, 1, 2]
    assert "è".encode() in first
    _, printing, plotting = notebook.read(path).cells
    assert printing.kept_text == "è 2\n"
    assert (plotting.kept_text, len(plotting.kept_pictures)) == ("before\nafter\n", 1)
    notebook.keep(path)
    assert path.read_bytes() == first


def test_a_notebook_that_fails_stays_as_it_was(path: Path) -> None:
    content = json.loads(path.read_text())
    content["cells"][2]["source"] = ["1 / 0"]
    path.write_text(json.dumps(content))
    before = path.read_bytes()
    with pytest.raises(ZeroDivisionError):
        notebook.keep(path)
    assert path.read_bytes() == before
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


EXERCISES = Notebook(
    "test.ipynb",
    (
        code(0, "import numpy as np", "setup"),
        code(1, "def one(): ...", "exercise:one"),
        code(2, 'check("one", one)'),
        code(3, "print('long')"),
        code(4, "def two(): ...", "exercise:two", "needs:one"),
        code(5, 'check("two", two)'),
        code(6, "def three(): ...", "exercise:three"),
    ),
)


def test_what_an_exercise_needs() -> None:
    assert EXERCISES.exercises == ["one", "two", "three"]
    assert [cell.number for cell in EXERCISES.only("one").cells] == [0, 1, 2]
    assert [cell.number for cell in EXERCISES.only("two").cells] == [0, 1, 4, 5]


@pytest.mark.parametrize(("name", "found"), [("three", "1 cells and 0 checks"), ("four", "0 cells and 0 checks")])
def test_an_exercise_without_cell_or_check_is_refused(name: str, found: str) -> None:
    with pytest.raises(ValueError, match=f"test.ipynb: got '{name}', which has {found}, expected one of each"):
        EXERCISES.only(name)


def test_answers_are_pasted_into_their_cells() -> None:
    answered = EXERCISES.answered({"two": "two = 2"})
    assert [cell.source for cell in answered.cells][4] == "two = 2"
    assert [cell.source for cell in answered.cells][1] == "def one(): ..."
