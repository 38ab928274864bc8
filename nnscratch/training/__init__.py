"""The loop that turns gradients into a model that has learnt something.

trainer.py       Trainer: the loop over epochs and batches; read this first
epoch.py         one epoch: a step with each batch, as the schedules say (following.py)
step.py          one step: loss, gradients, clipping, optimizer
data.py          what `fit` is given: arrays, rows, or a stream
    rows.py          Rows: read and converted batch by batch, in any order
    stream.py        Stream: batches one after another, such as from a generator
    loaded.py        what such batches must be
    conversion.py    as_rows: tables and arrays of any numbers, converted once
batches.py       the rows in a new order every epoch, and augmented in the background
callbacks.py     Callback: the user's own code at four moments of it
scoring.py       the scores of an epoch
averaging.py     WeightAverage: the moving average of the weights
accumulation.py  the gradients of several batches as one
clipping.py      clip_gradients: long gradients shortened
stopping.py      when a training ends, and why in a sentence
best_weights.py  which weights it leaves in the model
continuing.py    a fit that goes on from an earlier one's history
progress.py      the clock, and the line of progress on the terminal
    notebooks.py     the bar that a notebook can show
side_by_side.py  several small networks at a time, one per core
communicator.py  Communicator: what several processes speak through
all_ranks.py     these processes, kept on one way
fit_together.py  one fit on all of them: the sum of their gradients

What a training did, one line per epoch, is in a History (nnscratch/history.py).
"""

from nnscratch.training.averaging import WeightAverage
from nnscratch.training.callbacks import Callback, StepDone
from nnscratch.training.clipping import clip_gradients
from nnscratch.training.communicator import Communicator
from nnscratch.training.conversion import as_rows
from nnscratch.training.rows import RandomAccess, Rows
from nnscratch.training.stream import Stream
from nnscratch.training.trainer import Trainer

__all__ = [
    "Callback",
    "Communicator",
    "RandomAccess",
    "Rows",
    "StepDone",
    "Stream",
    "Trainer",
    "WeightAverage",
    "as_rows",
    "clip_gradients",
]
