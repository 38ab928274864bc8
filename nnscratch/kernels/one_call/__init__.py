"""A whole network, forward, in one call without the GIL, for few images.

program.py   what the call does, step by step
steps.py     the table of steps, written layer by layer
calls.py     arrays and kernels by address, counters that threads share
"""
