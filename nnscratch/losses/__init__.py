"""Losses: one number for how wrong a prediction is, and the first gradient of a backward pass.

    base.py                   Loss: what a loss is, and how to write one
    mean_squared_error.py     MSELoss: for numbers such as coordinates; read this one first
    softmax_cross_entropy.py  SoftmaxCrossEntropy: which of several classes is it?
    sum_of_losses.py          SumOfLosses: several at once, each of its columns

A loss owns the division by the number of examples; layers only add up.
"""

from nnscratch.losses.base import Loss, labels_in, labels_of, takes_sample_weight
from nnscratch.losses.mean_squared_error import MSELoss, labelled_mean
from nnscratch.losses.softmax_cross_entropy import SoftmaxCrossEntropy, softmax
from nnscratch.losses.sum_of_losses import SumOfLosses, counts_of_terms, of_part

__all__ = [
    "Loss",
    "MSELoss",
    "SoftmaxCrossEntropy",
    "SumOfLosses",
    "counts_of_terms",
    "labelled_mean",
    "labels_in",
    "labels_of",
    "of_part",
    "softmax",
    "takes_sample_weight",
]
