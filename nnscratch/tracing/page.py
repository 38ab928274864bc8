"""A training step as a page to look into: one file that needs no other and no network.

page/page.html, page.css   the frame, and how it looks; what all pages share is in pages/
page/layers.js, network.js   the network once more, in JavaScript: what sliders move
page/arrays.js   the arrays of the step, out of the text in the page
page/play.js     what becomes of the loss when a number changes
page/numbers.js  a number with as many digits as are true
page/explain.js, explain_*.js   what a click tells: where a number comes from
page/text.js     its cards, tables and grids
page/pictures.js, figure.js, loss_picture.js   maps, bars, filters and the face
page/slider.js, epochs.js, moving.js   a number changes, time passes, zoom and scroll
page/view.js     the page itself: its columns, and what a click brings up
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import os
import re
from collections.abc import Sequence
from pathlib import Path

from nnscratch.checks import whole_number
from nnscratch.files import atomic
from nnscratch.pages.page import shared_style
from nnscratch.tracing.packed import Pack
from nnscratch.tracing.page_facts import Epoch, Finding, Points, facts
from nnscratch.tracing.trace import Trace

__all__ = ["Epoch", "Points", "write_page"]

_SOURCES = Path(__file__).parent / "page"
# The mathematics, the arrays, the words, the pictures; the page last, which begins at once.
_SCRIPTS = (
    *("layers.js", "network.js", "arrays.js", "play.js", "numbers.js"),
    *("explain.js", "explain_output.js", "explain_gradient.js", "explain_weight.js", "explain_loss.js"),
    *("text.js", "pictures.js", "figure.js", "loss_picture.js", "slider.js", "epochs.js", "moving.js", "view.js"),
)


def write_page(
    trace: Trace,
    path: str | os.PathLike[str],
    *,
    image: int = 0,
    title: str = "A training step",
    points: Points | None = None,
    epochs: Sequence[Epoch] | None = None,
    findings: Sequence[Finding] | None = None,
) -> None:
    """Writes a page that shows every number of a step and where it comes from, whole or not at all.

    A browser opens it from the disk; it asks for nothing from anywhere.

    image    : the row of the batch whose pictures are shown
    title    : its heading
    points   : how outputs become points in the picture, if that is what they are
    epochs   : the network at other times of its training, in order, to see how it came about
    findings : such as `nn.diagnose(...).findings`; each is shown at its layer

    Raises
        ValueError : there is no such row, or an epoch's parameters are those of another network
        OSError    : the file cannot be written

    >>> import tempfile
    >>> import numpy as np
    >>> import nnscratch as nn
    >>> model = nn.Sequential(nn.Dense(2, 1, rng=0))
    >>> x, y = np.ones((3, 2), np.float32), np.zeros((3, 1), np.float32)
    >>> step = nn.trace(model, x, y, nn.MSELoss(), nn.SGD(model, lr=0.1))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_page(step, Path(folder) / "step.html", title="Two weights")
    ...     (Path(folder) / "step.html").read_text(encoding="utf-8")[:15]
    '<!doctype html>'
    """
    whole_number("write_page", "image", image, least=0)
    if image >= len(trace.x):
        raise ValueError(
            f"write_page: got image={image}, expected a row of the batch, 0 to {len(trace.x) - 1}; choose one of them"
        )
    atomic.write_text(path, page(trace, image, title, points, epochs or (), findings or ()))


def page(
    trace: Trace, image: int, title: str, points: Points | None, epochs: Sequence[Epoch], findings: Sequence[Finding]
) -> str:
    """The page as text."""
    pack = Pack()
    told = {"title": title, **facts(trace, pack, image, points, epochs, findings)}
    style = shared_style() + _source("page.css")
    script = "\n".join(_source(name) for name in _SCRIPTS)
    # Only this style and this script run, whatever else may have got into the file; nothing is
    # loaded.
    policy = f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script)}; base-uri 'none'"
    parts = {
        "policy": f"{policy}; form-action 'none'",
        "title": html.escape(title),
        "style": style,
        "facts": _json(told),
        "arrays": pack.text(),
        "script": script,
    }
    # In one pass: what is put in is never looked through for further places.
    return re.sub(r"\{\{(\w+)\}\}", lambda match: parts[match[1]], _source("page.html"))


def _source(name: str) -> str:
    return (_SOURCES / name).read_text(encoding="utf-8")


def _hash(source: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()}'"


def _json(value: object) -> str:
    """JSON that may stand inside <script>: no "<" in it ends the element."""
    text = json.dumps(value, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
