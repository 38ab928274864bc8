"""Shared thresholds: whatever only one file uses belongs into that file."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import nnscratch.diagnosis
from nnscratch.diagnosis import thresholds

FILES = [path.read_text() for path in Path(nnscratch.diagnosis.__file__).parent.rglob("*.py")]


@pytest.mark.parametrize("name", [name for name in vars(thresholds) if name.isupper()])
def test_each_is_used_by_several_files(name: str) -> None:
    used = [text for text in FILES if re.search(rf"\b{name}\b", text) and f"\n{name} = " not in text]
    assert len(used) > 1
