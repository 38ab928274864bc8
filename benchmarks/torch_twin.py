"""PyTorch's side of the benchmarks: what a Trainer trains, as one writes it for a CPU in PyTorch.

Network, first weights, optimizer, schedule, batches and augmentation are read from a
`nnscratch.Trainer`. Equal in both: the pictures, their order and their changes, bit by bit, for
both draw the same numbers in the same order. Not equal: the random numbers of dropout, and the
rounding.

It does what an expert does on a CPU: max pooling before ReLU, which gives the same numbers for a
quarter of the work; ReLU in place; AdamW in one fused pass; averages by one call for all arrays; no
`loss.item()` in a step; subnormal numbers flushed to 0; labels masked by a product, not gathered;
the next batch warped in the background. The caller tries out which memory layout is faster, and
whether warping in the background is (arguments of `Training`).
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from torch import nn as torch_nn
from torch.nn import functional as F

import nnscratch as nn
from nnscratch.keypoints.faces import SIDE
from nnscratch.keypoints.geometry.augmentation import Augmentation

Batch = tuple[torch.Tensor, torch.Tensor, torch.Tensor]  # pictures, targets with 0 for no label, 1 or 0 for labelled


class ContrastNormalization(torch_nn.Module):
    """nnscratch's layer of that name. It needs no gradient: no layer before it learns."""

    def __init__(self, spread: float, floor: float) -> None:
        super().__init__()
        self.spread, self.floor = spread, floor

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        std, mean = torch.std_mean(x, dim=(1, 2, 3), correction=0, keepdim=True)
        return (x - mean) * (self.spread / std.clamp(min=self.floor))


def twin(model: nn.Sequential) -> torch_nn.Sequential:
    """The same layers with the same weights, for pictures (N, 1, 96, 96)."""
    modules: list[torch_nn.Module] = []
    shape: tuple[int, ...] = (SIDE, SIDE, 1)
    maps: tuple[int, ...] = ()  # (H, W, C) that were flattened: PyTorch flattens them as (C, H, W)
    for layer in model.layers:
        if isinstance(layer, nn.Conv2D):
            conv = torch_nn.Conv2d(layer.c_in, layer.c_out, layer.kernel_size, layer.stride, layer.padding)
            modules.append(conv)
            _fill(conv, layer.params["weight"].transpose(3, 2, 0, 1), layer.params["bias"])
        elif isinstance(layer, nn.Dense):
            weight = layer.params["weight"]
            if maps:
                weight, maps = weight.reshape(*maps, -1).transpose(2, 0, 1, 3).reshape(weight.shape), ()
            linear = torch_nn.Linear(layer.n_in, layer.n_out)
            modules.append(linear)
            _fill(linear, weight.T, layer.params["bias"])
        elif isinstance(layer, nn.Flatten):
            modules.append(torch_nn.Flatten())
            maps = shape
        elif isinstance(layer, nn.MaxPool2D) and isinstance(modules[-1], torch_nn.ReLU):
            modules.insert(-1, torch_nn.MaxPool2d(layer.pool_size, layer.stride))
        else:
            modules.append(_plain(layer))
        shape = layer.output_shape(shape)
    return torch_nn.Sequential(*modules)


def _plain(layer: nn.Layer) -> torch_nn.Module:
    if isinstance(layer, nn.ReLU):
        return torch_nn.ReLU(inplace=True)
    if isinstance(layer, nn.Dropout):
        return torch_nn.Dropout(layer.p)
    if isinstance(layer, nn.ContrastNormalization):
        return ContrastNormalization(layer.spread, layer.floor)
    raise ValueError(f"got {layer!r}, expected a layer that has a twin here; add it to torch_twin.py")


def _fill(module: torch_nn.Conv2d | torch_nn.Linear, weight: np.ndarray, bias: np.ndarray) -> None:
    with torch.no_grad():
        module.weight.copy_(torch.from_numpy(np.ascontiguousarray(weight)))
        assert module.bias is not None
        module.bias.copy_(torch.from_numpy(bias))


def masked_mse(prediction: torch.Tensor, target: torch.Tensor, known: torch.Tensor) -> torch.Tensor:
    """The mean squared error over the labelled values; 0 without any, as `nnscratch.MSELoss`."""
    return ((prediction - target) * known).square().sum() / known.sum().clamp(min=1)


class Average:
    """`nnscratch.WeightAverage` for PyTorch; its `network` has the averaged weights."""

    def __init__(self, network: torch_nn.Module, decay: float) -> None:
        self.decay = decay
        self.updates = 0
        self.network = copy.deepcopy(network).eval()
        self._means = [mean.requires_grad_(False) for mean in self.network.parameters()]
        self._live = [w.detach() for w in network.parameters()]

    def update(self) -> None:
        self.updates += 1
        share = 1 - min(self.decay, (1 + self.updates) / (10 + self.updates))
        torch._foreach_lerp_(self._means, self._live, share)


def warp(x: torch.Tensor, affine: np.ndarray, bend: np.ndarray, tone: np.ndarray) -> torch.Tensor:
    """`nnscratch.kernels.warp` of pictures (N, 1, 96, 96), without noise and blank patches."""
    # From pixels p = 0..95 to F.affine_grid's n = -1..1, whose ends are the middles of pixels:
    # p = (n + 1) * 95 / 2.
    theta = affine.copy()
    theta[:, :, 2] = affine[:, :, :2].sum(axis=2) + affine[:, :, 2] * (2 / (SIDE - 1)) - 1
    grid = F.affine_grid(torch.from_numpy(theta), list(x.shape), align_corners=True)
    if bend.any():
        nodes = torch.from_numpy(bend).permute(0, 3, 1, 2) * (2 / (SIDE - 1))
        grid += F.interpolate(nodes, x.shape[2:], mode="bilinear", align_corners=True).permute(0, 2, 3, 1)
    new_x = F.grid_sample(x, grid, mode="bilinear", padding_mode="border", align_corners=True)
    if (tone[:, :2] != [1, 0]).any():
        gain, offset = torch.from_numpy(tone)[:, :2].reshape(-1, 2, 1, 1, 1).unbind(1)
        new_x = new_x.mul_(gain).add_(offset)
    return new_x


