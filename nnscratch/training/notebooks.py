"""Notebooks: whether this is one, and the bar that it can show."""

from __future__ import annotations

import sys
import warnings
from typing import Any


def in_notebook() -> bool:
    """Whether the code runs in the kernel of a notebook.

    >>> in_notebook()
    False
    """
    get_ipython = getattr(sys.modules.get("IPython"), "get_ipython", None)
    shell = get_ipython() if callable(get_ipython) else None
    return shell is not None and "IPKernelApp" in getattr(shell, "config", {})


def bar_class() -> tuple[Any, bool]:
    """tqdm's class of bars for this place, and whether it is a widget.

    A notebook with ipywidgets has a widget; one without them has a line of text, as terminals have,
    without tqdm's warning that it is none.
    """
    from tqdm import tqdm  # here: it takes time to import, and most programs show no progress

    if not in_notebook():
        return tqdm, False
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from tqdm.auto import tqdm as automatic
    return automatic, any("notebook" in each.__module__ for each in automatic.__mro__)
