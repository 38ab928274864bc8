"""A training step, stage by stage: what runs, why, how long, how far from the machine's roof."""

from __future__ import annotations

import copy
import statistics
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from nnscratch.checks import check_array, check_rows, whole_number
from nnscratch.kernels.choice import Chosen
from nnscratch.losses import Loss, MSELoss
from nnscratch.pages.notebook import text_view
from nnscratch.profiling import table
from nnscratch.profiling.cost import Count, StageCount, bound, count_stages, count_update
from nnscratch.profiling.roof import Roof
from nnscratch.profiling.roof import roof as measured_roof
from nnscratch.profiling.steps import Step, Times, in_turn, mean_of_middle_half, middle_half
from nnscratch.stages import Stage

if TYPE_CHECKING:
    from nnscratch.model import Sequential
    from nnscratch.optimizers.base import Optimizer


@dataclass(frozen=True)
class ProfileRow:
    """One line of a profile: a pass of a stage, the loss, the update, or what is between.

    part    : the layers that run together, as "Conv2D+ReLU+MaxPool2D"; loss, update, checks
    work    : "forward", "backward", "both" or "step"
    stage   : the class that runs them; "" for what is no stage
    layers  : their places in model.layers
    because : why these layers run together
    kernels : what was chosen for this pass, and why (kernels/choice.py)
    milliseconds
    gflops  : 1e9 operations per second; None where no operation is counted
    gigabytes_per_second : counted bytes (profiling/cost.py); None where none is counted
    share_of_roof : 1 is what the machine can do at most
    bound   : "compute", "memory" or "overhead"
    kept    : bytes of the stage's buffers, or that its layer keeps for backward; in its forward row
    """

    part: str
    work: str
    stage: str
    layers: tuple[int, ...]
    because: str
    kernels: tuple[Chosen, ...]
    milliseconds: float
    gflops: float | None
    gigabytes_per_second: float | None
    share_of_roof: float
    bound: str
    kept: int


@dataclass(frozen=True)
class Profile:
    """What `profile` measured; print it.

    rows  : in the order of a step; backward stands behind forward
    total : milliseconds, the sum of the rows
    clock : milliseconds of a step without clocks inside, measured in turn with the others
    batch : rows of x
    steps : how many steps of each kind were measured
    roof  : the machine's, of the threads that kernels use
    operations : of a step, as the plain formula has them (profiling/cost.py)
    in_one_call : whether steps without clocks run in one call, as few rows do; stage by stage they
        take longer
    """

    rows: tuple[ProfileRow, ...]
    total: float
    clock: float
    batch: int
    steps: int
    roof: Roof
    operations: int
    in_one_call: bool = False

    @property
    def gflops(self) -> float:
        """1e9 operations per second of a step by the clock."""
        return self.operations / self.clock / 1e6

    @property
    def share_of_multiply_adds(self) -> float:
        """`gflops` of those that multiply-adds in registers reach; 1 is what the machine can do."""
        return self.gflops / self.roof.gflops

    def __str__(self) -> str:
        return table.profile_table(self)

    def _repr_html_(self) -> str:
        return text_view("Profile of a training step", str(self))

    def as_dict(self) -> dict[str, Any]:
        """The same facts as names, numbers and lists, for JSON."""
        rows = [
            asdict(row) | {"kernels": [kernel._asdict() for kernel in row.kernels], "layers": list(row.layers)}
            for row in self.rows
        ]
        shares = {"gflops": self.gflops, "share_of_multiply_adds": self.share_of_multiply_adds}
        return asdict(self) | {"rows": rows, **shares}


