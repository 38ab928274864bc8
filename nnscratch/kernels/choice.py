"""Which kernel runs: every such decision, one function each, with the measurement behind it.

Stages and kernels ask these functions; nothing decides elsewhere. What they do not decide is how
large a block is: that stands beside each kernel, because it follows from the caches.

Each rule of several conditions is written as those conditions, each with its reason in words; the
rule asks whether all hold, and `because` says which do or which does not. So what a profile says
(`nn.profile`) cannot be another reason than the one that decided.

"Lanes" are the numbers in a vector: 16 float32 or 8 float64 with AVX-512, half of that with AVX2.
Times are those of one thread of an AMD EPYC or Intel Xeon with AVX-512 at the commit named,
float32; `python benchmarks/kernels.py --ladder` measures them on your machine. Convolutions here
have stride 1 and are followed by ReLU and 2x2 pooling; all others run layer by layer
(kernels/layerwise/). How two matrices are multiplied, products/choice.py decides.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numba.extending import register_jitable

from nnscratch.kernels.vectors import AVX512, VECTOR_BYTES

MOST_CHANNELS_OF_IMAGE_VECTORS = 16  # of the input and of the output, each
LEAST_WINDOWS_OF_WINOGRAD = 256
LEAST_WINDOWS_OF_WINOGRAD_KEPT = 32
LEAST_WINDOWS_OF_LARGE_PATCHES = 1024
MOST_IMAGES_OF_ONE_CALL = 32  # inference: stages/one_call.py
FEW_IMAGES_BECAUSE = "too few images to fill a vector, but output channels do"

Conditions = Iterator[tuple[bool, str, str]]  # whether it holds, the reason if it does, the reason if not


class Chosen(NamedTuple):
    """A kernel that a stage runs, for people.

    work    : what it computes, such as "forward", "dweight" or "dx"
    kernel  : its file below nnscratch/kernels/, and the way in which it goes there
    because : the reason, from the rule that chose it
    """

    work: str
    kernel: str
    because: str


def because(conditions: Conditions) -> str:
    """Why a rule said yes or no: all conditions if they hold, otherwise the first that does not.

    >>> because(winograd_conditions((3, 3, 16, 32), 2000, np.dtype(np.float32)))
    '3x3, input channels fill a vector, more output channels than one vector, at least 256 windows'
    >>> because(winograd_conditions((3, 3, 1, 64), 2000, np.dtype(np.float32)))
    'too few input channels to fill a vector'
    """
    reasons = []
    for holds, reason, otherwise in conditions:
        if not holds:
            return otherwise
        reasons.append(reason)
    return ", ".join(reasons)


def _all_hold(conditions: Conditions) -> bool:
    # all() over a generator would take twice as long, in every pass.
    for holds, _, _ in conditions:  # noqa: SIM110
        if not holds:
            return False
    return True


def image_vectors(c_in: int, c_out: int, padding: tuple[int, int]) -> bool:
    """Whether a convolution runs with vectors of images; otherwise with vectors of channels.

    Rule: no padding, at most 16 input and at most 16 output channels. With fewer output channels
    than lanes a vector of channels is partly empty, one of images never is; with many input
    channels a block of 16 images no longer fits the second-level cache. Image vectors have no code
    for padding.

    Measured (--ladder, 96 images; forward + backward, without dx for a network's first layer):

        layer                  image vectors      channel vectors
        1->8, 3x3, 96 x 96      1.6 +  1.5 ms       2.6 +  1.1 ms
        8->16, 2x2, 47 x 47     2.1 +  2.9 ms       2.3 +  4.0 ms
        16->32, 2x2, 23 x 23    1.2 +  2.0 ms       0.9 +  1.4 ms
        1->32, 3x3, 96 x 96     5.1 +  4.5 ms       3.4 +  1.8 ms
    """
    return _all_hold(image_vectors_conditions(c_in, c_out, padding))


def image_vectors_conditions(c_in: int, c_out: int, padding: tuple[int, int]) -> Conditions:
    """The rule of `image_vectors`, each condition with its reason."""
    most = MOST_CHANNELS_OF_IMAGE_VECTORS
    yield c_in <= most, f"at most {most} input channels", f"more than {most} input channels would leave the cache"
    yield c_out <= most, f"at most {most} output channels", f"more than {most} output channels fill vectors"
    yield padding == (0, 0), "no padding", "image vectors have no code for padding"


@register_jitable
def places_are_vectors(images: int, lanes: int) -> bool:
    """Image vectors: whether a place of the images is one vector.

    Rule: the block has exactly as many images as a vector has lanes. Then the four places of a
    pooling window are registers: forward pools them there, and in dweight each lane chooses the one
    that its winner needs. Smaller blocks (the last of a batch, a batch of 1) write two rows of the
    convolution, or of its gradient, to the first-level cache.

    Measured, forward (c26fdbb): the report CNN's four convolutions, 295 -> 218 us per block of 16
    images. Since rows are pooled in vectors, inference of 100 images 0.73 -> 0.66 ms, large CNN 2.5
    -> 2.4 ms. dweight, a block of the large CNN, one thread: 1->8, 3x3, 137 -> 72 us, 8->16, 2x2, 176
    -> 110; code for AVX2 on a Zen 5, 8 images, 123 -> 90 and 168 -> 149.
    """
    return images == lanes


POOLS_BECAUSE = {
    True: "a block has one image per lane, so a window's four places are registers",
    False: "a block has fewer images than a vector has lanes, so rows are pooled from the cache",
}  # by what places_are_vectors says


@register_jitable
def pools_whole_vectors(images: int, lanes: int) -> bool:
    """Image vectors: whether pooling rows, and back, takes vectors of several windows.

    Rule: the images of a block divide a vector: 1, 2, 4, ... Otherwise a vector is the images of one
    window, with a mask.

    Measured: 4 images of the report's large CNN, forward 147 -> 86 us, backward 190 -> 145 us.
    """
    return images > 0 and lanes % images == 0


def few_channels_by_channels(images: int, training: bool, c_out: list[int], dtype: np.dtype) -> bool:
    """Whether convolutions of few channels run with vectors of channels.

    Rule: inference, or fewer images than lanes, and output channels that fill a vector; not with
    AVX-512. 1->8, 3x3, 96 x 96 and 8->16, 2x2, AVX2: forward + backward of 4 images 1.7 -> 0.9 ms;
    inference of the report's large CNN, 100 images, 8.3 -> 7.9 ms. With AVX-512, in vectors half of
    which are empty: 2.6 -> 3.1 ms, a step of 8 images 1.5 -> 1.6 ms.
    """
    return not AVX512 and (not training or images < _lanes(dtype)) and min(c_out) >= _lanes(dtype)


def winograd(weight_shape: tuple[int, ...], windows: int, dtype: np.dtype, kept: bool = False) -> bool:
    """Channel vectors, forward: whether Winograd's algorithm is faster than the sums as they stand.

    Rule: a 3x3 or 2x2 kernel, input channels that fill a vector, more output channels than one
    vector, and at least 256 pooling windows. With fewer, the transformation of the weights costs
    more than it saves; for inference, which keeps them (one_call/), 32 are enough.

    weight_shape : (k_h, k_w, c_in, c_out)
    kept         : whether the transformed weights are used again in the next pass

    Measured (f9f61f0): 64 images, 16->32 channels at 48 x 48 pixels 12.3 -> 8.6 ms, 32->64 at 24 x
    24 10.3 -> 7.1 ms, 64->128 at 12 x 12 12.5 -> 6.2 ms. 2x2 (32 images): 32->64 at 47 x 47 4.3 -> 3.1
    ms, 64->128 at 23 x 23 3.7 -> 2.4 ms; 100 images: 16->32 at 23 x 23 0.78 -> 0.58 ms, 64->128 at
    5 x 5 0.39 -> 0.27 ms.
    """
    return _all_hold(winograd_conditions(weight_shape, windows, dtype, kept))


def winograd_conditions(weight_shape: tuple[int, ...], windows: int, dtype: np.dtype, kept: bool = False) -> Conditions:
    """The rule of `winograd`, each condition with its reason."""
    k_h, k_w, c_in, c_out = weight_shape
    lanes = _lanes(dtype)
    yield (k_h, k_w) in _KERNELS_OF_WINOGRAD, f"{k_h}x{k_w}", _NO_KERNEL_OF_WINOGRAD
    yield c_in >= lanes, "input channels fill a vector", "too few input channels to fill a vector"
    yield c_out > lanes, "more output channels than one vector", "no more output channels than one vector"
    least = LEAST_WINDOWS_OF_WINOGRAD_KEPT if kept else LEAST_WINDOWS_OF_WINOGRAD
    yield windows >= least, *_WINDOWS_BECAUSE[least]


def large_patches(weight_shape: tuple[int, ...], y_shape: tuple[int, ...], dtype: np.dtype) -> bool:
    """Winograd's algorithm: whether a patch is 6x6 pixels, of four windows, instead of 4x4, of one.

    Rule: a 3x3 kernel, float32 with AVX-512, an even number of windows in each direction, at least
    1024 of them, because there are more weights to transform, and more images than one call takes,
    which has small patches. A sum's error is 2.1 to 2.3 times that of the sum as it stands, instead
    of 0.7 times (winograd.py).

    weight_shape : (k_h, k_w, c_in, c_out);  y_shape : (N, H_p, W_p, c_out)

    Measured: forward of 100 images, two threads, 24->48 at 48 x 48 pixels 6.8 -> 5.5 ms, 48->96 at
    24 x 24 5.3 -> 4.0 ms, 96->192 at 12 x 12 5.3 -> 3.8 ms.
    """
    return _all_hold(large_patches_conditions(weight_shape, y_shape, dtype))


def large_patches_conditions(weight_shape: tuple[int, ...], y_shape: tuple[int, ...], dtype: np.dtype) -> Conditions:
    """The rule of `large_patches`, each condition with its reason."""
    images, height, width, _ = y_shape
    most, least = MOST_IMAGES_OF_ONE_CALL, LEAST_WINDOWS_OF_LARGE_PATCHES
    yield AVX512 and dtype == np.float32, "float32 with AVX-512", "not float32 with AVX-512"
    yield weight_shape[:2] == (3, 3), "3x3", "the kernel is not 3x3"
    yield height % 2 == 0 and width % 2 == 0, "windows in pairs", "an odd number of windows in a line"
    yield images > most, f"more than {most} images", f"at most {most} images, as in one call"
    yield images * height * width >= least, f"at least {least} windows", f"fewer than {least} windows"


_KERNELS_OF_WINOGRAD = (3, 3), (2, 2)
_NO_KERNEL_OF_WINOGRAD = "the kernel is not " + " or ".join(f"{k}x{k}" for k, _ in _KERNELS_OF_WINOGRAD)
_WINDOWS_BECAUSE = {
    least: (f"at least {least} windows", f"fewer than {least} windows: transforming the weights would not pay")
    for least in (LEAST_WINDOWS_OF_WINOGRAD, LEAST_WINDOWS_OF_WINOGRAD_KEPT)
}


def weight_gradient_by_channel(weight_shape: tuple[int, ...], dtype: np.dtype) -> bool:
    """Channel vectors, dweight: whether a vector holds output channels; otherwise part of a run of x.

    Rule: runs of x are shorter than two vectors (k_w * c_in < 2 lanes), and the output channels
    fill vectors without a rest; with AVX-512, which has masks, half a vector is enough. By run, only
    the gradients that pooling left are met; by channel, zeros are multiplied too, but vectors are
    fuller.

    weight_shape : (k_h, k_w, c_in, c_out)

    Measured (cc3c349): backward of 1->16, 3x3, 64 images of 96 x 96 pixels, 12.7 -> 4.1 ms. 1->24,
    32 images: 2.9 -> 0.9 ms.
    """
    return _all_hold(weight_gradient_by_channel_conditions(weight_shape, dtype))


def weight_gradient_by_channel_conditions(weight_shape: tuple[int, ...], dtype: np.dtype) -> Conditions:
    """The rule of `weight_gradient_by_channel`, each condition with its reason."""
    _, k_w, c_in, c_out = weight_shape
    lanes = _lanes(dtype)
    yield k_w * c_in < 2 * lanes, "runs of x are shorter than two vectors", "runs of x fill two vectors"
    full = c_out % lanes == 0 or (AVX512 and 2 * c_out >= lanes)
    yield full, "output channels fill vectors", "output channels would leave vectors too empty"


@register_jitable
def weight_gradient_looks_up(k_h: int, k_w: int, channels: int, lanes: int) -> bool:
    """dweight by channel: whether a lane looks up the numbers of x that its winner needs.

    Otherwise the numbers of all four places are multiplied, three of them by zero.

    Rule: 3x3, one input channel, float32 with AVX-512. Then two lines of x under a window are half a
    vector, from which an instruction picks one number for each lane.

    Measured: dweight of 100 images of 96 x 96 pixels, two threads, 1->16 with padding 1.1 -> 0.7 ms,
    1->32 1.9 -> 0.8 ms, with dy called into the cache.
    """
    return AVX512 and lanes == 16 and k_h == 3 and k_w == 3 and channels == 1


def channels_of_runs(weight_shape: tuple[int, ...], padding: tuple[int, int], dtype: np.dtype) -> int:
    """Channel vectors, dweight: input channels of x with its padding; more than c_in means zeros behind.

    Rule: with AVX-512, whole vectors, if x is copied anyway because it is padded, and if its
    channels fill more than one vector, but not the last. Otherwise half of the loads from x would
    touch two cache lines, and the rest of a run would be a tile of its own.

    weight_shape : (k_h, k_w, c_in, c_out)

    Measured: dweight of 24->48, 3x3, 32 images of 48 x 48 pixels, 4.7 -> 4.1 ms, 40->80 at 24 x 24
    2.9 -> 2.15 ms.
    """
    c_in, lanes = weight_shape[2], _lanes(dtype)
    pays = AVX512 and padding != (0, 0) and c_in > lanes and not weight_gradient_by_channel(weight_shape, dtype)
    return -(-c_in // lanes) * lanes if pays else c_in


def input_gradient_by_patch(weight_shape: tuple[int, ...], dtype: np.dtype) -> bool:
    """Channel vectors, dx: whether the 4x4 pixels under a pooling window are summed together.

    (3x3 under a window of a 2x2 kernel.) Otherwise the windows of the four places are summed one
    after the other.

    Rule: a 3x3 or 2x2 kernel; without AVX-512, a 3x3 one whose input channels fit one vector. Then
    the sums of a patch fit the registers together, each is loaded and stored once instead of up to
    four times, and the weights of one or two vectors of input channels stay in the first-level cache.

    weight_shape : (k_h, k_w, c_in, c_out)

    Measured: dx of 32 images, 3x3, 24->48 at 48 x 48 pixels 4.1 -> 3.3 ms, 48->96 at 24 x 24 3.6 ->
    2.0 ms, 96->192 at 12 x 12 4.1 -> 2.0 ms; 2x2, 32->64 at 47 x 47 2.0 -> 1.6 ms, 64->128 at 23 x
    23 2.1 -> 1.4 ms.
    """
    return _all_hold(input_gradient_by_patch_conditions(weight_shape, dtype))


def input_gradient_by_patch_conditions(weight_shape: tuple[int, ...], dtype: np.dtype) -> Conditions:
    """The rule of `input_gradient_by_patch`, each condition with its reason."""
    k_h, k_w, c_in, _ = weight_shape
    if AVX512:
        yield k_h == k_w and k_h in (2, 3), f"{k_h}x{k_w}", "the kernel is not 3x3 or 2x2"
        return
    yield (k_h, k_w) == (3, 3), "3x3", "the kernel is not 3x3"
    yield c_in <= _lanes(dtype), "input channels fit one vector", "input channels need more than one vector"


def _lanes(dtype: np.dtype) -> int:
    return VECTOR_BYTES // dtype.itemsize
