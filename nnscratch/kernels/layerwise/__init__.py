"""One layer at a time, plainly: the rung above the loops.

im2col.py     convolution as a matrix product
pooling.py    max pooling
"""
