"""Why the report's CNN did not learn: one change at a time, and several together.

    python ablation.py --data training.zip --out runs/ablation

alone:    He & Yang's failing network, and it with one change. What suffices?
together: bias, dropout, L2 and the optimizer, in every combination.
cure:     the cured network, with things taken back or added.
race:     the cure beside the report's MLP, the same number of epochs.

Every result is kept as soon as it is there, and not run again. With
--distributed, the processes of `mpiexec -n N` share the runs. The results and
what they mean are in examples/lessons/why_the_cnn_did_not_learn.md.
"""

import argparse
from pathlib import Path

from nnscratch.kernels.thread_shares import share_of_threads
from nnscratch.keypoints.experiments import running
from nnscratch.keypoints.experiments.ablation import report, settings
from nnscratch.keypoints.experiments.measures import Result
from nnscratch.keypoints.experiments.settings import Experiment, Split
from nnscratch.keypoints.kaggle.archives import ALL, TRAINING
from nnscratch.keypoints.kaggle.files import table_file
from nnscratch.keypoints.kaggle.training_file import load_faces
from nnscratch.keypoints.scripts import command_line
from nnscratch.keypoints.scripts.distributed import ranks_of
from nnscratch.keypoints.scripts.outputs import results_folder
from nnscratch.training.all_ranks import Ranks
from nnscratch.training.side_by_side import share_out

Run = tuple[int, settings.Names]  # a seed and the names of a kind


def main() -> None:
    parser = command_line.Parser(__doc__)
    parser.add_argument("--data", metavar="FILE", required=True, help=f"Kaggle's training.csv, .zip or .gz, or {ALL}")
    parser.add_argument(
        "--out", type=results_folder, metavar="DIR", default="runs/ablation", help="(default: %(default)s)"
    )
    command_line.add_number(parser, "--seeds", default=3, help="runs of each kind")
    command_line.add_number(parser, "--epochs", default=120, help="times to go through the data")
    command_line.add_number(parser, "--race-epochs", default=300, help="the same, cure against MLP")
    parser.add_argument("--only", metavar="TEXT", default="", help="only runs with this in their 'group: name'")
    command_line.add_distributed(parser)
    command_line.add_quiet(parser)
    arguments = parser.parse_args()
    ranks = ranks_of(arguments.distributed)

    experiments = settings.experiments(arguments.epochs, arguments.race_epochs)
    chosen = {names: e for names, e in experiments.items() if arguments.only in e.title}
    if not chosen:
        parser.error(f"argument --only: got {arguments.only!r}, which is in no run's name; try 'alone', 'cure', 'race'")
    with command_line.muted(arguments):
        run(arguments, ranks, experiments, chosen)


def run(
    arguments: argparse.Namespace,
    ranks: Ranks,
    experiments: dict[settings.Names, Experiment],
    chosen: dict[settings.Names, Experiment],
) -> None:
    data = table_file(arguments.data, TRAINING)
    split = Split.of(ranks.from_first(lambda: load_faces(data)), str(data))
    seconds = ranks.from_first(lambda: {names: running.expected_seconds(e, split) for names, e in chosen.items()})
    minutes = sum(seconds.values()) * arguments.seeds / 60
    print(f"{len(chosen)} kinds of runs, {arguments.seeds} of each: about {minutes:.0f} min", flush=True)

    def kept() -> dict[Run, Result]:
        found = {(seed, names): running.load(e, split, folder(seed), seed=seed) for seed, (names, e) in runs}
        return {run: result for run, result in found.items() if result is not None}

    def folder(seed: int) -> Path:
        return arguments.out / f"seed_{seed}"

    # Every kind once before any kind twice.
    runs = [(seed, each) for seed in range(arguments.seeds) for each in experiments.items()]
    done = ranks.from_first(kept)
    costs = {
        (seed, names): seconds[names] for seed, (names, _) in runs if names in chosen and (seed, names) not in done
    }
    own = share_out(costs, ranks.size)[ranks.rank]
    with share_of_threads(ranks.threads()):
        for seed, (names, experiment) in runs:
            if (seed, names) in own:
                folder(seed).mkdir(parents=True, exist_ok=True)
                result = running.run_and_keep(experiment, split, folder(seed), seed=seed, tell=command_line.show)
                print(f"seed {seed}  {result['rmse_px']:6.2f} px  {experiment.title}", flush=True)
                done[seed, names] = result
    ranks.wait()  # asleep: whoever still trains needs the cores
    for others in ranks.gathered(done):
        done |= others
    if not ranks.is_first:
        return
    results = {
        names: [done[seed, names] for seed in range(arguments.seeds) if (seed, names) in done] for names in experiments
    }
    files = report.write({names: done for names, done in results.items() if done}, arguments.out)
    print(f"\nwritten to {arguments.out}/: {', '.join(files)}")


if __name__ == "__main__":
    command_line.run(main)
