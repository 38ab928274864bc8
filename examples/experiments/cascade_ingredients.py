"""What each ingredient of a trained cascade's level 2 brings: its answers without.

Nothing is trained but the weighing of what the networks find, so this takes a
minute a line. Give the --data, --rows and --seed that the cascade was trained
with: the split must be the same. Prints a table for the README.

python cascade_ingredients.py --model runs/best --data training.zip
"""

from dataclasses import dataclass, replace

import numpy as np

from nnscratch.keypoints.cascade.answers import CascadeAnswers
from nnscratch.keypoints.cascade.blending import Blend
from nnscratch.keypoints.cascade.cascade import Cascade, Level
from nnscratch.keypoints.cascade.fit_blends import fit_blends
from nnscratch.keypoints.cascade.regions import Region
from nnscratch.keypoints.kaggle.files import DataError
from nnscratch.keypoints.metrics import rmse_px
from nnscratch.keypoints.predictors import load_predictor
from nnscratch.keypoints.scripts import command_line


@dataclass(frozen=True)
class Variant:
    """A level 2 without something: how often it looks, and the regions that it has no networks for."""

    looks: int = 2
    without: tuple[str, ...] = ()


VARIANTS = {
    "everything": Variant(),
    "one look": Variant(looks=1),
    "three looks": Variant(looks=3),
    "no network for the whole face": Variant(without=("face",)),
    "nor for half of it": Variant(without=("face", "half_face")),
    "nor for an eye, for the mouth": Variant(without=("face", "half_face", "eye", "mouth")),
}


def with_some(level: Level, without: tuple[str, ...]) -> Level:
    """The level with the networks of the other regions."""
    pairs = [pair for pair in zip(level.regions, level.networks, strict=True) if pair[0].name not in without]
    return Level(tuple(region for region, _ in pairs), tuple(network for _, network in pairs), ())


def unweighed(level: Level, cascade: Cascade, held_out: CascadeAnswers) -> np.ndarray:
    """What the networks find at their first look, averaged and no more."""
    plain = replace(level, blends=(Blend.none(),))
    return plain(held_out.faces.x, held_out.answers[-1], held_out.offset, cascade.reference)


def main() -> None:
    parser = command_line.training_parser(__doc__, out="runs", recipes=["best"], networks=[])
    parser.add_argument("--model", metavar="DIR", required=True, help="the --out folder of train_cascade.py")
    task = command_line.start(parser)
    cascade = load_predictor(task.arguments.model)
    if not isinstance(cascade, Cascade) or not cascade.levels:
        came, expected = "a network without a level 2", "what train_cascade.py wrote"
        raise DataError.at(task.arguments.model, came=came, expected=expected, fix="give the --out folder of that")
    level, first = cascade.levels[0], replace(cascade, levels=())
    learnt, held_out = CascadeAnswers.of(first, task.train), CascadeAnswers.of(first, task.validation)

    def show(name: str, answer: np.ndarray) -> None:
        print(f"| {name} | {rmse_px(answer, task.validation.points):.3f} px |", flush=True)

    print("| level 2, validation RMSE | |\n|---|---|")
    show("level 1", held_out.answers[-1])
    show("networks' answers averaged, not weighed, one look", unweighed(level, cascade, held_out))
    shown: set[tuple[tuple[Region, ...], int]] = set()
    for name, variant in VARIANTS.items():
        some = with_some(level, variant.without)
        if not some.regions or (some.regions, variant.looks) in shown:
            continue  # this cascade has no such networks to be without
        shown.add((some.regions, variant.looks))
        show(name, fit_blends(some, cascade.reference, learnt, held_out, passes=variant.looks, title=name)[1])


if __name__ == "__main__":
    command_line.run(main)
