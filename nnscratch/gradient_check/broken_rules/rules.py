"""All broken rules, in the order in which they are listed, and how they are found by name."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from nnscratch.gradient_check.broken_rules.dense import AccumulatedGradients, DividedTwice, TransposedWeight, WrongSign
from nnscratch.gradient_check.broken_rules.images import BiasOverTooFewAxes, EveryTie, ShiftedBorder
from nnscratch.gradient_check.broken_rules.masks import (
    ForgottenDropoutMask,
    ForgottenLabelMask,
    ForgottenReLUMask,
    MissingScale,
)
from nnscratch.gradient_check.broken_rules.rule import Example, Rule
from nnscratch.gradient_check.configurations import distinct_numbers, missing
from nnscratch.layers import Conv2D, Flatten, Layer
from nnscratch.messages import shown
from nnscratch.model import Sequential


def _alone(layer: Layer, shape: tuple[int, ...]) -> Example:
    return Example(Sequential(layer, fuse=False), distinct_numbers(shape))


def _missing_labels(loss: Any) -> Example:
    target = missing(np.random.default_rng(2).standard_normal((3, 4)), 0.4)
    return Example(Sequential(Flatten(), fuse=False), distinct_numbers((3, 4)), loss(), target)


def _flat_areas(pool: Any) -> Example:
    """Pictures of two grey levels below a 1x1 convolution: equal pixels give equal maps."""
    x = np.random.default_rng(3).integers(0, 2, (2, 4, 4, 1)).astype(float)
    return Example(Sequential(Conv2D(1, 2, 1, rng=1), pool(2), fuse=False), x)


RULES = (
    Rule(
        "sign",
        "the sign of a gradient",
        WrongSign,
        ("dweight = xᵀ dy", "dweight = -xᵀ dy"),
        "weight",
        lambda dense: _alone(dense(4, 3, rng=1), (3, 4)),
        "Somebody has written target - prediction once, or w + lr * dw. Every step of the weights goes uphill; the "
        "biases alone go downhill.",
    ),
    Rule(
        "transposed-weight",
        "the weight not transposed",
        TransposedWeight,
        ("dx = dy weightᵀ", "dx = dy weight"),
        "x",
        lambda dense: _alone(dense(4, 4, rng=1), (3, 4)),
        "Shapes cannot show it where n_in = n_out. The layer itself learns by right gradients; what lies below it "
        "learns by wrong ones.",
        sizes=lambda n_in, n_out: n_in == n_out,
    ),
    Rule(
        "forgotten-mask-labels",
        "forgotten mask of missing labels (NaN)",
        ForgottenLabelMask,
        (
            "dprediction = 0 without a label",
            "dprediction = 2/M (prediction - 0) without a label",
        ),
        "prediction",
        _missing_labels,
        "NaN was turned into 0 before it was masked. Every missing label pulls its prediction to 0.",
    ),
    Rule(
        "forgotten-mask-relu",
        "forgotten mask of ReLU",
        ForgottenReLUMask,
        ("dx = dy where y > 0, otherwise 0", "dx = dy"),
        "x",
        lambda relu: _alone(relu(), (3, 4)),
        "Closed units pass their gradient on as if they were open.",
    ),
    Rule(
        "forgotten-mask-dropout",
        "forgotten mask of dropout",
        ForgottenDropoutMask,
        ("dx = dy * mask", "dx = dy"),
        "x",
        lambda dropout: _alone(dropout(0.5, rng=1), (3, 4)),
        "Dropped units get the gradient of units that were there, and those that were kept half of theirs.",
    ),
    Rule(
        "divided-twice",
        "divided twice by the batch",
        DividedTwice,
        ("dweight = xᵀ dy, dbias = sum over n of dy", "both divided by N; the loss has done that"),
        "weight",
        lambda dense: _alone(dense(4, 3, rng=1), (3, 4)),
        "The direction is right, the steps are N times too short: as if the learning rate were. With Adam, whose "
        "steps do not depend on a gradient's size, nothing would show.",
    ),
    Rule(
        "padding-border",
        "padding's border cut off at the wrong side",
        ShiftedBorder,
        ("dx = padded dx[p : p + H, p : p + W]", "dx = padded dx[0 : H, 0 : W]"),
        "x",
        lambda conv: _alone(conv(1, 2, 3, padding=1, rng=1), (1, 4, 4, 1)),
        "The gradient of each pixel is given to its neighbour. The first convolution of a network cannot show it: "
        "nobody reads its dx.",
    ),
    Rule(
        "bias-axis",
        "the bias summed over one axis too few",
        BiasOverTooFewAxes,
        ("dbias = sum over n,h,w of dy[n,h,w]", "dbias = sum over n,h of dy[n,h,0]"),
        "bias",
        lambda conv: _alone(conv(2, 4, 2, rng=1), (2, 4, 4, 2)),
        "dy.sum(axis=(0, 1)) has the shape (W_out, c_out); with [0] it fits. A bias is a small part of a layer, and "
        "the next weights make up for it.",
    ),
    Rule(
        "pooling-ties",
        "pooling to every tie",
        EveryTie,
        ("dx = dy at the first maximum of a window", "dx = dy at every x that equals the maximum"),
        "layer 0 weight",
        _flat_areas,
        "A tie is a kink, where differences say nothing about x itself: the layer alone passes the check at any x. "
        "Here a weight moves all equal pixels together, and so no tie is broken.",
    ),
    Rule(
        "dropout-scale",
        "dropout without its scale",
        MissingScale,
        ("dx = dy * mask, mask = 1/(1-p) or 0", "dx = dy * (1 or 0)"),
        "x",
        lambda dropout: _alone(dropout(0.5, rng=1), (3, 4)),
        "What lies below learns 1 - p as fast. (If forward forgets the scale, too, then both agree, the check passes, "
        "and outputs are too large outside of training: a test of y's mean finds that.)",
    ),
    Rule(
        "accumulated-gradients",
        "gradients accumulated from step to step",
        AccumulatedGradients,
        ("grads = xᵀ dy", "grads = grads + xᵀ dy"),
        "weight",
        lambda dense: _alone(dense(4, 3, rng=1), (3, 4)),
        "As with an optimizer without zero_grad. The first step is right, so the check makes two.",
    ),
)


def rules_of(text: str) -> list[Rule]:
    """The rules that `text` means: "all", a name, the beginning of one, or words of a title.

    Raises
        ValueError : there is none

    >>> [rule.name for rule in rules_of("forgotten-mask")][:2]
    ['forgotten-mask-labels', 'forgotten-mask-relu']
    >>> [rule.name for rule in rules_of("divided twice by the batch")]
    ['divided-twice']
    """
    words = _words(text)
    if words == ["all"]:
        return list(RULES)
    name = "-".join(words)
    exact = [rule for rule in RULES if rule.name == name]
    begin = [rule for rule in RULES if rule.name.startswith(name) and name]
    meant = [rule for rule in RULES if words and set(words) <= {*_words(rule.title), *_words(rule.name)}]
    found = exact or begin or meant
    if not found:
        names = ", ".join(rule.name for rule in RULES)
        raise ValueError(f"gradcheck: got the rule {shown(text)}, expected all, list or one of {names}")
    return found


def _words(text: str) -> list[str]:
    return re.findall(r"[a-z]+", text.lower().replace("'s", ""))
