"""The page of predictions for faces without labels: what was found, and where to look twice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nnscratch.keypoints.faces import SIDE, Faces
from nnscratch.keypoints.predictors import Predictor
from nnscratch.keypoints.report_page.error_map import mean_and_spread, spread_on_face
from nnscratch.keypoints.report_page.face_pictures import face, gallery
from nnscratch.keypoints.report_page.scores import head
from nnscratch.keypoints.report_page.settings import settings
from nnscratch.keypoints.report_page.uncertainty import disagreement
from nnscratch.pages.markup import Html, element, joined
from nnscratch.pages.page import Section, page
from nnscratch.pages.tables import facts

_OF_EACH = 8  # faces
_MOST_ASKED_TWICE = 1000  # evenly spaced, whose second answer is asked for


@dataclass(frozen=True)
class Predictions:
    """Points that were found in pictures.

    predictor : what found them
    faces     : the pictures; labels are not looked at
    points    : (N, 15, 2) px
    names     : of the model's folder, of the file with the pictures, of the file with the points
    command   : what was run
    versions  : name -> version
    metrics   : of the model's run, as its metrics.json says; empty: not known
    """

    predictor: Predictor
    faces: Faces
    points: np.ndarray
    names: tuple[str, str, str]
    command: str
    versions: Mapping[str, str]
    metrics: Mapping[str, Any] = field(default_factory=dict)


def predictions_page(made: Predictions) -> str:
    """The page as text; the same predictions give the same text.

    Raises
        NotFiniteError : as of the predictor
    """
    sections = [
        Section("faces", "Faces", _faces(made)),
        Section("spread", "Mean prediction and spread", _spread(made)),
    ]
    if made.metrics:
        sections.append(Section("model", "The model on its validation faces", head(made.metrics)))
    sections.append(Section("made", "How it was made", settings(made.command, made.versions, {})))
    model, _, _ = made.names
    return page(f"Points by {model}", "15 points in pictures of faces", _counts(made), sections)


def _counts(made: Predictions) -> Html:
    model, data, out = made.names
    beyond: np.ndarray = np.any(np.abs(made.points - (SIDE - 1) / 2) > SIDE / 2, axis=2)
    told = [
        ("faces", f"{len(made.faces):,}"),
        ("points", f"{beyond.size:,}, 15 of each face"),
        ("outside of the picture", f"{int(beyond.sum()):,} points, of {int(beyond.any(axis=1).sum()):,} faces"),
        ("pictures", data),
        ("model", model),
        ("written to", out),
    ]
    return element("div", facts(told), class_="head panel")


def _faces(made: Predictions) -> Html:
    count = len(made.faces)
    if not count:
        return element("p", "There is no face.")
    parts = [_gallery(made, "The first", "in the order of the file", np.arange(min(count, _OF_EACH)), None)]
    asked = np.arange(0, count, max(1, -(-count // _MOST_ASKED_TWICE)))
    answers = disagreement(made.predictor, made.faces.images[asked])
    if answers is not None:
        size, what = answers
        of = "" if len(asked) == count else f"; {len(asked):,} faces, evenly spaced, were asked"
        worst = np.argsort(-size, kind="stable")[:_OF_EACH]
        parts.append(_gallery(made, "Most uncertain", f"RMS {what}, px{of}", asked[worst], size[worst]))
    unusual = np.sqrt(np.square(made.points - made.points.mean(axis=0)).mean(axis=(1, 2)))
    rows = np.argsort(-unusual, kind="stable")[:_OF_EACH]
    parts.append(_gallery(made, "Most unusual", "RMS distance from the mean prediction, px", rows, unusual[rows]))
    return joined(parts)


def _gallery(made: Predictions, heading: str, about: str, rows: np.ndarray, sizes: np.ndarray | None) -> Html:
    figures = []
    for place, row in enumerate(rows):
        number = f"face {made.faces.image_ids[row]}"
        caption: Html | str = number
        if sizes is not None:
            caption = joined([element("strong", f"{sizes[place]:.2f} px"), f" · {number}"])
        figures.append(face(made.faces.images[row], made.points[row], caption, f"Points found in {number}"))
    return joined(
        [element("h3", heading), element("p", f"{about[0].upper()}{about[1:]}.", class_="note"), gallery(figures)]
    )


def _spread(made: Predictions) -> Html:
    if not len(made.faces):
        return element("p", "There is no prediction.")
    mean = made.points.astype(np.float64).mean(axis=0)
    words = (
        "Dots: the mean prediction. Thin: where single faces differ from it, at most 80 per point. Ellipse: 2 standard "
        "deviations. In the background the mean of the pictures. A point that hardly moves from face to face, where "
        "others do, was not found but guessed."
    )
    drawing = spread_on_face(made.points - mean, mean, made.faces.images, "Differences from the mean prediction")
    caption = "Predictions in px: mean, and spread (standard deviation)"
    numbers = element(
        "details", element("summary", "The same as numbers"), mean_and_spread(made.points, caption, ".2f")
    )
    return element("div", element("figure", drawing, element("figcaption", words)), numbers, class_="panel")
