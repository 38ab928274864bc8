"""The last step in the training of a level, after its networks: a blend for each pass.

    pass 1   crops around the answers of the level before -> points found -> blend 1 -> answers
    pass 2   crops around these answers                   -> points found -> blend 2 -> answers

Each blend is fitted twice: on the training faces alone, to be judged on held-out faces, and on both
together, to be kept. The next pass is centred on the answers of the first fit, which has not seen
the held-out faces.
"""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np

from nnscratch.keypoints.cascade.answers import CascadeAnswers
from nnscratch.keypoints.cascade.blending import Blend, Sighting
from nnscratch.keypoints.cascade.level import PICTURES, Level, row_blocks
from nnscratch.keypoints.faces import to_network_input
from nnscratch.training.progress import progress_line


def fit_blends(
    level: Level,
    reference: np.ndarray,
    train: CascadeAnswers,
    held_out: CascadeAnswers,
    *,
    passes: int,
    title: str,
    at_once: int = PICTURES,
) -> tuple[Level, np.ndarray]:
    """The level with a blend for each pass; and (N, 15, 2) px, its answers for held-out faces.

    The answers come from blends that were fitted without these faces (Blend.fit).

    level     : trained networks; its blends, if any, are replaced
    reference : (15, 2) px, a symmetrical mean face
    train     : the faces that the networks were trained on, with the answers of the levels before
    held_out  : other faces, the same
    passes    : how often the level runs
    title     : begins the line of progress, which is shown if stderr is a terminal
    at_once   : so many pictures at a time
    """
    blends = []
    answers, held_out_answers = train.answers[-1], held_out.answers[-1]
    with progress_line(passes * (len(answers) + len(held_out_answers)), title, unit="faces") as line:

        def sight(faces: CascadeAnswers, points: np.ndarray) -> Sighting:
            """One pass over all faces, centred on `points`."""
            sightings = []
            for rows in row_blocks(len(points), at_once):
                x = to_network_input(faces.faces.images[rows])
                sightings.append(level.sight(x, points[rows], faces.offset[rows], reference))
                line.update(len(x))
            return Sighting.joined(sightings)

        for _ in range(passes):
            seen, held_out_seen = sight(train, answers), sight(held_out, held_out_answers)
            judged, final = Blend.fit(seen, train.faces.points, held_out_seen, held_out.faces.points)
            answers, held_out_answers = judged(seen), judged(held_out_seen)
            blends.append(final)
    return replace(level, blends=tuple(blends)), held_out_answers


def seconds_per_face(level: Level, reference: np.ndarray, faces: CascadeAnswers) -> float:
    """How long one pass takes per face, measured on up to 256 of `faces`."""
    for count in (1, 256):  # the first call may compile
        began = time.perf_counter()
        x = to_network_input(faces.faces.images[:count])
        level.sight(x, faces.answers[-1][:count], faces.offset[:count], reference)
    return (time.perf_counter() - began) / len(x)
