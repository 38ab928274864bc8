"""How the layers of a network execute fast: several layers in one pass, in buffers that stay.

A layer (`nnscratch.layers`) says what is computed; a stage computes the same numbers for one or
more layers at once. A network's `Runner` asks `plan` for its stages once; with `fuse=False` every
layer is a stage of its own.

    runner.py                 Runner: the stages of one network, its lock and its buffers
    base.py                   Stage, what all stages have in common; Single, the stage of one layer
    plan.py                   which layers become one stage
    dense.py                  flatten, dense, ReLU, dropout
    contrast_normalization.py contrast normalization in buffers that stay
    channel_vectors.py        convolution, ReLU, 2x2 max pooling: any number of channels
    image_vectors.py          several convolutions, each with ReLU and 2x2 max pooling: few channels
    one_call.py               all of these, forward, for few images: one call without the GIL
    training_call.py          likewise, with training: then the stages are ready for backward
    gradients_call.py         the convolutions among them, backward

Vectors are named after the kernels that run them; `nnscratch/kernels/README.md` says which runs
when.
"""

from nnscratch.stages.base import Single, Stage
from nnscratch.stages.plan import plan

__all__ = ["Single", "Stage", "plan"]
