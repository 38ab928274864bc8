"""A whole network, forward, or convolutions backward, in one call without the GIL, for few images.

program.py           the call: a table of steps, of which threads take blocks
blocks.py            what a step computes
dense_blocks.py      what a step of a dense layer computes
table.py             the rows of a table, and the memory that they point to
steps.py             writes the table, layer by layer, for inference and for training
gradients.py         likewise, for a backward pass
gradient_blocks.py   what a step of it computes
team.py              threads that help, and linger for the next call
calls.py             arrays and kernels by address, counters that threads share
"""
