"""All broken rules, checked and trained: once for all tests."""

from __future__ import annotations

import pytest

from nnscratch.gradient_check.broken_rules import spots
from nnscratch.gradient_check.broken_rules.page import Broken, breakages
from nnscratch.gradient_check.broken_rules.rules import RULES


@pytest.fixture(scope="session")
def all_broken() -> list[Broken]:
    """Every rule, checked and trained, as the program does it."""
    return list(breakages(RULES))


@pytest.fixture(scope="session")
def briefly_broken() -> list[Broken]:
    """Every rule, trained for two epochs: for tests to which the losses make no difference."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spots, "EPOCHS", 2)
        return list(breakages(RULES))
