"""A training step in words and numbers: one line an operation, 80 columns wide."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from nnscratch.checks import whole_number
from nnscratch.tracing.formulas import formulas

if TYPE_CHECKING:
    from nnscratch.tracing.trace import LayerTrace, ParameterTrace, Trace


def table(trace: Trace, image: int | None = None) -> str:
    """The text of `Trace.table`."""
    pick = _picker(trace, image)
    whole = "the whole batch" if image is None else f"row {image} of the batch"
    lines = [f"forward, means and spreads over {whole}", _head("y")]
    lines.append(_line("", "input x", "", trace.x.shape, _moments(pick(trace.x)), None))
    for layer in trace.layers:
        y, _, _ = formulas(layer.layer)
        lines.append(
            _line(layer.number, _name(layer), y, layer.y.shape, _moments(pick(layer.y)), layer.forward_seconds)
        )
    lines += ["", *_loss_lines(trace), "", "backward", _head("gradient")]
    dprediction = trace.loss.dprediction
    lines.append(
        _line("", "loss", "dL/dprediction", dprediction.shape, _moments(pick(dprediction)), trace.loss.seconds)
    )
    for layer in reversed(trace.layers):
        lines += _backward_lines(layer, pick(layer.dx))
    lines += ["", f"update: {_cut(trace.optimizer, 72)}", *_update_lines(trace)]
    return "\n".join(lines)


def facts(trace: Trace) -> dict[str, Any]:
    """The dicts of `Trace.facts`."""
    loss = trace.loss
    return {
        "forward": [_forward_facts(layer) for layer in trace.layers],
        "loss": {
            "loss": repr(loss.loss),
            "value": loss.value,
            "labels": getattr(loss.loss, "labels", None),
            "without_dropout_before": loss.before,
            "without_dropout_after": loss.after,
            "milliseconds": 1e3 * loss.seconds,
        },
        "backward": [_backward_facts(layer) for layer in reversed(trace.layers)],
        "update": {
            "optimizer": trace.optimizer,
            "milliseconds": 1e3 * trace.update_seconds,
            "parameters": [
                {"layer": layer.number, **_update_facts(parameter)}
                for layer in trace.layers
                for parameter in layer.parameters.values()
            ],
        },
    }


def _picker(trace: Trace, image: int | None) -> Any:
    if image is None:
        return lambda array: array
    whole_number("Trace", "image", image, least=0)
    if image >= len(trace.x):
        raise ValueError(
            f"Trace: got image={image}, expected a row of the batch, 0 to {len(trace.x) - 1}; choose one of them"
        )
    return lambda array: array[image : image + 1]


def _head(what: str) -> str:
    return f"   {'layer':14s}{what + ' =':25s}{'shape':14s}{'mean ± spread':>17s}{'ms':>7s}"


def _line(
    number: object, name: str, formula: str, shape: tuple[int, ...], moments: tuple[float, float], seconds: float | None
) -> str:
    mean, spread = moments
    numbers = f"{_short(mean)} ± {_short(spread)}"
    milliseconds = "" if seconds is None else f"{1e3 * seconds:.2f}"[:6]
    dims = "x".join(map(str, shape))
    return f"{number!s:>2s} {_cut(name, 13):14s}{formula:25s}{dims:14s}{numbers:>17s}{milliseconds:>7s}".rstrip()


def _loss_lines(trace: Trace) -> list[str]:
    loss = trace.loss
    labels = getattr(loss.loss, "labels", None)
    counted = "" if labels is None else f", over {labels:,} of {trace.y.size:,} labels"
    moved = loss.after - loss.before
    return [
        f"loss: {_cut(repr(loss.loss), 30)} = {loss.value:.6g}{counted}",
        f"      without dropout {loss.before:.6g} before the step, {loss.after:.6g} after it ({moved:+.3g})",
    ]


def _forward_line(layer: LayerTrace, y: np.ndarray) -> str:
    formula = formulas(layer.layer)[0]
    return _line(layer.number, _name(layer), formula, layer.y.shape, _moments(y), layer.forward_seconds)


def _backward_lines(layer: LayerTrace, dx: np.ndarray) -> list[str]:
    _, formula, of_parameters = formulas(layer.layer)
    lines = [_line(layer.number, _name(layer), f"dx = {formula}", layer.dx.shape, _moments(dx), layer.backward_seconds)]
    for name, parameter in layer.parameters.items():
        text = f"d{name} = {of_parameters[name]}" if name in of_parameters else f"d{name}"
        lines.append(_line("", "", text, parameter.gradient.shape, _moments(parameter.gradient), None))
    return lines


def _update_lines(trace: Trace) -> list[str]:
    lines = [f"   {'layer':14s}{'parameter':12s}{'rms':>11s}{'gradient rms':>14s}{'step rms':>11s}{'step/rms':>12s}"]
    for layer in trace.layers:
        for parameter in layer.parameters.values():
            numbers = _update_facts(parameter)
            rms, gradient, step, ratio = (numbers[key] for key in ("rms", "gradient_rms", "step_rms", "ratio"))
            shown = "-" if ratio is None else f"{ratio:.2e}"
            name = f"{layer.number:2d} {_cut(_name(layer), 13):14s}{_cut(parameter.name, 11):12s}"
            lines.append(f"{name}{rms:11.3g}{gradient:14.3g}{step:11.3g}{shown:>12s}")
    lines.append(f"   {'in all':67s}{1e3 * trace.update_seconds:7.2f} ms")
    return lines


def _forward_facts(layer: LayerTrace) -> dict[str, Any]:
    mean, spread = _moments(layer.y)
    return {
        "number": layer.number,
        "layer": repr(layer.layer),
        "formula": formulas(layer.layer)[0],
        "x_shape": list(layer.x.shape),
        "y_shape": list(layer.y.shape),
        "mean": mean,
        "spread": spread,
        "milliseconds": 1e3 * layer.forward_seconds,
    }


def _backward_facts(layer: LayerTrace) -> dict[str, Any]:
    mean, spread = _moments(layer.dx)
    return {
        "number": layer.number,
        "layer": repr(layer.layer),
        "formula": formulas(layer.layer)[1],
        "dx_shape": list(layer.dx.shape),
        "mean": mean,
        "spread": spread,
        "milliseconds": 1e3 * layer.backward_seconds,
    }


def _update_facts(parameter: ParameterTrace) -> dict[str, Any]:
    rms, gradient, step = _rms(parameter.before), _rms(parameter.gradient), _rms(parameter.step)
    return {
        "name": parameter.name,
        "shape": list(parameter.before.shape),
        "rms": rms,
        "gradient_rms": gradient,
        "step_rms": step,
        "ratio": step / rms if rms else None,
    }


def _name(layer: LayerTrace) -> str:
    return type(layer.layer).__name__


def _moments(array: np.ndarray) -> tuple[float, float]:
    """Mean and standard deviation over all numbers; 0 and 0 of none."""
    return (float(array.mean(dtype=np.float64)), float(array.std(dtype=np.float64))) if array.size else (0.0, 0.0)


def _rms(array: np.ndarray) -> float:
    return float(np.sqrt(np.square(array, dtype=np.float64).mean())) if array.size else 0.0


def _short(value: float) -> str:
    """At most 8 characters: 0.412, -1.2e-05."""
    text = f"{value:.2g}" if value and not 0.01 <= abs(value) < 1000 else f"{value:.3g}"
    return text.replace("e-0", "e-").replace("e+0", "e+")


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"
