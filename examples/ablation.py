"""Why the report's CNN did not learn: one change at a time, each alone.

    python examples/ablation.py --data training.zip --out runs/ablation

report: He & Yang's failing network, and every change alone. What suffices?
cure:   the cured one, and every change taken back alone. What is needed?
race:   the cure beside the report's MLP, the same number of epochs.
Every run leaves a JSON file and is not run again; table.md and ablation.png
are made of these files. What came out, and why, is told in
examples/lessons/why_the_cnn_did_not_learn.md.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

import nnscratch as nn
from nnscratch import atomic
from nnscratch.keypoints import command_line
from nnscratch.keypoints.data import Faces, load_faces, split_last, to_points
from nnscratch.keypoints.metrics import mean_face, rmse_px

Arrays = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Switches:
    """Everything that one can change; the defaults are the report's."""

    network: str = "cnn"  # or "mlp": 9216 - 256 - 100 - 30
    init: str = "glorot_uniform"
    hidden_bias: float = 1.0  # first bias of the hidden dense layers
    dropout: float = 0.5  # after each hidden dense layer
    weight_decay: float = 0.001  # the gradient of 0.0005 * sum of w^2
    lr: float = 0.001  # of SGD with momentum 0.9: an effective rate of 0.01
    momentum: float = 0.9
    shuffle: bool = False
    centre_input: bool = False  # x minus the mean training picture
    width: int = 1  # times 2, 4, 8, 16 maps
    last_bias: bool = True
    optimizer: str = "sgd"  # or "adam"
    cosine: bool = False  # the rate falls to 0 along half a cosine


REPORT = Switches()
CHANGES: dict[str, dict[str, Any]] = {
    "init He": {"init": "he_normal"},
    "hidden bias 0": {"hidden_bias": 0.0},
    "no dropout": {"dropout": 0.0},
    "weight decay / 30": {"weight_decay": 0.001 / 30},
    "lr x 10": {"lr": 0.01},
    "Adam": {"optimizer": "adam", "lr": 0.002},
    "shuffled": {"shuffle": True},
    "input centred": {"centre_input": True},
    "4 times the maps": {"width": 4},
    "no last bias": {"last_bias": False},
}
CURE = Switches(hidden_bias=0.0, dropout=0.0, weight_decay=0.0, shuffle=True, optimizer="adam", lr=0.002)
MLP = replace(REPORT, network="mlp", dropout=0.0)


def experiments() -> dict[str, dict[str, Switches]]:
    """Group -> name -> settings."""
    from_report = {f"+ {name}": replace(REPORT, **change) for name, change in CHANGES.items()}
    adam: dict[str, Any] = {"optimizer": "adam", "lr": 0.002}
    several = {
        "+ Adam, no dropout": replace(REPORT, dropout=0.0, **adam),
        "+ Adam, hidden bias 0": replace(REPORT, hidden_bias=0.0, **adam),
        "+ Adam, no L2": replace(REPORT, weight_decay=0.0, **adam),
        "+ Adam, no dropout, no L2": replace(REPORT, weight_decay=0.0, dropout=0.0, **adam),
    }
    back: dict[str, dict[str, Any]] = {
        "hidden bias 1": {"hidden_bias": 1.0},
        "dropout .5": {"dropout": 0.5},
        "L2": {"weight_decay": 0.001},
        "report's SGD": {"optimizer": "sgd", "lr": 0.001},
        "SGD, lr x 10": {"optimizer": "sgd", "lr": 0.01},
        "not shuffled": {"shuffle": False},
    }
    from_cure = {f"but {name}": replace(CURE, **change) for name, change in back.items()}
    return {
        "report": {"the report's CNN": REPORT, **from_report, **several},
        "cure": {"the cure": CURE, **from_cure},
        "race": {"report's MLP": MLP, "cure": CURE, "cure, cosine": replace(CURE, cosine=True)},
    }


