"""One training step, line by line: forward, loss, backward, update.

python -m nnscratch trace                     the 2015 report's CNN, drawn faces
python -m nnscratch trace --network mlp --step 100
python -m nnscratch trace runs/cnn --data training.zip --image 3
python -m nnscratch trace runs/cnn --html trace.html

Each line: the layer, its formula, the shape of the result, its mean and spread
(standard deviation), and milliseconds. The step is made on the network as it
is in memory; no file of the run changes. A run's optimizer begins without
memory; a network by its name has SGD with lr 0.01 and momentum 0.9.

--html writes a page to look into every number of the step, with a browser. If
the run was trained with --every, it shows how the network came about.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path

import numpy as np

import nnscratch as nn
from nnscratch.command_output import add_json, add_quiet, muted, write_json
from nnscratch.commands import Parser, program
from nnscratch.keypoints.faces import POINTS, SIDE, Faces, to_points
from nnscratch.keypoints.loaded_networks import load_network
from nnscratch.keypoints.metrics import rmse_px
from nnscratch.keypoints.scripts.command_line import add_number
from nnscratch.keypoints.scripts.kept_epochs import kept_epochs
from nnscratch.keypoints.scripts.outputs import writable
from nnscratch.keypoints.scripts.studied import Studied, add_subject, studied
from nnscratch.tracing.page import Epoch, Points, write_page

_BATCH = 8
_MOST_EPOCHS = 12  # in a page: more would make it slow to open


def main(arguments: list[str]) -> None:
    """Prints the trace of a step; writes it as JSON or as a page if asked to.

    Raises
        ValueError, OSError : a file is missing or damaged, or cannot be written
        SystemExit : an argument is wrong
    """
    parser = Parser(__doc__, program("trace"))
    add_subject(parser)
    add_number(parser, "--batch", help=f"faces of the step (default: {_BATCH})")
    parser.add_argument("--image", type=int, metavar="N", help="means and spreads of face N of the batch, from 0")
    add_number(parser, "--step", help="trace the step after so many minus one others (default: 1)")
    add_json(parser)
    add_quiet(parser)
    page = "write a page to look into every number of the step"
    parser.add_argument("--html", type=writable, metavar="FILE", help=page)
    parsed = parser.parse_args(arguments)
    batch_size, steps = parsed.batch or _BATCH, parsed.step or 1
    if parsed.image is not None and not 0 <= parsed.image < batch_size:
        parser.error(f"argument --image: got {parsed.image}, expected one of the batch, 0 to {batch_size - 1}")
    found = studied(parser, parsed, drawn=max(64, batch_size))
    trace = trace_of(found, batch_size, steps)
    with muted(parsed):
        print(f"step {steps} of {found.name}, batch of {len(trace.x)}\n\n{trace.table(parsed.image)}")
    write_json(parsed.json, trace.facts())
    if parsed.html is not None:
        title = f"Step {steps} of {found.name}"
        points = Points(SIDE / 2, SIDE / 2, [name.replace("_", " ") for name in POINTS])
        write_page(
            trace,
            parsed.html,
            image=parsed.image or 0,
            title=title,
            points=points,
            epochs=_epochs(found, parsed.run),
            findings=_findings(found.network, found),
        )


def _epochs(found: Studied, run: Path | None) -> list[Epoch]:
    """What the run kept of its epochs, at most `_MOST_EPOCHS` of them, evenly spaced."""
    kept = [] if run is None else kept_epochs(run)
    if len(kept) > _MOST_EPOCHS:
        kept = [kept[i] for i in np.linspace(0, len(kept) - 1, _MOST_EPOCHS).round().astype(int)]
    epochs = []
    for epoch, path in kept:
        network = load_network(path, SIDE, len(POINTS))
        if repr(network) != repr(found.network):
            raise ValueError(f"{path}: got a network with other layers than the run's; train again")
        y = network.predict(found.faces.x)
        score = f"{rmse_px(to_points(y), found.faces.points):.2f} px"
        loss = nn.MSELoss().forward(y, found.faces.y)
        parameters = [layer.params for layer in network.layers]
        epochs.append(Epoch(epoch, parameters, loss, score, _findings(network, found)))
    return epochs


def _findings(network: nn.Sequential, found: Studied) -> list[nn.Finding]:
    """The doctor's, without steps and decay: these are the training's."""
    return nn.diagnose(network, found.faces.x, found.faces.y).findings


def trace_of(found: Studied, batch_size: int, step: int) -> nn.Trace:
    """The trace of the `step`-th step of the network, which moves.

    Raises
        ValueError : the run does not say which optimizer trained it, or the network diverged
    """
    if found.optimizer is None:
        raise ValueError(f'{found.name}: got a run that names no optimizer, expected "sgd" or "adam"; train again')
    network, optimizer, loss = found.network, found.optimizer, nn.MSELoss()
    batches = _batches(found.faces, batch_size)
    # On copies first: it compiles what the step needs, so that the times are those of later steps.
    copied = copy.deepcopy((network, optimizer))
    nn.trace(copied[0], *next(_batches(found.faces, batch_size)), loss, copied[1])
    for _ in range(step - 1):
        x, y = next(batches)
        loss.forward(network.forward(x, training=True), y)
        network.backward(loss.backward())
        optimizer.step()
    return nn.trace(network, *next(batches), loss, optimizer)


def _batches(faces: Faces, batch_size: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The faces in their order, again and again; all of them if they are fewer than a batch."""
    place, batch_size = 0, min(batch_size, len(faces))
    while True:
        if place + batch_size > len(faces):
            place = 0
        batch = faces.select(slice(place, place + batch_size))
        yield batch.x, batch.y
        place += batch_size
