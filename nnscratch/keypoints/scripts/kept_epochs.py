"""The networks of a run's epochs, for `python -m nnscratch trace RUN --html FILE`: OUT/epochs/.

epoch_0000.npz    before the first step
epoch_0005.npz    after epoch 5, with the weights that it trained on with
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from nnscratch import checkpoints
from nnscratch.files import atomic
from nnscratch.keypoints.scripts.run_files import names_in

if TYPE_CHECKING:
    from nnscratch.history import History
    from nnscratch.model import Sequential
    from nnscratch.training import Trainer

EPOCHS = "epochs"  # the folder in that of the run
_NAME = re.compile(r"epoch_(\d{4,})\.npz")


class KeptEpochs:
    """Keeps the network of epoch 0 and of every N-th one: a callback of `Trainer.fit`.

    folder   : of the networks; it is made
    network  : kept at once, as epoch 0, unless that one is there
    every    : N
    on_error : takes the OSError of a network that could not be written; the training goes on

    Raises
        OSError : the folder cannot be made
    """

    def __init__(
        self, folder: Path, network: Sequential, every: int, on_error: Callable[[OSError], None] | None = None
    ) -> None:
        self.folder = folder
        self.every = every
        self.on_error = on_error
        folder.mkdir(exist_ok=True)
        if not _file(folder, 0).exists():
            self._keep(network, 0)

    def __call__(self, trainer: Trainer, history: History) -> None:
        """Keeps the trainer's network if it is its epoch's turn."""
        if len(history) % self.every == 0:
            self._keep(trainer.model, len(history))

    def _keep(self, network: Sequential, epoch: int) -> None:
        try:
            checkpoints.save(network, _file(self.folder, epoch))
        except OSError as error:
            if self.on_error is None:
                raise
            self.on_error(error)


def kept_epochs(run: Path) -> list[tuple[int, Path]]:
    """(epoch, file) of each network that is kept in a run's folder, in order."""
    folder = run / EPOCHS
    found = [(match, name) for name in names_in(folder) if (match := _NAME.fullmatch(name))]
    return sorted((int(match[1]), folder / name) for match, name in found)


def remove_kept_epochs(run: Path) -> None:
    """Removes what `KeptEpochs` wrote, and the folder if nothing else is in it."""
    with suppress(OSError):
        for _, file in kept_epochs(run):
            file.unlink(missing_ok=True)
        atomic.remove_leftovers(run / EPOCHS)
        (run / EPOCHS).rmdir()


def _file(folder: Path, epoch: int) -> Path:
    return folder / f"epoch_{epoch:04d}.npz"
