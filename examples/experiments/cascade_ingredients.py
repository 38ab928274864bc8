"""Measures what each part of a trained level 2 brings: the error without it.

Only the blends are fitted anew, so this takes some 30 seconds per line. Give
the --data, --rows, --held-out and --seed that the cascade was trained with: the
split must be the same. Prints the table of docs/results.md.

python cascade_ingredients.py --model runs/best --data training.zip
"""

from dataclasses import dataclass, replace

import numpy as np

from nnscratch.keypoints.cascade.answers import CascadeAnswers
from nnscratch.keypoints.cascade.blending import Blend
from nnscratch.keypoints.cascade.cascade import Cascade
from nnscratch.keypoints.cascade.fit_blends import fit_blends
from nnscratch.keypoints.cascade.level import Level
from nnscratch.keypoints.cascade.regions import Region
from nnscratch.keypoints.kaggle.files import DataError
from nnscratch.keypoints.metrics import rmse_px
from nnscratch.keypoints.predictors import load_predictor
from nnscratch.keypoints.scripts import command_line
from nnscratch.keypoints.scripts.options import MeasuringOptions, TrainingParser
from nnscratch.keypoints.scripts.task import start_task


@dataclass(frozen=True)
class Variant:
    """What is left of a level 2.

    passes  : how often it runs
    without : names of the regions whose networks are taken away
    """

    passes: int = 3
    without: tuple[str, ...] = ()


FACE = ("face", "face_wide", "face_near")
HALF_FACE = ("half_face", "half_face_near", "half_face_wide", "eyes", "eyes_wide")
PARTS = ("eye", "eye_wide", "eye_near", "mouth", "mouth_wide", "mouth_near", "lower_face")
VARIANTS = {
    "everything": Variant(),
    "one pass": Variant(passes=1),
    "two passes": Variant(passes=2),
    "no network for the whole face": Variant(without=FACE),
    "nor for half of it, for both eyes": Variant(without=(*FACE, *HALF_FACE)),
    "nor for an eye, for the mouth": Variant(without=(*FACE, *HALF_FACE, *PARTS)),
}


def with_some(level: Level, without: tuple[str, ...]) -> Level:
    """The level without the networks of the regions named in `without`, and without blends."""
    pairs = [pair for pair in zip(level.regions, level.networks, strict=True) if pair[0].name not in without]
    return Level(tuple(region for region, _ in pairs), tuple(network for _, network in pairs), ())


def averaged(level: Level, cascade: Cascade, held_out: CascadeAnswers) -> np.ndarray:
    """(N, 15, 2) px: what the networks find in one pass; the mean per point, without a blend."""
    plain = replace(level, blends=(Blend.none(),))
    return plain(held_out.faces.x, held_out.answers[-1], held_out.offset, cascade.reference)


@dataclass(frozen=True)
class Options(MeasuringOptions):
    """The options of all scripts that measure, and `model`, the folder of the cascade."""

    model: str = ""


def main() -> None:
    parser = TrainingParser(__doc__, out="runs", recipes=["best"], networks=[], keeps_run=False)
    parser.add_argument("--model", metavar="DIR", required=True, help="the --out folder of train_cascade.py")
    options = parser.read(Options)
    with command_line.muted(options):
        scores = measure(options)
    command_line.write_json(options.json, {"validation_rmse_px": scores})


def measure(options: Options) -> dict[str, float]:
    """Prints the scores of all variants; returns them, in px."""
    task = start_task(options)
    cascade = load_predictor(options.model)
    if not isinstance(cascade, Cascade) or not cascade.levels:
        came, expected = "a network without a level 2", "what train_cascade.py wrote"
        raise DataError.at(options.model, came=came, expected=expected, fix="give the --out folder of that")
    level, first = cascade.levels[0], replace(cascade, levels=())
    # The labels of both are in the one convention in which the cascade's level 2 answers.
    learnt, held_out = (CascadeAnswers.of(first, faces).alike(first) for faces in (task.train, task.validation))

    scores: dict[str, float] = {}

    def show(name: str, answer: np.ndarray) -> None:
        scores[name] = rmse_px(answer, held_out.faces.points)
        print(f"| {name} | {scores[name]:.3f} px |", flush=True)

    print("| level 2, validation RMSE | |\n|---|---|")
    show("level 1", held_out.answers[-1])
    show("networks' answers averaged, no blend, one pass", averaged(level, cascade, held_out))
    shown: set[tuple[tuple[Region, ...], int]] = set()
    for name, variant in VARIANTS.items():
        some = with_some(level, variant.without)
        if not some.regions or (some.regions, variant.passes) in shown:
            continue  # this cascade never had the networks to take away: the line would repeat another
        shown.add((some.regions, variant.passes))
        how = {"passes": variant.passes, "sets": cascade.conventions.sets_apart, "title": name}
        show(name, fit_blends(some, cascade.reference, learnt, held_out, **how)[1])
    return scores


if __name__ == "__main__":
    command_line.run(main)
