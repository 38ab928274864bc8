"""What the README shows is true: commands and examples run, links and options exist.

In all other documents, links lead somewhere, and named files, programs and options exist.
"""

from __future__ import annotations

import functools
import io
import re
import runpy
import shlex
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.__main__ import main as nnscratch_main
from nnscratch.keypoints.drawn.faces import draw_faces
from nnscratch.keypoints.faces import COLUMNS, Faces
from nnscratch.keypoints.kaggle.training_file import save_faces
from nnscratch.keypoints.scripts import diagnose
from tests.kernels.interpreter import Interpreter

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
DOCUMENTS = [
    path
    for pattern in ("*.md", "docs/*.md", "docs/begin/*.md", "examples/**/*.md", "nnscratch/**/*.md")
    for path in sorted(ROOT.glob(pattern))
    if path.name != "CHANGELOG.md"  # it speaks of files that are gone
]
MARKED = re.compile(r"<!-- (example|printed) -->\n```(?:python)?\n(.*?)```", re.DOTALL)

# What is put behind a command of the README, so that it takes seconds: a small file, an epoch.
# Later options win.
TRAINING = ["--data", "training.zip", "--epochs", "1"]
AGAIN = ["--overwrite"]  # several commands train into the folder of the default
CUTS = {
    "train_mlp.py": [*TRAINING, *AGAIN],
    "train_cnn.py": [*TRAINING, *AGAIN],
    "train_cascade.py": [*TRAINING, "--level-2-epochs", "1", *AGAIN],
    "ingredients.py": TRAINING,
    "cascade_ingredients.py": ["--data", "training.zip"],
    "reproduce_report.py": ["--data", "training.zip", "--most-epochs", "1"],
    "ablation.py": [*TRAINING, "--seeds", "1", "--race-epochs", "1"],
}


def commands(text: str) -> list[list[str]]:
    """The Python programs that a text in Markdown runs, word by word, in its order.

    They are found in `sh` blocks and in `code`.

    Left out are pip, venv, pytest and sphinx: .ci/run runs them.

    A program in `code` may stand there without `python` and its folder, if it has options.
    """
    shown = re.finditer(r"```(\w*)\n(.*?)```|`([^`]+)`", text, re.DOTALL)
    found = []
    for language, block, code in (each.groups() for each in shown):
        if block is not None and language == "sh":
            lines = block.replace("\\\n", " ").splitlines()
        else:
            lines = [] if code is None else [" ".join(code.split())]
        for line in lines:
            for part in re.sub(r"\s#.*", "", line).split("&&"):
                found += _program(part)
    written = set(re.findall(r"cat > (\S+)", text))  # programs that the text itself writes
    return [words for words in found if words[0] not in written]


def _program(text: str) -> list[list[str]]:
    match = re.fullmatch(r"\s*(\S*python3? )?(-m \w+|\S+\.py)(\s.*)?", text)
    if not match or match[2] in ("-m venv", "-m pytest", "-m sphinx"):
        return []
    python, program, rest = match.groups()
    if not python and "--" not in (rest or ""):
        return []  # a file is spoken of, not run
    if not program.startswith("-m"):
        places = (path.relative_to(ROOT).as_posix() for path in ROOT.glob(f"*/**/{program.rpartition('/')[2]}"))
        program = next(places, program)
    return [[*program.split(), *shlex.split(rest or "")]]


COMMANDS = commands(README)
ALL_COMMANDS = [words for path in DOCUMENTS for words in commands(path.read_text(encoding="utf-8"))]


@pytest.fixture(scope="module", autouse=True)
def interpreter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Interpreter]:
    """Starts programs in processes of their own, which need not import the library again."""
    imports = f"sys.path.insert(0, {str(ROOT)!r})\nimport nnscratch.keypoints"
    with Interpreter(tmp_path_factory.mktemp("interpreter"), imports) as python:
        INTERPRETERS[:] = [python]
        yield python


INTERPRETERS: list[Interpreter] = []  # the one of the fixture, for functions that keep what they found


def run_python(words: list[str], folder: Path) -> str:
    """What `python WORDS` prints in `folder`, with warnings as errors; it must end well."""
    done = INTERPRETERS[-1].run_file(words, folder)
    assert done.returncode == 0, (words, done.stderr)
    assert done.stdout, words
    return done.stdout