def build(switches: Switches, rng: np.random.Generator) -> nn.Sequential:
    """The report's F1 CNN or its MLP, with the switches as they are set."""
    init, width = switches.init, switches.width
    layers: list[nn.Layer] = []
    sizes = [9216, 256, 100]
    if switches.network == "cnn":
        for c_in, c_out, k in ((1, 2, 5), (2, 4, 5), (4, 8, 4), (8, 16, 4)):
            c_in = c_in if c_in == 1 else c_in * width
            layers += [nn.Conv2D(c_in, c_out * width, k, weight_init=init, rng=rng), nn.ReLU(), nn.MaxPool2D(2)]
        sizes = [144 * width, 144, 144]
    layers.append(nn.Flatten())
    for n_in, n_out in pairwise(sizes):
        bias = nn.initializers.constant(switches.hidden_bias)
        layers += [nn.Dense(n_in, n_out, weight_init=init, bias_init=bias, rng=rng), nn.ReLU()]
        if switches.dropout:
            layers.append(nn.Dropout(switches.dropout, rng=rng))
    return nn.Sequential(*layers, nn.Dense(sizes[-1], 30, weight_init=init, bias=switches.last_bias, rng=rng))


def batches(rows: int, order: np.random.Generator | None) -> Iterator[np.ndarray]:
    """Full batches of 100, as in the report: what is left over is not used. Without `order`, always the same."""
    size = min(100, rows)
    index = np.arange(rows) if order is None else order.permutation(rows)
    return (index[start : start + size] for start in range(0, rows - size + 1, size))


def train(switches: Switches, train_rows: Arrays, validation: Arrays, epochs: int, seed: int) -> dict[str, Any]:
    """Trains one network; gives its history (RMSE and spread, epoch by epoch) and what is inside it now and then."""
    rng = np.random.default_rng(seed)
    model, order = build(switches, rng), np.random.default_rng(seed) if switches.shuffle else None
    optimizer: nn.SGD | nn.Adam
    if switches.optimizer == "adam":
        optimizer = nn.Adam(model, lr=switches.lr)
    else:
        optimizer = nn.SGD(model, lr=switches.lr, momentum=switches.momentum, weight_decay=switches.weight_decay)
    (x, y), loss = train_rows, nn.MSELoss()
    history: dict[str, list[float]] = {"epoch": [], "rmse_px": [], "spread_px": []}
    inside = {"0": look_inside(model, train_rows, validation, switches)}
    for epoch in range(1, epochs + 1):
        if switches.cosine:
            optimizer.lr = nn.schedules.cosine(switches.lr, 0.0)((epoch - 1) / epochs)
        for rows in batches(len(x), order):
            loss.forward(model.forward(x[rows], training=True), y[rows])
            model.backward(loss.backward())
            if switches.optimizer == "adam":
                _add_decay(model, switches.weight_decay)
            optimizer.step()
        predicted = model.predict(validation[0])
        history["epoch"].append(epoch)
        history["rmse_px"].append(rmse_px(to_points(predicted), to_points(validation[1])))
        history["spread_px"].append(48 * spread(predicted))
        if epoch in (1, 2, 3, 5, 10, 20, 40) or epoch == epochs:
            inside[str(epoch)] = look_inside(model, train_rows, validation, switches)
    return {"history": history, "inside": inside}


def _add_decay(model: nn.Sequential, weight_decay: float) -> None:
    """The report's L2 as a part of the gradient; Adam's own weight decay would be another one, beside the gradient."""
    for layer in model.layers:
        if "weight" in layer.params:
            layer.grads["weight"] += layer.params["weight"].dtype.type(weight_decay) * layer.params["weight"]


def spread(values: np.ndarray) -> float:
    """Standard deviation over the images, mean over everything else: 0 if all images look the same here."""
    return float(values.std(axis=0, dtype=np.float64).mean())


