"""Convolution + ReLU + 2x2 pooling for any number of channels: a vector = 16 channels of one pixel.

forward.py           pads images, and hands out blocks of pooled rows
direct.py            pooled rows by the sums as they stand
forward_tiles.py     what it computes in registers
winograd.py          pooled rows of a 3x3 or 2x2 convolution with 16 or 9 products for 36, or 9 for 16
winograd_tiles.py    what it computes in registers
backward.py          the gradients, which visit only what pooling left: those of the weights
input_gradient.py    and that of x
backward_tiles.py    what they compute in registers, by runs of memory
channel_tiles.py     or by vectors of output channels
parts.py             the images in parts, for threads, and in blocks, for the cache
"""
