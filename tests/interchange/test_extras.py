"""Packages that may be missing."""

from __future__ import annotations

import sys

import pytest

from nnscratch.interchange.extras import required


def test_gives_the_package() -> None:
    import json

    assert required("export", "json", extra="onnx") is json


def test_a_package_that_is_missing_or_broken_is_asked_for_by_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "json", None)  # what an import of it then meets is an ImportError
    with pytest.raises(ImportError, match=r"export: got no package json .* pip install 'nnscratch\[onnx\]'"):
        required("export", "json", extra="onnx")
