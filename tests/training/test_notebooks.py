"""Notebooks: a widget where there can be one, a line of text where not, and never a warning."""

from __future__ import annotations

import io
import sys
import types
from typing import Any

import pytest

from nnscratch.training.notebooks import bar_class, in_notebook


class Shell:
    config = {"IPKernelApp": {}}  # noqa: RUF012


def kernel(monkeypatch: pytest.MonkeyPatch, shell: object) -> io.StringIO:
    """From now on this is the kernel of a notebook, as far as IPython and tqdm can tell; stderr."""
    stderr = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stderr)  # in the test itself: pytest replaces that of a fixture
    ipython = types.ModuleType("IPython")
    ipython.get_ipython = lambda: shell  # type: ignore[attr-defined]
    ipython.version_info = (9, 0)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "ipykernel.zmqshell", types.ModuleType("ipykernel.zmqshell"))
    for name in ("tqdm.auto", "tqdm.autonotebook", "tqdm.notebook"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return stderr


@pytest.mark.parametrize("shell", [None, object(), types.SimpleNamespace(config={})])
def test_ipython_in_a_terminal_is_no_notebook(shell: object, monkeypatch: pytest.MonkeyPatch) -> None:
    kernel(monkeypatch, shell)
    assert not in_notebook()
    assert bar_class()[1] is False


def test_without_ipywidgets_it_is_a_line_of_text_without_a_warning(
    monkeypatch: pytest.MonkeyPatch, trainer_of: Any, rows: Any
) -> None:
    stderr = kernel(monkeypatch, Shell())
    monkeypatch.setitem(sys.modules, "ipywidgets", None)
    assert in_notebook()
    trainer_of().fit(*rows(), epochs=3)
    assert "epoch 3/3, loss " in stderr.getvalue()
    assert "IProgress" not in stderr.getvalue()


def test_false_is_quiet_there_too(monkeypatch: pytest.MonkeyPatch, trainer_of: Any, rows: Any) -> None:
    stderr = kernel(monkeypatch, Shell())
    monkeypatch.setitem(sys.modules, "ipywidgets", None)
    trainer_of(progress=False).fit(*rows(), epochs=3)
    assert stderr.getvalue() == ""


class Widget:
    """As much of a widget of ipywidgets as tqdm uses."""

    def __init__(self, children: Any = (), **values: Any) -> None:
        self.children, self.layout, self.style = children, types.SimpleNamespace(), types.SimpleNamespace()
        self.value: Any = None
        self.bar_style = ""
        vars(self).update(values)

    def close(self) -> None:
        self.layout.display = "none"


def test_with_ipywidgets_it_is_a_widget(monkeypatch: pytest.MonkeyPatch, trainer_of: Any, rows: Any) -> None:
    stderr = kernel(monkeypatch, Shell())
    widgets = types.ModuleType("ipywidgets")
    for name in ("HTML", "FloatProgress", "HBox"):
        setattr(widgets, name, type(name, (Widget,), {}))
    widgets.__version__ = "8.1"  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "ipywidgets", widgets)
    shown: list[Any] = []
    display = types.ModuleType("IPython.display")
    display.display = shown.append  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    assert bar_class()[1] is True
    trainer_of().fit(*rows(), epochs=3)
    assert stderr.getvalue() == ""
    (box,) = shown
    _, bar, right = box.children
    assert bar.value == pytest.approx(1.0)
    assert "epoch 3/3, loss " in right.value.replace("\u2007", " ")
