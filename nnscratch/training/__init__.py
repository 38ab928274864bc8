"""The loop that turns gradients into a model that has learnt something.

trainer.py       Trainer: the loop over epochs and batches; read this first
step.py          one step: loss, gradients, clipping, optimizer
batches.py       the rows in a new order every epoch, and augmented in the background
scoring.py       the scores of an epoch
averaging.py     WeightAverage: the moving average of the weights
clipping.py      clip_gradients: long gradients shortened
stopping.py      when a training ends, and why in a sentence
best_weights.py  which weights it leaves in the model
progress.py      the clock, and the line of progress on the terminal
side_by_side.py  several small networks at a time, one per core
communicator.py  Communicator: what several processes speak through
all_ranks.py     these processes, kept on one way
fit_together.py  one fit on all of them: the sum of their gradients

What a training did, one line per epoch, is in a History (nnscratch/history.py).
"""

from nnscratch.training.averaging import WeightAverage
from nnscratch.training.clipping import clip_gradients
from nnscratch.training.communicator import Communicator
from nnscratch.training.trainer import Callback, Trainer

__all__ = ["Callback", "Communicator", "Trainer", "WeightAverage", "clip_gradients"]
