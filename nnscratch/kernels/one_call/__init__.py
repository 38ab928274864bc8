"""A whole network, forward, in one call without the GIL, for few images.

program.py   the call: a table of steps, of which threads take blocks
blocks.py    what a step computes
steps.py     writes the table, layer by layer
team.py      threads that help, and linger for the next call
calls.py     arrays and kernels by address, counters that threads share
"""
