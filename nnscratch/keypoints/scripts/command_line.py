"""What all training scripts have in common at their start: arguments, data, time; and how programs end on bad input."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NoReturn

import numpy as np

from nnscratch.kernels.threads import set_threads
from nnscratch.keypoints.drawn.faces import draw_faces
from nnscratch.keypoints.faces import Faces
from nnscratch.keypoints.kaggle.files import DataError
from nnscratch.keypoints.kaggle.submission import Lookup, check_images, read_lookup
from nnscratch.keypoints.kaggle.training_file import load_faces
from nnscratch.keypoints.recipes import Recipe
from nnscratch.keypoints.splits import split_apart, split_random

_GENERATED_FACES = 4000


class Parser(argparse.ArgumentParser):
    """An argument parser that answers a mistake with one line and exit status 2."""

    def __init__(self, description: str | None) -> None:
        super().__init__(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: error: {message}; see {self.prog} --help\n")


@dataclass(frozen=True)
class Task:
    """What a training script works on.

    arguments  : the parsed command line
    train      : the faces to learn from
    validation : the faces that the result is judged by; never trained on, nor, in a file, on look-alikes of them
    deadline   : time.perf_counter() at which training should be over; None for no limit
    test       : faces whose points are wanted; None: there are none
    lookup     : which of their values are wanted, for Kaggle's submission; None: all
    began      : time.perf_counter() when the program began
    """

    arguments: argparse.Namespace
    train: Faces
    validation: Faces
    deadline: float | None
    test: Faces | None = None
    lookup: Lookup | None = None
    began: float = field(default_factory=time.perf_counter)

    def seconds_left(self, share: float = 1.0) -> float | None:
        """`share` of the time that is left, at least a second; None if there is no limit."""
        return None if self.deadline is None else max(1.0, share * (self.deadline - time.perf_counter()))

    def adjusted(self, recipe: Recipe) -> Recipe:
        """The recipe with what the command line says otherwise."""
        given = {name: vars(self.arguments)[name] for name in ("network", "epochs", "batch_size")}
        return replace(recipe, **{name: value for name, value in given.items() if value is not None})


def training_parser(description: str | None, *, out: str, recipes: Iterable[str], networks: Iterable[str]) -> Parser:
    """The arguments of every training script; the first of the recipes is the default."""
    parser = Parser(description)
    add = parser.add_argument
    add("--data", metavar="FILE", help="Kaggle's training.csv, .zip or .gz; without it, faces are drawn")
    add(
        "--rows", choices=["all", "complete"], default="all", help="rows to use: all (default), or those with 15 points"
    )
    names = list(recipes)
    add("--recipe", choices=names, default=names[0], help="how to train (default: %(default)s)")
    add("--network", choices=list(networks), help="(default: the recipe's)")
    add_number(parser, "--epochs", help="times to go through the data")
    add_number(parser, "--batch-size", help="faces a step")
    add("--time-limit", type=_minutes, metavar="MINUTES", help="stop training after so long, reading data included")
    add("--seed", type=_seed, default=0, help="the same seed gives the same result (default: %(default)s)")
    add("--threads", type=_whole_number, metavar="N", help="threads to use (default: all cores)")
    add("--test", metavar="FILE", help="Kaggle's test.csv, .zip or .gz: write its points to DIR/test.csv")
    add("--lookup", metavar="FILE", help="Kaggle's IdLookupTable.csv: write DIR/submission.csv in its place")
    add("--out", type=Path, default=Path(out), metavar="DIR", help="where the results go (default: %(default)s)")
    return parser


def add_number(parser: Parser, name: str, *, help: str, default: int | None = None) -> None:
    """Adds an argument that is a whole number from 1 up; without a default, it is in place of the recipe's, or None."""
    shown = "the recipe's" if default is None else "%(default)s"
    parser.add_argument(name, type=_whole_number, default=default, metavar="N", help=f"{help} (default: {shown})")


