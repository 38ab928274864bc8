"""The loop that turns gradients into a model that has learnt something.

trainer.py       Trainer: the loop over epochs and batches; read this first
batches.py       the rows in a new order every epoch
prefetch.py      the next batch, augmented while the model trains on this one
scoring.py       the scores of an epoch
averaging.py     the moving average of the weights
clipping.py      long gradients shortened
history.py       what a training did, one line per epoch
stopping.py      when a training ends, and why in a sentence
progress.py      the clock and the line of progress
side_by_side.py  several small networks at a time, one per core
"""

from nnscratch.training.averaging import WeightAverage
from nnscratch.training.clipping import clip_gradients
from nnscratch.training.trainer import Callback, Trainer

__all__ = ["Callback", "Trainer", "WeightAverage", "clip_gradients"]