def look_inside(model: nn.Sequential, rows: Arrays, validation: Arrays, switches: Switches) -> dict[str, Any]:
    """What the layers do with the validation images, and what the gradients of one epoch are made of."""
    model = copy.deepcopy(model)  # measuring draws dropout masks: the training itself must not notice
    layers: dict[str, dict[str, float]] = {}
    h = validation[0]
    for i, layer in enumerate(model.layers):
        h = layer.forward(h)
        if layer.params:
            name = f"{i} {type(layer).__name__}"
            layers[name] = {"spread": spread(h), "mean": float(h.mean()), "weight": rms(layer.params["weight"])}
            layers[name]["decay_gradient"] = switches.weight_decay * layers[name]["weight"]
        elif isinstance(layer, nn.ReLU):
            on = h.reshape(len(h), -1) > 0
            layers[name] |= {"active": float(on.mean()), "always": float(on.all(0).mean())}
            layers[name] |= {"never": float((~on.any(0)).mean())}
            if h.ndim == 2:  # how much of the mean square of a unit is the same for every image
                layers[name]["constant"] = float((h.mean(0) ** 2).sum() / max(float((h**2).sum()) / len(h), 1e-30))
    for name, (mean, noise) in _gradients(model, rows).items():
        layers[name] |= {"gradient": mean, "gradient_noise": noise}
    return {"layers": layers, "noise_px": 48 * _dropout_noise(model, rows[0])}


def _gradients(model: nn.Sequential, rows: Arrays) -> dict[str, tuple[float, float]]:
    """rms over a layer's weights of the data gradient's mean over an epoch's batches, and of its deviation from it."""
    x, y = rows
    loss = nn.MSELoss()
    grads: dict[int, list[np.ndarray]] = {i: [] for i, layer in enumerate(model.layers) if layer.params}
    for chosen in batches(len(x), None):
        loss.forward(model.forward(x[chosen], training=True), y[chosen])
        model.backward(loss.backward())
        for i, of_layer in grads.items():
            of_layer.append(model.layers[i].grads["weight"].astype(np.float64))
    means = {i: np.mean(of_layer, axis=0) for i, of_layer in grads.items()}
    return {
        f"{i} {type(model.layers[i]).__name__}": (rms(means[i]), rms(np.stack(of_layer) - means[i]))
        for i, of_layer in grads.items()
    }


def _dropout_noise(model: nn.Sequential, x: np.ndarray) -> float:
    """Standard deviation of the outputs over 8 dropout masks, for the same image: the noise that the loss sees."""
    return spread(np.stack([model.forward(x[:100], training=True) for _ in range(8)]))


def rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(values, dtype=np.float64))))


