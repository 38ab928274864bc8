"""A run of a training script: its folder, its checkpoints, how it is interrupted, how it ends."""

from __future__ import annotations

import shlex
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from nnscratch.files import atomic
from nnscratch.files.file_set import finish_arriving
from nnscratch.keypoints.kaggle import archives
from nnscratch.keypoints.kaggle.files import DataError, table_file
from nnscratch.keypoints.scripts.command_line import tell
from nnscratch.keypoints.scripts.interruption import Interrupted, Interruption, say
from nnscratch.keypoints.scripts.kept_epochs import remove_kept_epochs
from nnscratch.keypoints.scripts.options import TrainingOptions
from nnscratch.keypoints.scripts.run_checkpoints import RunCheckpoints, difference, steering
from nnscratch.keypoints.scripts.run_files import (
    CHECKPOINTS,
    METRICS_FILE,
    MODEL_FILE,
    OwnNames,
    check_writable,
    read_metrics,
    results_in,
)
from nnscratch.keypoints.scripts.run_lock import locked

_Written = TypeVar("_Written")


class TrainingRun:
    """What a training script keeps besides its task. `opened` makes one that is locked.

    out : the folder for the results

    Attributes
        interruption : takes the signals
        checkpoints  : of the run, in out/checkpoints
        finished     : whether all trainings came to their end; None before the results are written
    """

    def __init__(self, out: Path) -> None:
        self.out = out
        self.interruption = Interruption()
        self.checkpoints = RunCheckpoints(out / CHECKPOINTS)
        self.finished: bool | None = None
        self._asked = out
        self._complained = False
        self._has_begun = False

    @classmethod
    @contextmanager
    def opened(cls, options: TrainingOptions) -> Iterator[TrainingRun]:
        """The run of a script, in a folder that is its own while the block runs.

        Raises
            DataError : an earlier run is there, and no option says what to do with it, or it has
                other options; another process trains there; or something is in the way
            OSError : the folder cannot be written
            SystemExit : status 0 if --resume finds a finished run; after the block, as `end` says
        """
        run = cls(options.out)
        with ExitStack() as stack:
            stack.enter_context(run.interruption)
            stack.enter_context(_made(options.out))
            stack.enter_context(locked(options.out))
            run._look(options)
            try:
                yield run
            except Interrupted as interrupted:
                if run._has_begun:
                    interrupted.then = f"; go on with: {command_to_resume()}"
                raise
            run._end()

    def begin(self, options: TrainingOptions) -> None:
        """The faces are read: from now on there is something to lose."""
        self.interruption.finish_first()
        if options.overwrite or not self.checkpoints.are_there:
            self.checkpoints.remove()
            remove_kept_epochs(self.out)
        self.checkpoints.begin(options)
        self._has_begun = True

    def checkpoint_failed(self, error: OSError) -> None:
        """Says once that a checkpoint could not be written; the training goes on."""
        if not self._complained:
            self._complained = True
            say(
                f"{error.filename or self.checkpoints.folder}: got no checkpoint written "
                f"({error.strerror or error}); training goes on and tries again, the last good one stays; results that "
                f"do not fit into {self.out} will go to {self._asked}-rescued"
            )

    def write(self, write: Callable[[Path], _Written]) -> _Written:
        """Calls write(folder) with the folder for results; with another one if that fails.

        Raises
            OSError : of the first folder, if no other can be written either
        """
        try:
            self.out.mkdir(parents=True, exist_ok=True)
            return write(self.out)
        except OSError as error:
            for place in self._other_places():
                with suppress(OSError):
                    result = _all_or_nothing(write, place)
                    say(
                        f"{error.filename or self.out}: could not be written ({error.strerror or error}); "
                        f"the results are in {place}"
                    )
                    self.out = place
                    return result
            raise

    @property
    def is_rescued(self) -> bool:
        """Whether results went to another folder than the one asked for."""
        return self.out != self._asked

    def _other_places(self) -> Iterator[Path]:
        asked = self._asked.absolute()
        for number in ("", *(f"-{n}" for n in range(2, 100))):
            place = asked.with_name(f"{asked.name}-rescued{number}")
            if not place.exists():
                yield place
                break
        with suppress(OSError):
            yield Path(tempfile.mkdtemp(prefix=f"{asked.name}-rescued-")) / asked.name

    def _look(self, options: TrainingOptions) -> None:
        """What is in the folder, and whether that is what the options expect."""
        out, checkpoints = self.out, self.checkpoints
        _check_inputs(out, options)
        finish_arriving(out, OwnNames(out))
        atomic.remove_leftovers(out)
        if checkpoints.folder.is_dir():
            checkpoints.remove_leftovers()
        results = results_in(out)
        if options.resume:
            self._look_for_resume(options, results)
        elif not options.overwrite and (results or checkpoints.are_there):
            came = f"an earlier run ({_most_telling(results)} ...)" if results else "an unfinished run (checkpoints)"
            going = "--resume goes on with it" if checkpoints.are_there else "--resume goes on with an unfinished one"
            raise DataError.at(
                str(out),
                came=came,
                expected="a new folder",
                fix=f"{going}, --overwrite replaces it; or give another --out",
            )
        check_writable(out)

    def _look_for_resume(self, options: TrainingOptions, results: list[str]) -> None:
        out, checkpoints = self.out, self.checkpoints
        metrics = read_metrics(out)
        if checkpoints.are_there:
            _compare(
                f"{out}: got an unfinished run", difference(checkpoints.read(), steering(options), same_file=False)
            )
            if not checkpoints.have_state:
                tell(f"{out}: no checkpoint was written yet: training from the beginning")
        elif metrics.get("finished") is True:
            before = metrics.get("options")
            if isinstance(before, dict):
                _compare(f"{out}: got a finished run", difference(before, steering(options), same_file=True))
            tell(f"{out}: the run is finished, nothing to resume")
            raise SystemExit(0)
        elif results:
            raise DataError.at(
                str(out),
                came=f"an earlier run ({_most_telling(results)} ...) without checkpoints",
                expected="an unfinished one to go on with",
                fix="replace it with --overwrite, or give another --out",
            )
        else:
            tell(f"{out}: no earlier run to resume: training from the beginning")

    def _end(self) -> None:
        """How the program ends after its last act: normally, or by SystemExit with a status."""
        if self.finished is False or (self.finished is None and self.interruption.number is not None):
            say(f"interrupted; go on with: {command_to_resume()}")
            raise SystemExit(self.interruption.status)
        if self.is_rescued:
            raise SystemExit(2)


