"""A signal that fades or explodes on its way forward through the layers."""

from __future__ import annotations

from collections.abc import Iterator

from nnscratch.diagnosis.case import Case
from nnscratch.diagnosis.fading import SMALL_WEIGHTS, fades_by_bias, remedy_for_sigmoids, treatments_of_sigmoids
from nnscratch.diagnosis.finding import Finding
from nnscratch.diagnosis.thresholds import VANISHED
from nnscratch.diagnosis.treatments import change_lr, draw

# Loss of spread per layer: Glorot's weights lose a factor of 1.2 to 3, and N(0, 0.01^2) in the
# report's networks a factor of 10 to 30.
FADES_PER_LAYER = 8.0


def check(case: Case) -> Iterator[Finding]:
    if not case.signals.not_finite:
        yield from _vanishing(case)
        yield from _exploding(case)


def _vanishing(case: Case) -> Iterator[Finding]:
    spread = max(case.signals.x_spread, 1e-30)
    if fades_by_bias(case):
        return
    for depth, layer in enumerate(case.signals.layers, 1):
        if layer.is_last and case.last_weights_are_blank:
            return
        kept = max(layer.z_spread / spread, 1e-30)
        fades = kept ** (-1 / depth)
        if kept < VANISHED and fades > FADES_PER_LAYER:
            if _ends_in_dead_units(case, depth):
                return
            yield Finding(
                "vanishing_signal",
                layer.index,
                {"share_of_input_spread": kept, "weight_rms": layer.weight_rms, "glorot_rms": layer.initial_rms},
                f"What differs between the images becomes {fades:.0f} times smaller per layer: after "
                f"{layer.name}, {kept:.1g} of it is left. The layers behind see the same whatever the image.",
                remedy_for_sigmoids(case)
                or "Draw the weights with glorot_uniform or he_normal: fewer inputs get larger weights, which a fixed "
                "size such as 0.01 does not give them.",
                treatments=(*treatments_of_sigmoids(case), draw("glorot_uniform"), draw("he_normal")),
            )
            return


def _ends_in_dead_units(case: Case, depth: int) -> bool:
    """Whether no weights fade the signal, but a layer whose units are all off: see dead_units."""
    before = case.signals.layers[:depth]
    small = any(layer.weight_rms < SMALL_WEIGHTS * layer.initial_rms for layer in before)
    return not small and any(layer.never_active >= case.dead_share for layer in before[:-1])


def _exploding(case: Case) -> Iterator[Finding]:
    layer, x_rms = case.exploding_layer, case.signals.x_rms
    if layer is not None:
        times = layer.z_rms / max(x_rms, 1e-30)
        yield Finding(
            "exploding_signal",
            layer.index,
            {"z_rms": layer.z_rms, "x_rms": x_rms, "weight_rms": layer.weight_rms},
            f"The outputs of {layer.name} are {times:.3g} times as large as the input: every layer "
            "makes the numbers larger, and the squared error and its gradient larger still.",
            "Draw the weights with he_normal or glorot_uniform: more inputs get smaller weights."
            + (" If training made them large, lower the learning rate." if case.trained else ""),
            treatments=(draw("he_normal"), *((change_lr(0.1, case.largest_lr),) if case.largest_lr > 0 else ())),
        )
