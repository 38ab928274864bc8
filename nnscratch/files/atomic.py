"""Files that appear whole or not at all: written under another name, flushed to disk, renamed."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path

# What every unfinished file is named like. Nothing else is: a later run may remove such names.
UNFINISHED = ".unfinished-"
_TO_FLUSH = os.O_RDWR if os.name == "nt" else os.O_RDONLY  # Windows flushes only what may be written
_LONGEST_STEM = 100  # characters of the final name in the temporary one: a name has 255 bytes at most


@contextmanager
def write(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Gives a temporary path in the folder of `path`; renames it to `path` if the block succeeds.

    The file is on disk before it gets its name, and the name is on disk before this returns: a
    power cut leaves the new file or the old one, never a part. If the block raises, the temporary
    file is removed, and a file that was at `path` before stays as it was. The temporary name ends
    as `path` does, because some writers choose a format by the ending.

    Raises
        OSError : the folder is missing, full or cannot be written, or `path` is a folder

    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> with write(Path(folder.name) / "answer.txt") as temporary:
    ...     _ = temporary.write_text("42")
    >>> [entry.name for entry in Path(folder.name).iterdir()]
    ['answer.txt']
    >>> folder.cleanup()
    """
    path = Path(path)
    # mkstemp gives the file the rights 0600. The final file gets those that a plain open() would
    # give it: the process's umask decides them.
    prefix = f"{UNFINISHED}{path.stem[:_LONGEST_STEM]}-"
    descriptor, name = tempfile.mkstemp(prefix=prefix, suffix=path.suffix, dir=path.parent)
    os.close(descriptor)
    temporary = Path(name)
    try:
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)
        yield temporary
        replace(temporary, path)
    finally:
        with suppress(OSError):  # what raised in the block says more
            temporary.unlink(missing_ok=True)


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Writes `text` as UTF-8, whole or not at all; lines end alike on all systems.

    Raises
        OSError : as `write`
    """
    with write(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def replace(source: Path, target: Path) -> None:
    """Renames `source` to `target`, in one folder; returns when content and name are on disk.

    Raises
        OSError : the disk is full, `target` is a folder, or the folder cannot be written
    """
    flush(source)
    source.replace(target)
    flush(target.parent)


def flush(path: Path) -> None:
    """Returns when a file's content, or a folder's names, are on disk and not only in memory.

    Raises
        OSError : there is no such file, or the disk does not take it
    """
    # Some file systems, and Windows, cannot flush a folder: they keep its names by themselves.
    with suppress(OSError) if path.is_dir() else nullcontext():
        descriptor = os.open(path, _TO_FLUSH)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def remove_leftovers(folder: Path) -> None:
    """Removes what killed programs left unfinished in `folder`; nothing if there is no such folder.

    Only for a folder that no other program writes into now.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as name:
    ...     folder = Path(name)
    ...     for file in (".unfinished-model-x1.npz", "model.npz"):
    ...         _ = (folder / file).write_text("")
    ...     remove_leftovers(folder)
    ...     [entry.name for entry in folder.iterdir()]
    ['model.npz']
    """
    with suppress(OSError):  # what cannot be removed does no harm
        for entry in list(folder.iterdir()):
            if entry.name.startswith(UNFINISHED):
                if entry.is_dir() and not entry.is_symlink():
                    shutil.rmtree(entry, ignore_errors=True)
                else:
                    entry.unlink(missing_ok=True)
