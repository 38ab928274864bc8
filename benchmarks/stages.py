"""Where a training step's time goes: a line for each stage, and the step beside the roof.

  python benchmarks/stages.py [--networks NAME ...] [--batch N] [--json FILE]

For kfkd net2 and the best recipe's CNN, or the networks that are named, without
dropout, as engines.py has them: `nn.profile`, which docs/profiling.md explains.
"""

from __future__ import annotations

from engine_builders import SGD, random_batch
from engine_networks import NETWORKS
from machine import description, print_description

import nnscratch as nn
from nnscratch.command_output import write_json
from nnscratch.keypoints.scripts import command_line
from nnscratch.keypoints.scripts.outputs import writable
from nnscratch.profiling.machine import start

USUAL = ("kfkd net2", "deep CNN")


def main() -> None:
    start()
    parser = command_line.Parser(__doc__)
    add, usual = parser.add_argument, ", ".join(USUAL)
    add("--networks", nargs="+", choices=NETWORKS, metavar="NAME", default=USUAL,
        help=f"of {', '.join(NETWORKS)} (default: {usual})")  # fmt: skip
    command_line.add_number(parser, "--batch", help="pictures per step", default=100)
    add("--json", metavar="FILE", type=writable, help="also write the figures there")
    arguments = parser.parse_args()
    facts = description()
    print_description(facts)
    profiles = {}
    for name in dict.fromkeys(arguments.networks):
        model = NETWORKS[name]()
        profile = nn.profile(model, *random_batch(arguments.batch), optimizer=nn.SGD(model, **SGD))
        print(f"\na training step of {name}\n\n{profile}", flush=True)
        profiles[name] = profile.as_dict()
    write_json(arguments.json, {"machine": facts, "profiles": profiles})


if __name__ == "__main__":
    command_line.run(main)
