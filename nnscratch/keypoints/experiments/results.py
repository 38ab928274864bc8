"""What comes out of an experiment: the types of a result, and the JSON file in which it is kept.

Results are plain dictionaries, for they go into files; the types say which keys there are. An epoch
is a string in a file that was read, and an int before.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any, NotRequired, TypedDict, cast

from nnscratch.files import atomic, json_files
from nnscratch.files.json_files import Record
from nnscratch.history import Outcome

_MOST_BYTES = 1 << 24
_MOST = 1e300  # of any number in a result


class Curve(TypedDict):
    """Columns of equal length, one value per epoch; None is a value that was not finite."""

    epoch: list[int]
    loss: list[float | None]
    validation_loss: list[float | None]
    rmse_px: list[float | None]
    spread_px: list[float | None]


class LayerProbe(TypedDict):
    """One layer with weights at one moment.

    spread, mean   : of its outputs z on the validation pictures (`diagnosis/spread.py`)
    weight         : root mean square of its weights
    decay_gradient : weight decay times that: what L2 adds to the gradient
    gradient, gradient_noise : root mean squares over the weights: of the data gradient's mean over
        the batches of an epoch, and of the batches' deviations from it; with dropout as in training
    active, never, always : of the ReLU behind it: the share of values above 0, of units above 0 for
        no picture, and of units above 0 for every picture
    constant       : after the ReLU of a dense layer, the share of the mean square that is the same
        for every picture
    """

    spread: float
    mean: float
    weight: float
    decay_gradient: float
    gradient: NotRequired[float]
    gradient_noise: NotRequired[float]
    active: NotRequired[float]
    never: NotRequired[float]
    always: NotRequired[float]
    constant: NotRequired[float]


class Probe(TypedDict):
    """A network at one moment of its training.

    layers   : "16 Dense" (place and class) -> the layer
    noise_px : standard deviation of the outputs over dropout masks, for one and the same picture,
        px
    """

    layers: dict[str, LayerProbe]
    noise_px: float


class Result(TypedDict, total=False):
    """One run of one experiment.

    rmse_px, mean_face_rmse_px, ratio : on the validation rows, px, px and their quotient
    spread_px  : how much the outputs differ from picture to picture, px; None without a network for
        points
    per_point  : point -> RMSE px
    active     : layer -> share of its values above 0, over units and pictures, for each ReLU
    alive      : layer -> share of its units that are above 0 for at least one picture; a
        convolution's unit is a map
    history    : the curve
    probes     : epoch -> probe, where the experiment has `probe_epochs`
    outcome    : name of an `Outcome`
    stopped    : the same in a sentence
    parameters : their number
    seconds    : of the whole run
    extra      : what only this kind of experiment has
    """

    rmse_px: float
    mean_face_rmse_px: float
    ratio: float
    spread_px: float | None
    per_point: dict[str, float | None]
    active: dict[str, float]
    alive: dict[str, float]
    history: Curve
    probes: dict[int, Probe]
    outcome: str
    stopped: str
    parameters: int
    seconds: float
    extra: dict[str, Any]


def write(path: Path, made_from: dict[str, object], result: Result) -> None:
    """Keeps a result and everything that decided it as JSON, whole or not at all.

    Raises
        OSError : the folder is missing or cannot be written
    """
    document = {"made_from": made_from, "result": result}
    atomic.write_text(path, json.dumps(plain(document), allow_nan=False) + "\n")


def read(path: Path, made_from: dict[str, object]) -> Result | None:
    """The result in `path` if it was made from exactly this; None if it was not, is missing or is
    damaged.
    """
    try:
        document = Record(json_files.read(path, at_most=_MOST_BYTES))
        if document.fields.get("made_from") != plain(made_from):
            return None
        result = _of_today(document.record("result").fields)
        _check_types(Record(result))
        return result
    except (OSError, ValueError):
        return None


def _check_types(result: Record) -> None:
    """Raises ValueError if a field is not what `Result` says."""
    for name in ("rmse_px", "mean_face_rmse_px", "ratio", "spread_px", "parameters", "seconds"):
        result.number(name, 0, least=-_MOST, most=_MOST)
    for name in ("outcome", "stopped"):
        result.text(name, "", among=[*Outcome.__members__] if name == "outcome" else None)
    for name in {"per_point", "active", "alive", "history", "probes", "extra"} & result.fields.keys():
        table = result.record(name)
        for key in table.fields:
            if name in ("per_point", "active", "alive"):
                table.number(key, 0, least=-_MOST, most=_MOST)
            elif name == "history":
                if not all(isinstance(value, int | float | None) for value in table.items(key, most=100_000)):
                    raise ValueError(f"its history has a {key} that is no number")
            elif name == "probes":
                _check_probe(key, table.record(key))


def _check_probe(epoch: str, probe: Record) -> None:
    if not epoch.isdecimal():
        raise ValueError(f"its probes have the epoch {epoch[:40]!r}")
    probe.number("noise_px", 0, least=-_MOST, most=_MOST)
    layers = probe.record("layers")
    for name in layers.fields:
        layer = layers.record(name)
        for key in layer.fields:
            layer.number(key, 0, least=-_MOST, most=_MOST)


def _of_today(result: dict[str, Any]) -> Result:
    """A result under the names of today. Files of earlier versions say "inside", and the outcome in
    words alone.
    """
    if "inside" in result:
        result["probes"] = result.pop("inside")
    if "outcome" not in result and "stopped" in result:
        done = str(result["stopped"]).startswith("all")
        result["outcome"] = (Outcome.ALL_EPOCHS if done else Outcome.DIVERGED).name
    return cast(Result, result)


def plain(value: Any) -> Any:
    """`value` as JSON can have it: NaN and infinity become null, tuples lists, keys strings.

    >>> plain({1: (0.5, float("nan"))})
    {'1': [0.5, None]}
    """
    if isinstance(value, dict):
        return {str(name): plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
