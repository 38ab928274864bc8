"""Every lesson runs as given, with its solutions, and with each usual mistake; its file is good.

The cells run in this process (`nnscratch.lessons.notebook`), so no Jupyter is needed. With a
mistake, only the cells that its exercise needs are run: the setup, the exercise, its check.
"""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from typing import Any

import pytest

from nnscratch.lessons import exercises, notebook
from nnscratch.lessons.exercise import Exercise, Mistake, Question
from nnscratch.lessons.notebook import Notebook

FOLDER = Path(__file__).parents[3] / "examples" / "lessons"
PATHS = sorted(FOLDER.glob("*.ipynb"))
MOST_BYTES = 300_000
MOST_TEXT = 4000  # characters that one cell may print
each_lesson = pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)


def module(path: Path) -> str:
    """ "gradients" of 01_gradients.ipynb."""
    return path.stem.partition("_")[2]


def solutions(path: Path) -> dict[str, str]:
    """The code of each solution, by the name of its exercise."""
    source = (FOLDER / "solutions" / f"{path.stem}.py").read_text(encoding="utf-8")
    found = {}
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found[node.name] = ast.unparse(node)
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            found[node.targets[0].id] = ast.unparse(node)
    return found


def verdicts(lesson: Notebook) -> tuple[dict[str, str], str]:
    """What each check said, and all that was printed; figures are not drawn."""
    text = "".join(notebook.printed(outputs) for _, outputs, _ in notebook.run(lesson, draw=False))
    return verdicts_in(text), text


def verdicts_in(text: str) -> dict[str, str]:
    return dict(re.findall(r"^(\w+): (right|not done yet|wrong)\b", text, re.MULTILINE))


# The other tests of a lesson run all its cells but those behind its exercises, which take the time.
AT_NIGHT = {"06_why_did_it_not_learn"}


@pytest.mark.parametrize(
    "path", [pytest.param(path, id=path.stem, marks=[pytest.mark.nightly] * (path.stem in AT_NIGHT)) for path in PATHS]
)
def test_as_given(path: Path) -> None:
    lesson = notebook.read(path)
    everything = ""
    for cell, outputs, figures in notebook.run(lesson, draw=False):
        text = notebook.printed(outputs)
        everything += text
        if "varies" in cell.tags:
            assert bool(text) == bool(cell.kept_text), cell.source
        elif "trains" in cell.tags:
            assert same_but_for_rounding(text, cell.kept_text), f"{text} {cell.kept_text}"
        else:
            assert text == cell.kept_text, f"run `python examples/lessons/build.py`: {cell.source}"
        assert len(figures) == len(cell.kept_pictures), cell.source
        for figure in figures:
            check_figure(figure)
    assert verdicts_in(everything) == dict.fromkeys(lesson.exercises, "not done yet")


@pytest.mark.nightly
@each_lesson
def test_its_figures_can_be_drawn(path: Path) -> None:
    """A quarter of a second each; the test above looks at what they hold."""
    for cell, outputs, _ in notebook.run(notebook.read(path)):
        assert sum(bool(output.png) for output in outputs) == len(cell.kept_pictures), cell.source


def same_but_for_rounding(text: str, kept: str) -> bool:
    """Whether two texts differ by one unit in the last digit of decimal numbers, at most.

    A training ends a little elsewhere where vectors have another width.
    """
    number = re.compile(r"\d+\.\d+")
    pairs = list(zip(number.findall(text), number.findall(kept), strict=False))
    units = [10.0 ** -len(b.partition(".")[2]) for _, b in pairs]
    near = all(abs(float(a) - float(b)) < 1.5 * unit for (a, b), unit in zip(pairs, units, strict=True))
    return number.sub("", text) == number.sub("", kept) and near


def test_rounding() -> None:
    assert same_but_for_rounding("3.8 px, 12.00 %", "3.9 px, 12.01 %")
    for other in ("3.7 px, 12.01 %", "3.9 px, 12.03 %", "3.9 cm, 12.01 %", "3.9 px"):
        assert not same_but_for_rounding(other, "3.9 px, 12.01 %")


def check_figure(figure: Any) -> None:
    """Every axes says what it shows, and some legend of the figure which line is which."""
    legends = [*figure.legends, *(axes.get_legend() for axes in figure.axes if axes.get_legend())]
    told = {text.get_text() for legend in legends for text in legend.get_texts()}
    for axes in figure.axes:
        _, labels = axes.get_legend_handles_labels()
        assert len(labels) < 2 or {*labels} <= told, labels
        if axes.axison and axes.get_label() != "<colorbar>":
            assert axes.get_xlabel() or axes.get_subplotspec().rowspan.stop < axes.get_gridspec().nrows
            assert axes.get_ylabel() or axes.get_subplotspec().colspan.start > 0
        assert axes.get_title() or axes.get_ylabel() or figure.get_suptitle()


