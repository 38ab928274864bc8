"""Read by Sphinx: `python -m sphinx -W -b html docs docs/_build/html`, from the root."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parent.parent)]

from house.links import code_of  # noqa: E402

import nnscratch  # noqa: E402

project = "nnscratch"
release = nnscratch.__version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.linkcode", "house"]
exclude_patterns = ["_build", "house"]
suppress_warnings = ["myst.header"]  # a document may begin below a heading of the first rank


def linkcode_resolve(domain: str, info: dict[str, str]) -> str | None:
    """Where `[source]` leads: house/building.py makes an address of it."""
    place = code_of(info["module"], info["fullname"])
    return place and f"source:{place[0]}#line-{place[1]}"


html_math_renderer = "mathml"
html_theme = "furo"
html_title = "nnscratch"
html_static_path = ["_static"]
html_css_files = ["house.css"]
html_copy_source = False
html_show_sphinx = False
html_show_copyright = False
html_theme_options = {"top_of_page_buttons": []}
pygments_style, pygments_dark_style = "tango", "monokai"

add_module_names = False
autodoc_member_order = "bysource"
autodoc_class_signature = "mixed"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
python_maximum_signature_line_length = 80
python_use_unqualified_type_names = True
toc_object_entries_show_parents = "hide"

myst_heading_anchors = 4
myst_url_schemes = ["http", "https", "mailto", "source"]
myst_enable_extensions = ["dollarmath"]
