"""A broken rule: its right class, and what its example's arrays are called."""

from __future__ import annotations

import numpy as np

import nnscratch as nn
from nnscratch.gradient_check.broken_rules.dense import TransposedWeight
from nnscratch.gradient_check.broken_rules.rule import Example
from nnscratch.gradient_check.broken_rules.rules import rules_of


def test_the_right_class_is_the_one_that_the_wrong_one_changes() -> None:
    (rule,) = rules_of("transposed-weight")
    assert (rule.right, rule.wrong) == (nn.Dense, TransposedWeight)
    assert rule.sizes(3, 3)
    assert not rule.sizes(3, 2)


def test_arrays_of_a_single_layer_need_no_number() -> None:
    one, two = nn.Sequential(nn.Dense(2, 2, rng=0)), nn.Sequential(nn.Dense(2, 2, rng=0), nn.ReLU())
    assert [each.name for each in Example(one, np.ones((1, 2))).compare()] == ["x", "weight", "bias"]
    assert [each.name for each in Example(two, np.ones((1, 2))).compare()] == ["x", "layer 0 weight", "layer 0 bias"]
    loss = Example(nn.Sequential(nn.Flatten()), np.ones((1, 2)), nn.MSELoss(), np.zeros((1, 2)))
    assert [each.name for each in loss.compare()] == ["prediction"]
