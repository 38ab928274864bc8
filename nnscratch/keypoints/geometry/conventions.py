"""Label conventions: sources of labels that call different places by the same name.

One source's "nose tip" lies a pixel below another's, its "eye centre" a pixel further to the right.
A network that sees a picture and not its source learns a place in between. So all labels are moved
into one convention, that of the largest set of points, before the networks learn. Their answers are
in this convention, too, and are moved into another one for those who ask for its set of points.

How far apart two conventions are, no face tells, for each is labelled by one source. But a network
that was trained on all sources knows what each picture shows. Its errors are explained as well as
they can be by what it sees and by the source: for each coordinate, least squares over the faces,

    label - answer  =  a + b . features + c[source]

where the features are those of the network's last layer. c is the convention. Without b it would
come out too small: a network that half recognizes a source answers half in its convention, and
leaves the other half as its error.

Source: Hastie, Tibshirani & Friedman, "The Elements of Statistical Learning" (2009), section 3.4.1,
for least squares with the weights b kept small.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from nnscratch.checks import check_finite
from nnscratch.keypoints.faces import POINTS, SIDE
from nnscratch.keypoints.geometry.affine_maps import AffineMaps
from nnscratch.keypoints.geometry.label_offset import label_sets

_LEAST_FACES = 200  # of a source; fewer do not tell its convention from their own chance errors
_APART = 0.3  # px
_STRENGTH = 10.0  # how strongly b is kept small; 0.001 to 100 give conventions within 0.05 px


@dataclass(frozen=True)
class LabelConventions:
    """How far the labels of each source lie from those of one of them, in px of an upright face.

    offsets : set of labelled points, as bits (point k is 2^k) -> (15, 2) px

    Raises
        ValueError : a set that is none, an offset of another shape, not finite, or beyond 96 px

    >>> lower_nose = np.zeros((15, 2))
    >>> lower_nose[POINTS.index("nose_tip")] = [0, 1]
    >>> reference = np.random.default_rng(0).uniform(20, 76, (15, 2))
    >>> conventions = LabelConventions({1 << POINTS.index("nose_tip"): lower_nose})
    >>> labels = np.full((1, 15, 2), np.nan)
    >>> labels[0, 10] = [50, 60]
    >>> conventions.removed(labels, reference[np.newaxis], reference)[0, 10]
    array([50., 59.])
    """

    offsets: dict[int, np.ndarray] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for value, offset in self.offsets.items():
            if not 0 < value < 1 << len(POINTS):
                raise ValueError(
                    f"LabelConventions: got the set {value}, expected bits of 15 points, 1..{(1 << len(POINTS)) - 1}; "
                    "point k is 2^k"
                )
            if np.shape(offset) != (len(POINTS), 2) or not (np.abs(offset) <= SIDE).all():
                raise ValueError(
                    f"LabelConventions: got an offset of shape {np.shape(offset)} for the set {value}, expected "
                    f"(15, 2) finite px, {SIDE} at most; train again"
                )

    @classmethod
    def of(
        cls, points: np.ndarray, answers: np.ndarray, features: Callable[[], np.ndarray], reference: np.ndarray
    ) -> LabelConventions:
        """The conventions of the sources of some faces; a face's set of labels tells its source.

        points    : (N, 15, 2) px, the labels, NaN where one is missing
        answers   : (N, 15, 2) px, of a network that was trained on these faces
        features  : gives (N, F), the inputs of its last layer; called if there are two sources
        reference : (15, 2) px, a symmetrical mean face

        Sources of fewer than 200 faces count as that with the most points, to which the others are
        compared; so do points that either of the two has in fewer than 200 faces.

        Raises
            ValueError : answers or features that are not finite
        """
        check_finite("LabelConventions", "answers", answers)
        sets = label_sets(np.isfinite(points).all(axis=2))
        values, counts = np.unique(sets, return_counts=True)
        large = [int(value) for value in values[counts >= _LEAST_FACES]]
        if len(large) < 2:
            return cls()
        main = max(large, key=lambda value: value.bit_count())
        others = [value for value in large if value != main]
        error = AffineMaps.fit(answers, reference).differences_back(points - answers)
        seen = features()
        check_finite("LabelConventions", "features", seen)
        seen = (seen - seen.mean(axis=0)) / (seen.std(axis=0) + 1e-3)
        is_from = np.stack([sets == value for value in others], axis=1)
        inputs = np.concatenate([seen, np.ones((len(points), 1)), is_from], axis=1).astype(np.float64)
        strength = np.zeros(inputs.shape[1])
        strength[: seen.shape[1]] = _STRENGTH
        offsets = {value: np.zeros((len(POINTS), 2)) for value in others}
        for k in range(len(POINTS)):
            known = np.isfinite(error[:, k]).all(axis=1)
            if (known & (sets == main)).sum() < _LEAST_FACES:
                continue
            told = [j for j, value in enumerate(others) if value >> k & 1]
            columns = [*range(seen.shape[1] + 1), *(seen.shape[1] + 1 + j for j in told)]
            a = inputs[np.ix_(known, columns)]
            weights = np.linalg.solve(a.T @ a + np.diag(strength[columns]), a.T @ error[known, k])
            for j, row in zip(told, weights[seen.shape[1] + 1 :], strict=True):
                offsets[others[j]][k] = row
        return cls(offsets)

    @property
    def sets_apart(self) -> tuple[int, ...]:
        """The sets that have some point 0.3 px or more from where the one convention has it.

        Closer ones may well name the same places: 4-point rows of real faces, 0.1 px from complete
        ones, do.
        """
        return tuple(value for value, offset in self.offsets.items() if np.hypot(*offset.T).max() >= _APART)

    def removed(self, points: np.ndarray, answers: np.ndarray, reference: np.ndarray) -> np.ndarray:
        """Labels (N, 15, 2) px moved into the one convention, in the dtype of `points`.

        answers   : (N, 15, 2) px, about where the points are: they tell how a face is turned
        reference : (15, 2) px, a symmetrical mean face
        """
        sets = label_sets(np.isfinite(points).all(axis=2))
        return (points - self._in_pictures(sets, answers, reference)).astype(points.dtype)

    def added(self, answers: np.ndarray, asked: np.ndarray, reference: np.ndarray) -> np.ndarray:
        """Answers (N, 15, 2) px in the one convention, moved into those of who asks for them.

        asked     : (N, 15) bool, the set of points that is asked for; one that is no source's, such
            as that of all points, stands for the one convention
        reference : (15, 2) px, a symmetrical mean face
        """
        return (answers + self._in_pictures(label_sets(asked), answers, reference)).astype(answers.dtype)

    def _in_pictures(self, sets: np.ndarray, answers: np.ndarray, reference: np.ndarray) -> np.ndarray:
        """(N, 15, 2) px: each face's offset, turned and resized as the face is."""
        offset = np.zeros(answers.shape)
        for value, each in self.offsets.items():
            offset[sets == value] = each
        return AffineMaps.fit(answers, reference).differences_to(offset)
