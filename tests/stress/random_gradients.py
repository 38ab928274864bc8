"""Gradient checks of random networks: every gradient <= 1e-7, and no false alarm.

    python tests/stress/random_gradients.py --count 500 --seed 0

Network k is drawn from (seed, k) alone, so that a failure is run again by --seed S --first k
--count 1. Every second one has points on kinks: whole numbers as x, so that maxima are equal, or
zeros, so that ReLUs with a bias of 0 lie on theirs. Exit status 1 if any network fails.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

import nnscratch as nn

sys.path.insert(0, str(Path(__file__).parent))
from random_networks import random_network

BOUND = 1e-7


def check(seed: int, k: int) -> tuple[float, str]:
    """The largest error of network k, and what it belongs to."""
    rng = np.random.default_rng([seed, k])
    layers, shape = random_network(rng)
    network = nn.Sequential(*layers, fuse=rng.random() < 0.5)
    kind = k % 4
    if kind == 0:
        x = rng.integers(-2, 3, shape).astype(float)
    elif kind == 1:
        x = np.zeros(shape) if rng.random() < 0.3 else rng.standard_normal(shape) * (rng.random(shape) < 0.3)
    else:
        x = rng.standard_normal(shape)
    loss, target = None, None
    if rng.random() < 0.3:
        target = rng.standard_normal((shape[0], *network.forward(x.astype(np.float32)).shape[1:]))
        target[rng.random(target.shape) < 0.3] = np.nan
        loss = nn.MSELoss()
    errors = nn.gradient_check(network, x, loss=loss, target=target, seed=k)
    name = max(errors, key=errors.__getitem__)
    return errors[name], f"{name} of {layers} fuse={network.fuse} x {shape} kind {kind}"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Gradient checks of random networks.")
    parser.add_argument("--count", type=int, default=500, help="networks (default: 500)")
    parser.add_argument("--seed", type=int, default=0, help="of all of them (default: 0)")
    parser.add_argument("--first", type=int, default=0, help="number of the first one (default: 0)")
    options = parser.parse_args(arguments)
    failures, largest = 0, 0.0
    for k in range(options.first, options.first + options.count):
        try:
            error, what = check(options.seed, k)
        except Exception as raised:
            error, what = float("inf"), f"{type(raised).__name__}: {raised}"
        largest = max(largest, error)
        if not error <= BOUND:
            failures += 1
            print(f"--seed {options.seed} --first {k} --count 1: error {error:.1e} of {what}", flush=True)
        if sys.stderr and (k + 1) % 50 == 0:
            print(f"{k + 1 - options.first} of {options.count} networks, {failures} failed", file=sys.stderr)
    print(f"{options.count} networks, {failures} failed, largest error {largest:.1e} (bound {BOUND:.0e})")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
