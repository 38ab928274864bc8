"""Rows: data that is read and converted batch by batch, such as pictures of bytes, or files."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Generator, Mapping
from typing import Any, Protocol, TypeGuard

import numpy as np

from nnscratch.diagnosis.rows import evenly_spaced
from nnscratch.losses.base import checked_weights
from nnscratch.training.batches import Batch, Batches, Place, Share, in_their_place
from nnscratch.training.loaded import Loaded

Convert = Callable[[Any, Any], tuple[np.ndarray, np.ndarray]]
_PROBED = 4  # rows that are loaded before the training, to see what they are
_SAMPLED = 64  # rows whose numbers tell one data set from another


class RandomAccess(Protocol):
    """What `fit` can train on in place of arrays: some rows of it at a time, in any order.

    An object with two methods; it need not be derived from this class. It is called from another
    thread, which loads the next batch while the model trains on the one before.
    """

    def __len__(self) -> int:
        """How many rows there are."""
        ...

    def __getitem__(self, indices: np.ndarray, /) -> tuple[np.ndarray, ...]:
        """Some rows: (x, y) or (x, y, sample_weight), arrays with a row for each index.

        indices : (B,) whole numbers from 0, in any order. The same ones must give the same rows
        """
        ...


class Rows:
    """Rows of arrays that stay as they are until a batch needs them: bytes, or files on disk.

    Arguments
        x, y : (N, ...) arrays of any dtype, in memory or not (`np.load(path, mmap_mode="r")`,
            `np.memmap`, or any object with a length that takes an array of indices); x may also be
            an array of paths, which `convert` reads
        convert : (x, y) of some rows -> the x and y that the model is trained on, in its dtype;
            None: they are right as they are
        sample_weight : (N,), finite, >= 0: how much each row counts in the loss; None: alike

    `len(rows)` is N, and `rows[indices]` the converted (x, y), or (x, y, sample_weight): the
    protocol of `nnscratch.training.RandomAccess`. A class of your own with these two methods
    can read anything, such as a file per row.

    Raises
        ValueError : no rows, lengths that differ, a list or a table, wrong weights, a convert that
            is no function or returns no pair

    >>> import nnscratch as nn
    >>> pictures = np.random.default_rng(0).integers(0, 256, (100, 8, 8, 1), dtype=np.uint8)
    >>> brightness = pictures.mean(axis=(1, 2)) / 255  # (100, 1), float64
    >>> def convert(x, y):
    ...     return x.astype(np.float32) / 255, y.astype(np.float32)
    >>> rows = Rows(pictures, brightness, convert)
    >>> x, y = rows[np.array([3, 1])]
    >>> x.shape, x.dtype.name, y.dtype.name
    ((2, 8, 8, 1), 'float32', 'float32')
    >>> model = nn.Sequential(nn.Flatten(), nn.Dense(64, 1, rng=0))
    >>> trainer = nn.Trainer(model, nn.MSELoss(), nn.Adam(model, lr=0.01), batch_size=10)
    >>> len(trainer.fit(rows, epochs=3))
    3
    """

    def __init__(
        self, x: Any, y: Any, convert: Convert | None = None, *, sample_weight: np.ndarray | None = None
    ) -> None:
        for name, array in (("x", x), ("y", y)):
            if not is_random_access(array) and not isinstance(array, np.ndarray):
                raise ValueError(
                    f"Rows: got {name} of type {type(array).__name__}, expected an array that takes an array of "
                    f"indices; use nn.as_rows({name}), or np.load(path, mmap_mode='r')"
                )
        if (np.ndim(x) == 0 and isinstance(x, np.ndarray)) or (np.ndim(y) == 0 and isinstance(y, np.ndarray)):
            raise ValueError("Rows: got an array without an axis of rows, expected (N, ...); use array.reshape(-1, 1)")
        if len(x) != len(y) or len(x) == 0:
            raise ValueError(
                f"Rows: got {len(x)} rows of x and {len(y)} of y, expected as many of each, and one at least; look at "
                "how they were selected"
            )
        if convert is not None:
            _check_convert(convert)
        self.x, self.y, self.convert = x, y, convert
        self.sample_weight = None if sample_weight is None else checked_weights("Rows", sample_weight, len(x))
        if self.sample_weight is not None and not self.sample_weight.any():
            raise ValueError(
                "Rows: got sample_weight of 0 only, expected a row that counts; look at how they were made"
            )

    def __len__(self) -> int:
        """How many rows there are."""
        return len(self.x)

    def __getitem__(self, indices: np.ndarray) -> tuple[np.ndarray, ...]:
        pair: Any = np.asarray(self.x[indices]), np.asarray(self.y[indices])
        if self.convert is not None:
            pair = self.convert(*pair)
        if not isinstance(pair, tuple | list) or len(pair) != 2:
            raise ValueError(
                f"Rows: got {type(pair).__name__} from convert, expected the pair x, y; return both, also what stays"
            )
        return (*pair,) if self.sample_weight is None else (*pair, self.sample_weight[indices])

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {len(self):,} rows, x of {_kind(self.x)}, y of {_kind(self.y)}>"


def _check_convert(convert: object) -> None:
    expected = "a function (x, y) -> x, y, of some rows; return both, also what stays as it is"
    if not callable(convert) or isinstance(convert, type):
        raise ValueError(f"Rows: got convert={convert!r}, expected {expected}")
    try:
        signature = inspect.signature(convert)
    except (TypeError, ValueError):  # a function in C need not tell
        return
    try:
        signature.bind(None, None)
    except TypeError:
        name = getattr(convert, "__name__", type(convert).__name__)
        raise ValueError(f"Rows: got convert={name}{signature}, expected {expected}") from None


def _kind(array: Any) -> str:
    return f"{getattr(array, 'dtype', type(array).__name__)} {getattr(array, 'shape', '')}".rstrip()


def is_random_access(value: object) -> TypeGuard[RandomAccess]:
    """Whether `fit` takes the value as rows: it has a length and takes an array of indices.

    >>> is_random_access(Rows(np.zeros(3), np.zeros(3))), is_random_access([1, 2])
    (True, False)
    """
    if isinstance(value, Rows):
        return True
    if isinstance(value, np.ndarray | str | bytes | tuple | list | Mapping | type) or hasattr(value, "iloc"):
        return False
    return hasattr(value, "__len__") and hasattr(value, "__getitem__")


class RowBatches(Batches):
    """Batches of rows that are loaded one batch at a time; nothing of them is kept.

    rows : a `RandomAccess`
    batch_size : rows per batch, >= 1
    loaded : checks each batch
    share : rows of a batch -> those that are loaded; the others hold anything. None: all

    >>> from nnscratch.training.loaded import Loaded
    >>> rows = Rows(np.arange(5.0)[:, np.newaxis], np.arange(5.0)[:, np.newaxis])
    >>> batches = RowBatches(rows, 2, Loaded("rows", np.dtype(float)))
    >>> [len(x) for x, y in batches.shuffled(np.random.default_rng(0))]
    [2, 2, 1]
    """

    are_loaded = True

    def __init__(self, rows: RandomAccess, batch_size: int, loaded: Loaded, share: Share | None = None) -> None:
        self.source = rows
        self.loaded = loaded
        self._begin(len(rows), batch_size, share)

    def shuffled(self, rng: np.random.Generator, place: Place | None = None) -> Generator[Batch, None, None]:
        """As of `Batches`, each batch checked.

        Raises
            ValueError : a batch is wrong, or a whole epoch has no label; whatever the rows raise
        """
        yield from super().shuffled(rng, place)
        if self.share is None and (place is None or not place.batches):
            self.loaded.check_labels()

    def _batch(self, rows: np.ndarray) -> Batch:
        if self.share is None:
            return self.loaded.checked(self.source[rows], len(rows))
        own = self.share(len(rows))
        wanted = rows[own]
        return in_their_place(self.loaded.checked(self.source[wanted], len(wanted)), own, len(rows))


def probe(rows: RandomAccess, loaded: Loaded) -> Batch:
    """The first few rows, checked: what is wrong with all of them is wrong with these.

    Raises
        ValueError : there are none, or `loaded` finds something; whatever `rows` raises
    """
    if len(rows) == 0:
        raise ValueError(f"fit: got {loaded.where} without a row, expected one at least; look at how they were made")
    return loaded.checked(rows[np.arange(min(len(rows), _PROBED))], min(len(rows), _PROBED))


def sampled(rows: RandomAccess, most: int = _SAMPLED) -> Batch:
    """At most `most` of the rows, evenly spaced, the first and the last among them."""
    return tuple(rows[evenly_spaced(len(rows), most)])
