"""Pure functions on arrays, and the only place with compiled code. README.md here is the guide.

    loops.py            every operation as textbook nested loops: the reference, to be read first
    layerwise/          one rung up: im2col and pooling, one layer at a time, plain
    choice.py           which kernel a convolution runs, each decision with its measurement
    image_vectors/      convolution + ReLU + pooling, a vector = one pixel of 16 images (few channels)
    channel_vectors/    the same, a vector = 16 channels of one pixel; Winograd's algorithm
    pool_tiles.py       pooling in registers, for both
    prefetch_tiles.py   what is called into the cache before it is read or written
    products/           products of dense layers
    bias_relu.py        what they do besides
    normalization.py    contrast normalization
    updates.py          optimizer steps, running means
    update_table.py     all arrays of an optimizer's step in one call
    update_rows.py      what it calls for some of them
    warp.py             pictures cropped and augmented
    finite.py           whether an array holds NaN or infinity
    roof.py             multiply-adds in registers alone: what the processor can do at most
    vectors.py          how vector instructions are written: the notation of all *_tiles.py
    values.py           its numbers, vectors and arrays
    writer.py           its loads, stores, multiply-adds, loops and branches: `v` in every intrinsic
    compiled.py         njit, and NNSCRATCH_CHECK=1: every kernel checks its bounds
    bounds.py           the check of a load or a store
    cache.py            machine code on disk, never that of other sources
    assembly.py         the machine code of a kernel, to be read
    threads.py          blocks of work on a pool of threads
    cores.py            how many cores there are; a thread leaves its caller's
    thread_limits.py    how many threads the environment allows
    memory.py           buffers that stay

A kernel knows no layer, and checks nothing that its caller has checked.
"""

from nnscratch.kernels.thread_limits import hidden_from_numba

with hidden_from_numba():
    import numba  # noqa: F401, the first time in this process, unless the user has imported it
