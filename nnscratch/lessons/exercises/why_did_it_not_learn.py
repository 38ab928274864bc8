"""Lesson 6: ten sick networks, to be diagnosed from their charts. THE ANSWERS STAND BELOW."""

from __future__ import annotations

from nnscratch.lessons.clinic import ILLNESSES
from nnscratch.lessons.exercise import Question


def _patient(number: int, right: str, look: str, **wrong: str) -> Question:
    """A question with hints: `wrong`, code -> hint, and for all other wrong codes `look`."""
    hints = {code: wrong.get(code, f"that does not show in the chart. {look}") for code in ILLNESSES if code != right}
    return Question(f"patient_{number}", right, tuple(hints.items()), choices=ILLNESSES)


EXERCISES = (
    _patient(
        1,
        "step_too_small",
        "Compare the two tables: what has changed at all? Then compare the column step with the healthy network's.",
        vanishing_signal="the spread is as large in the last layer as in a healthy network. Compare before and after.",
        decay_dominates="the column decay is 0: nothing pulls the weights to 0. Compare before and after.",
        dead_units="not one unit is silent. Compare before and after.",
    ),
    _patient(
        2,
        "targets_unscaled",
        "The curve says that it diverged, but many illnesses end so. Read the first line of the chart.",
        step_too_large=(
            "the steps are too large, true, but why? The learning rate is the healthy network's. A step is "
            "the learning rate times a gradient, and the gradient begins with prediction - target."
        ),
        exploding_signal="the signal keeps its size from layer to layer: look at the column spread.",
        input_unscaled="x has a spread of 1, as it should. There is another number in the first line.",
    ),
    _patient(
        3,
        "vanishing_signal",
        "Follow the column spread from the first layer to the last, and the column weight beside it.",
        step_too_small=(
            "the step is small because the gradient is. Where does the gradient get lost, and what else does?"
        ),
        dead_units=(
            "those fell silent during the training, and it did not learn from the start. What was wrong "
            "before the first step?"
        ),
        decay_dominates="the weights are small, but the column decay is 0, and they were small before the first step.",
        identical_units="the column twins is 0: the units differ. But how much of the faces do they still see?",
    ),
    _patient(
        4,
        "step_too_large",
        "It diverged. Everything in the first line, and the spread of all layers, is healthy. One column is not.",
        exploding_signal=(
            "before the first step the spread is that of a healthy network; it is the training that went wrong."
        ),
        input_unscaled="x has a spread of 1, as it should.",
        targets_unscaled="the targets have the mean 0 and the spread 1, as they should.",
    ),
    _patient(
        5,
        "identical_units",
        "One column stands out in each layer, before and after.",
        dead_units=(
            "they fell silent during the training. Something was wrong before it: how many different units are there?"
        ),
        step_too_large="the steps are large, since all units push in one direction. Why do they?",
        vanishing_signal="the spread is not small. But do the units tell different things?",
        exploding_signal=(
            "the spread is larger than in a healthy network, but it does not grow from layer to layer. Why "
            "do all inputs of a unit add up as if they had one sign?"
        ),
    ),
    _patient(
        6,
        "saturated_by_bias",
        "Which column differs from the healthy network's before the first step, beside silent?",
        dead_units=(
            "that is what one sees, and it was so before the first step: no training did it. What keeps the "
            "units off for all faces?"
        ),
        vanishing_signal="the spread is lost, but the weights have the healthy size. What keeps the units off?",
        step_too_small="the steps are 0 because no gradient passes the silent units. What keeps them off?",
    ),
    _patient(
        7,
        "input_unscaled",
        "The curve says that it diverged, but many illnesses end so. Read the first line of the chart.",
        exploding_signal=(
            "the spread is large in all layers, but it does not grow: the first number that is too large "
            "stands before the first layer."
        ),
        step_too_large="the steps are too large, true, but why? dweight is a sum of x times dy.",
        targets_unscaled="the targets have the mean 0 and the spread 1, as they should.",
    ),
    _patient(
        8,
        "decay_dominates",
        "Compare the column weight before and after: what has made the weights so small? One more column tells.",
        vanishing_signal=(
            "after the training, yes. Before it all spreads were healthy: what has taken the weights away?"
        ),
        dead_units="half of one layer is silent at the end, and the rest is not. What happened to the weights?",
        step_too_small="the weights have moved a long way, to nearly 0. What moved them?",
    ),
    _patient(
        9,
        "exploding_signal",
        "Follow the column spread from the first layer to the last, before the first step.",
        step_too_large=(
            "the steps are too large since the gradient is, and that was so before the first step. Which "
            "column grows from layer to layer?"
        ),
        targets_unscaled="the targets have the mean 0 and the spread 1; the answers do not.",
        input_unscaled="x has a spread of 1, as it should; the first layer gives ten times that.",
    ),
    _patient(
        10,
        "dead_units",
        "Compare before and after: which column has changed?",
        saturated_by_bias=(
            "the biases are larger than the spread, and worth a look. But before the first step hardly a "
            "unit was silent, and the same network learns with these biases. What happened during the "
            "training?"
        ),
        step_too_large=(
            "the first steps are hardly longer than the healthy network's, and the loss fell by epochs. What got lost?"
        ),
        vanishing_signal="before the first step the spread reached the last layer. What has changed?",
        step_too_small="the last steps are 0 because no gradient is left. What has ended it?",
    ),
)
