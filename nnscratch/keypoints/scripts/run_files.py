"""A run's folder: the names that the program writes there, and what may be in their way.

    model.npz, network.json                      predictors.SingleNetwork.save
    model.npz, cascade.json, cascade.npz,
        level_2_REGION.npz                       cascade.cascade.Cascade.save
    history.csv, REGION_history.csv              History.save_csv
    learning_curve.png, faces.png, per_point.png plots.py
    report.html                                  run_report.py: all of this as a page for a browser
    test.csv or submission.csv                   kaggle/submission.py, if there are test faces
    metrics.json                                 run_folder.py: scores, how the run was trained, and
                                                 whether it is whole
    checkpoints/                                 run_checkpoints.py, until the run is finished
    epochs/                                      kept_epochs.py, with --every
    .lock, .arriving, .unfinished-*              while a run writes

No other name is ever removed or replaced.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterable
from pathlib import Path

from nnscratch.files import atomic
from nnscratch.keypoints.faces import POINTS
from nnscratch.keypoints.kaggle.files import DataError
from nnscratch.keypoints.runs import METRICS_FILE as METRICS_FILE  # the scripts import these two from here
from nnscratch.keypoints.runs import read_metrics as read_metrics

MODEL_FILE = "model.npz"
REPORT_FILE = "report.html"
CHECKPOINTS = "checkpoints"
TEST_FILES = ("test.csv", "submission.csv")
_FIXED = {
    MODEL_FILE, "network.json", "cascade.json", "cascade.npz", "history.csv", "learning_curve.png", "faces.png",
    "per_point.png", REPORT_FILE, METRICS_FILE, *TEST_FILES,
}  # fmt: skip
_NETWORK = re.compile(r"level_\d+_(.+)\.npz")
_HISTORY = re.compile(r"(.+)_history\.csv")
# As in the scripts: a part of the face, or a point and the width of its crop.
_REGION = re.compile(rf"eye|mouth|half_face|face|({'|'.join(POINTS)})_[0-9.]+")
_PROBE = 1 << 16  # bytes


class OwnNames:
    """Whether a name is one that the program writes: `OwnNames(folder)(name)`.

    folder  : where the file is; the network of a region beside its history says that both are ours
    regions : names of further regions

    >>> own = OwnNames(Path("runs/cascade"), regions=["chin"])
    >>> [own(name) for name in ("model.npz", "level_2_chin.npz", "chin_history.csv", "notes.txt")]
    [True, True, True, False]
    >>> own("my_history.csv")
    False
    """

    def __init__(self, folder: Path, regions: Iterable[str] = ()) -> None:
        networks = map(_NETWORK.fullmatch, names_in(folder))
        self._regions = {*regions, *(network[1] for network in networks if network)}

    def __call__(self, name: str) -> bool:
        if name in _FIXED or _NETWORK.fullmatch(name):
            return True
        history = _HISTORY.fullmatch(name)
        return history is not None and (history[1] in self._regions or _REGION.fullmatch(history[1]) is not None)


def names_in(folder: Path) -> list[str]:
    """The names in a folder, sorted; none if there is no such folder."""
    try:
        return sorted(entry.name for entry in folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []


def results_in(folder: Path) -> list[str]:
    """The names of an earlier run's results: of all files that a new run would replace."""
    own = OwnNames(folder)
    return [name for name in names_in(folder) if own(name)]


def check_writable(folder: Path) -> None:
    """Stops if files could not be written into `folder`, or could not replace those that are there.

    Raises
        DataError : says what is in the way
        OSError : a file cannot be written: no right to, no space, a disk that is read only
    """
    own = OwnNames(folder)
    for name in names_in(folder):
        path = folder / name
        if own(name) and path.is_dir():
            raise DataError.at(
                str(path), came="a folder", expected="a file or nothing", fix="remove it, or give another --out"
            )
        if own(name) and _is_immutable(path):
            raise DataError.at(
                str(path),
                came="a file that the system does not let anybody change (lsattr shows why)",
                expected="one that can be replaced",
                fix="chattr -i it, or give another --out",
            )
    checkpoints = folder / CHECKPOINTS
    if checkpoints.is_symlink() or (checkpoints.exists() and not checkpoints.is_dir()):
        raise DataError.at(
            str(checkpoints), came="a file", expected="a folder or nothing", fix="remove it, or give another --out"
        )
    for place in (folder, checkpoints):
        if place.is_dir():
            _probe(place)


def _probe(folder: Path) -> None:
    """Writes a small file, flushes it to disk, and removes it."""
    path = folder / f"{atomic.UNFINISHED}probe"
    try:
        with path.open("wb") as file:
            file.write(bytes(_PROBE))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise OSError(error.errno, f"cannot be written ({error.strerror}); give another --out", str(folder)) from None
    finally:
        path.unlink(missing_ok=True) if path.exists() else None


def _is_immutable(path: Path) -> bool:
    """Whether nobody, not even its owner, may change or replace the file."""
    if path.is_symlink():
        return False  # the link is replaced, not what it points to
    try:
        os.close(os.open(path, os.O_WRONLY | getattr(os, "O_NONBLOCK", 0)))
    except OSError as error:
        # Without the right to write (EACCES), the folder's rights decide about a rename.
        return error.errno == errno.EPERM
    return False
