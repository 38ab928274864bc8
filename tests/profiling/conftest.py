"""What the tests of profiling share: a roof that is measured in no time, of no meaning."""

from __future__ import annotations

import pytest

from nnscratch.profiling import roof
from nnscratch.profiling.roof import Roof


@pytest.fixture(autouse=True)
def _quick_roof(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(roof, "_measured", lambda dtype, threads: Roof(100.0, 10.0, threads, dtype))
