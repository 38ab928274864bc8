"""Lesson 8: crops around an answer, coordinates in a crop and back, the error beside the mean's."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from nnscratch.lessons.exercise import Arguments, Exercise, Mistake

Array = np.ndarray


def crop_around(image: Array, centre: Array, scale: float, side: int) -> Array:
    x, y = centre
    steps = scale * (np.arange(side) - (side - 1) / 2)
    columns = np.clip(np.rint(x + steps).astype(int), 0, image.shape[1] - 1)
    rows = np.clip(np.rint(y + steps).astype(int), 0, image.shape[0] - 1)
    return image[rows][:, columns]


def _images(rng: np.random.Generator) -> Iterator[Arguments]:
    for shape, scale, side in (((12, 12), 1.0, 6), ((30, 20), 1.5, 7), ((20, 30), 0.7, 8), ((9, 9), 2.0, 1)):
        height, width = shape
        inside = np.array([rng.uniform(0.3, 0.7) * width, rng.uniform(0.3, 0.7) * height])
        yield rng.random(shape), inside, scale, side
        yield rng.random(shape), np.array([width - 0.8, 0.3]), scale, side  # reaches beyond two borders


CROP_AROUND = Exercise(
    crop_around,
    ("crop",),
    _images,
    (
        Mistake(
            "x and y are exchanged: a centre is (x, y), and x counts columns, y counts rows.",
            {"x, y = centre": "y, x = centre"},
        ),
        Mistake(
            "the crop is transposed: the first axis of a picture is the row, the second the column.",
            {"image[rows][:, columns]": "image[rows][:, columns].T"},
        ),
        Mistake(
            "half a pixel off: the middle of pixels 0 to side - 1 lies at half of side - 1, not at half of side.",
            {"(side - 1) / 2": "side / 2"},
        ),
        Mistake("you forgot the scale: neighbours in the crop lie `scale` pixels apart.", {"scale * (": "("}),
        Mistake("the scale is upside down: it is picture pixels per crop pixel.", {"scale * (": "1 / scale * ("}),
        Mistake(
            "beyond the border the picture must repeat its border pixels; yours wraps round to the other side.",
            {
                "np.clip(np.rint(x + steps).astype(int), 0, image.shape[1] - 1)": (
                    "np.rint(x + steps).astype(int) % image.shape[1]"
                ),
                "np.clip(np.rint(y + steps).astype(int), 0, image.shape[0] - 1)": (
                    "np.rint(y + steps).astype(int) % image.shape[0]"
                ),
            },
        ),
        Mistake(
            "you cut the fraction off; take the nearest pixel, or the crop is moved by half a pixel on average.",
            {
                "np.rint(x + steps)": "np.trunc(x + steps)",
                "np.rint(y + steps)": "np.trunc(y + steps)",
            },
        ),
    ),
)


def to_crop(points: Array, centre: Array, scale: float, side: int) -> Array:
    return (points - centre) / scale + (side - 1) / 2


def _points(rng: np.random.Generator) -> Iterator[Arguments]:
    for count, scale, side in ((3, 1.5, 6), (2, 0.7, 9), (1, 2.5, 8), (4, 1.2, 5)):
        points = rng.uniform(20, 70, (count, 2))
        yield points, points + rng.uniform(1, 5, (count, 2)), scale, side


TO_CROP = Exercise(
    to_crop,
    ("places",),
    _points,
    (
        Mistake(
            "half a pixel off: the middle of pixels 0 to side - 1 lies at half of side - 1, not at half of side.",
            {"(side - 1) / 2": "side / 2"},
        ),
        Mistake(
            "you forgot the shift: the centre is in the middle of the crop, not at its pixel (0, 0).",
            {" + (side - 1) / 2": ""},
        ),
        Mistake("you forgot the scale: one pixel of the crop is `scale` pixels of the picture.", {" / scale": ""}),
        Mistake("the scale is upside down: it is picture pixels per crop pixel.", {" / scale": " * scale"}),
        Mistake(
            "you scaled the shift too: the middle of the crop is already in pixels of the crop.",
            {"(points - centre) / scale + (side - 1) / 2": "(points - centre + (side - 1) / 2) / scale"},
        ),
        Mistake(
            "the direction is wrong: a point right of the centre is right of the middle.",
            {"points - centre": "centre - points"},
        ),
        Mistake(
            "x and y are exchanged: places are (x, y), as points are.",
            {"(side - 1) / 2": "(side - 1) / 2)[:, ::-1]", "return (points": "return ((points"},
        ),
    ),
)


def to_picture(places: Array, centre: Array, scale: float, side: int) -> Array:
    return (places - (side - 1) / 2) * scale + centre


def _places(rng: np.random.Generator) -> Iterator[Arguments]:
    for points, centre, scale, side in _points(rng):
        yield rng.uniform(0, side - 1, points.shape), centre, scale, side


TO_PICTURE = Exercise(
    to_picture,
    ("points",),
    _places,
    (
        Mistake(
            "half a pixel of the crop off: its middle lies at half of side - 1, not at half of side.",
            {"(side - 1) / 2": "side / 2"},
        ),
        Mistake("you forgot the scale: one pixel of the crop is `scale` pixels of the picture.", {" * scale": ""}),
        Mistake("the scale is upside down: it is picture pixels per crop pixel.", {" * scale": " / scale"}),
        Mistake("you forgot the shift: the crop lies around its centre, so add that.", {" + centre": ""}),
        Mistake(
            "you forgot the middle of the crop: a place there must become the centre itself.",
            {"(places - (side - 1) / 2)": "places"},
        ),
        Mistake(
            "you scaled the places before you took the middle away: that is in pixels of the crop.",
            {"(places - (side - 1) / 2) * scale": "places * scale - (side - 1) / 2"},
        ),
        Mistake(
            "x and y are exchanged: points are (x, y), as places are.",
            {"return (places": "return ((places", "+ centre": "+ centre)[:, ::-1]"},
        ),
    ),
)


def times_better(answers: Array, points: Array, mean_face: Array) -> float:
    before = np.sqrt(((mean_face - points) ** 2).mean())
    after = np.sqrt(((answers - points) ** 2).mean())
    return before / after


def _answers(rng: np.random.Generator) -> Iterator[Arguments]:
    for count, k in ((4, 3), (2, 2), (1, 5), (5, 1)):
        points = rng.uniform(20, 70, (count, k, 2))
        yield points + rng.normal(0, 1, points.shape), points, rng.uniform(20, 70, (k, 2))


TIMES_BETTER = Exercise(
    times_better,
    ("ratio",),
    _answers,
    (
        Mistake(
            "the ratio is upside down: better answers must give a larger number.", {"before / after": "after / before"}
        ),
        Mistake(
            "you left the roots out: that is the ratio of the squares, not of the errors in pixels.",
            {
                "np.sqrt(((mean_face - points) ** 2).mean())": "((mean_face - points) ** 2).mean()",
                "np.sqrt(((answers - points) ** 2).mean())": "((answers - points) ** 2).mean()",
            },
        ),
        Mistake(
            "you took the sizes of the errors in place of their squares.",
            {
                "np.sqrt(((mean_face - points) ** 2).mean())": "abs(mean_face - points).mean()",
                "np.sqrt(((answers - points) ** 2).mean())": "abs(answers - points).mean()",
            },
        ),
        Mistake("that is the difference of the two errors, not their ratio.", {"before / after": "before - after"}),
    ),
)

EXERCISES = (CROP_AROUND, TO_CROP, TO_PICTURE, TIMES_BETTER)
