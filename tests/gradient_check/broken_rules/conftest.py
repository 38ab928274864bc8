"""The trainings of all broken rules, once for all tests."""

from __future__ import annotations

import pytest

from nnscratch.gradient_check.broken_rules.page import Broken, breakages
from nnscratch.gradient_check.broken_rules.rules import RULES


@pytest.fixture(scope="session")
def all_broken() -> list[Broken]:
    """Every rule, checked and trained."""
    return list(breakages(RULES))
