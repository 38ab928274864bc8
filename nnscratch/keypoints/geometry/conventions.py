"""Label conventions: sources of labels that call different places by the same name.

One source's "nose tip" lies a pixel below another's, its "eye centre" a pixel further to the right.
A network that sees a picture and not its source learns a place in between. So, while it is trained,
all labels are moved into one convention, that of the largest set of points.

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
from dataclasses import dataclass

import numpy as np

from nnscratch.checks import check_finite
from nnscratch.keypoints.faces import POINTS
from nnscratch.keypoints.geometry.affine_maps import AffineMaps
from nnscratch.keypoints.geometry.label_offset import label_sets

_LEAST_FACES = 200  # of a source; fewer do not tell its convention from their own chance errors
_STRENGTH = 10.0  # how strongly b is kept small; 0.001 to 100 give conventions within 0.05 px


@dataclass(frozen=True)
class LabelConventions:
    """How far the labels of each source lie from those of one of them, in px of an upright face.

    offsets   : set of labelled points, as bits (point k is 2^k) -> (15, 2) px
    reference : (15, 2) px, a symmetrical mean face: upright, of average size

    >>> lower_nose = np.zeros((15, 2))
    >>> lower_nose[POINTS.index("nose_tip")] = [0, 1]
    >>> reference = np.random.default_rng(0).uniform(20, 76, (15, 2))
    >>> conventions = LabelConventions({1 << POINTS.index("nose_tip"): lower_nose}, reference)
    >>> labels = np.full((1, 15, 2), np.nan)
    >>> labels[0, 10] = [50, 60]
    >>> conventions.removed(labels, answers=reference[np.newaxis])[0, 10]
    array([50., 59.])
    """

    offsets: dict[int, np.ndarray]
    reference: np.ndarray

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
        sets = label_sets(points)
        values, counts = np.unique(sets, return_counts=True)
        large = [int(value) for value in values[counts >= _LEAST_FACES]]
        if len(large) < 2:
            return cls({}, reference)
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
        return cls(offsets, reference)

    def removed(self, points: np.ndarray, answers: np.ndarray) -> np.ndarray:
        """Labels (N, 15, 2) px moved into the one convention, in the dtype of `points`.

        answers : (N, 15, 2) px, about where the points are: they tell how a face is turned
        """
        sets = label_sets(points)
        offset = np.zeros(points.shape)
        for value, each in self.offsets.items():
            offset[sets == value] = each
        return (points - AffineMaps.fit(answers, self.reference).differences_to(offset)).astype(points.dtype)