def augmented(
    augmentation: Augmentation, x: torch.Tensor, y: np.ndarray, rng: np.random.Generator
) -> tuple[torch.Tensor, np.ndarray]:
    """`augmentation(x, y, rng)` of pictures (N, 1, 96, 96), with a warp by PyTorch."""
    if augmentation.noise or augmentation.blank:
        raise ValueError(f"got {augmentation!r}, expected one without noise and blank; add them to torch_twin.py")
    changes = augmentation.draw(len(x), rng)
    return warp(x, changes.affine, changes.bend, changes.tone), augmentation.move_labels(y, changes)


class Training:
    """What `trainer.fit` does, epoch by epoch, in PyTorch.

    Arguments
        trainer : its model gives the first weights and is not changed; its random numbers are drawn
        layout : "channels_last" or "contiguous_format"
        background : warp the next batch in a thread beside the training, which uses one thread
            itself, as the workers of PyTorch's DataLoader do; False: warp it before its step, on
            all threads
    """

    def __init__(self, trainer: nn.Trainer, layout: str, background: bool) -> None:
        self.trainer = trainer
        self.network = twin(trainer.model).to(memory_format=getattr(torch, layout)).train()
        adam = trainer.optimizer
        assert isinstance(adam, nn.Adam)
        weights = [w for name, w in self.network.named_parameters() if name.endswith("weight")]
        biases = [b for name, b in self.network.named_parameters() if name.endswith("bias")]
        groups = [{"params": weights, "weight_decay": adam.weight_decay}, {"params": biases, "weight_decay": 0.0}]
        self.optimizer = torch.optim.AdamW(groups, lr=adam.lr, betas=adam.betas, eps=adam.epsilon, fused=True)
        self.average = None if trainer.average is None else Average(self.network, trainer.average)
        self.steps = 0
        self._thread = _one_thread() if background else None

    def epoch(self, x: torch.Tensor, y: np.ndarray, total_steps: int) -> None:
        """Trains on every row once; the schedule ends with the last of all epochs' steps.

        x : (N, 1, 96, 96); y : (N, 30), NaN where a label is missing
        """
        for batch in self._batches(x, y):
            if self.trainer.lr is not None:
                for group in self.optimizer.param_groups:
                    group["lr"] = self.trainer.lr(min(1.0, self.steps / max(1, total_steps - 1)))
            self._step(*batch)
            self.steps += 1

    def predict(self, x: torch.Tensor) -> np.ndarray:
        """(N, 30), by the averaged weights if there are any."""
        network = self.network if self.average is None else self.average.network
        network.eval()
        with torch.inference_mode():
            prediction = torch.cat([network(part) for part in x.split(256)]).numpy()
        self.network.train()
        return prediction

    def _step(self, x: torch.Tensor, target: torch.Tensor, known: torch.Tensor) -> None:
        self.optimizer.zero_grad()
        masked_mse(self.network(x), target, known).backward()
        if self.trainer.clip_norm is not None:
            torch_nn.utils.clip_grad_norm_(self.network.parameters(), self.trainer.clip_norm)
        self.optimizer.step()
        if self.average is not None:
            self.average.update()

    def _batches(self, x: torch.Tensor, y: np.ndarray) -> Iterator[Batch]:
        order, size = self.trainer.rng.permutation(len(x)), self.trainer.batch_size
        parts = [order[start : start + size] for start in range(0, len(order), size)]
        if self._thread is None:
            for rows in parts:
                yield self._batch(x, y, rows)
            return
        coming = self._thread.submit(self._batch, x, y, parts[0])
        for rows in parts[1:]:
            batch = coming.result()
            coming = self._thread.submit(self._batch, x, y, rows)
            yield batch
        yield coming.result()

    def _batch(self, x: torch.Tensor, y: np.ndarray, rows: np.ndarray) -> Batch:
        batch_x, batch_y = x[torch.from_numpy(rows)], y[rows]
        augment = self.trainer.augment
        if augment is not None:
            assert isinstance(augment, Augmentation)
            batch_x, batch_y = augmented(augment, batch_x, batch_y, self.trainer.rng)
        known = np.isfinite(batch_y)
        target = np.where(known, batch_y, np.float32(0))
        return batch_x, torch.from_numpy(target), torch.from_numpy(known.astype(np.float32))


def _one_thread() -> ThreadPoolExecutor:
    """A thread in the background, on which PyTorch computes with one thread."""
    threads = torch.get_num_threads()

    def begin() -> None:
        torch.get_num_threads()  # a thread's first call takes over the common number; so call before setting
        torch.set_num_threads(1)

    executor = ThreadPoolExecutor(1, initializer=begin)
    executor.submit(int).result()
    torch.set_num_threads(threads)  # for all other threads; that one keeps its own number
    return executor


def pictures(x: np.ndarray) -> torch.Tensor:
    """(N, 1, 96, 96) from (N, 96, 96, 1), in the same memory."""
    return torch.from_numpy(x).reshape(len(x), 1, *x.shape[1:3])
