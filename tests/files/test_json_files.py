from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from nnscratch.files import json_files
from nnscratch.files.json_files import Record, parse

REFUSED = {
    "": "Expecting value",
    "{": "Expecting property name",
    "[1] 2": "Extra data",
    '{"a": NaN}': "holds NaN",
    "[-Infinity]": "holds -Infinity",
    "[1e999]": "which no float can hold",
    "1." + "0" * 1000: "which no float can hold",
    '{"a": 1, "a": 2}': "has a name twice",
    "9" * 51: "a number of 51 digits",
    "9" * 100_000: "a number of 100,000 digits",
    "[" * 34 + "]" * 34: "more than 32 deep",
    '{"a":' * 34 + "1" + "}" * 34: "more than 32 deep",
    "[" * 100_000 + "]" * 100_000: "nested too deep",
    "[" * 3_000_000: "nested too deep",
}


@pytest.mark.parametrize(("text", "message"), REFUSED.items(), ids=[text[:20] for text in REFUSED])
def test_what_is_no_json_within_the_limits(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse(text)
    (tmp_path / "a.json").write_text(text)
    began = time.process_time()
    with pytest.raises(ValueError, match=rf"a.json: got a damaged file .*{message}.*expected JSON") as caught:
        json_files.read(tmp_path / "a.json")
    assert len(str(caught.value)) < 300
    assert time.process_time() - began < 2


def test_what_is_json_is_read(tmp_path: Path) -> None:
    content = {"a": [1, 2.5, None, True, "é"], "state": 2**127, "deep": json.loads("[" * 30 + "]" * 30)}
    (tmp_path / "a.json").write_text(json.dumps(content))
    assert json_files.read(tmp_path / "a.json") == content


def test_bytes_are_bounded_and_utf_8(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(b'"\xff"')
    with pytest.raises(ValueError, match="utf-8"):
        json_files.read(tmp_path / "a.json")
    (tmp_path / "a.json").write_text(" " * 99 + "5")
    assert json_files.read(tmp_path / "a.json", at_most=100) == 5
    with pytest.raises(ValueError, match="more than 99 bytes"):
        json_files.read(tmp_path / "a.json", at_most=99)


FIELDS: dict[str, Callable[[Record], object]] = {
    "flag": lambda record: record.flag("x"),
    "whole number": lambda record: record.whole_number("x", least=1, most=9),
    "number": lambda record: record.number("x", least=0.5, most=9),
    "text": lambda record: record.text("x"),
    "one of": lambda record: record.text("x", among=("all", "complete")),
    "items": lambda record: record.items("x", most=2),
    "records": lambda record: [each.fields for each in record.records("x")],
    "record": lambda record: record.record("x").fields,
}
VALUES = [
    None, True, False, 0, 1, 9, 10, -5, 10**40, 0.5, 5.5, 1.0, "no", "all", "", [], [1], [1, 2, 3], [{}], {}, {"a": 1},
]  # fmt: skip
TAKEN = {
    "flag": [True, False], "whole number": [1, 9], "number": [1, 9, 0.5, 5.5, 1.0], "text": ["no", "all", ""],
    "one of": ["all"], "items": [[], [1], [{}]], "records": [[], [{}]], "record": [{}, {"a": 1}],
}  # fmt: skip


@pytest.mark.parametrize("kind", FIELDS)
def test_each_field_takes_its_type_and_range_only(kind: str) -> None:
    taken = []
    for value in VALUES:
        try:
            found = FIELDS[kind](Record({"x": value}))
        except ValueError as error:
            refused = str(error)
        else:
            assert found == value
            taken.append(value)
            continue
        assert "its x" in refused
        assert len(refused) < 150
    assert repr(taken) == repr(TAKEN[kind])
    with pytest.raises(ValueError, match="its x is missing"):
        FIELDS[kind](Record({}))


def test_a_default_stands_for_missing_and_null() -> None:
    for fields in ({}, {"x": None}):
        record = Record(fields)
        assert record.flag("x", True) is True
        assert record.whole_number("x", 2, least=1, most=9) == 2
        assert record.text("x", "", among=("a",)) == ""
    with pytest.raises(ValueError, match="its x is 'b', expected 'a'"):
        Record({"x": "b"}).text("x", "", among=("a",))


def test_unknown_fields_and_what_is_no_object() -> None:
    with pytest.raises(ValueError, match="its 'b' is unknown, expected a, c"):
        Record({"a": 1, "b": 2}).only(("a", "c"))
    for value in (None, [], "x", 5):
        with pytest.raises(ValueError, match="expected an object"):
            Record(value)
