"""nnscratch: neural networks in NumPy, every gradient derived and written by hand."""

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
