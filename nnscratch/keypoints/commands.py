"""What the face task adds to `python -m nnscratch`."""

from __future__ import annotations

from nnscratch.commands import Command


def _diagnose(arguments: list[str]) -> None:
    # Imported here: `python -m nnscratch --help` lists this command, and must not wait for it.
    from nnscratch.keypoints.scripts import diagnose

    diagnose.main(arguments)


def _trace(arguments: list[str]) -> None:
    from nnscratch.keypoints.scripts import trace

    trace.main(arguments)


def _gradcheck(arguments: list[str]) -> None:
    from nnscratch.keypoints.scripts import gradcheck

    gradcheck.main(arguments)


def _compare(arguments: list[str]) -> None:
    from nnscratch.keypoints.scripts import compare

    compare.main(arguments)


def _profile(arguments: list[str]) -> None:
    from nnscratch.keypoints.scripts import profile

    profile.main(arguments)


def _export(arguments: list[str]) -> None:
    from nnscratch.keypoints.scripts import export

    export.main(arguments)


def _compile(arguments: list[str]) -> None:
    from nnscratch.keypoints.scripts import compile_kernels

    compile_kernels.main(arguments)


COMMANDS = {
    "diagnose": Command("why the network in a run's folder does not learn, or that it does", _diagnose),
    "gradcheck": Command("every gradient against differences; what usual mistakes look like", _gradcheck),
    "trace": Command("one training step, line by line: forward, loss, backward, update", _trace),
    "compare": Command("one operation by every method: loops, im2col, fused; how fast", _compare),
    "profile": Command("a training step stage by stage: what runs, why, and how fast", _profile),
    "export": Command("the network or the cascade of a run as one ONNX graph", _export),
    "compile": Command("all kernels of the published networks, so that no first step waits", _compile),
}
