"""The options of all training scripts: the parser, and what it reads, in typed fields."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from nnscratch.keypoints.kaggle.archives import ALL
from nnscratch.keypoints.recipe import HELD_OUT, Network, Recipe
from nnscratch.keypoints.scripts.command_line import (
    Parser,
    add_distributed,
    add_json,
    add_number,
    add_quiet,
    minutes,
    seed,
    share,
    whole_number,
)
from nnscratch.keypoints.scripts.outputs import results_folder


@dataclass(frozen=True)
class TrainingOptions:
    """What the command line of a training script says. A subclass may add options.

    out        : folder for the results
    data       : file with the faces; None: they are drawn
    rows       : "all", or "complete" for those with 15 points
    recipe     : name of a recipe
    network    : name of a network, in place of the recipe's; None: the recipe's
    epochs     : in place of the recipe's; None: the recipe's
    batch_size : in place of the recipe's; None: the recipe's
    held_out   : share of the faces to validate on
    time_limit : minutes, reading data included; None: no limit
    seed       : of everything random
    threads    : None: all cores
    test       : file with faces whose points are wanted; None: no such file
    lookup     : file that says which of their values are wanted; None: all
    resume     : whether to go on with the unfinished run in `out`
    overwrite  : whether to replace an earlier run in `out`
    every      : keep the network of every so-many-th epoch, too; None: only the last one
    distributed : whether the processes that MPI has started train together
    quiet      : print nothing but warnings and errors
    """

    out: Path
    data: str | None = None
    rows: str = "all"
    recipe: str = "plain"
    network: str | None = None
    epochs: int | None = None
    batch_size: int | None = None
    held_out: float = HELD_OUT
    time_limit: float | None = None
    seed: int = 0
    threads: int | None = None
    test: str | None = None
    lookup: str | None = None
    resume: bool = False
    overwrite: bool = False
    every: int | None = None
    distributed: bool = False
    quiet: bool = False

    def adjusted(self, recipe: Recipe, networks: Mapping[str, Network]) -> Recipe:
        """The recipe, with network, epochs and batch size of the command line where it has them.

        networks : name -> the function that makes the network
        """
        return replace(
            recipe,
            network=recipe.network if self.network is None else networks[self.network],
            epochs=self.epochs or recipe.epochs,
            batch_size=self.batch_size or recipe.batch_size,
        )


@dataclass(frozen=True)
class MeasuringOptions(TrainingOptions):
    """The options of a script that prints what it measures, and keeps no run.

    json : file for the numbers, or `STDOUT`; None: they are only printed
    """

    json: Path | None = None


Options = TypeVar("Options", bound=TrainingOptions)


class TrainingParser(Parser):
    """Knows the options of every training script.

    description : for --help
    out         : the default of --out
    recipes     : names, or name -> recipe; the first one is the default
    networks    : names
    keeps_run   : whether the script leaves a run in --out; False for one that only prints, which
        has `MeasuringOptions`
    """

    def __init__(
        self,
        description: str | None,
        *,
        out: str,
        recipes: Iterable[str],
        networks: Iterable[str],
        keeps_run: bool = True,
    ) -> None:
        super().__init__(description)
        self.held_out = {name: each.held_out for name, each in recipes.items()} if isinstance(recipes, Mapping) else {}
        add, names = self.add_argument, list(recipes)
        add("--data", metavar="FILE", help=f"Kaggle's training.csv, .zip or .gz, or {ALL}; without it, faces are drawn")
        rows = "rows to use: all (default), or those with 15 points"
        add("--rows", choices=["all", "complete"], default="all", help=rows)
        add("--recipe", choices=names, default=names[0], help="how to train (default: %(default)s)")
        add("--network", choices=list(networks), help="(default: the recipe's)")
        add_number(self, "--epochs", help="times to go through the data")
        add_number(self, "--batch-size", help="faces per step")
        add("--held-out", type=share, metavar="SHARE", help="share of the faces to validate on (default: the recipe's)")
        add("--time-limit", type=minutes, metavar="MINUTES", help="stop training after so long, reading data included")
        add("--seed", type=seed, default=0, help="the same seed gives the same result (default: %(default)s)")
        add(
            "--threads",
            type=whole_number,
            metavar="N",
            help="threads to use (default: $NNSCRATCH_NUM_THREADS, or all cores)",
        )
        add(
            "--test", metavar="FILE", help=f"Kaggle's test.csv, .zip or .gz, or {ALL}: write its points to DIR/test.csv"
        )
        add("--lookup", metavar="FILE", help="Kaggle's IdLookupTable.csv: write DIR/submission.csv instead")
        where = "where the results go (default: %(default)s)"
        add("--out", type=results_folder, default=out, metavar="DIR", help=where)
        if keeps_run:
            add_distributed(self)
            either = self.add_mutually_exclusive_group()
            going_on = "go on with the unfinished run in DIR, which was begun with the same options"
            either.add_argument("--resume", action="store_true", help=going_on)
            replacing = "replace the earlier run in DIR; without either, it is left alone"
            either.add_argument("--overwrite", action="store_true", help=replacing)
            kept = "keep the network of every N-th epoch in DIR/epochs, for `python -m nnscratch trace DIR --html FILE`"
            add_number(self, "--every", help=kept)
            add_quiet(self)
        else:
            add_json(self)

    def read(self, kind: type[Options]) -> Options:
        """The command line, in the fields of `kind`: TrainingOptions, or a subclass of it.

        Raises
            SystemExit : status 2, after one line, for a wrong argument
        """
        given = vars(self.parse_args())
        if given["held_out"] is None:
            given["held_out"] = self.held_out.get(given["recipe"], HELD_OUT)
        options = kind(**given)
        if options.lookup and not options.test:
            self.error("argument --lookup: got it without --test, expected both: it asks for points of those faces")
        return options