def command_to_resume() -> str:
    """The command line of this program with --resume, ready to be pasted into a shell."""
    # argparse takes an option by its beginning, too.
    words = [word for word in sys.argv[1:] if not (word.startswith("--ov") and "--overwrite".startswith(word))]
    if not any(word.startswith("--re") and "--resume".startswith(word) for word in words):
        words.append("--resume")
    return shlex.join(["python", sys.argv[0], *words])


def _most_telling(names: list[str]) -> str:
    return next((name for name in (MODEL_FILE, METRICS_FILE) if name in names), names[0])


def _all_or_nothing(write: Callable[[Path], _Written], place: Path) -> _Written:
    """Makes the folder `place` and writes into it; removes it if that fails.

    Raises
        OSError : it fails
    """
    place.mkdir(parents=True)
    try:
        return write(place)
    except OSError:
        shutil.rmtree(place, ignore_errors=True)
        raise


def _compare(where: str, different: str | None) -> None:
    if different is not None:
        raise DataError(f"{where} {different}; give the same options, or train anew with --overwrite")


def _check_inputs(out: Path, options: TrainingOptions) -> None:
    """Stops a run that would replace a file which it reads."""
    own = OwnNames(out)
    given = (options.data, archives.TRAINING), (options.test, archives.TEST), (options.lookup, archives.LOOKUP)
    for path in (table_file(path, wanted) for path, wanted in given if path is not None):
        if own(path.name) and out.resolve() == path.resolve().parent:
            raise DataError.at(
                str(path),
                came="a file that the run would replace",
                expected="one in another folder",
                fix="give another --out",
            )


@contextmanager
def _made(folder: Path) -> Iterator[None]:
    """Makes the folder, and takes away again what is still empty after the block."""
    new = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    try:
        yield
    finally:
        for path in new:
            with suppress(OSError):  # not empty: something was written
                path.rmdir()
