"""What a layer is: one file per layer, with its formula, its derivation and its code.

    dense.py                   every output is a weighted sum of every input: read this file first
    relu.py                    the bend between two weighted sums
    leaky_relu.py              the same bend, but never quite closed
    sigmoid.py                 any number becomes one between 0 and 1
    tanh.py                    a sigmoid with its middle at 0
    conv2d.py                  one small set of weights, slid over the image
    max_pool2d.py              the largest number of each window
    average_pool2d.py          the mean of each window
    flatten.py                 from maps to rows
    dropout.py                 leaves units out at random while training
    contrast_normalization.py  every picture in the same light
    base.py                    what all layers share: params, grads, and the checks of x and dy
    pool2d.py                  where the windows of both poolings lie
    gradients.py               grads: a dict of arrays, some of them computed when looked at
    first_parameters.py        the first weights, from the layer's own rng or the network's seed
    parameters.py              weight and bias, checked before a kernel gets them
    networks.py                what a layer and the network around it tell each other

A layer computes with arrays and knows no optimizer, no other layer and no stage. `nnscratch.stages`
executes several layers together, faster and with the same numbers.
"""

from nnscratch.checks import NotFiniteError
from nnscratch.layers.average_pool2d import AveragePool2D
from nnscratch.layers.base import Layer
from nnscratch.layers.contrast_normalization import ContrastNormalization
from nnscratch.layers.conv2d import Conv2D
from nnscratch.layers.dense import Dense
from nnscratch.layers.dropout import Dropout
from nnscratch.layers.flatten import Flatten
from nnscratch.layers.leaky_relu import LeakyReLU
from nnscratch.layers.max_pool2d import MaxPool2D
from nnscratch.layers.relu import ReLU
from nnscratch.layers.sigmoid import Sigmoid
from nnscratch.layers.tanh import Tanh

# The layers by the names of their classes, as files and descriptions name them.
BY_NAME: dict[str, type[Layer]] = {
    each.__name__: each
    for each in list(vars().values())
    if isinstance(each, type) and issubclass(each, Layer) and each is not Layer
}

__all__ = [
    "AveragePool2D",
    "ContrastNormalization",
    "Conv2D",
    "Dense",
    "Dropout",
    "Flatten",
    "Layer",
    "LeakyReLU",
    "MaxPool2D",
    "NotFiniteError",
    "ReLU",
    "Sigmoid",
    "Tanh",
]
