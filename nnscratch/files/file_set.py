"""Files that a folder gets together: a reader sees all of the old ones or all of the new ones.

    1. all new files are written into a folder of their own beside the old ones, and flushed
    2. this folder is renamed to FOLDER/.arriving: from now on the new files count
    3. each is put in its place; what they replace is removed; then `.arriving` goes away

A program killed in step 1 has changed nothing. One killed in step 3 leaves `.arriving`: the next
`finish_arriving` goes on with it, and until then `one_set` refuses to read the folder. Readers that
come at the same time are told to try again.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from nnscratch.files import atomic

ARRIVING = ".arriving"


def arrive(new: Path, folder: Path, replaced: Callable[[str], bool]) -> None:
    """Puts all files of the folder `new` into `folder`, and removes what they replace, at once.

    new      : a folder inside `folder`, named as an unfinished file; it is gone afterwards
    folder   : no other program writes into it now
    replaced : whether a file of this name, if it is none of the new ones, is to be removed

    Raises
        OSError : the disk is full, or a file cannot be replaced; if `folder` has a new file by
            then, `.arriving` stays

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as name:
    ...     folder = Path(name)
    ...     new = folder / ".unfinished-x"
    ...     new.mkdir()
    ...     for file in (new / "a.txt", folder / "a.txt", folder / "b.txt", folder / "notes.txt"):
    ...         _ = file.write_text(str(file.parent == new))
    ...     arrive(new, folder, lambda name: name != "notes.txt")
    ...     {file.name: file.read_text() for file in sorted(folder.iterdir())}
    {'a.txt': 'True', 'notes.txt': 'False'}
    """
    for file in new.iterdir():
        atomic.flush(file)
    atomic.flush(new)
    new.rename(folder / ARRIVING)
    atomic.flush(folder)
    finish_arriving(folder, replaced)


def finish_arriving(folder: Path, replaced: Callable[[str], bool]) -> None:
    """Goes on where `arrive` was killed after the new files counted; else does nothing.

    Arguments and errors as of `arrive`.
    """
    arriving = folder / ARRIVING
    if not _is_folder(arriving):
        return
    new = {file.name for file in arriving.iterdir() if replaced(file.name) and file.is_file()}
    for name in new:
        _put(arriving / name, folder / name)
    for file in list(folder.iterdir()):
        if replaced(file.name) and file.name not in new and (file.is_symlink() or file.is_file()):
            file.unlink()
    atomic.flush(folder)
    # One rename ends it: half of `.arriving` would be taken for a whole one.
    gone = folder / f"{atomic.UNFINISHED}{ARRIVING.strip('.')}"
    shutil.rmtree(gone, ignore_errors=True)
    arriving.rename(gone)
    shutil.rmtree(gone, ignore_errors=True)
    atomic.flush(folder)


def _put(source: Path, target: Path) -> None:
    """Gives `source` the second name `target`, whole or not at all."""
    with suppress(OSError):
        if target.samefile(source):
            return  # put there before the kill; a rename onto itself would leave both names
    temporary = target.with_name(f"{atomic.UNFINISHED}{target.name}")
    temporary.unlink(missing_ok=True)
    try:
        os.link(source, temporary)
    except OSError:  # a file system without second names
        shutil.copyfile(source, temporary)
    try:
        atomic.replace(temporary, target)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


@contextmanager
def one_set(folder: Path, file: str) -> Iterator[None]:
    """A block that reads files of `folder`: raises if they may be of two sets.

    file : one that each set has

    Raises
        ValueError : new files arrive, or arrived while the block ran
    """
    before = _stamp(folder, file)
    try:
        yield
    except Exception:
        if _stamp(folder, file) != before:
            raise _mixed(folder) from None
        raise
    if _stamp(folder, file) != before:
        raise _mixed(folder)


def _stamp(folder: Path, file: str) -> tuple[int, int] | None:
    """What changes when a new set arrives."""
    if _is_folder(folder / ARRIVING):
        raise _mixed(folder)
    try:
        status = (folder / file).stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _mixed(folder: Path) -> ValueError:
    return ValueError(
        f"{folder}: got files of two runs, one just replacing the other, expected those of one; if no run is writing "
        "there, repeat the killed one with --resume"
    )
