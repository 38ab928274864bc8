"""Tables: 80 columns, whatever the numbers are."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.profiling import conv2d, table
from nnscratch.profiling.comparison import Comparison
from nnscratch.profiling.conv2d import ConvPool, compare_conv2d
from nnscratch.profiling.table import short


@pytest.fixture
def comparison(monkeypatch: pytest.MonkeyPatch) -> Comparison:
    monkeypatch.setattr(conv2d, "_PRODUCTS_OF_LOOPS", 500)
    monkeypatch.setattr(conv2d.compare, "__kwdefaults__", {"seconds": 0.0})
    return compare_conv2d(ConvPool(2, 8, 8, 1, 2, 3))


def profile() -> nn.Profile:
    rng = np.random.default_rng(0)
    model = nn.Sequential(nn.Dense(9, 4, rng=rng), nn.ReLU(), nn.Dense(4, 2, rng=rng))
    return nn.profile(model, np.ones((3, 9), np.float32), np.ones((3, 2), np.float32), steps=4)


def test_a_profile_fits_80_columns_and_says_both_totals_and_why() -> None:
    text = str(profile())
    lines = text.splitlines()
    assert max(map(len, lines)) <= 80
    assert all(line == line.rstrip() for line in lines)
    assert "sum of these rows" in text
    assert "a step by the clock" in text
    for total, says in ((1.05, "the sum is 5.0% more"), (0.95, "the sum is 5.0% less"), (0.8, "20% less: unsure")):
        result = replace(profile(), total=total, clock=1.0)
        assert says in str(result)
        assert max(map(len, str(result).splitlines())) <= 80
    assert "20% more: one call" in str(replace(profile(), total=1.2, clock=1.0, in_one_call=True))
    assert lines[lines.index("why") + 1].startswith("1 DenseStage, layers 0-1: ReLU in place")
    assert text.count("products/gemm.py, tiles") == 2  # a kernel and its reason once per stage


@pytest.mark.parametrize("factor", [1e-6, 1.0, 1e6])
def test_large_and_small_numbers_keep_their_columns(comparison: Comparison, factor: float) -> None:
    lines = str(comparison).splitlines()
    assert max(map(len, lines)) <= 80
    width = len(next(line for line in lines if line.startswith("method")))
    rows = tuple(
        replace(row, milliseconds=row.milliseconds * factor, times_as_fast=row.times_as_fast / factor,
                gflops=row.gflops * factor, megabytes=row.megabytes * factor, share_of_roof=0.5)
        for row in comparison.rows
    )  # fmt: skip
    lines = str(replace(comparison, rows=rows)).splitlines()
    measured = [line for line in lines if line[16:24].strip() in ("forward", "backward")]
    assert len(measured) == len(rows)
    assert {len(line) for line in measured} == {width}
    result = profile()
    wide = replace(result, rows=tuple(replace(row, milliseconds=row.milliseconds * factor) for row in result.rows))
    assert max(map(len, str(wide).splitlines())) <= 80


def test_short_numbers_have_at_most_five_characters() -> None:
    for exponent in np.linspace(-6, 9, 400):
        assert len(short(10.0**exponent)) <= 5
    assert short(None) == "-"
    assert [table.percent(share) for share in (0, 0.004, 0.00999, 0.995, 12.0)] == [
        "0.0%",
        "0.4%",
        "1%",
        "100%",
        "1200%",
    ]


def test_the_chosen_method_is_marked_and_the_loops_say_their_part(comparison: Comparison) -> None:
    text = str(comparison)
    assert "\nimage vectors * forward" in text
    assert [table._times(value) for value in (12.3, 0.5, 0.0051, 0.00001)] == ["12.3", "0.500", "1/196", "1/100k"]
    assert "equal: no difference above" in text