def prepare(faces: Faces, switches: Switches) -> tuple[Arrays, Arrays]:
    """(x, y) to train on and to validate on: complete rows, the last 400 (or a quarter) for validation."""
    complete = faces.select(faces.complete)
    training, validation = split_last(complete, min(400, max(1, len(complete) // 4)))
    mean = training.x.mean(axis=0) if switches.centre_input else np.float32(0)
    return (training.x - mean, training.y), (validation.x - mean, validation.y)


def run_file(out: Path, group: str, name: str, epochs: int, seed: int) -> Path:
    """Where a run is kept: "report: + no dropout" becomes report_with_no_dropout_60_0.json."""
    words = f"{group} {name} {epochs} {seed}".replace("+ ", "with ").replace("/", "over")
    return out / ("".join(c if c.isalnum() else "_" for c in words if c not in "',.") + ".json")


def write_report(out: Path, files: dict[tuple[str, str], list[Path]], mean_face_px: float) -> None:
    """table.md and ablation.png, from the runs that are there."""
    runs = {key: [json.loads(path.read_text()) for path in paths if path.exists()] for key, paths in files.items()}
    runs = {key: done for key, done in runs.items() if done}
    lines = [
        f"Validation RMSE of the mean face: {mean_face_px:.3f} px. Mean over the seeds, and ± half the range.",
        "",
        "| run | seeds | epochs | RMSE, px | ratio to mean face | spread of outputs, px | active units, last hidden "
        "| never active | always active | dropout noise, px |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for key, done in runs.items():
        rows = np.array([_last(run) for run in done])
        (error, *others), half = rows.mean(axis=0), np.ptp(rows[:, 0]) / 2
        px, on, never, always, noise = others
        lines.append(
            f"| {key[0]}: {key[1]} | {len(rows)} | {done[0]['epochs']} | {error:.3f} ± {half:.3f} "
            f"| {error / mean_face_px:.2f} | {px:.3f} | {on:.0%} | {never:.0%} | {always:.0%} | {noise:.2f} |"
        )
    with atomic.write(out / "table.md") as temporary:
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")
    _draw({key: done[0] for key, done in runs.items()}, mean_face_px, out / "ablation.png")


def _is_done(path: Path, switches: Switches) -> bool:
    return path.exists() and bool(json.loads(path.read_text())["switches"] == asdict(switches))


def _last(run: dict[str, Any]) -> list[float]:
    inside = list(run["inside"].values())[-1]
    hidden = [layer for layer in inside["layers"].values() if "active" in layer][-1]
    history = run["history"]
    last = [history["rmse_px"][-1], history["spread_px"][-1]]
    return [*last, hidden["active"], hidden["never"], hidden["always"], inside["noise_px"]]


def _draw(runs: dict[tuple[str, str], dict[str, Any]], mean_face_px: float, path: Path) -> None:
    from matplotlib.figure import Figure

    colours = ["#000000", "#E69F00", "#56B4E9", "#009E73", "#0072B2", "#D55E00", "#CC79A7", "#999999"]
    groups = list(dict.fromkeys(group for group, _ in runs))
    figure = Figure(figsize=(8, 4 * len(groups)), dpi=110, layout="constrained")
    for axes, group in zip(figure.subplots(len(groups), squeeze=False)[:, 0], groups, strict=True):
        for i, (name, run) in enumerate((name, run) for (of, name), run in runs.items() if of == group):
            style = {"color": colours[i % 8], "linestyle": "-" if i < 8 else "--"}
            axes.plot(run["history"]["epoch"], run["history"]["rmse_px"], label=name, **style)
        axes.axhline(mean_face_px, color="#000000", linestyle=":", label="mean face")
        axes.set(
            xlabel="epoch", ylabel="validation RMSE (px)", title=f"{group} (first seed)", ylim=(0, 3 * mean_face_px)
        )
        axes.legend(fontsize="x-small", loc="center left", bbox_to_anchor=(1, 0.5))
    with atomic.write(path) as temporary:
        figure.savefig(temporary, format="png")


def main() -> None:
    parser = command_line.Parser(__doc__)
    parser.add_argument("--data", metavar="FILE", required=True, help="Kaggle's training.csv, .zip or .gz")
    parser.add_argument("--out", type=Path, metavar="DIR", default=Path("runs/ablation"), help="(default: %(default)s)")
    command_line.add_number(parser, "--seeds", default=3, help="runs of each kind")
    command_line.add_number(parser, "--epochs", default=60, help="times to go through the data")
    command_line.add_number(parser, "--race-epochs", default=100, help="the same, cure against MLP")
    parser.add_argument("--only", metavar="TEXT", default="", help="only runs with this in their 'group: name'")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    faces = command_line.usable_rows(load_faces(arguments.data), "complete", arguments.data)
    (_, y_train), (_, y) = prepare(faces, REPORT)
    face = mean_face(to_points(y_train))
    mean_face_px = rmse_px(np.broadcast_to(face, (len(y), 15, 2)), to_points(y))
    epochs_of = {"race": arguments.race_epochs}
    files: dict[tuple[str, str], list[Path]] = {}
    for seed in range(arguments.seeds):  # every kind once before any kind twice
        for group, name, switches in ((g, n, s) for g, names in experiments().items() for n, s in names.items()):
            epochs = epochs_of.get(group, arguments.epochs)
            path = run_file(arguments.out, group, name, epochs, seed)
            files.setdefault((group, name), []).append(path)
            if arguments.only not in f"{group}: {name}" or _is_done(path, switches):
                continue
            result = train(switches, *prepare(faces, switches), epochs, seed)
            run = {"group": group, "name": name, "seed": seed, "epochs": epochs, "switches": asdict(switches), **result}
            with atomic.write(path) as temporary:
                temporary.write_text(json.dumps(run))
            print(f"{group}: {name}, seed {seed}: {result['history']['rmse_px'][-1]:.3f} px", flush=True)
    write_report(arguments.out, files, mean_face_px)
    print(f"mean face {mean_face_px:.3f} px; table and picture: {arguments.out}")


if __name__ == "__main__":
    command_line.run(main)
