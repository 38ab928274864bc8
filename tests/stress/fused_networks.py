"""Random networks, fused and layer by layer: the same numbers, the same errors.

    python tests/stress/fused_networks.py --count 3000 --seed 0

What "the same" means depends on the arithmetic:

    whole numbers   small ones as x, weights and dy: every sum is exact, and so y, dx and all
                    gradients are equal to the last bit, with many equal maxima and zeros at ReLUs
    normal numbers  apart by at most the rounding bound of magnitudes.py
    extreme         x or some weights are multiplied by 1e30 or 1e-30: both raise the same error, or
                    neither does, except where terms of both signs overflow in one sum, whose order
                    then decides; where nothing can have overflowed, the rounding bound holds

Gradients are left out where rounding may turn a ReLU or a winner; the last line counts how often.
Network k is drawn from (seed, k) alone, so that a failure is run again by --seed S --first k
--count 1. Exit status 1 if any network fails.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

import nnscratch as nn

sys.path.insert(0, str(Path(__file__).parent))
from magnitudes import Magnitudes, magnitudes
from random_networks import random_network

KINDS = "whole numbers", "normal numbers", "extreme"


class Outcome:
    """One network's step: y, dx and gradients, or the error that it ended with."""

    def __init__(self, network: nn.Sequential, x: np.ndarray, dy_seed: int, whole: bool) -> None:
        self.error = ""
        self.arrays: dict[str, np.ndarray] = {}
        try:
            predicted = network.forward(x)
            y = network.forward(x, training=True)
            rng = np.random.default_rng(dy_seed)
            self.dy = (rng.integers(-2, 3, y.shape) if whole else rng.standard_normal(y.shape)).astype(y.dtype)
            dx = network.backward(self.dy, input_gradient=True)
        except nn.NotFiniteError as raised:
            self.error = str(raised)
            return
        assert dx is not None
        self.arrays = {"predicted y": predicted, "y": y, "dx": dx}
        for i, layer in enumerate(network.layers):
            self.arrays |= {f"layer {i} d{name}": grad.copy() for name, grad in layer.grads.items()}


def check(seed: int, k: int) -> tuple[str, bool]:
    """What differs in network k, or ""; and whether its gradients were compared."""
    rng = np.random.default_rng([seed, k])
    kind = KINDS[k % 3]
    drawn, shape = random_network(rng, large=True)
    layers = [layer for i, layer in enumerate(drawn) if _takes_part(layer, i, kind)]
    dtype = np.float32 if kind != "normal numbers" or rng.random() < 0.4 else np.float64
    layers = [layer.astype(dtype) for layer in layers]
    x = rng.standard_normal(shape).astype(dtype)
    if kind == "whole numbers":
        # A mean of whole numbers is none: a maximum, in windows of the same sizes, takes its place.
        layers = [_maximum(layer) if isinstance(layer, nn.AveragePool2D) else layer for layer in layers]
        x = rng.integers(-2, 3, shape).astype(dtype)
        for i, layer in enumerate(layers):
            if isinstance(layer, nn.Dropout):
                layers[i] = nn.Dropout(0.5 if layer.p else 0.0, rng=k)  # so that 1 / (1 - p) is whole
        for layer in layers:
            for name, value in layer.params.items():
                layer.params[name] = rng.integers(-1, 2, value.shape).astype(dtype)
    elif kind == "extreme":
        x = _extreme(rng, layers, x)
    networks = [nn.Sequential(*layers).astype(dtype) for _ in range(2)]
    networks[1].fuse = False
    in_float64 = [layer.astype(np.float64) for layer in layers]
    fused, single = (Outcome(network, x, k, kind == "whole numbers") for network in networks)
    where = f"{kind}, {np.dtype(dtype)}, x {shape}, {layers}"
    if fused.error and fused.error == single.error:
        return "", False
    bound = magnitudes(in_float64, x, None if fused.error or single.error else fused.dy, dtype)
    if fused.error or single.error:
        return ("" if bound.order_decides else f"{fused.error!r} but {single.error!r}: {where}"), False
    if kind == "whole numbers" and bound.largest < 1 / np.finfo(dtype).eps:
        wrong = [name for name in single.arrays if not np.array_equal(fused.arrays[name], single.arrays[name])]
        return (f"{wrong} not the same bits: {where}" if wrong else ""), True
    wrong = _beyond(bound, fused.arrays, single.arrays, dtype)
    return (f"{wrong}: {where}" if wrong else ""), not bound.undecided


def _takes_part(layer: nn.Layer, i: int, kind: str) -> bool:
    """Contrast normalization has no simple bound behind other layers; some are never exact."""
    if kind == "whole numbers" and isinstance(layer, nn.Sigmoid | nn.Tanh | nn.LeakyReLU):
        return False
    return not isinstance(layer, nn.ContrastNormalization) or (i == 0 and kind != "whole numbers")


def _maximum(layer: nn.AveragePool2D) -> nn.MaxPool2D:
    return nn.MaxPool2D(layer.pool_size, layer.stride)


def _extreme(rng: np.random.Generator, layers: list[nn.Layer], x: np.ndarray) -> np.ndarray:
    """x, which like some parameters may come out very large, very small or below normal numbers."""
    factors = [1.0, 1e30, 1e-30, 1e-38, 1e15]
    for layer in layers:
        for value in layer.params.values():
            value *= value.dtype.type(rng.choice(factors, p=[0.6, 0.15, 0.1, 0.05, 0.1]))
    return x * x.dtype.type(rng.choice(factors))


def _beyond(bound: Magnitudes, fused: dict[str, np.ndarray], single: dict[str, np.ndarray], dtype: type) -> list[str]:
    """The names of the arrays that differ by more than rounding, with the difference in bounds."""
    sizes = {"y": bound.y, "dx": bound.dx}
    for i, grads in enumerate(bound.grads):
        sizes |= {f"layer {i} d{name}": size for name, size in grads.items()}
    names = ["y"] if bound.undecided else list(sizes)
    if bound.largest > float(np.finfo(dtype).max) / 64:
        return []  # something may have overflowed in one order and not in the other
    wrong = []
    for name in names:
        difference = np.abs(fused[name].astype(np.float64) - single[name].astype(np.float64))
        ratio = float((difference / (bound.rounding * sizes[name])).max(initial=0))
        if not ratio <= 1:
            wrong.append(f"{name} by {ratio:.3g} bounds")
    return wrong


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Random networks, fused and layer by layer.")
    parser.add_argument("--count", type=int, default=3000, help="networks (default: 3000)")
    parser.add_argument("--seed", type=int, default=0, help="of all of them (default: 0)")
    parser.add_argument("--first", type=int, default=0, help="number of the first one (default: 0)")
    options = parser.parse_args(arguments)
    failures = compared = 0
    for k in range(options.first, options.first + options.count):
        try:
            with np.errstate(all="ignore"):
                wrong, gradients = check(options.seed, k)
        except Exception as raised:
            wrong, gradients = f"{type(raised).__name__}: {raised}", False
        compared += gradients
        if wrong:
            failures += 1
            print(f"--seed {options.seed} --first {k} --count 1: {wrong}", flush=True)
        if sys.stderr and (k + 1) % 100 == 0:
            print(f"{k + 1 - options.first} of {options.count} networks, {failures} failed", file=sys.stderr)
    print(f"{options.count} networks, {failures} failed, gradients compared in {compared}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
