"""Files that appear whole or not at all: written under another name, then renamed."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def write(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Gives a temporary path in the folder of `path`; renames it to `path` if the block succeeds.

    If the block raises, the temporary file is removed, and a file that was at `path` before stays
    as it was. The temporary name ends as `path` does, because some writers choose a format by the
    ending.

    Raises
        OSError : the folder is missing or cannot be written

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
    descriptor, name = tempfile.mkstemp(prefix=f".{path.stem}-", suffix=path.suffix, dir=path.parent)
    os.close(descriptor)
    temporary = Path(name)
    try:
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
