"""Rebuilds the experiments of the 2015 report, and says what became of them.

In 3 to 15 min:  python reproduce_report.py --data training.zip --quick
In hours:        the same without --quick: the report's own numbers of epochs

Every result is kept as soon as it is there: started again with the same
arguments, the program goes on where it was stopped.
"""

import argparse

from nnscratch.keypoints.experiments import report_text, running
from nnscratch.keypoints.experiments.measures import Result
from nnscratch.keypoints.experiments.settings import EXPERIMENTS, Split
from nnscratch.keypoints.kaggle.archives import ALL, TRAINING
from nnscratch.keypoints.kaggle.files import table_file
from nnscratch.keypoints.kaggle.training_file import load_faces
from nnscratch.keypoints.scripts import command_line
from nnscratch.keypoints.scripts.outputs import results_folder

MOST_EPOCHS = max(experiment.epochs for experiment in EXPERIMENTS)
SEED = 0


def main() -> None:
    parser = command_line.Parser(__doc__)
    parser.add_argument("--data", metavar="FILE", required=True, help=f"Kaggle's training.csv, .zip or .gz, or {ALL}")
    parser.add_argument("--quick", action="store_true", help="few epochs: 3 to 15 minutes on two cores")
    names = [experiment.name for experiment in EXPERIMENTS]
    parser.add_argument("--only", nargs="+", choices=names, default=names, metavar="NAME", help=", ".join(names))
    command_line.add_number(parser, "--most-epochs", default=MOST_EPOCHS, help="end every training after so many")
    parser.add_argument(
        "--out", type=results_folder, default="runs/report", metavar="DIR", help="(default: %(default)s)"
    )
    command_line.add_quiet(parser)
    arguments = parser.parse_args()
    with command_line.muted(arguments):
        run(arguments)


def run(arguments: argparse.Namespace) -> None:
    data = table_file(arguments.data, TRAINING)
    split = Split.of(load_faces(data), str(data))
    folder = arguments.out / "results"
    folder.mkdir(parents=True, exist_ok=True)
    experiments = [e.limited(quick=arguments.quick, most_epochs=arguments.most_epochs) for e in EXPERIMENTS]
    done = {e.name for e in experiments if running.load(e, split, folder, seed=SEED)}
    to_do = [e for e in experiments if e.name in arguments.only and e.name not in done]
    source = f"{len(split.train):,} faces to learn from, {len(split.validation):,} to validate on"
    print(f"{source} ({data.name}, complete rows)")
    minutes = sum(running.expected_seconds(e, split) for e in to_do) / 60
    print(f"experiments to run: {len(to_do)}, about {minutes:.1f} min on this machine; done already: {len(done)}\n")

    print(report_text.TERMINAL_HEADING, flush=True)
    results = {}
    for experiment in experiments:
        if experiment in to_do:
            running.run_and_keep(experiment, split, folder, seed=SEED, tell=command_line.show)
        if result := running.load(experiment, split, folder, seed=SEED):
            results[experiment.name] = result
            print(report_text.terminal_row(experiment, result), flush=True)
    files = report_text.write(results, arguments.out, heading=heading(source, arguments.quick, results))
    print(f"\nwritten to {arguments.out}/: {', '.join(files)}")


def heading(source: str, quick: bool, results: dict[str, Result]) -> str:
    minutes = sum(result["seconds"] for result in results.values()) / 60
    epochs = "Few epochs (--quick)" if quick else "As many epochs as the report's"
    return f"{source}: the complete rows, the last of them for validation. {epochs}, {minutes:.0f} minutes in all."


if __name__ == "__main__":
    command_line.run(main)
