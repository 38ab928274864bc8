"""The Sphinx extension of these pages: what becomes of docstrings, documents and links.

docstrings.py   the house's docstring layout as reStructuredText
formulas.py     its formulas, typeset
reference.py    the pages of the reference, room by room
documents.py    Markdown and notebooks from the rest of the repository, and their links
notebooks.py    a notebook as Markdown
links.py        what `names` in backticks stand for; what would need the network
building.py     the hooks of Sphinx that call all of these
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sphinx.application import Sphinx


def setup(app: Sphinx) -> dict[str, Any]:
    """Called by Sphinx."""
    from house.building import connect

    connect(app)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
