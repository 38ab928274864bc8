"""nnscratch: neural networks in NumPy, every gradient derived and written by hand.

The packages and modules, in reading order; each depends on those above it, and on kernels:

    layers/            what a layer is: formula, derivation, code. Begin with layers/dense.py
    losses.py          MSELoss: the first gradient of a backward pass
    initializers.py    the first values of weights and biases
    model.py           Sequential: forward layer by layer, backward by the chain rule
    gradient_check.py  finite differences: the proof that every derivation is right
    optimizers/        how a parameter moves along its gradient: SGD, Adam, schedules
    training/          the loop over epochs and batches: Trainer, averaging, clipping
    history.py         what a training recorded, epoch by epoch
    diagnosis/         why a network does not learn, in words
    summary.py         the table of a network: shapes, cost, receptive field
    checkpoints.py     save and load a network

How it gets fast, behind the layers' backs:

    stages/            which layers are executed as one, in buffers that stay
    kernels/           compiled functions on arrays; kernels/loops.py is the textbook form of each

What all of them use: checks.py (of arguments), array_files.py and atomic.py (files), pictures.py.

On top of it: keypoints/, the face task. Nothing above imports it.
"""

from nnscratch import initializers
from nnscratch.checkpoints import load, save
from nnscratch.diagnosis import Diagnosis, Finding, diagnose, signal_profile
from nnscratch.gradient_check import gradient_check
from nnscratch.history import History, Metric, Outcome
from nnscratch.kernels.threads import get_threads, set_threads
from nnscratch.layers import (
    ContrastNormalization,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    Layer,
    MaxPool2D,
    NotFiniteError,
    ReLU,
)
from nnscratch.losses import MSELoss
from nnscratch.model import Sequential
from nnscratch.optimizers import SGD, Adam, schedules
from nnscratch.training import Trainer, WeightAverage, clip_gradients

__version__ = "0.1.0"

__all__ = [
    "SGD",
    "Adam",
    "ContrastNormalization",
    "Conv2D",
    "Dense",
    "Diagnosis",
    "Dropout",
    "Finding",
    "Flatten",
    "History",
    "Layer",
    "MSELoss",
    "MaxPool2D",
    "Metric",
    "NotFiniteError",
    "Outcome",
    "ReLU",
    "Sequential",
    "Trainer",
    "WeightAverage",
    "clip_gradients",
    "diagnose",
    "get_threads",
    "gradient_check",
    "initializers",
    "load",
    "save",
    "schedules",
    "set_threads",
    "signal_profile",
]