def test_commands_are_found_in_blocks_and_in_text() -> None:
    text = """
```sh
python3 -m venv .venv && .venv/bin/pip install -q -e . && .venv/bin/python examples/train_cnn.py
.venv/bin/python examples/predict.py --model runs/cnn \\
    --out 'a b.csv'  # a remark
```
As in `train_cnn.py`, (`train_mlp.py --epochs 2`, `python -m nnscratch diagnose
runs/cnn`), `pip install -e .`
```python
python -m nothing
```
"""
    assert [" ".join(words) for words in commands(text)] == [
        "examples/train_cnn.py",
        "examples/predict.py --model runs/cnn --out a b.csv",
        "examples/train_mlp.py --epochs 2",
        "-m nnscratch diagnose runs/cnn",
    ]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder of a reader who has cloned the repository and has (small) Kaggle files."""
    for name in ("examples", "benchmarks"):
        shutil.copytree(ROOT / name, tmp_path / name)
    faces = draw_faces(48, seed=1)
    save_faces(faces.select(slice(0, 36)), tmp_path / "training.zip")
    test = faces.select(slice(36, 48))
    save_faces(Faces(test.images, np.full_like(test.points, np.nan), np.arange(1, 13)), tmp_path / "test.zip")
    rows = [f"{row + 1},{row % 12 + 1},{column}," for row, column in enumerate(COLUMNS)]
    (tmp_path / "IdLookupTable.csv").write_text("\n".join(["RowId,ImageId,FeatureName,Location", *rows]) + "\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.usefixtures("folder", "pictures_not_drawn")
def test_every_command_runs_in_the_order_of_the_readme(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In this process. That each kind of program runs in one of its own is tested beside it.

    A command is not run again that was shown before, with the same options and perhaps more; and
    the best recipe of a script is trained once, by the command with most options.
    """
    monkeypatch.setattr(diagnose, "_DRAWN_FACES", 100)
    monkeypatch.setattr(nn, "profile", functools.partial(nn.profile, steps=4))
    run = [words for words in COMMANDS if not words[0].startswith("benchmarks/")]
    assert len(run) > 5
    for number, words in enumerate(run):
        if any(words[0] == before[0] != "-m" and {*words} <= {*before} for before in run[:number]):
            continue
        cuts = [cut for cut in CUTS.get(Path(words[0]).name, []) if cut not in AGAIN or "--resume" not in words]
        best = [len(other) for other in run if other[0] == words[0] and "best" in other]
        if "best" in words and len(words) < max(best):
            cuts += ["--recipe", "plain"]
        monkeypatch.setattr(sys, "argv", [*words, *cuts])
        status: object = None
        try:
            if words[:2] == ["-m", "nnscratch"]:
                nnscratch_main(words[2:])
            else:
                runpy.run_path(words[0], run_name="__main__")
        except SystemExit as end:
            status = end.code
        printed = capsys.readouterr()
        assert not status, (words, printed.err)
        assert printed.out, words


@functools.cache
def options_of(program: str) -> set[str]:
    """The options that a program's --help lists. A benchmark may start itself anew."""
    words = [str(ROOT / program), "--help"]
    printed = run_python(words, ROOT) if program.startswith("benchmarks/") else help_of(words)
    return set(re.findall(r"(?<![\w-])--[a-z][\w-]*", printed))


def help_of(words: list[str]) -> str:
    """What a program prints in this process, until it ends well."""
    printed = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(printed):
        patch.setattr(sys, "argv", words)
        with pytest.raises(SystemExit) as end:
            runpy.run_path(words[0], run_name="__main__")
    assert not end.value.code
    return printed.getvalue()


# Benchmarks measure for minutes; that they run is tested in test_benchmarks.py.
@pytest.mark.parametrize("program", sorted({words[0] for words in ALL_COMMANDS} - {"-m"}))
def test_a_program_has_the_options_that_documents_give_it(program: str) -> None:
    given = {word for words in ALL_COMMANDS if words[0] == program for word in words if word.startswith("--")}
    if given:
        assert given <= options_of(program)


OWN_COMMANDS = [words[2:] for words in ALL_COMMANDS if words[:2] == ["-m", "nnscratch"] and len(words) > 2]


@pytest.mark.parametrize("name", sorted({words[0] for words in OWN_COMMANDS} - {"COMMAND"}))
def test_a_command_has_the_options_that_documents_give_it(name: str) -> None:
    given = {word for words in OWN_COMMANDS if words[0] == name for word in words if word.startswith("--")}
    assert given <= options_of_command(name)


@functools.cache
def options_of_command(name: str) -> set[str]:
    """The options that the --help of `python -m nnscratch NAME` lists."""
    printed = io.StringIO()
    with redirect_stdout(printed), pytest.raises(SystemExit) as end:
        nnscratch_main([name, "--help"])
    assert not end.value.code
    return set(re.findall(r"(?<![\w-])--[a-z][\w-]*", printed.getvalue()))


def test_options_in_the_text_are_those_of_a_program_in_the_readme() -> None:
    mentioned = set(re.findall(r"`(--[a-z][a-z0-9-]+)[`\s]", README)) - {"--help"}
    programs = {words[0] for words in COMMANDS} - {"-m"}
    own = {words[2] for words in COMMANDS if words[:2] == ["-m", "nnscratch"] and len(words) > 2}
    assert mentioned <= set().union(*map(options_of, programs), *map(options_of_command, own))


@functools.cache
def run_example(code: str) -> str:
    """What an example of the README prints."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "example.py").write_text(code)
        return run_python(["example.py"], Path(folder))


def test_examples_run_and_print_what_the_readme_says() -> None:
    printed, kinds = "", []
    for kind, text in MARKED.findall(README):
        kinds.append(kind)
        if kind == "example":
            printed = run_example(text)
        else:
            assert text in printed
    assert {"example", "printed"} == set(kinds)


def test_the_first_example_learns_to_multiply() -> None:
    product = re.search(r"\[\[(-?[\d.]+)\]\]", run_example(MARKED.findall(README)[0][1]))
    assert product
    assert float(product[1]) == pytest.approx(-0.25, abs=0.05)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", path.read_text(encoding="utf-8")):
        if not target.startswith(("https://", "#")):
            assert (path.parent / target.partition("#")[0]).exists(), target


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_files_that_are_named_exist(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for name in re.findall(r"`((?:examples|benchmarks|nnscratch|keypoints|kernels|tests|diagnosis)/[\w/]+\.\w+)", text):
        assert (ROOT / name).exists() or (ROOT / "nnscratch" / name).exists(), name


@pytest.mark.parametrize("name", ["train", "tests"])
def test_commands_of_ci_are_one_line_under_their_marker(name: str) -> None:
    found = re.search(rf"<!-- command: {name} -->\n```sh\n(.*?)```", README, re.DOTALL)
    assert found
    assert found[1].count("\n") == 1
    assert found[1].startswith("python3 -m venv .venv && ")
