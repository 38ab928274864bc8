"""Whoever looks at gradients finds arrays, in whatever way he looks."""

from __future__ import annotations

import copy
import io
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from nnscratch.kernels.products.deferred import DeferredProduct
from nnscratch.layers.gradients import Gradients, entry

X, DZ = np.arange(1.0, 5.0).reshape(2, 2), np.arange(2.0, 8.0).reshape(2, 3)
WEIGHT = X.T @ DZ


def gradients() -> Gradients:
    found = Gradients()
    found.defer("weight", DeferredProduct(X, DZ, lambda: np.empty((2, 3))))
    found["bias"] = DZ.sum(axis=0)
    return found


def arguments(**named: Any) -> dict[str, Any]:
    return named


def updated(found: Gradients) -> dict[str, Any]:
    other: dict[str, Any] = {}
    other.update(found)
    return other


def merged(found: Gradients) -> dict[str, Any]:
    other: dict[str, Any] = {}
    other |= found
    return other


def matched(found: Gradients) -> Any:
    match found:
        case {"weight": weight}:
            return weight


def saved(found: Gradients) -> Any:
    file = io.BytesIO()
    np.savez(file, **found)  # type: ignore[arg-type]
    file.seek(0)
    return np.load(file)["weight"]


LOOKS: dict[str, Callable[[Gradients], Any]] = {
    "[]": lambda found: found["weight"],
    "get": lambda found: found.get("weight"),
    "items": lambda found: next(iter(found.items()))[1],
    "items, reversed": lambda found: dict(reversed(found.items()))["weight"],
    "values, reversed": lambda found: list(reversed(found.values()))[1],
    "list of items": lambda found: [*found.items()][-2][1],
    "values": lambda found: next(iter(found.values())),
    "iteration": lambda found: {name: found[name] for name in found}["weight"],
    "keys": lambda found: next(found[name] for name in found.keys()),  # noqa: SIM118
    "reversed": lambda found: [found[name] for name in reversed(found)][1],
    "dict": lambda found: dict(found)["weight"],
    "copy": lambda found: found.copy()["weight"],
    "copy.copy": lambda found: copy.copy(found)["weight"],
    "deepcopy": lambda found: copy.deepcopy(found)["weight"],
    "pickle 0": lambda found: pickle.loads(pickle.dumps(found, 0))["weight"],
    "pickle 1": lambda found: pickle.loads(pickle.dumps(found, 1))["weight"],
    "pickle 2": lambda found: pickle.loads(pickle.dumps(found, 2))["weight"],
    "pickle": lambda found: pickle.loads(pickle.dumps(found))["weight"],
    "update": lambda found: updated(found)["weight"],
    "|": lambda found: (found | {"other": 1})["weight"],
    "| behind": lambda found: ({"other": 1} | found)["weight"],
    "|=": lambda found: merged(found)["weight"],
    "** in a dict": lambda found: {**found}["weight"],
    "** in a call": lambda found: arguments(**found)["weight"],
    "pop": lambda found: found.pop("weight"),
    "pop with default": lambda found: found.pop("weight", None),
    "popitem": lambda found: (found.popitem(), found.popitem())[1][1],
    "setdefault": lambda found: found.setdefault("weight", None),
    "match": matched,
    "savez": saved,
    "plain copy of a copy": lambda found: dict(copy.deepcopy(found).items())["weight"],
}


@pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS)
def test_every_look_finds_the_array(look: Callable[[Gradients], Any]) -> None:
    weight = look(gradients())
    assert type(weight) is np.ndarray
    np.testing.assert_array_equal(weight, WEIGHT)


def test_every_method_of_a_dict_was_thought_of() -> None:
    """Those that show values are its own; the others show names, or write."""
    names_or_writes = {"__contains__", "__len__", "__reversed__", "keys", "__setitem__", "__delitem__", "clear",
                       "update", "__ior__", "fromkeys", "__sizeof__", "__class_getitem__", "__new__", "__init__",
                       "__getattribute__", "__doc__", "__hash__", "__lt__", "__le__", "__gt__", "__ge__"}  # fmt: skip
    assert set(vars(dict)) - names_or_writes <= set(vars(Gradients))


def test_names_are_there_without_computing() -> None:
    found = gradients()
    assert (len(found), list(found), "weight" in found, bool(found)) == (2, ["weight", "bias"], True, True)
    product = found.entry("weight")
    assert isinstance(product, DeferredProduct)
    assert not product.is_computed
    assert isinstance(found.entry("bias"), np.ndarray)
    assert found.entry("other") is None
    assert found.get("other") is None
    assert found.get("other", 3) == 3
    with pytest.raises(KeyError):
        found["other"]
    with pytest.raises(KeyError):
        found.pop("other")
    with pytest.raises(KeyError):
        Gradients().popitem()
    assert found.setdefault("other", DZ) is DZ


def test_a_look_stays_and_may_be_changed_in_place() -> None:
    found = gradients()
    found["weight"] *= 2
    np.testing.assert_array_equal(found["weight"], 2 * WEIGHT)
    assert found.entry("weight") is found["weight"]
    found["weight"] = WEIGHT
    assert found["weight"] is WEIGHT
    del found["weight"]
    assert "weight" not in found


def test_views_from_before_show_what_is_there_now() -> None:
    found = Gradients(weight=np.zeros((2, 3)), bias=np.zeros(3))
    items, values, iterator = found.items(), found.values(), iter(found.items())
    found.defer("weight", DeferredProduct(X, DZ, lambda: np.empty((2, 3))))
    for shown in (dict(items)["weight"], next(iter(values)), next(iterator)[1]):
        np.testing.assert_array_equal(shown, WEIGHT)
    assert (len(items), len(values)) == (2, 2)


def test_copies_are_of_their_own() -> None:
    found = gradients()
    for other in (copy.deepcopy(found), pickle.loads(pickle.dumps(found))):
        assert type(other) is Gradients
        assert isinstance(other.entry("weight"), np.ndarray)
        other["weight"][:] = 0
    np.testing.assert_array_equal(found["weight"], WEIGHT)


def test_text_and_comparison_are_those_of_a_dict() -> None:
    assert repr(gradients()) == repr({"weight": WEIGHT, "bias": DZ.sum(axis=0)})
    assert Gradients() == {}
    found = gradients()
    assert found == found.copy()
    assert found.copy() == found
    assert found != {}
    assert isinstance(found, dict)


def test_the_entry_of_a_plain_dict() -> None:
    assert entry({"weight": WEIGHT}, "weight") is WEIGHT
    assert entry({}, "weight") is None
    assert isinstance(entry(gradients(), "weight"), DeferredProduct)
