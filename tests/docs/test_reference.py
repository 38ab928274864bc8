from __future__ import annotations

import doctest
import importlib
import re
import sys

import pytest
from house.reference import Room, described, missing, page_of, pages, rooms

import nnscratch as nn


@pytest.fixture(scope="module")
def found() -> list[Room]:
    return rooms()


def names_on(made: dict[str, str]) -> set[str]:
    return {name for text in made.values() for name in re.findall(r"\.\. (?:auto\w+|py:data):: (\S+)", text)}


def test_every_public_name_has_its_page(found: list[Room]) -> None:
    assert missing(names_on(pages(found)) | set(page_of(found))) == []


def test_a_missing_name_is_noticed(found: list[Room]) -> None:
    on_pages = names_on(pages(found)) | set(page_of(found))
    assert missing(on_pages - {"nnscratch.Dense"}) == ["Dense"]
    assert missing(on_pages - {"nnscratch.initializers"}) == ["initializers"]


def test_rooms_and_names_stand_in_reading_order(found: list[Room]) -> None:
    order = [room.name for room in found]
    assert order[0] == "layers"
    assert order[-1] == "keypoints"
    assert order.index("losses") < order.index("model") < order.index("training") < order.index("kernels")
    names = list(found[0].names)
    assert names.index("Dense") < names.index("ReLU") < names.index("Conv2D") < names.index("Layer")


def test_a_room_that_the_map_leaves_out_is_there_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nn, "__doc__", "A map.\n\n    model.py    the chain rule\n")
    order = [room.name for room in rooms()]
    assert order[0] == "model"
    assert {"layers", "losses", "tracing", "keypoints"} <= set(order)


def test_a_room_whose_extra_is_not_installed_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.split(".")[:2] == ["nnscratch", "sklearn"]]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "sklearn", None)
    order = [room.name for room in rooms()]
    assert "sklearn" not in order
    assert "training" in order


def test_the_textbook_has_its_code_below_each_formula(found: list[Room]) -> None:
    text = pages(found)["kernels/loops.rst"]
    assert ".. autofunction:: nnscratch.kernels.loops.dense_forward" in text
    assert re.search(r"\n    def dense_forward\(.*\n(    .*\n)*        for n in range", text)
    assert '"""' not in text


def test_a_map_is_read_line_by_line() -> None:
    assert described("A map.\n\n    dense.py  a sum\n    stages/   how\nfit.py    a fit\n\nno map") == {
        "dense": "a sum", "stages": "how", "fit": "a fit",
    }  # fmt: skip
    assert described(None) == {}


@pytest.mark.parametrize("name", ["docstrings", "formulas", "reference", "documents", "notebooks", "links"])
def test_examples_of_the_extension_run(name: str) -> None:
    assert (
        doctest.testmod(importlib.import_module(f"house.{name}"), optionflags=doctest.NORMALIZE_WHITESPACE).failed == 0
    )
