"""Why the report's CNN did not learn: one change at a time, and several together.

    python ablation.py --data training.zip --out runs/ablation

alone:    He & Yang's failing network, and it with one change. What suffices?
together: bias, dropout, L2 and the optimizer, in every combination.
cure:     the cured network, with things taken back or added.
race:     the cure beside the report's MLP, the same number of epochs.

Every result is kept as soon as it is there, and not run again. The results and
what they mean are in examples/lessons/why_the_cnn_did_not_learn.md.
"""

import argparse
from pathlib import Path

from nnscratch.keypoints.experiments import running
from nnscratch.keypoints.experiments.ablation import report, settings
from nnscratch.keypoints.experiments.measures import Result
from nnscratch.keypoints.experiments.settings import Experiment, Split
from nnscratch.keypoints.kaggle.training_file import load_faces
from nnscratch.keypoints.scripts import command_line


def main() -> None:
    parser = command_line.Parser(__doc__)
    parser.add_argument("--data", metavar="FILE", required=True, help="Kaggle's training.csv, .zip or .gz")
    parser.add_argument("--out", type=Path, metavar="DIR", default=Path("runs/ablation"), help="(default: %(default)s)")
    command_line.add_number(parser, "--seeds", default=3, help="runs of each kind")
    command_line.add_number(parser, "--epochs", default=120, help="times to go through the data")
    command_line.add_number(parser, "--race-epochs", default=300, help="the same, cure against MLP")
    parser.add_argument("--only", metavar="TEXT", default="", help="only runs with this in their 'group: name'")
    command_line.add_quiet(parser)
    arguments = parser.parse_args()

    experiments = settings.experiments(arguments.epochs, arguments.race_epochs)
    chosen = {names: e for names, e in experiments.items() if arguments.only in e.title}
    if not chosen:
        parser.error(f"argument --only: got {arguments.only!r}, which is in no run's name; try 'alone', 'cure', 'race'")
    with command_line.muted(arguments):
        run(arguments, experiments, chosen)


def run(
    arguments: argparse.Namespace,
    experiments: dict[settings.Names, Experiment],
    chosen: dict[settings.Names, Experiment],
) -> None:
    split = Split.of(load_faces(arguments.data), arguments.data)
    minutes = sum(running.expected_seconds(e, split) for e in chosen.values()) * arguments.seeds / 60
    print(f"{len(chosen)} kinds of runs, {arguments.seeds} of each: about {minutes:.0f} min", flush=True)

    results: dict[settings.Names, list[Result]] = {names: [] for names in experiments}
    for seed in range(arguments.seeds):  # every kind once before any kind twice
        folder = arguments.out / f"seed_{seed}"
        folder.mkdir(parents=True, exist_ok=True)
        for names, experiment in experiments.items():
            result = running.load(experiment, split, folder, seed=seed)
            if result is None and names in chosen:
                result = running.run_and_keep(experiment, split, folder, seed=seed, tell=command_line.show)
                print(f"seed {seed}  {result['rmse_px']:6.2f} px  {experiment.title}", flush=True)
            if result is not None:
                results[names].append(result)
    files = report.write({names: done for names, done in results.items() if done}, arguments.out)
    print(f"\nwritten to {arguments.out}/: {', '.join(files)}")


if __name__ == "__main__":
    command_line.run(main)
