"""A network in JAX and in TensorFlow, layer by layer, from ours; all three lay out arrays alike."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
from engine_builders import SGD, Steps

import nnscratch as nn


def pooled_first(layers: list[nn.Layer]) -> list[nn.Layer]:
    """Max pooling before ReLU: the same numbers for a quarter of ReLU's work."""
    ordered = list(layers)
    for k, (layer, after) in enumerate(pairwise(layers)):
        if isinstance(layer, nn.ReLU) and isinstance(after, nn.MaxPool2D):
            ordered[k : k + 2] = after, layer
    return ordered


def unknown(layer: nn.Layer) -> ValueError:
    return ValueError(f"got {layer!r}, expected a layer that JAX and TensorFlow have here; add it to engine_graphs.py")


def parameters_of(model: nn.Sequential) -> list[tuple[np.ndarray, np.ndarray]]:
    """(weight, bias) of every layer that has them."""
    return [(layer.params["weight"], layer.params["bias"]) for layer in model.layers if layer.params]


def jax(model: nn.Sequential, x: np.ndarray, y: np.ndarray) -> Steps:
    """Compiled by jax.jit; weights and velocities are donated: a step may write into them."""
    import jax
    import jax.numpy as jnp

    layers = pooled_first(model.layers)
    lr, momentum, decay = SGD["lr"], SGD["momentum"], SGD["weight_decay"]
    images, target = jnp.asarray(x), jnp.asarray(y)

    def loss(parameters: Any, images: Any, target: Any) -> Any:
        return jnp.mean((_jax_forward(layers, parameters, images) - target) ** 2)

    @partial(jax.jit, donate_argnums=(0, 1))
    def step(parameters: Any, velocities: Any, images: Any, target: Any) -> Any:
        gradients = jax.grad(loss)(parameters, images, target)
        gradients = [(dw + decay * w, db) for (dw, db), (w, _) in zip(gradients, parameters, strict=True)]
        velocities = jax.tree.map(lambda v, g: momentum * v + g, velocities, gradients)
        return jax.tree.map(lambda w, v: w - lr * v, parameters, velocities), velocities

    parameters = [(jnp.array(weight), jnp.array(bias)) for weight, bias in parameters_of(model)]
    state = [parameters, jax.tree.map(jnp.zeros_like, parameters)]
    forward = jax.jit(lambda parameters, images: _jax_forward(layers, parameters, images))

    def train() -> None:
        state[:] = step(*state, images, target)
        jax.block_until_ready(state)

    return Steps(train, lambda: jax.block_until_ready(forward(state[0], images)))


def _jax_forward(layers: list[nn.Layer], parameters: Any, x: Any) -> Any:
    import jax
    import jax.numpy as jnp
    from jax import lax

    following: Iterator[Any] = iter(parameters)
    for layer in layers:
        if isinstance(layer, nn.Conv2D):
            weight, bias = next(following)
            padding = [(p, p) for p in layer.padding]
            axes = ("NHWC", "HWIO", "NHWC")
            x = lax.conv_general_dilated(x, weight, layer.stride, padding, dimension_numbers=axes) + bias
        elif isinstance(layer, nn.Dense):
            weight, bias = next(following)
            x = x @ weight + bias
        elif isinstance(layer, nn.MaxPool2D):
            window, stride = (1, *layer.pool_size, 1), (1, *layer.stride, 1)
            x = lax.reduce_window(x, -jnp.inf, lax.max, window, stride, "VALID")
        elif isinstance(layer, nn.ReLU):
            x = jax.nn.relu(x)
        elif isinstance(layer, nn.Flatten):
            x = x.reshape(x.shape[0], -1)
        elif isinstance(layer, nn.ContrastNormalization):
            mean, std = (f(x, axis=(1, 2, 3), keepdims=True) for f in (jnp.mean, jnp.std))
            x = (x - mean) * (layer.spread / jnp.maximum(std, layer.floor))
        else:
            raise unknown(layer)
    return x


def tensorflow(model: nn.Sequential, x: np.ndarray, y: np.ndarray, compiled: bool = False) -> Steps:
    """As a tf.function; compiled : by XLA."""
    import tensorflow as tf

    layers = pooled_first(model.layers)
    images, target = tf.constant(x), tf.constant(y)
    parameters = [(tf.Variable(weight), tf.Variable(bias)) for weight, bias in parameters_of(model)]
    flat = [array for pair in parameters for array in pair]
    velocities = [tf.Variable(tf.zeros_like(array)) for array in flat]

    @tf.function(jit_compile=compiled)  # type: ignore[untyped-decorator]
    def step(images: Any, target: Any) -> Any:
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((_tensorflow_forward(layers, parameters, images) - target) ** 2)
        for k, (array, gradient) in enumerate(zip(flat, tape.gradient(loss, flat), strict=True)):
            if k % 2 == 0:  # a weight
                gradient = gradient + SGD["weight_decay"] * array
            tf.raw_ops.ResourceApplyMomentum(
                var=array.handle, accum=velocities[k].handle, lr=SGD["lr"], grad=gradient, momentum=SGD["momentum"]
            )
        return loss

    forward = tf.function(lambda images: _tensorflow_forward(layers, parameters, images), jit_compile=compiled)
    return Steps(lambda: step(images, target).numpy(), lambda: forward(images).numpy())


def _tensorflow_forward(layers: list[nn.Layer], parameters: Any, x: Any) -> Any:
    import tensorflow as tf

    following: Iterator[Any] = iter(parameters)
    for layer in layers:
        if isinstance(layer, nn.Conv2D):
            weight, bias = next(following)
            padding = [[0, 0], *([p, p] for p in layer.padding), [0, 0]]
            x = tf.nn.bias_add(tf.nn.conv2d(x, weight, layer.stride, padding), bias)
        elif isinstance(layer, nn.Dense):
            weight, bias = next(following)
            x = tf.nn.bias_add(tf.matmul(x, weight), bias)
        elif isinstance(layer, nn.MaxPool2D):
            x = tf.nn.max_pool2d(x, layer.pool_size, layer.stride, "VALID")
        elif isinstance(layer, nn.ReLU):
            x = tf.nn.relu(x)
        elif isinstance(layer, nn.Flatten):
            x = tf.reshape(x, (x.shape[0], -1))
        elif isinstance(layer, nn.ContrastNormalization):
            mean, variance = tf.nn.moments(x, (1, 2, 3), keepdims=True)
            x = (x - mean) * (layer.spread / tf.maximum(tf.sqrt(variance), layer.floor))
        else:
            raise unknown(layer)
    return x
