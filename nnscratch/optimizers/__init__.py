"""How a parameter moves once its gradient is known, and how the learning rate changes on the way.

    base.py       what all optimizers share: the list of parameters, in blocks for the threads
    sgd.py        SGD: with momentum, plain or Nesterov's
    adam.py       Adam: each weight with a step of its own
    schedules.py  the learning rate as a function of progress

An optimizer knows a model's parameters and gradients, and nothing of its layers.
"""

from nnscratch.optimizers import schedules
from nnscratch.optimizers.base import Optimizer
from nnscratch.optimizers.sgd import SGD, Adam

__all__ = ["SGD", "Adam", "Optimizer", "schedules"]
