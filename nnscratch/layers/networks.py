"""What a layer and the network around it tell each other."""

from __future__ import annotations

import itertools
import threading


class _InsideNetwork(threading.local):
    """`with inside_network:` around a network's pass; nested passes are counted.

    A network checks for NaN and infinity where arrays enter and leave it, so that the answer is the
    same however its layers are run. Its layers, which check by themselves when used by themselves,
    leave that out in between.
    """

    depth = 0

    def __enter__(self) -> None:
        self.depth += 1

    def __exit__(self, *_: object) -> None:
        self.depth -= 1


inside_network = _InsideNetwork()


class AttributeChanges:
    """Whether an attribute of any layer was set: `latest` is then another number than before.

    A network asks in every pass whether its plan still holds. One comparison is cheap; looking at
    each layer's sizes would take some percent of a pass of one image.
    """

    latest = 0

    def __init__(self) -> None:
        self._numbers = itertools.count(1)

    def note(self) -> None:
        self.latest = next(self._numbers)


attribute_changes = AttributeChanges()
