"""Best weights: which weights a training leaves in its model, however it ends."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from nnscratch.optimizers.parameters import HeldParameters

if TYPE_CHECKING:
    from nnscratch.model import Sequential
    from nnscratch.training.averaging import WeightAverage


class BestWeights:
    """The weights of the best epoch so far, and what is put into the model at the end.

        keep_best                  the training diverged        it did not
        True, an epoch was kept    those of the best epoch      those of the best epoch
        True, none was kept        those before the training    the average, or the last ones
        False                      the last ones                the average, or the last ones

    The last ones stay if there is no average, or if it is infinite or has not begun. They also stay
    if somebody has put other layers into the model meanwhile, which `fit` answers with an error.

    Arguments
        model : what is trained; its parameters are copied now if `keep_best`
        average : of the model's weights; with it, an epoch's weights are the averaged ones. None:
            the live ones
        keep_best : as given to `fit`

    >>> import nnscratch as nn
    >>> model = nn.Sequential(nn.Dense(1, 1, weight_init="constant(3)", rng=0))
    >>> best = BestWeights(model, None, keep_best=True)
    >>> best.keep()
    >>> model.layers[0].params["weight"][:] = 7
    >>> best.put_back(diverged=False)
    True
    >>> model.layers[0].params["weight"].item()
    3.0
    """

    def __init__(self, model: Sequential, average: WeightAverage | None, *, keep_best: bool) -> None:
        self.model = model
        self.average = average
        self._held = HeldParameters(model, "fit")
        self._best = model.copy_parameters() if keep_best else None
        self._has_epoch = False

    def keep(self) -> None:
        """Takes the present weights as the best; to be called after each best epoch so far."""
        if self._best is not None:
            self._best = self.model.copy_parameters() if self.average is None else self.average.copy()
            self._has_epoch = True

    def keep_present(self) -> None:
        """Takes the weights that the model has now as the best: those of an earlier fit's epoch."""
        if self._best is not None:
            self._best, self._has_epoch = self.model.copy_parameters(), True

    def state(self) -> dict[str, Any]:
        """What a later `keep` and `put_back` depend on, for a checkpoint."""
        return {"parameters": None if self._best is None else [w.copy() for w in self._best], "kept": self._has_epoch}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Puts back what `state` gave.

        Raises
            ValueError : it is of another model
        """
        parameters = state["parameters"]
        if (parameters is None) != (self._best is None):
            raise ValueError(f"best weights: got {parameters!r}, expected those of fit's keep_best; use the same")
        if parameters is not None:
            got, expected = ([(w.shape, w.dtype) for w in each] for each in (parameters, self.model.parameters()))
            if got != expected:
                raise ValueError(f"best weights: got arrays of {got}, expected {expected}; take those of this model")
            self._best = [w.copy() for w in parameters]
        self._has_epoch = bool(state["kept"])

    def put_back(self, *, diverged: bool) -> bool:
        """Writes the weights of the table above into the model, at the end of the training.

        Returns whether they are those of the best epoch
        """
        if not self._held.are_present:
            return False
        if self._best is not None and (diverged or self._has_epoch):
            self._held.write(self._best)
            return self._has_epoch
        if not diverged and self.average is not None and self.average.is_usable:
            self._held.write(self.average.parameters)
        return False
