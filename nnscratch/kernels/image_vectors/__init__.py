"""Convolution + ReLU + 2x2 pooling for few channels: a vector = one pixel of 16 images.

layout.py      (B, H, W, C) to image innermost, (C, H, W*B), and back
forward.py     one convolution, one block of images
backward.py    its gradients
tiles.py       what both compute in registers
chain.py       several convolutions in one call
"""
