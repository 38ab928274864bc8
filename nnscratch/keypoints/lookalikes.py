"""Look-alikes: near-identical faces, such as video frames of one person, and a split that keeps them on one side.

A network that has learnt one frame knows the next. With frames on either side of a split, the validation score is
partly a score of training.

How look-alikes are found
    1. Alignment. The similarity that brings the points of the mean face nearest to those of a face (AffineMaps) says
       where its brows, eyes, nose and upper lip are; of those, 32 x 32 samples are taken.
    2. Signature. Each sample less the mean of the 9 x 9 around it, which takes away light and shade, then all over
       their norm; less the mean signature, which takes away what all faces have in common, and over the norm again.
    3. Two faces are linked if the product of their signatures, a correlation, exceeds 0.66. What is linked, over any
       number of links, is a group.

On 6,635 real faces in the layout of Kaggle's training rows, video frames and photographs, a third of the rows is in a
group with others, and the largest group has 52. About a sixth of the links join two persons (by eye, on 72 of them),
which costs the split nothing but a little freedom. A person whose head turned from one frame to the next may be in two
groups all the same. Drawn faces, all by one hand, look alike by this measure though nobody was drawn twice.
"""

from __future__ import annotations

import threading

import numpy as np

from nnscratch.kernels.threads import in_blocks
from nnscratch.keypoints.faces import Faces, to_network_input
from nnscratch.keypoints.geometry.affine_maps import AffineMaps
from nnscratch.keypoints.geometry.crops import crops
from nnscratch.keypoints.metrics import mean_face

_LINKED = 0.66  # correlation above which two faces are look-alikes
_SIDE = 32  # of a signature
# Where it lies on the mean face, px: without hair and background, which move, and the mouth, which speaks.
_LEFT, _TOP, _WIDTH, _HEIGHT = 26, 24, 44, 48
_FLAT = (
    1 / 256
)  # RMS, 1 being the range of all grey values; samples that differ less from their local means show nothing
# As many empty signatures are counted into the mean one: without, it would be the person in a file of one person.
_EMPTY = 20
_PICTURES = 64  # a block of work
_ROWS = 256  # whose correlations with all others are in memory at once, for each thread

_near = np.abs(np.subtract.outer(np.arange(_SIDE), np.arange(_SIDE))) <= 4
# M V M' holds the means around each sample of V; at an edge, of what there is.
_LOCAL_MEAN = (_near / _near.sum(axis=1, keepdims=True)).astype(np.float32)


def groups(faces: Faces) -> np.ndarray:
    """(N,) int64: the number of each face's group of look-alikes, counted from 0 in the order of their first faces.

    A face with fewer than two labelled points is compared as it stands in its picture. A flat picture is alone.

    Cost: N^2 / 2 products of 1,024 numbers, 1 to 3 s for 6,635 faces; 12 KB a face, and 1.3 KB a face and thread.

    >>> picture = np.random.default_rng(0).integers(0, 256, (96, 96)).astype(np.uint8)
    >>> images = np.stack([picture, picture.T, picture // 2])  # the last is the first in less light
    >>> groups(Faces(images, np.full((3, 15, 2), np.nan, np.float32), np.arange(3)))
    array([0, 1, 0])
    """
    signature = signatures(faces)
    group = np.arange(len(faces))  # for now, a group's name is its first row
    lock = threading.Lock()

    def work(start: int, stop: int) -> None:
        linked = signature[start:stop] @ signature[start:].T > _LINKED  # rows before them had these in their blocks
        rows = np.flatnonzero(np.count_nonzero(linked, axis=1) > 1)  # each is linked to itself
        with lock:
            for row in rows:
                _join(group, start + np.flatnonzero(linked[row]))

    in_blocks(work, len(faces), _ROWS)
    numbers: np.ndarray = np.unique(group, return_inverse=True)[1]
    return numbers


def _join(group: np.ndarray, rows: np.ndarray) -> None:
    """Makes one group of those of `rows`. Whatever is joined first, all end up under the name of their first row."""
    names = group[rows]
    first = names.min()
    if (names != first).any():
        is_joined = np.zeros(len(group), bool)
        is_joined[names] = True
        group[is_joined[group]] = first


def signatures(faces: Faces) -> np.ndarray:
    """(N, 1024) float32 of norm 1: what sets each face apart from the average of `faces`; all 0 for a flat picture.

    >>> noise = np.random.default_rng(0).integers(0, 256, (1, 96, 96)).astype(np.uint8)
    >>> nowhere = np.full((2, 15, 2), np.nan, np.float32)
    >>> two = Faces(np.concatenate([noise, np.zeros_like(noise)]), nowhere, np.arange(2))
    >>> np.linalg.norm(signatures(two), axis=1).round(3)
    array([1., 0.], dtype=float32)
    """
    samples = crops(to_network_input(faces.images), _places(faces.points), (_SIDE, _SIDE))[..., 0]

    def work(start: int, stop: int) -> None:
        samples[start:stop] -= _LOCAL_MEAN @ samples[start:stop] @ _LOCAL_MEAN.T

    in_blocks(work, len(faces), _PICTURES)
    signature = samples.reshape(len(faces), _SIDE * _SIDE)
    is_flat = np.linalg.norm(signature, axis=1) < _FLAT * _SIDE
    signature[is_flat] = 0
    signature = _unit(signature)
    signature -= signature.sum(axis=0) / (len(faces) + _EMPTY)
    signature[is_flat] = 0
    return _unit(signature)


def _unit(rows: np.ndarray) -> np.ndarray:
    """The rows over their norms; a row of zeros stays."""
    norm = np.linalg.norm(rows, axis=1, keepdims=True)
    unit: np.ndarray = rows / np.where(norm > 0, norm, 1)
    return unit


def _places(points: np.ndarray) -> AffineMaps:
    """Maps from the samples of a signature to the pixels of the pictures, from points (N, 15, 2) px."""
    maps = AffineMaps.fit(points, mean_face(points)).shifted([_LEFT, _TOP])
    return maps.resized([_WIDTH / (_SIDE - 1), _HEIGHT / (_SIDE - 1)])