def profile(
    model: Sequential,
    x: np.ndarray,
    y: np.ndarray,
    loss: Loss | None = None,
    optimizer: Optimizer | None = None,
    *,
    steps: int | None = None,
    roof: Roof | None = None,
) -> Profile:
    """Takes the time of a training step of a copy, stage by stage; the original stays as it was.

    Steps with clocks around each stage and steps without take turns, on one batch, with a learning
    rate of 0: so each step is the same step. A time is the mean over the middle half of the steps,
    by their length.

    Arguments
        model : a Sequential, fused or not
        x, y : (N, ...) a batch, as it is trained on; NaN in y where a label is missing
        loss : None means MSELoss()
        optimizer : of this model; None means SGD(model, lr=0.01, momentum=0.9)
        steps : of each kind, at least 4; None: what fits into two seconds, from 10 to 200
        roof : None measures it, once per process, in half a second

    Returns
        Profile; `print(profile(...))` gives a table and, below, which kernel was chosen and why

    Raises
        ValueError : no rows, lengths that differ, shapes that do not fit, too few steps, an
            optimizer of another model
        NotFiniteError : NaN or infinity in the model, in x or in between

    Source of the roof: Williams, Waterman & Patterson, "Roofline" (2009).

    >>> import nnscratch as nn
    >>> model = nn.Sequential(nn.Dense(8, 16, rng=0), nn.ReLU(), nn.Dense(16, 2, rng=0))
    >>> x, y = np.ones((4, 8), np.float32), np.ones((4, 2), np.float32)
    >>> from nnscratch.profiling.roof import Roof
    >>> result = profile(model, x, y, steps=4, roof=Roof(100, 10, threads=1))
    >>> [(row.part, row.work) for row in result.rows][:3]
    [('Dense+ReLU', 'forward'), ('Dense+ReLU', 'backward'), ('Dense', 'forward')]
    >>> result.rows[1].kernels[0][:2]
    ('dweight', 'products/gemm.py, tiles')
    """
    _check(model, x, y, optimizer)
    steps = None if steps is None else whole_number("profile", "steps", steps, least=4)
    model, loss, optimizer = copy.deepcopy((model, loss, optimizer))
    step = Step(model, np.ascontiguousarray(x), y, loss or MSELoss(), optimizer or _usual_optimizer(model))
    step.warm_up()
    clocked, plain = in_turn(step, steps)
    roof = roof or measured_roof(x.dtype)
    times = mean_of_middle_half(clocked)
    counts = count_stages(step.stages, step.x.shape, step.x.itemsize)
    rows = _rows(step, counts, times, roof)
    clock = statistics.fmean(middle_half(plain))
    operations = sum(count.forward.operations + count.backward.operations for count in counts)
    total, in_one_call = sum(row.milliseconds for row in rows), model.runs_in_one_call(step.x.shape, training=True)
    return Profile(tuple(rows), total, clock, len(x), len(plain), roof, operations, in_one_call)


def _usual_optimizer(model: Sequential) -> Optimizer:
    from nnscratch.optimizers import SGD

    return SGD(model, lr=0.01, momentum=0.9)


def _check(model: Sequential, x: np.ndarray, y: np.ndarray, optimizer: Optimizer | None) -> None:
    check_array("profile", "x", x)
    check_array("profile", "y", y)
    check_rows("profile", x, y)
    if optimizer is not None:
        optimizer.check_trains(model, "profile")


def _rows(step: Step, counts: list[StageCount], times: Times, roof: Roof) -> list[ProfileRow]:
    rows, first = [], 0
    for stage, count, kept in zip(step.stages, counts, step.kept, strict=True):
        rows += _rows_of_stage(stage, first, count, kept, times, roof, step.x.dtype)
        first += len(stage.layers)
    loss, optimizer, size = step.loss, step.optimizer, step.loss_kept
    means = sum(mean.nbytes for mean in optimizer.state()["means"])
    others = [
        ("loss", "both", f"loss ({type(loss).__name__})", Count(0, 3 * size), size),
        ("update", "step", f"update ({type(optimizer).__name__})", count_update(optimizer), means),
        ("checks", "both", "checks, copies of y", Count(0, 0), 0),
    ]
    for part, work, shown, moved, kept in others:
        rows.append(_row(shown, work, "", (), "", (), times[part, work], moved, kept, roof))
    return rows


def _rows_of_stage(
    stage: Stage, first: int, count: StageCount, kept: int, times: Times, roof: Roof,
    dtype: np.dtype[Any],
) -> list[ProfileRow]:  # fmt: skip
    places = tuple(range(first, first + len(stage.layers)))
    chosen = stage.kernels(count.x_shape, dtype, bool(count.input_gradient))
    rows = []
    for work, done in (("forward", count.forward), ("backward", count.backward)):
        if (stage, work) in times:
            kernels = tuple(kernel for kernel in chosen if (kernel.work == "forward") == (work == "forward"))
            rows.append(
                _row(together(stage), work, type(stage).__name__, places, stage.because, kernels, times[stage, work],
                     done, kept if work == "forward" else 0, roof)
            )  # fmt: skip
    return rows


def together(stage: Stage) -> str:
    """The layers of a stage in short: "Conv2D+ReLU+MaxPool2D x4" for four such triples."""
    names = [type(layer).__name__ for layer in stage.layers]
    for size in range(1, len(names)):
        if len(names) % size == 0 and names == names[:size] * (len(names) // size):
            return f"{'+'.join(names[:size])} x{len(names) // size}"
    return "+".join(names)


def _row(
    part: str, work: str, stage: str, layers: tuple[int, ...], because: str, kernels: tuple[Chosen, ...],
    milliseconds: float, count: Count, kept: int, roof: Roof,
) -> ProfileRow:  # fmt: skip
    milliseconds = max(milliseconds, 1e-6)  # a clock's least step, for the divisions
    share, bounded_by = bound(count, milliseconds, roof)
    gflops = count.operations / milliseconds / 1e6 if count.operations else None
    moved = count.moved / milliseconds / 1e6 if count.moved else None
    return ProfileRow(
        part, work, stage, layers, because, kernels, milliseconds, gflops, moved, share, bounded_by, kept
    )  # fmt: skip
