"""How a parameter moves once its gradient is known, and how the learning rate changes on the way.

    sgd.py        SGD, with momentum, plain or Nesterov's
    adam.py       Adam: each weight with a step of its own
    base.py       what both share: the list of parameters, and a step over them
    one_pass.py   how a step runs: in one call for all arrays where that can be
    parameters.py the parameters of a model, and what may become of them
    schedules.py  the learning rate as a function of progress

An optimizer knows the arrays in a model's layers, `params` and `grads`, not what a layer computes.
"""

from nnscratch.optimizers import schedules
from nnscratch.optimizers.adam import Adam
from nnscratch.optimizers.base import Optimizer
from nnscratch.optimizers.sgd import SGD

__all__ = ["SGD", "Adam", "Optimizer", "schedules"]
