"""Whether a training gives the same bits however it is run: the hash of its weights, compared.

    python tests/stress/same_bits.py

Trains a CNN with dropout, augmentation and averaged weights for 3 epochs, each time in a process of
its own: on 1, 2 and 4 threads, twice on the same number, with the kernels compiled anew in an empty
cache and read from a full one, and stopped twice in the middle of an epoch and resumed, each time
on another number of threads. Prints a line per training; exit status 1 if two hashes differ.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
import nnscratch as nn
from nnscratch.keypoints.drawn.faces import draw_faces
from nnscratch.keypoints.geometry.augmentation import Augmentation

ROWS, EPOCHS, BATCH = 200, 3, 48  # 5 batches per epoch, the last one smaller
STOPS = (3, 11)  # steps after which the training is stopped: in the first and in the third epoch


class StopAfter(threading.Event):
    """Is set once it has been asked `steps` times: `fit` asks before every batch."""

    def __init__(self, steps: int) -> None:
        super().__init__()
        self.left = steps

    def is_set(self) -> bool:
        self.left -= 1
        return self.left < 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--train", type=int, metavar="THREADS", help="train once in this process, print the hash")
    parser.add_argument("--checkpoint", help="with --train: the checkpoint to continue, or to begin")
    parser.add_argument("--stop", type=int, metavar="STEPS", help="with --train: stop after so many steps")
    arguments = parser.parse_args()
    if arguments.train:
        print(train(arguments.train, arguments.checkpoint, arguments.stop))
        return 0
    with tempfile.TemporaryDirectory(prefix="nnscratch-bits-") as folder:
        hashes = compare(Path(folder))
    return int(len(hashes) != 1)


def compare(folder: Path) -> set[str]:
    """The hashes of all trainings: one, if all have the same bits."""
    hashes = {once(f"{threads} thread{'s' * (threads > 1)}", threads) for threads in (1, 2, 4)}
    hashes.add(once("2 threads again", 2))
    hashes.add(once("kernels compiled anew", 2, NUMBA_CACHE_DIR=str(folder / "cache")))
    if not list((folder / "cache").rglob("*.nbc")):
        raise RuntimeError("same_bits: got no compiled kernel in NUMBA_CACHE_DIR, expected a cold start to fill it")
    hashes.add(once("kernels of that cache", 2, NUMBA_CACHE_DIR=str(folder / "cache")))
    checkpoint = ["--checkpoint", str(folder / "training.npz")]
    first, second = STOPS
    stopped = {
        once(f"stopped after step {first}", 1, *checkpoint, "--stop", str(first)),
        once(f"resumed, stopped after step {second}", 4, *checkpoint, "--stop", str(second - first)),
    }
    hashes.add(once("resumed to its end", 2, *checkpoint))
    if stopped & hashes or len(stopped) < 2:
        raise RuntimeError("same_bits: got the same weights before and after a stop, expected training in between")
    return hashes


def once(title: str, threads: int, *options: str, **environment: str) -> str:
    began = time.monotonic()
    command = [sys.executable, "-W", "error", __file__, "--train", str(threads), *options]
    done = subprocess.run(
        command, env={**os.environ, **environment}, capture_output=True, text=True, timeout=900, check=False
    )
    if done.returncode:
        raise RuntimeError(f"same_bits: {title}: exit status {done.returncode}\n{done.stderr}")
    found = done.stdout.strip()
    print(f"{found[:16]}  {title:36s} {time.monotonic() - began:5.1f} s", flush=True)
    return found


def train(threads: int, checkpoint: str | None, stop: int | None) -> str:
    """The hash of all weights after the training, or after its stop."""
    nn.set_threads(threads)
    faces = draw_faces(ROWS, seed=1)
    rng = np.random.default_rng(0)
    model = network(rng)
    trainer = nn.Trainer(
        model, nn.MSELoss(), nn.Adam(model, lr=0.002), batch_size=BATCH, seed=2, progress=False,
        lr=nn.schedules.cosine(0.002, 0.0, warmup=0.1), average=0.9, clip_norm=1.0,
        augment=Augmentation(flip=0.5, rotation=10, scale=0.1, shift=4, bend=1, contrast=0.2, noise=0.05),
    )  # fmt: skip
    # Stops that came before are in the checkpoint; without one, plain `fit` is what is compared.
    options = {} if checkpoint is None else {"checkpoint": checkpoint}
    x, y = faces.x, faces.y
    trainer.fit(
        x, y, epochs=EPOCHS, validation=(x[:64], y[:64]), stop=None if stop is None else StopAfter(stop), **options
    )
    together = hashlib.sha256()
    for w in model.parameters():
        together.update(f"{w.dtype} {w.shape}".encode() + w.tobytes())
    return together.hexdigest()


def network(rng: np.random.Generator) -> nn.Sequential:
    """Few and many channels, so that all kinds of stages take part."""
    return nn.Sequential(
        nn.Conv2D(1, 8, 3, rng=rng), nn.ReLU(), nn.MaxPool2D(2),
        nn.Conv2D(8, 24, 3, rng=rng), nn.ReLU(), nn.MaxPool2D(2),
        nn.Conv2D(24, 48, 3, padding=1, rng=rng), nn.ReLU(), nn.MaxPool2D(2),
        nn.Conv2D(48, 16, 2, rng=rng), nn.ReLU(),
        nn.Flatten(), nn.Dense(16 * 10 * 10, 64, rng=rng), nn.ReLU(), nn.Dropout(0.3, rng=3), nn.Dense(64, 30, rng=rng),
    )  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
