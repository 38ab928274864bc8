"""Look-alikes: near-identical faces, such as video frames of one person.

A network that has learnt one frame knows the next. If a split puts frames of one person on both
sides, the validation score is partly a training score.

How look-alikes are found
    1. Alignment. A similarity brings the points of the mean face nearest to those of a face
       (geometry/affine_maps.py). It says where the brows, eyes, nose and upper lip are in the
       picture; 32 x 32 samples are taken there.
    2. Signature. From each sample, the mean of the 9 x 9 samples around it is subtracted, which
       removes light and shade, and the result is divided by its norm. Then the mean signature is
       subtracted, which removes what all faces have in common, and the norm is divided out again.
    3. Groups. Two faces are linked if the product of their signatures, a correlation, exceeds 0.66.
       Faces that are connected by links, however many, are a group.

Measured on 6,635 real faces in the layout of Kaggle's training rows, video frames and photographs:
a third of the rows is in a group with others, and the largest group has 52 rows. About a sixth of
the links join two persons (judged by eye on 72 links); that only makes groups a little larger than
needed. If a person's head turned between two frames, they may be in two groups. Drawn faces
resemble one another by this measure, although no face is drawn twice.
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
_SIDE = 32  # samples per side of a signature
# Where the samples lie on the mean face, px: without hair and background, which move, and without
# the mouth, which speaks.
_LEFT, _TOP, _WIDTH, _HEIGHT = 26, 24, 44, 48
# RMS difference from the local means, 1 being the range of grey values. Less than this is a flat
# picture, which resembles no other.
_FLAT = 1 / 256
# The mean signature is taken as if so many empty ones were among them. In a file with one person
# only, it would otherwise be that person, and subtracting it would leave nothing of any face.
_EMPTY = 20
_PICTURES_PER_BLOCK = 64

_near = np.abs(np.subtract.outer(np.arange(_SIDE), np.arange(_SIDE))) <= 4
# M V M' holds the mean around each sample of V; at an edge, the mean of the samples that exist.
_LOCAL_MEAN = (_near / _near.sum(axis=1, keepdims=True)).astype(np.float32)


def groups(faces: Faces) -> np.ndarray:
    """(N,) int64: each face's group of look-alikes, numbered in the order of their first faces.

    A face with fewer than two labelled points is compared where it stands in its picture. A flat
    picture is a group of its own.

    Cost: N^2 / 2 products of 1,024 numbers, 1 to 3 s for 6,635 faces; 12 KB per face, and another
    1.3 KB per face and thread.

    >>> picture = np.random.default_rng(0).integers(0, 256, (96, 96)).astype(np.uint8)
    >>> images = np.stack([picture, picture.T, picture // 2])  # the last is the first in less light
    >>> groups(Faces(images, np.full((3, 15, 2), np.nan, np.float32), np.arange(3)))
    array([0, 1, 0])
    """
    return linked_groups(signatures(faces))


def linked_groups(signature: np.ndarray, rows_per_block: int = 256) -> np.ndarray:
    """(N,) int64: the groups of `groups`, from signatures (N, K) of norm 1.

    rows_per_block : the correlations of so many rows with all others are in memory at once, for
                     each thread
    """
    group = np.arange(len(signature))  # for now, the name of a group is its first row
    lock = threading.Lock()

    def work(start: int, stop: int) -> None:
        # Links to earlier rows are found in those rows' blocks.
        linked = signature[start:stop] @ signature[start:].T > _LINKED
        rows = np.flatnonzero(np.count_nonzero(linked, axis=1) > 1)  # each row is linked to itself
        with lock:
            for row in rows:
                _join(group, start + np.flatnonzero(linked[row]))

    in_blocks(work, len(signature), rows_per_block)
    return np.unique(group, return_inverse=True)[1]


def _join(group: np.ndarray, rows: np.ndarray) -> None:
    """Makes one group of the groups of `rows`, named after its first row, in whatever order."""
    names = group[rows]
    first = names.min()
    if (names != first).any():
        is_joined = np.zeros(len(group), bool)
        is_joined[names] = True
        group[is_joined[group]] = first


def signatures(faces: Faces) -> np.ndarray:
    """(N, 1024) float32: what distinguishes each face from the mean of `faces`.

    Each row has norm 1, but that of a flat picture is 0.

    >>> noise = np.random.default_rng(0).integers(0, 256, (1, 96, 96)).astype(np.uint8)
    >>> nowhere = np.full((2, 15, 2), np.nan, np.float32)
    >>> two = Faces(np.concatenate([noise, np.zeros_like(noise)]), nowhere, np.arange(2))
    >>> np.linalg.norm(signatures(two), axis=1).round(3)
    array([1., 0.], dtype=float32)
    """
    samples = crops(to_network_input(faces.images), _places(faces.points), (_SIDE, _SIDE))[..., 0]

    def work(start: int, stop: int) -> None:
        samples[start:stop] -= _LOCAL_MEAN @ samples[start:stop] @ _LOCAL_MEAN.T

    in_blocks(work, len(faces), _PICTURES_PER_BLOCK)
    signature = samples.reshape(len(faces), _SIDE * _SIDE)
    is_flat = np.linalg.norm(signature, axis=1) < _FLAT * _SIDE
    signature[is_flat] = 0
    signature = _unit(signature)
    signature -= signature.sum(axis=0) / (len(faces) + _EMPTY)
    signature[is_flat] = 0
    return _unit(signature)


def _unit(rows: np.ndarray) -> np.ndarray:
    """Each row divided by its norm; a row of zeros stays."""
    norm = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.where(norm > 0, norm, 1)


def _places(points: np.ndarray) -> AffineMaps:
    """N maps from a signature's samples to the pictures' pixels, from points (N, 15, 2) px."""
    maps = AffineMaps.fit(points, mean_face(points)).shifted([_LEFT, _TOP])
    return maps.resized([_WIDTH / (_SIDE - 1), _HEIGHT / (_SIDE - 1)])
