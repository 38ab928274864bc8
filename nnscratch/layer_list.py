"""A network as a list of its layers: one of them, some of them, and what two of them share."""

from __future__ import annotations

import operator
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Self, overload

from nnscratch.layers import Layer


class LayerList:
    """What a network has in common with a list; `Sequential` is one, and shows it in examples.

    Fields
        layers : the layers, from input to output
    """

    layers: list[Layer]

    def __len__(self) -> int:
        """The number of layers."""
        return len(self.layers)

    def __iter__(self) -> Iterator[Layer]:
        """The layers themselves, from input to output."""
        return iter(self.layers)

    @overload
    def __getitem__(self, index: int) -> Layer: ...

    @overload
    def __getitem__(self, index: slice) -> Self: ...

    def __getitem__(self, index: int | slice) -> Layer | Self:
        """A layer by its place, from the end if it is negative, or the network of a slice's layers.

        The network shares its layers with this one: to train either moves the parameters of both.

        Raises
            IndexError : there is no layer at that place
            TypeError : index is neither a whole number nor a slice of them
            ValueError : no layer is in the slice
        """
        where, count = type(self).__name__, len(self.layers)
        if isinstance(index, slice):
            for end in (index.start, index.stop, index.step):
                if end is not None:
                    _whole(where, end)
            chosen = list(self.layers)[index]
            if not chosen:
                written = ":".join("" if end is None else str(end) for end in (index.start, index.stop, index.step))
                fix = "a network has one at least"
                raise ValueError(
                    f"{where}: got the slice {written.removesuffix(':')}, expected some of the {count} layers; {fix}"
                )
            return self._of(chosen)
        place = _whole(where, index)
        if not -count <= place < count:
            raise IndexError(f"{where}: got index {place}, expected {-count} to {count - 1}; it has {count} layers")
        return self.layers[place]

    def _of(self, layers: list[Layer]) -> Self:
        """A network of some of the layers, which runs them as this one does."""
        raise NotImplementedError


Place = tuple[int, str]  # of a parameter: the number of its layer, and its name there


def ties(layers: Sequence[Layer]) -> dict[Place, Place]:
    """Where an array is a parameter once more: place -> its first place.

    >>> import nnscratch as nn
    >>> encoder, decoder = nn.Dense(3, 3), nn.Dense(3, 3)
    >>> decoder.params["weight"] = encoder.params["weight"]
    >>> ties([encoder, nn.Tanh(), decoder])
    {(2, 'weight'): (0, 'weight')}
    """
    first: dict[int, Place] = {}
    places = [((i, name), id(w)) for i, layer in enumerate(layers) for name, w in layer.params.items()]
    return {place: first[key] for place, key in places if first.setdefault(key, place) != place}


def tie(layers: Sequence[Layer], places: Mapping[Place, Place]) -> None:
    """Puts the array of each first place into the others: see `ties`."""
    for (i, name), (j, first) in places.items():
        layers[i].params[name] = layers[j].params[first]


def _whole(where: str, index: Any) -> int:
    """The index as an int; a bool is none, though Python would take it for 0 or 1."""
    try:
        if type(index).__name__ not in ("bool", "bool_"):
            return operator.index(index)
    except TypeError:
        pass
    raise TypeError(
        f"{where}: got the index {index!r}, expected a whole number or a slice; layers have places, such as [0] or [:2]"
    )
