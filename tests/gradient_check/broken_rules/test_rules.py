"""Every broken rule is found by the check, the right layer passes beside it, and names find it."""

from __future__ import annotations

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.gradient_check.broken_rules.rule import Rule
from nnscratch.gradient_check.broken_rules.rules import RULES, rules_of


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_the_check_finds_the_wrong_layer_and_passes_the_right_one(rule: Rule) -> None:
    right, wrong = rule.compare()
    assert [each.name for each in right] == [each.name for each in wrong]
    for each in right:
        assert each.right, (each.name, each.worst)
    assert rule.array in [each.name for each in wrong if each.verdict == "wrong"]
    assert max(each.worst.error for each in wrong if each.worst) > 1e-3


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_nn_gradient_check_finds_it_too(rule: Rule) -> None:
    for kind, wrong in ((rule.right, False), (rule.wrong, True)):
        example = rule.example(kind)
        errors = nn.gradient_check(example.network, example.x, loss=example.loss, target=example.target)
        assert (max(errors.values()) > 1e-7) == wrong, errors


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_a_rule_is_broken_on_the_way_back_alone(rule: Rule) -> None:
    right, wrong = rule.example(rule.right), rule.example(rule.wrong)
    y, y_wrong = (each.network.astype(np.float64).forward(each.x, training=True) for each in (right, wrong))
    np.testing.assert_array_equal(y, y_wrong)
    if right.loss and wrong.loss and right.target is not None:
        assert right.loss.forward(y, right.target) == wrong.loss.forward(y, wrong.target)


def test_all_mistakes_that_are_asked_for_are_there() -> None:
    words = [
        "sign", "transposed weight", "forgotten mask", "divided twice by the batch", "padding's border",
        "bias summed over one axis too few", "pooling to every tie", "dropout without its scale",
        "accumulated gradients",
    ]  # fmt: skip
    found = [rule for text in words for rule in rules_of(text)]
    assert sorted(rule.name for rule in found) == sorted(rule.name for rule in RULES)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_a_rule_is_found_by_its_name_and_by_its_title(rule: Rule) -> None:
    assert rules_of(rule.name) == [rule]
    assert rules_of(rule.name.replace("-", "_").upper()) == [rule]
    assert rules_of(rule.title) == [rule]


def test_a_name_that_begins_several_means_all_of_them() -> None:
    assert [rule.name for rule in rules_of("forgotten-mask")] == [
        "forgotten-mask-labels", "forgotten-mask-relu", "forgotten-mask-dropout",
    ]  # fmt: skip
    assert rules_of("all") == list(RULES)


@pytest.mark.parametrize("text", ["", "   ", "nothing", "sign relu"])
def test_an_unknown_rule_lists_the_known_ones(text: str) -> None:
    with pytest.raises(
        ValueError, match="^gradcheck: got the rule '.*', expected all, list or one of sign, transposed"
    ):
        rules_of(text)
