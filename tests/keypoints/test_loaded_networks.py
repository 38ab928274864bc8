from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.keypoints.loaded_networks import load_network
from nnscratch.keypoints.networks import CNNS, report_mlp


def saved(folder: Path, *layers: nn.Layer) -> Path:
    nn.save(nn.Sequential(*layers), folder / "model.npz")
    return folder / "model.npz"


@pytest.mark.parametrize("make", [*CNNS.values(), report_mlp])
def test_published_networks_are_within_the_limits(tmp_path: Path, make: object) -> None:
    nn.save(make(rng=0), tmp_path / "model.npz")  # type: ignore[operator]
    load_network(tmp_path / "model.npz", 96, 15)


BAD: dict[str, tuple[list[nn.Layer], str]] = {
    "other outputs": ([nn.Flatten(), nn.Dense(9216, 28, rng=0)], r"outputs \(28,\)"),
    "other inputs": ([nn.Flatten(), nn.Dense(36, 30, rng=0)], r"got input \(9216,\)"),
    "pictures of three channels": ([nn.Conv2D(3, 30, 96, rng=0), nn.Flatten()], "3 channels"),
    "no flatten": ([nn.Dense(1, 30, rng=0)], "is a Flatten"),
    "a pool that is too large": ([nn.MaxPool2D(200), nn.Flatten()], "at least 200 x 200"),
    "float64": ([nn.MaxPool2D(16), nn.Flatten(), nn.Dense(36, 30, rng=0, dtype=np.float64)], "weights in float64"),
    "a huge padding": (
        [nn.Conv2D(1, 1, 1, padding=10**6, rng=0), nn.MaxPool2D(10**6), nn.Flatten(), nn.Dense(4, 30, rng=0)],
        "too much for a picture",
    ),
    "a padding past all numbers": ([nn.Conv2D(1, 1, 1, padding=10**18, rng=0), nn.Flatten()], "too much"),
    "much work": ([nn.Conv2D(1, 200, 90, padding=45, rng=0), nn.Flatten()], "too much for a picture"),
}


@pytest.mark.parametrize(("layers", "message"), BAD.values(), ids=BAD)
def test_a_network_for_something_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, layers: list[nn.Layer], message: str
) -> None:
    monkeypatch.chdir(tmp_path)  # a long path would take the room of the rest
    path = saved(Path(), *layers)
    with pytest.raises(ValueError, match=rf"model.npz: got a network for something else .*({message})") as caught:
        load_network(path, 96, 15)
    assert "expected a network from 96 x 96 pictures to 15 points" in str(caught.value)
    assert len(str(caught.value)) < 300
