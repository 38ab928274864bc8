"""What max pooling and average pooling share: where their windows lie."""

from __future__ import annotations

from typing import Any

from nnscratch.checks import pair, short_pair
from nnscratch.kernels.layerwise.im2col import output_size
from nnscratch.layers.base import Layer, check_window


class Pool2D(Layer):
    """One number for each window of an image, channel by channel; a subclass says which.

    Arguments, shapes : as `MaxPool2D` describes them

    >>> class Corner(Pool2D):
    ...     pass
    >>> Corner(3, stride=2).output_shape((7, 9, 4)), Corner(2)
    ((3, 4, 4), Corner(2))
    """

    pool_size: tuple[int, int]  # this and the next are (height, width)
    stride: tuple[int, int]

    def __init__(self, pool_size: int | tuple[int, int], stride: int | tuple[int, int] | None = None) -> None:
        super().__init__()
        self.pool_size, self.stride = pool_size, pool_size if stride is None else stride  # type: ignore[assignment]
        self.check_sizes()

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        self.check_window(input_shape)
        height, width, channels = input_shape
        (pool_h, pool_w), (stride_h, stride_w) = self.pool_size, self.stride
        return output_size(height, pool_h, stride_h), output_size(width, pool_w, stride_w), channels

    def check_sizes(self) -> None:
        name = type(self).__name__
        self.pool_size, self.stride = pair(name, "pool_size", self.pool_size), pair(name, "stride", self.stride)

    def check_window(self, input_shape: tuple[int, ...]) -> None:
        """Stops images, (H, W, C), that are smaller than a window; ValueError."""
        check_window(self, input_shape, self.pool_size, fix="use larger images or fewer pooling layers")

    @property
    def window(self) -> tuple[int, int]:
        return self.pool_size[0], self.stride[0]

    def config(self) -> dict[str, Any]:
        side_by_side = self.stride == self.pool_size
        return {
            "pool_size": short_pair(self.pool_size),
            "stride": None if side_by_side else short_pair(self.stride),
        }
