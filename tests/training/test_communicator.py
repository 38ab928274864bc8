"""What counts as a communicator."""

from __future__ import annotations

from typing import Any

import pytest

import nnscratch as nn
from nnscratch.training.communicator import checked_communicator
from tests.training.communicators import ThreadCommunicator, on_ranks


def test_none_and_what_has_the_methods() -> None:
    assert checked_communicator(None) is None
    assert all(on_ranks(2, lambda c: checked_communicator(c) is c))


@pytest.mark.parametrize("wrong", [0, "MPI.COMM_WORLD", True, object(), ThreadCommunicator, [1, 2]])
def test_anything_else_is_an_error(wrong: Any) -> None:
    model = nn.Sequential(nn.Dense(1, 1, rng=0))
    with pytest.raises(ValueError, match=r"^Trainer: got communicator=.+, expected a communicator of mpi4py or None; "):
        nn.Trainer(model, nn.MSELoss(), nn.SGD(model, lr=0.1), communicator=wrong)
