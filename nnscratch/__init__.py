"""nnscratch: neural networks in NumPy, every gradient derived and written by hand.

The packages and modules, in reading order (tests/test_layout.py says which may import which):

    layers/            what a layer is: formula, derivation, code. Begin with layers/dense.py
    losses/            the first gradient of a backward pass: MSELoss, SoftmaxCrossEntropy, your own
    initializers.py    the first values of weights and biases
    model.py           Sequential: forward layer by layer, backward by the chain rule
    layer_list.py      a network as a list: its length, one layer, some of them
    gradient_check/    finite differences: the proof that every derivation is right
    optimizers/        how a parameter moves along its gradient: SGD, Adam, schedules
    training/          the loop over epochs and batches: Trainer, averaging, clipping
    learning_rate.py   a learning rate to begin with
    history.py         what a training recorded, epoch by epoch
    metric.py          a score for people beside the loss
    tracing/           one training step with every number that it computed
    diagnosis/         why a network does not learn, in words
    profiling/         where the time of a training step goes, under the machine's roof
    lessons/           exercises that a reader fills, and what checks them
    summary.py         the table of a network: shapes, cost, receptive field
    checkpoints.py     save and load a network
    sklearn/           a network as an estimator of scikit-learn
    interchange/       networks that go to other programs, and come from them

How the same numbers are computed faster:

    stages/            which layers are executed as one, in buffers that stay
    kernels/           compiled functions on arrays; kernels/loops.py is the textbook form of each

What many of them use:

    checks.py          checks of arguments, and the one style of error messages
    files/             what writes and reads files: whole or not at all, and within limits
    messages.py        one printable line of bounded length
    pages/             HTML: pages to look at, and what objects show in a notebook
    pictures.py        figures, colours, PNG files
    commands.py        how a package offers a command of `python -m nnscratch`
    command_output.py  where a program's answer goes: --json, --quiet
    installation/      what is installed here, and on which machine, for a report of a bug
    __main__.py        finds and runs these commands

On top of it all: keypoints/, the face task. Nothing above imports it.
"""

from nnscratch import initializers
from nnscratch.checkpoints import load, save
from nnscratch.diagnosis import Diagnosis, Finding, diagnose, signal_profile
from nnscratch.gradient_check import gradient_check
from nnscratch.history import History, Outcome
from nnscratch.interchange import export_onnx, import_onnx, load_state_dict, state_dict
from nnscratch.kernels.threads import get_threads, set_threads
from nnscratch.layers import (
    AveragePool2D,
    ContrastNormalization,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    Layer,
    LeakyReLU,
    MaxPool2D,
    NotFiniteError,
    ReLU,
    Sigmoid,
    Tanh,
)
from nnscratch.learning_rate import LearningRateSearch, find_learning_rate
from nnscratch.losses import Loss, MSELoss, SoftmaxCrossEntropy, SumOfLosses
from nnscratch.metric import Metric
from nnscratch.model import Sequential
from nnscratch.optimizers import SGD, Adam, schedules
from nnscratch.profiling import Profile, profile
from nnscratch.tracing import Trace, trace
from nnscratch.training import Callback, Rows, Stream, Trainer, WeightAverage, as_rows, clip_gradients

__version__ = "0.1.0"

__all__ = [
    "SGD",
    "Adam",
    "AveragePool2D",
    "Callback",
    "ContrastNormalization",
    "Conv2D",
    "Dense",
    "Diagnosis",
    "Dropout",
    "Finding",
    "Flatten",
    "History",
    "Layer",
    "LeakyReLU",
    "LearningRateSearch",
    "Loss",
    "MSELoss",
    "MaxPool2D",
    "Metric",
    "NotFiniteError",
    "Outcome",
    "Profile",
    "ReLU",
    "Rows",
    "Sequential",
    "Sigmoid",
    "SoftmaxCrossEntropy",
    "Stream",
    "SumOfLosses",
    "Tanh",
    "Trace",
    "Trainer",
    "WeightAverage",
    "as_rows",
    "clip_gradients",
    "diagnose",
    "export_onnx",
    "find_learning_rate",
    "get_threads",
    "gradient_check",
    "import_onnx",
    "initializers",
    "load",
    "load_state_dict",
    "profile",
    "save",
    "schedules",
    "set_threads",
    "signal_profile",
    "state_dict",
    "trace",
]
