"""What a layer is: one file each, written to be read. Start with dense, relu, then conv2d, max_pool2d, dropout."""

from nnscratch.checks import NotFiniteError
from nnscratch.layers.base import Layer
from nnscratch.layers.contrast_normalization import ContrastNormalization
from nnscratch.layers.conv2d import Conv2D
from nnscratch.layers.dense import Dense
from nnscratch.layers.dropout import Dropout
from nnscratch.layers.flatten import Flatten
from nnscratch.layers.max_pool2d import MaxPool2D
from nnscratch.layers.relu import ReLU

__all__ = [
    "ContrastNormalization",
    "Conv2D",
    "Dense",
    "Dropout",
    "Flatten",
    "Layer",
    "MaxPool2D",
    "NotFiniteError",
    "ReLU",
]
