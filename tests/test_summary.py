from __future__ import annotations

import numpy as np
import pytest

import nnscratch as nn


def report_cnn(dropout: float = 0.5) -> nn.Sequential:
    layers: list[nn.Layer] = []
    for c_in, c_out, k in ((1, 2, 5), (2, 4, 5), (4, 8, 4), (8, 16, 4)):
        layers += [nn.Conv2D(c_in, c_out, k, rng=0), nn.ReLU(), nn.MaxPool2D(2)]
    return nn.Sequential(*layers, nn.Flatten(), nn.Dense(144, 30, rng=0), nn.Dropout(dropout))


def rows(table: str) -> dict[str, list[str]]:
    """First word of each line -> its columns from the right, last one of equal names wins."""
    return {line.split("  ")[0].strip(): line.split() for line in table.splitlines()}


def test_numbers_of_the_report_cnn() -> None:
    table = report_cnn().summary((96, 96, 1))
    lines = table.splitlines()
    assert "92, 92, 2" in lines[2]
    assert "3, 3, 16" in lines[13]
    # Parameters: 25*2+2, 50*4+4, 64*8+8, 128*16+16, 144*30+30
    assert rows(table)["total"][1] == f"{52 + 204 + 520 + 2064 + 4350:,}"
    # Receptive field: 5, 6, 14, 16, 28, 32, 56, 64
    assert [line.split()[-1] for line in lines[2:14]] == [
        str(field) for field in (5, 5, 6, 14, 14, 16, 28, 28, 32, 56, 56, 64)
    ]
    assert lines[15].split()[-1] == "all"
    assert max(len(line) for line in lines) <= 80


def test_multiply_adds() -> None:
    model = nn.Sequential(nn.Conv2D(2, 3, (2, 4), stride=2), nn.Flatten(), nn.Dense(18, 5))
    # 3 x 2 windows of 2*4*2 weights for 3 channels; 18 * 5
    line = rows(model.summary((6, 6, 2)))
    assert line["total"][2] == str(3 * 2 * 2 * 4 * 2 * 3 + 18 * 5)


def test_bytes_kept_count_shared_memory_once() -> None:
    model = nn.Sequential(nn.Dense(10, 20), nn.ReLU(), nn.Dense(20, 5))
    table = model.summary()
    # Dense keeps x (10 floats); ReLU keeps 20 bytes; the second Dense keeps ReLU's y (20 floats),
    # which a third layer would keep, too.
    assert [line.split()[-2] for line in table.splitlines()[2:5]] == ["40", "20", "80"]


def test_shape_from_the_last_forward_pass_or_the_dense_layer() -> None:
    model = report_cnn()
    told = model.summary((96, 96, 1))
    assert model.summary() == told  # the smallest square images that give 144 numbers
    model.forward(np.zeros((2, 97, 98, 1), np.float32))
    assert "97, 98, 1" in model.summary()


def test_summary_does_not_touch_the_model() -> None:
    model = report_cnn()
    state = model.layers[-1].rng.bit_generator.state  # type: ignore[attr-defined]
    model.summary()
    assert model.layers[-1].rng.bit_generator.state == state  # type: ignore[attr-defined]
    with pytest.raises(RuntimeError):
        model.backward(np.ones((1, 30), np.float32))


@pytest.mark.parametrize(
    ("model", "shape", "message"),
    [
        (nn.Sequential(nn.Conv2D(1, 2, 5), nn.Flatten(), nn.Dense(7, 3)), None, "summary: got no input_shape"),
        (nn.Sequential(nn.ReLU()), None, "summary: got no input_shape"),
        (nn.Sequential(nn.Conv2D(1, 2, 5)), (3, 3, 1), "at least 5 x 5 pixels"),
        (nn.Sequential(nn.Dense(4, 3)), (5,), r"expected \(N, 4\)"),
    ],
)
def test_shapes_that_do_not_fit(model: nn.Sequential, shape: tuple[int, ...] | None, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        model.summary(shape)
