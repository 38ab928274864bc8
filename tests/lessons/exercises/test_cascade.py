"""Lesson 8: what `check` takes for right is what the library computes."""

from __future__ import annotations

import numpy as np

from nnscratch.keypoints.cascade.regions import Region
from nnscratch.keypoints.geometry.affine_maps import AffineMaps
from nnscratch.keypoints.geometry.crops import crops
from nnscratch.lessons.exercises import cascade

_SIDE, _SCALE = 8, 1.5


def _map(centre: np.ndarray, scale: float) -> AffineMaps:
    """From the pixels of a crop of _SIDE pixels around `centre` to the picture's."""
    shift = centre - scale * (_SIDE - 1) / 2
    return AffineMaps(np.array([[[scale, 0, shift[0]], [0, scale, shift[1]]]]))


def test_a_crop_at_whole_pixels_is_the_librarys_also_beyond_the_border() -> None:
    picture = np.random.default_rng(0).random((20, 30)).astype(np.float32)
    for centre in ([10.5, 8.5], [28.5, 0.5], [0.5, 18.5]):
        ours = cascade.crop_around(picture, np.array(centre), 1.0, _SIDE)
        own = crops(picture[np.newaxis, :, :, np.newaxis], _map(np.array(centre), 1.0), (_SIDE, _SIDE))
        np.testing.assert_allclose(ours, own[0, :, :, 0], atol=1e-6)


def test_places_in_a_crop_are_those_of_a_region() -> None:
    rng = np.random.default_rng(1)
    region = Region("nose", ("nose_tip",), side=_SIDE, width=_SIDE * _SCALE)
    points, centre = rng.uniform(20, 70, (1, 15, 2)), rng.uniform(20, 70, 2)
    maps = _map(centre, _SCALE)
    encoded = region.encode(points, maps)
    nose, middle = points[:, region.indices[0]], (_SIDE - 1) / 2
    places = cascade.to_crop(nose, centre, _SCALE, _SIDE)
    np.testing.assert_allclose((places - middle) / middle, encoded, rtol=1e-5)
    decoded = region.decode(encoded, maps)[:, region.indices[0]]
    np.testing.assert_allclose(cascade.to_picture(places, centre, _SCALE, _SIDE), decoded, rtol=1e-5)


def test_the_mean_face_is_as_good_as_itself_and_half_the_error_twice_as_good() -> None:
    for answers, points, mean_face in cascade.TIMES_BETTER.cases(np.random.default_rng(2)):
        same = np.broadcast_to(mean_face, answers.shape)
        assert abs(cascade.times_better(same, points, mean_face) - 1) < 1e-12
        assert abs(cascade.times_better((same + points) / 2, points, mean_face) - 2) < 1e-12
