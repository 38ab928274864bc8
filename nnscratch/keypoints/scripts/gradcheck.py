"""Compares every gradient with finite differences; shows what mistakes do.

python -m nnscratch gradcheck                   every layer and loss
python -m nnscratch gradcheck --layer conv2d    one of them
python -m nnscratch gradcheck --network report  a whole network, in part
python -m nnscratch gradcheck --break sign      a mistake and its training
python -m nnscratch gradcheck --break all       all mistakes, a line each
python -m nnscratch gradcheck --break list      their names

A line of the table tells for one gradient how many entries were compared, the
largest relative error, the index where, the gradient that backward wrote there
and that of central differences. The relative error of an entry is

    |written - numeric| / (|written| + |numeric| + floor)

floor is 1/100 of the largest entry of the array, at least 1/1000, and more
where rounding is more; so two zeros have the error 0. Up to 1e-7 a gradient is
right.

A layer of your own: nnscratch.gradient_check(MyLayer(3, 4), x) in Python.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from nnscratch.command_output import add_json, add_quiet, muted, write_json
from nnscratch.commands import Parser, exit_statuses, program
from nnscratch.gradient_check import table
from nnscratch.gradient_check.broken_rules.curves import plot
from nnscratch.gradient_check.broken_rules.overview import markdown, overview
from nnscratch.gradient_check.broken_rules.page import breakages
from nnscratch.gradient_check.broken_rules.rules import RULES, rules_of
from nnscratch.gradient_check.comparison import Comparison
from nnscratch.gradient_check.configurations import configurations_of, known_names, missing
from nnscratch.gradient_check.differences import RIGHT
from nnscratch.gradient_check.sampling import compare_some
from nnscratch.keypoints.drawn.faces import draw_faces
from nnscratch.keypoints.networks import NETWORKS
from nnscratch.keypoints.scripts.command_line import whole_number
from nnscratch.keypoints.scripts.outputs import check_outputs, png
from nnscratch.losses import MSELoss

# Entries of each array that are checked in some seconds; a pass of kfkd takes ten times as long.
_ENTRIES = {"report": 12, "report-large": 12, "kfkd": 4, "mlp": 12}
_FACES = 2  # with one, nobody would see that a sum over the images is missing


def main(arguments: list[str]) -> None:
    """Prints the table, or the mistakes.

    Raises
        ValueError, OSError : an unknown layer or rule, a file that cannot be written
        SystemExit : an argument is wrong; 1 if a gradient is wrong or a mistake is not found
    """
    options = _parser().parse_args(arguments)
    if options.broken == "list":
        print("\n".join(f"{rule.name:23}{rule.title}" for rule in RULES))
        return
    _check_options(options)
    with muted(options):
        good, record = _check(options) if options.broken is None else _break(options)
    write_json(options.json, record)
    if not good:
        sys.exit(1)


def _check_options(options: argparse.Namespace) -> None:
    """Stops options that do not go together, and files that could not be written."""
    if options.broken is None and (options.plot is not None or options.markdown):
        raise ValueError("gradcheck: got --plot or --markdown without --break, expected both; add --break all")
    if options.network is None and options.entries is not None:
        raise ValueError("gradcheck: got --entries without --network, expected both; add --network report")
    check_outputs({"--json": options.json, "--plot": options.plot}, [])


def _parser() -> Parser:
    parser = Parser(
        __doc__, program("gradcheck"), statuses=exit_statuses("a gradient is wrong, or a mistake was not found")
    )
    parser.usage = "%(prog)s [--layer NAME | --network NAME] [options]\n       %(prog)s --break RULE [options]"
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--layer", metavar="NAME", help=f"a layer or a loss: {', '.join(known_names())}")
    network = f"a whole network, on two drawn faces: {', '.join(NETWORKS)}"
    which.add_argument("--network", choices=NETWORKS, metavar="NAME", help=network)
    names = ", ".join(rule.name for rule in RULES)
    which.add_argument("--break", dest="broken", metavar="RULE", help=f"a mistake: all, list, or {names}")
    entries = "with --network: how many of each array (default: 12; of kfkd 4)"
    parser.add_argument("--entries", type=whole_number, metavar="K", help=entries)
    parser.add_argument("--markdown", action="store_true", help="with --break: the table of mistakes in Markdown")
    parser.add_argument("--plot", type=png, metavar="FILE", help="with --break: the loss curves as a PNG")
    add_json(parser)
    add_quiet(parser)
    return parser


def _check(options: argparse.Namespace) -> tuple[bool, dict[str, Any]]:
    """Prints the table; returns whether all is right, and the facts."""
    if options.network is not None:
        parts = network_parts(options.network, options.entries or _ENTRIES[options.network])
        what = f"The network {options.network}"
    else:
        found = configurations_of(options.layer)
        parts = (table.timed(each.title, each.compare) for each in found)
        what = f"{len(found)} configurations"
    print(table.HEADER)
    checked = []
    for each in parts:
        print(table.block(each), flush=True)
        checked.append(each)
    print(f"\n{table.conclusion(checked, what)}")
    right = not any(gradient.verdict == "wrong" for each in checked for gradient in each.comparisons)
    return right, {"bound": RIGHT, "right": right, "checked": [table.record(each) for each in checked]}


def network_parts(name: str, entries: int) -> Iterator[table.Checked]:
    """The check of a network on drawn faces with missing labels: x, then layer by layer."""
    network, faces = NETWORKS[name](rng=0), draw_faces(_FACES, seed=0)
    target = missing(faces.y, 1 / 3)
    compared = compare_some(network, faces.x, entries=entries, loss=MSELoss(), target=target)
    yield table.timed(f"{name}, {_FACES} drawn faces", lambda: [next(compared)])
    for place, layer in enumerate(network.layers):
        names = list(layer.params)

        def compare(names: list[str] = names) -> list[Comparison]:
            return [replace(next(compared), name=name) for name in names]

        if names:
            yield table.timed(f"layer {place}: {layer!r}", compare)


def _break(options: argparse.Namespace) -> tuple[bool, dict[str, Any]]:
    """Prints the mistakes; returns whether the check finds all of them, and the facts."""
    rules = rules_of(options.broken)
    broken = []
    for each in breakages(rules):
        broken.append(each)
        if options.broken != "all" and not options.markdown:
            print(each.text() + "\n" * (len(broken) < len(rules)), flush=True)
    if options.markdown:
        print(markdown(broken))
    elif options.broken == "all":
        print(overview(broken))
    if options.plot is not None:
        plot({each.rule: each.trainings for each in broken}, options.plot)
    return all(each.found for each in broken), {"bound": RIGHT, "rules": [each.record() for each in broken]}
