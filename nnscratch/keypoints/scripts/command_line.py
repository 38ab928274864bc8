"""What programs share: numbers on the command line, a line of progress, how they end."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from nnscratch.checks import NotFiniteError
from nnscratch.command_output import add_json as add_json  # scripts import these from here, and Parser
from nnscratch.command_output import add_quiet as add_quiet
from nnscratch.command_output import muted as muted
from nnscratch.command_output import write_json as write_json
from nnscratch.commands import Parser as Parser
from nnscratch.commands import open_closed_streams, print_anything, write_nowhere
from nnscratch.keypoints.kaggle.files import DataError
from nnscratch.keypoints.scripts.distributed import OPTION, is_asked, one_program
from nnscratch.keypoints.scripts.interruption import STATUSES, Interrupted, Interruption, say
from nnscratch.training.checkpoint import CheckpointError


def add_number(parser: Parser, name: str, *, help: str, default: int | None = None) -> None:
    """Adds an argument that is a whole number from 1 up.

    default : its value if it is not given; None stands for the recipe's number
    """
    shown = "the recipe's" if default is None else "%(default)s"
    parser.add_argument(name, type=whole_number, default=default, metavar="N", help=f"{help} (default: {shown})")


def add_distributed(parser: Parser) -> None:
    """Adds --distributed: the program runs on all ranks that MPI has started."""
    parser.add_argument(OPTION, action="store_true", help="train on all processes of `mpiexec -n N` (needs mpi4py)")


def whole_number(text: str) -> int:
    """The number in an argument's text, from 1 up; ArgumentTypeError for anything else."""
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"got {text!r}, expected a whole number from 1 up")
    return int(text)


def seed(text: str) -> int:
    """The number in an argument's text, from 0 up; ArgumentTypeError for anything else."""
    if not text.isascii() or not text.isdigit():
        raise argparse.ArgumentTypeError(f"got {text!r}, expected a whole number from 0 up")
    return int(text)


def minutes(text: str) -> float:
    """The number in an argument's text, finite and above 0; ArgumentTypeError for anything else."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"got {text!r}, expected minutes, a number above 0, such as 10 or 0.5")
    return value


def share(text: str) -> float:
    """The number in an argument's text, between 0 and 1; ArgumentTypeError for anything else."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError(f"got {text!r}, expected a share, a number between 0 and 1, such as 0.15")
    return value


def show(line: str) -> None:
    """Shows what is going on, each line over the one before; on a terminal only."""
    if sys.stderr is not None and sys.stderr.isatty():
        print(f"\r{line[:78]:<78}\r", end="", file=sys.stderr, flush=True)


def command() -> str:
    """The command line of this program, ready to be pasted into a shell."""
    return shlex.join(["python", *sys.argv])


def tell(line: str) -> None:
    """Prints a line at once; work goes on if its reader went away, as `| head` does."""
    try:
        print(line, flush=True)
    except BrokenPipeError:
        write_nowhere()


def run(main: Callable[[], None]) -> None:
    """Runs a program. Bad input or a file error ends it with a line and status 2; Ctrl-C with 130.

    SIGTERM ends it with 143 and SIGHUP with 129, also after a line, and nothing is left half
    written.

    With --distributed it runs on several ranks, of which rank 0 speaks (distributed.py).

    Raises
        SystemExit : as said, after the line on stderr
    """
    open_closed_streams()
    print_anything()
    try:
        with one_program(sys.argv[1:]):
            _run_alone(main)
    except ImportError as error:
        if not is_asked(sys.argv[1:]):
            raise
        sys.exit(_complain(Path(sys.argv[0]).name, str(error)))


def _run_alone(main: Callable[[], None]) -> None:
    program = Path(sys.argv[0]).name
    try:
        with Interruption() as interruption:
            try:
                main()
            except (Interrupted, SystemExit) as end:
                if isinstance(end, Interrupted) or end.code in STATUSES:
                    interruption.ignore_more()
                raise
        _flush()
    except (DataError, NotFiniteError, CheckpointError) as error:
        sys.exit(_complain(program, str(error)))
    except BrokenPipeError:
        write_nowhere()
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        sys.exit(_complain(program, f"{place}{error.strerror or error}"))
    except Interrupted as interrupted:
        say(f"interrupted{interrupted.then}")
        sys.exit(interrupted.status)
    except KeyboardInterrupt:
        say("interrupted")
        sys.exit(130)


def _flush() -> None:
    if sys.stdout is not None:
        sys.stdout.flush()


def _complain(program: str, message: str) -> int:
    with suppress(OSError, ValueError):
        print(f"{program}: error: {message}", file=sys.stderr)
    return 2
