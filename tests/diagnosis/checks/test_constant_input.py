"""Rows of x that are all the same."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.diagnosis.checks.constant_input import share_of_equal_rows
from tests.diagnosis.small_networks import asked, both_networks, both_tables, first, rows, table


@both_networks
@pytest.mark.parametrize("value", [0, 0.5])
def test_black_and_grey_pictures(network: Any, value: float) -> None:
    x, y = rows()
    finding = first(nn.diagnose(network(), np.full_like(x, value), y), "constant_input")
    assert ("all 0" in finding.message) == (value == 0)


@both_tables
def test_nearly_all_rows_and_after_a_training(network: Any) -> None:
    x, y = table()
    x = x.copy()
    x[:230] = x[0]
    assert "the same in 96% of them" in first(nn.diagnose(network(), x, y), "constant_input").message
    diagnosis = asked(network(), (np.zeros_like(x), y), epochs=3)
    first(diagnosis, "constant_input")
    assert not {"step_too_small", "misaligned_rows", "vanishing_signal", "input_unscaled"} & set(diagnosis.codes)


@both_tables
def test_targets_that_are_all_the_same_as_well_are_no_fault_of_x(network: Any) -> None:
    x, y = table()
    assert "constant_input" not in nn.diagnose(network(), 0 * x, 0 * y).codes


def test_rows_that_come_twice_are_not_all_the_same() -> None:
    x, _ = table()
    assert share_of_equal_rows(np.repeat(x[:100], 2, axis=0)) < 0.05
    assert share_of_equal_rows(x[:1]) == 0
