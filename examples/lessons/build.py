"""Runs lessons from top to bottom and keeps their outputs in the notebooks.

python examples/lessons/build.py                             all lessons
python examples/lessons/build.py examples/lessons/01_*.ipynb  one of them

Run it after every change of a lesson: the tests compare the kept text with
what the cells print today. A cell that raises leaves its notebook as it was.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from nnscratch.commands import Parser, exit_statuses
from nnscratch.lessons import notebook


def main(arguments: list[str] | None = None) -> None:
    parser = Parser(__doc__, statuses=exit_statuses("a cell raised, or printed what it should not"))
    parser.add_argument("notebooks", nargs="*", type=Path, help="files to run; without any, all of this folder")
    paths = parser.parse_args(arguments).notebooks or sorted(Path(__file__).parent.glob("*.ipynb"))
    for path in paths:
        if path.suffix != ".ipynb" or not path.is_file():
            parser.error(f"got {path}, expected a notebook, .ipynb; look at examples/lessons/")
    for path in paths:
        start = time.perf_counter()
        try:
            notebook.keep(path)
        except Exception as error:
            parser.exit(1, f"{path}: {type(error).__name__}: {error}\n")
        print(f"{path.name}: {time.perf_counter() - start:.1f} s, {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main(sys.argv[1:])
