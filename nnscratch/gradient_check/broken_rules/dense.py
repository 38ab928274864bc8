"""Mistakes in the backward pass of a dense layer, each beside the right line."""

from __future__ import annotations

import numpy as np

from nnscratch.layers import Dense


class WrongSign(Dense):
    """dweight = -xᵀ dy: every step goes uphill."""

    def backward_parameters(self, dy: np.ndarray) -> None:
        x = self.take("x")
        self.grads["weight"] = -x.T @ dy  # right: x.T @ dy
        self.grads["bias"] = dy.sum(axis=0)


class TransposedWeight(Dense):
    """dx = dy weight. The shapes fit, because the weight is square."""

    def backward(self, dy: np.ndarray) -> np.ndarray:
        self.backward_parameters(dy)
        return dy @ self.params["weight"]  # right: dy @ weight.T


class DividedTwice(Dense):
    """Gradients are divided by the rows N. The loss has done that."""

    def backward_parameters(self, dy: np.ndarray) -> None:
        x = self.take("x")
        self.grads["weight"] = x.T @ dy / len(dy)  # right: x.T @ dy
        self.grads["bias"] = dy.sum(axis=0) / len(dy)  # right: likewise


class AccumulatedGradients(Dense):
    """Gradients are added to those of the step before."""

    def backward_parameters(self, dy: np.ndarray) -> None:
        x = self.take("x")
        # right: without self.grads.get(...)
        self.grads["weight"] = self.grads.get("weight", 0) + x.T @ dy
        self.grads["bias"] = self.grads.get("bias", 0) + dy.sum(axis=0)