def start(parser: Parser) -> Task:
    """Reads the command line and the data; says what there is to learn from.

    Raises
        DataError : the data cannot be used, or no row is left
        SystemExit : an argument is wrong
    """
    began = time.perf_counter()
    arguments = parser.parse_args()
    _check_folder(parser, arguments.out)
    set_threads(arguments.threads)
    if arguments.lookup and not arguments.test:
        parser.error("argument --lookup: got it without --test, whose faces it is about; give both")
    lookup = read_lookup(arguments.lookup) if arguments.lookup else None
    test = load_faces(arguments.test) if arguments.test else None
    if lookup is not None and test is not None:
        check_images(lookup, test.image_ids)
    name = arguments.data or "generated"
    if sys.stderr.isatty():
        print(f"reading {name} ..." if arguments.data else f"drawing {_GENERATED_FACES:,} faces ...", file=sys.stderr)
    faces = load_faces(arguments.data) if arguments.data else draw_faces(_GENERATED_FACES, seed=arguments.seed)
    faces = usable_rows(faces, arguments.rows, name)
    split = split_apart if arguments.data else split_random  # nobody is drawn twice
    train, validation = split(faces, 0.15, seed=arguments.seed)
    source = f"{Path(name).name}, {arguments.rows} rows"
    print(f"faces: {len(train):,} to learn from, {len(validation):,} to validate on ({source})", flush=True)
    limit = arguments.time_limit
    deadline = None if limit is None else began + 60 * limit
    return Task(arguments, train, validation, deadline, test, lookup, began)


def usable_rows(faces: Faces, rows: str, name: str) -> Faces:
    """The faces that can be learnt from: with any label, or with all 15 points if `rows` is "complete".

    Raises
        DataError : fewer than two such rows; `name` says of which file
    """
    wanted = faces.complete if rows == "complete" else ~_unlabelled(faces)
    if wanted.sum() < 2:
        what = "with all 15 points" if rows == "complete" else "with a label"
        fix = "use --rows all" if rows == "complete" and not _unlabelled(faces).all() else "is it the training file?"
        raise DataError.at(name, came=f"{wanted.sum()} of {len(faces)} rows {what}", expected="at least two", fix=fix)
    return faces.select(wanted)


def show(line: str) -> None:
    """What is going on, on a terminal only, each line over the one before: in a pipe there is nobody to read it."""
    if sys.stderr.isatty():
        print(f"\r{line[:78]:<78}\r", end="", file=sys.stderr, flush=True)


def run(main: Callable[[], None]) -> None:
    """Runs a program; ends it with one line and exit status 2 if what it was given is wrong, 130 on Ctrl-C."""
    program = Path(sys.argv[0]).name
    try:
        main()
    except DataError as error:
        sys.exit(_complain(program, str(error)))
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        sys.exit(_complain(program, f"{place}{error.strerror or error}"))
    except KeyboardInterrupt:
        print(f"{program}: interrupted", file=sys.stderr)
        sys.exit(130)


def _complain(program: str, message: str) -> int:
    print(f"{program}: error: {message}", file=sys.stderr)
    return 2


def _check_folder(parser: Parser, out: Path) -> None:
    """Finds out before the work, not after it, that results could not be written; makes nothing yet."""
    existing = next(folder for folder in (out, *out.absolute().parents) if folder.exists())
    if not existing.is_dir():
        parser.error(f"argument --out: got {out}, where {existing} is a file, expected a folder or a new name")
    if not os.access(existing, os.W_OK | os.X_OK):
        parser.error(f"argument --out: got {out}, but {existing} cannot be written; choose another folder")


def _unlabelled(faces: Faces) -> np.ndarray:
    unlabelled: np.ndarray = np.isnan(faces.points).all(axis=(1, 2))
    return unlabelled


def _whole_number(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"got {text!r}, expected a whole number from 1 up")
    return int(text)


def _seed(text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise argparse.ArgumentTypeError(f"got {text!r}, expected a whole number from 0 up")
    return int(text)


def _minutes(text: str) -> float:
    try:
        minutes = float(text)
    except ValueError:
        minutes = 0.0
    if not 0 < minutes < float("inf"):
        raise argparse.ArgumentTypeError(f"got {text!r}, expected minutes, a number above 0, such as 10 or 0.5")
    return minutes
