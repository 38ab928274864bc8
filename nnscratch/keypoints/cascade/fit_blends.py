"""A level's last lesson, once its networks have learnt: how to weigh what they find, look by look (combination.py).

    look 1   around what the level before says   -> a combination, and its answers
    look 2   around these                        -> another one, and its answers; and so on

Every combination is fitted twice: on the faces that the networks have learnt from, to be judged by held-out faces, and
on both together, to be used. The next look is around the first one's answers, for it knows no held-out face either.
"""

from __future__ import annotations

import time
from dataclasses import replace
from shutil import get_terminal_size
from typing import TYPE_CHECKING, NoReturn

import numpy as np

from nnscratch.keypoints.cascade.answers import Answered
from nnscratch.keypoints.cascade.blending import Combination, Look
from nnscratch.keypoints.cascade.cascade import PICTURES, Level
from nnscratch.keypoints.faces import to_network_input

if TYPE_CHECKING:
    from tqdm import tqdm


def weighed(
    level: Level, reference: np.ndarray, learnt: Answered, held_out: Answered, *, looks: int, title: str
) -> tuple[Level, np.ndarray]:
    """The level with a combination for each look; its answers for held-out faces, by combinations without them.

    level     : its combinations, if any, are forgotten
    reference : (15, 2) px, a symmetrical mean face
    learnt, held_out : faces that the level's networks have been trained on, and others; with the answers before it
    title     : begins the line of progress, which is there if stderr is a terminal
    """
    from tqdm import tqdm

    combinations = []
    own, other = learnt.answers[-1], held_out.answers[-1]
    bar: tqdm[NoReturn]
    with tqdm(
        total=looks * (len(own) + len(other)),
        disable=None,
        ncols=min(80, get_terminal_size().columns) - 1,
        bar_format="|{bar}| {desc}, {n} of {total} faces, {remaining} left",
        desc=title,
    ) as bar:
        for _ in range(looks):
            own_look = _look(level, learnt, own, reference, bar)
            other_look = _look(level, held_out, other, reference, bar)
            judged, final = Combination.fit(own_look, learnt.faces.points, other_look, held_out.faces.points)
            own, other = judged(own_look), judged(other_look)
            combinations.append(final)
    return replace(level, combinations=tuple(combinations)), other


def seconds_a_face(level: Level, learnt: Answered, reference: np.ndarray) -> float:
    """How long a look at one of many faces takes."""
    for count in (1, 256):  # the first may compile
        began = time.perf_counter()
        x = to_network_input(learnt.faces.images[:count])
        level.look(x, learnt.answers[-1][:count], learnt.offset[:count], reference)
    return (time.perf_counter() - began) / len(x)


def _look(level: Level, faces: Answered, points: np.ndarray, reference: np.ndarray, bar: tqdm[NoReturn]) -> Look:
    """A look at all faces, around `points`, some at a time."""
    looks = []
    for start in range(0, len(points), PICTURES):
        some = slice(start, start + PICTURES)
        x = to_network_input(faces.faces.images[some])
        looks.append(level.look(x, points[some], faces.offset[some], reference))
        bar.update(len(x))
    return Look.of_all(looks)
