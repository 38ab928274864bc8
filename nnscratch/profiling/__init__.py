"""Where the time of a step goes, and how far it is from what the machine can do.

    clock.py         times in turn, medians, ratios
    machine.py       processor and BLAS; a start without what the environment does to BLAS
    roof.py          the machine's roof: multiply-adds in registers, memory copied
    cost.py          operations and bytes of a stage, as they are counted; what bounds a time
    steps.py         training steps with clocks inside and without, in turn
    profile.py       profile(model, x, y): a training step, stage by stage
    comparison.py    one operation by several methods: equal, and how fast
    conv2d.py, max_pool2d.py, dense.py, network.py   the methods of each operation
    table.py         numbers in columns, 80 characters wide
    roofline.py      the picture: GFLOP/s under the roof

`python -m nnscratch profile` and `compare` print what these measure; docs/profiling.md explains
how to read it.
"""

from nnscratch.profiling.profile import Profile, profile

__all__ = ["Profile", "profile"]