@pytest.mark.nightly
@each_lesson
def test_with_its_solutions(path: Path) -> None:
    lesson = notebook.read(path)
    found, text = verdicts(lesson.answered(solutions(path)))
    assert found == dict.fromkeys(lesson.exercises, "right"), text


@each_lesson
def test_each_solution_is_right(path: Path) -> None:
    """Without the cells behind, which take the time."""
    lesson = notebook.read(path)
    for name in lesson.exercises:
        found, text = verdicts(lesson.only(name).answered(solutions(path)))
        assert found[name] == "right", text


@each_lesson
def test_its_exercises_are_those_of_its_module_and_all_have_a_solution(path: Path) -> None:
    names = [exercise.name for exercise in exercises.of_lesson(module(path))]
    assert notebook.read(path).exercises == names == [*solutions(path)]
    assert names


def usual_mistakes() -> list[Any]:
    return [
        pytest.param(path, exercise, mistake, id=f"{exercise.name}-{number}")
        for path in PATHS
        for exercise in exercises.of_lesson(module(path))
        for number, mistake in enumerate(exercise.mistakes)
    ]


@pytest.mark.parametrize(("path", "exercise", "mistake"), usual_mistakes())
def test_with_a_usual_mistake(path: Path, exercise: Exercise | Question, mistake: Any) -> None:
    if isinstance(exercise, Exercise):
        assert isinstance(mistake, Mistake)
        code, hint = exercise.source(mistake), mistake.hint
    else:
        code, hint = f"{exercise.name} = {mistake[0]!r}", mistake[1]
    lesson = notebook.read(path)
    others = {name: code for name, code in solutions(path).items() if name != exercise.name}
    found, text = verdicts(lesson.only(exercise.name).answered({**others, exercise.name: code}))
    assert found[exercise.name] == "wrong", text
    told = " ".join(text.partition(f"{exercise.name}: wrong")[2].split())
    assert told.count(" ".join(hint.split())) == 1, text
    # No other hint beside it, for what the mistake leaves right.
    parts = exercise.returns if isinstance(exercise, Exercise) else ()
    assert sum(f"{name}: " in told for name in parts) <= 1, text


@each_lesson
def test_every_exercise_has_several_mistakes(path: Path) -> None:
    for exercise in exercises.of_lesson(module(path)):
        assert len(exercise.mistakes) >= 2, exercise.name


def test_names_of_exercises_differ() -> None:
    names = [exercise.name for name in exercises.modules() for exercise in exercises.of_lesson(name)]
    assert len(names) == len({*names})
    assert {module(path) for path in PATHS} == {*exercises.modules()}


@each_lesson
def test_the_file(path: Path) -> None:
    content = json.loads(path.read_text(encoding="utf-8"))
    assert path.stat().st_size < MOST_BYTES
    code = [cell for cell in content["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    for cell in code:
        for output in cell["outputs"]:
            assert output["output_type"] in ("stream", "display_data")
            assert output.get("name", "stdout") == "stdout"
            text = "".join(output.get("text", ()))
            assert len(text) <= MOST_TEXT
            assert max(map(len, text.splitlines()), default=0) <= 100
    assert len({cell["id"] for cell in content["cells"]}) == len(content["cells"])
    texts = [part for cell in content["cells"] for part in cell["source"]]
    texts += [part for cell in code for output in cell["outputs"] for part in output.get("text", ())]
    absolute = re.compile(r"(?<![\w.:/)])(/(home|root|tmp|usr|work|Users|mnt|opt|var)/|[A-Z]:\\)")
    assert not [part for part in texts if absolute.search(part)]
    assert any(output for cell in code for output in cell["outputs"] if output["output_type"] == "display_data")


@each_lesson
def test_links_lead_somewhere(path: Path) -> None:
    for cell in notebook.read(path).cells:
        for target in [] if cell.code else re.findall(r"\]\(([^)]+)\)", cell.source):
            if not target.startswith(("https://", "#")):
                assert (FOLDER / target.partition("#")[0]).exists(), target


@each_lesson
def test_the_answer_key_comes_after_the_exercises(path: Path) -> None:
    cells = notebook.read(path).cells
    last = max(cell.number for cell in cells if cell.tagged("exercise"))
    for cell in cells:
        if not cell.code and cell.number < last:
            assert "solutions/" not in cell.source, cell.source
