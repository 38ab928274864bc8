"""The last step in the training of a level, after its networks: a blend for each pass.

    pass 1   crops around the answers of the level before -> points found -> blend 1 -> answers
    pass 2   crops around these answers                   -> points found -> blend 2 -> answers

Each blend is fitted twice: on the training faces alone, to be judged on held-out faces, and on both
together, to be kept. The next pass is centred on the answers of the first fit, which has not seen
the held-out faces.

Sources of labels differ in more than their mean offsets (geometry/conventions.py): in where they
have the tip of a nose that is seen from the side, say. So in the last pass each source has a blend
of its own, in which its faces count ten times as much as those of others.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from nnscratch.keypoints.cascade.answers import CascadeAnswers
from nnscratch.keypoints.cascade.blending import Blend, Sighting
from nnscratch.keypoints.cascade.level import PICTURES, Level, blend_by_set, row_blocks
from nnscratch.keypoints.faces import to_network_input
from nnscratch.keypoints.geometry.label_offset import label_sets
from nnscratch.training.progress import progress_line

# How much a face counts in another source's blend. 0.03 to 0.1 give the same error within 0.1 %; 0
# leaves points that a source never labels without a teacher.
_OF_OTHERS = 0.1


def fit_blends(
    level: Level,
    reference: np.ndarray,
    train: CascadeAnswers,
    held_out: CascadeAnswers,
    *,
    passes: int,
    title: str,
    sets: Sequence[int] = (),
    at_once: int = PICTURES,
) -> tuple[Level, np.ndarray]:
    """The level with a blend for each pass; and (N, 15, 2) px, its answers for held-out faces.

    The answers come from blends that were fitted without these faces (Blend.fit), each face's from
    that of its own source.

    level     : trained networks; its blends, if any, are replaced
    reference : (15, 2) px, a symmetrical mean face
    train     : the faces that the networks were trained on, with the answers of the levels before
    held_out  : other faces, the same
    passes    : how often the level runs
    sets      : sets of labelled points, as bits, whose sources differ from the others, which count
        as one source
    title     : begins the line of progress, which is shown if stderr is a terminal
    at_once   : so many pictures at a time
    """
    blends, by_set = [], {}
    answers, held_out_answers = train.answers[-1], held_out.answers[-1]
    asked = np.isfinite(held_out.faces.points).all(axis=2)
    with progress_line(passes * (len(answers) + len(held_out_answers)), title, unit="faces") as line:

        def sight(faces: CascadeAnswers, points: np.ndarray) -> Sighting:
            """One pass over all faces, centred on `points`."""
            sightings = []
            for rows in row_blocks(len(points), at_once):
                x = to_network_input(faces.faces.images[rows])
                sightings.append(level.sight(x, points[rows], faces.offset[rows], reference))
                line.update(len(x))
            return Sighting.joined(sightings)

        for number in range(1, passes + 1):
            seen, held_out_seen = sight(train, answers), sight(held_out, held_out_answers)
            known = seen, train.faces.points, held_out_seen, held_out.faces.points
            own = sets if number == passes else ()
            judged, final = Blend.fit(*known, weights=_weights(train, held_out, own, None))
            fits = {each: Blend.fit(*known, weights=_weights(train, held_out, own, each)) for each in own}
            judged_by_set, by_set = ({each: fit[k] for each, fit in fits.items()} for k in (0, 1))
            answers = judged(seen)
            held_out_answers = blend_by_set(held_out_seen, judged, judged_by_set, asked)
            blends.append(final)
    return replace(level, blends=tuple(blends), by_set=by_set), held_out_answers


def _weights(
    train: CascadeAnswers, held_out: CascadeAnswers, sets: Sequence[int], chosen: int | None
) -> tuple[np.ndarray, np.ndarray]:
    """(N,) of training and of held-out faces: how much each counts in the blend of a source.

    sets   : whose sources have blends of their own
    chosen : one of them; None: the source of all others
    """
    weights = []
    for faces in (train, held_out):
        labelled = label_sets(np.isfinite(faces.faces.points).all(axis=2))
        is_own = ~np.isin(labelled, sets) if chosen is None else labelled == chosen
        weights.append(np.where(is_own, 1.0, _OF_OTHERS))
    return weights[0], weights[1]


def seconds_per_face(level: Level, reference: np.ndarray, faces: CascadeAnswers) -> float:
    """How long one pass takes per face, measured on up to 256 of `faces`."""
    for count in (1, 256):  # the first call may compile
        began = time.perf_counter()
        x = to_network_input(faces.faces.images[:count])
        level.sight(x, faces.answers[-1][:count], faces.offset[:count], reference)
    return (time.perf_counter() - began) / len(x)
