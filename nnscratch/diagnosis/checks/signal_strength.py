"""What goes through the layers: units that are alike, saturated or dead, signals and gradients that fade or explode."""

from __future__ import annotations

from collections.abc import Iterator

from nnscratch.diagnosis.case import Case, Finding
from nnscratch.diagnosis.checks.saturated_by_bias import dropout
from nnscratch.diagnosis.signals import LayerSignals
from nnscratch.diagnosis.thresholds import (
    DEAD,
    DEAD_AND_STUCK,
    EXPLODED,
    EXPLODED_GRADIENT,
    FADES_PER_LAYER,
    SMALL,
    TWINS,
    VANISHED,
    VANISHED_GRADIENT,
)


def units(case: Case) -> Iterator[Finding]:
    for layer in case.signals.layers:
        if not layer.is_last and layer.twins >= TWINS:
            yield Finding(
                "identical_units",
                layer.index,
                {"twins": layer.twins, "weight_rms": layer.weight_rms},
                f"{layer.twins:.0%} of the units of {layer.name} have the same weights as another one. They "
                "compute the same; where the next layer treats them alike too, they get one gradient and stay alike.",
                "Draw the weights at random: glorot_uniform or he_normal; constants are for biases.",
            )
            return


def forward(case: Case) -> Iterator[Finding]:
    s = case.signals
    hidden = [layer for layer in s.layers if not layer.is_last]
    spread = max(s.x_spread, 1e-30)
    for depth, layer in enumerate(s.layers, 1):
        if case.is_blank and layer.is_last:
            break
        kept = max(layer.z_spread / spread, 1e-30)
        if kept < VANISHED and kept ** (-1 / depth) > FADES_PER_LAYER:
            yield Finding(
                "vanishing_signal",
                layer.index,
                {"share_of_input_spread": kept, "weight_rms": layer.weight_rms, "glorot_rms": layer.initial_rms},
                f"What differs between the images fades by {kept ** (-1 / depth):.0f} times a layer: after "
                f"{layer.name} {kept:.1g} of it is left. The layers behind see the same whatever the image.",
                "Draw the weights with glorot_uniform or he_normal; they grow with fewer inputs, 0.01 does not.",
            )
            break
    for layer in s.layers:
        if layer.z_rms > EXPLODED * max(s.x_rms, SMALL):
            yield Finding(
                "exploding_signal",
                layer.index,
                {"z_rms": layer.z_rms, "x_rms": s.x_rms, "weight_rms": layer.weight_rms},
                f"The outputs of {layer.name} are {layer.z_rms / s.x_rms:.3g} times as large as the input: every layer "
                "makes the numbers larger, and the squared error and its gradient larger still.",
                "Draw the weights with he_normal or glorot_uniform: their size falls with the number of inputs."
                + (" If training made them large, lower the learning rate." if case.trained else ""),
            )
            break
    yield from _dead(case, hidden)


def _dead(case: Case, hidden: list[LayerSignals]) -> Iterator[Finding]:
    border = DEAD_AND_STUCK if case.is_stuck else DEAD
    dead = [layer for layer in hidden if layer.never_active >= border]
    if not dead:
        return
    worst = max(dead, key=lambda layer: layer.never_active)
    bias_init = getattr(case.layers[worst.index], "bias_init", "")
    began = f" Its biases began as {bias_init}." if bias_init not in ("", "constant(0.0)") else ""
    yield Finding(
        "dead_units",
        worst.index,
        {"never_active": worst.never_active, "layers": float(len(dead))},
        f"{worst.never_active:.0%} of the units of {worst.name} are 0 for every image. A ReLU that is always off "
        f"passes no gradient, so these units never come back.{began}{dropout(case, worst.index)}",
        "Make the network anew with hidden biases of 0 and a lower learning rate; go easy on dropout.",
    )


def backward(case: Case) -> Iterator[Finding]:
    layers = case.signals.layers
    if len(layers) < 2 or not layers[-1].dz_norm > 0 or case.is_blank:
        return
    ratio = layers[0].dz_norm / layers[-1].dz_norm
    if ratio < VANISHED_GRADIENT or ratio > EXPLODED_GRADIENT:
        small = ratio < VANISHED_GRADIENT
        yield Finding(
            "vanishing_gradient" if small else "exploding_gradient",
            layers[0].index,
            {"first_to_last": ratio},
            f"On its way back from the last layer to {layers[0].name} the gradient becomes {ratio:.1g} times as large: "
            + ("the first layers do not learn." if small else "no learning rate is right for both ends."),
            "Draw the weights with he_normal or glorot_uniform" + (", or use fewer layers." if small else "."),
        )
