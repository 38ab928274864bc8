"""The gradients of a layer, of which some are computed when somebody looks."""

from __future__ import annotations

from collections.abc import ItemsView, Iterator, Mapping, ValuesView
from typing import Any

import numpy as np

from nnscratch.kernels.products.deferred import DeferredProduct


class Gradients(dict[str, np.ndarray]):
    """name -> dL/d(parameter), a dict of arrays, some of which are computed when somebody looks.

    A stage may `defer` the gradient of a large weight from few rows, which an optimizer can use
    without having it in memory. Whoever looks at the dict, or at a view of it, in whatever way and
    however long ago he got hold of it, finds arrays: the product is computed then, and stays the
    same array, which may be changed in place, until the next backward. `entry` computes nothing.

    >>> x, dz = np.array([[1.0, 2.0]]), np.array([[3.0]])
    >>> gradients = Gradients(bias=np.ones(1))
    >>> gradients.defer("weight", DeferredProduct(x, dz, lambda: np.empty((2, 1))))
    >>> list(gradients), type(gradients.entry("weight")).__name__
    (['bias', 'weight'], 'DeferredProduct')
    >>> gradients["weight"]
    array([[3.],
           [6.]])
    >>> type(gradients.entry("weight")).__name__
    'ndarray'
    """

    def defer(self, name: str, product: DeferredProduct) -> None:
        """Makes the product the gradient of that name."""
        super().__setitem__(name, product)  # type: ignore[assignment]

    def entry(self, name: str) -> np.ndarray | DeferredProduct | None:
        """The gradient of that name: a product if nobody has looked at it; None: there is none."""
        value: Any = super().get(name)
        if type(value) is DeferredProduct and value.is_computed:
            return value.value()
        return value

    def __getitem__(self, name: str) -> np.ndarray:
        value: Any = super().__getitem__(name)
        return value.value() if type(value) is DeferredProduct else value

    # All that a dict does without asking `__getitem__`. Where there is an `__iter__` of its own,
    # dict(), update() and ** do ask.

    def __iter__(self) -> Iterator[str]:
        return super().__iter__()

    def get(self, name: str, default: Any = None) -> Any:
        try:
            return self[name]
        except KeyError:
            return default

    def items(self) -> Any:
        return _Items(self)

    def values(self) -> Any:
        return _Values(self)

    def pop(self, name: str, *default: Any) -> Any:
        value = super().pop(name, *default)
        return value.value() if type(value) is DeferredProduct else value

    def popitem(self) -> tuple[str, np.ndarray]:
        name = next(reversed(self), None)
        return super().popitem() if name is None else (name, self.pop(name))

    def setdefault(self, name: str, default: Any = None) -> Any:
        if name not in self:
            self[name] = default
        return self[name]

    def copy(self) -> Any:
        return dict(self)

    def __or__(self, other: Any) -> Any:
        return dict(self) | dict(other) if isinstance(other, Mapping) else NotImplemented

    def __ror__(self, other: Any) -> Any:
        return dict(other) | dict(self) if isinstance(other, Mapping) else NotImplemented

    def __eq__(self, other: object) -> bool:
        return dict(self) == (dict(other) if isinstance(other, Gradients) else other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __repr__(self) -> str:
        return repr(dict(self))


class _Items(ItemsView[str, np.ndarray]):
    """As a dict's, from the last to the first too."""

    _mapping: Gradients

    def __reversed__(self) -> Iterator[tuple[str, np.ndarray]]:
        return ((name, self._mapping[name]) for name in reversed(self._mapping))


class _Values(ValuesView[np.ndarray]):
    """Likewise."""

    _mapping: Gradients

    def __reversed__(self) -> Iterator[np.ndarray]:
        return (self._mapping[name] for name in reversed(self._mapping))


def entry(gradients: Mapping[str, Any], name: str) -> Any:
    """`Gradients.entry`, whatever mapping a layer's grads are."""
    return gradients.entry(name) if isinstance(gradients, Gradients) else gradients.get(name)
