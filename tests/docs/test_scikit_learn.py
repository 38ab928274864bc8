"""The examples of the page on scikit-learn print what it says, that of a cluster included."""

from __future__ import annotations

import io
import re
from contextlib import redirect_stdout
from pathlib import Path

import pytest

pytest.importorskip("sklearn")

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "scikit_learn.md").read_text(encoding="utf-8")
SHOWN = re.findall(
    r"<!-- (example|program) -->\n```python\n(.*?)```\n\n<!-- printed -->\n```\n(.*?)```", PAGE, re.DOTALL
)


@pytest.mark.parametrize(("code", "printed"), [shown[1:] for shown in SHOWN if shown[0] == "example"])
def test_an_example_prints_what_the_page_says(code: str, printed: str) -> None:
    output = io.StringIO()
    with redirect_stdout(output):
        exec(code, {"__name__": "example"})
    assert output.getvalue() == printed


def test_a_search_over_a_cluster_prints_what_the_page_says() -> None:
    """With workers in this process; tests/stress/cluster.py has them in processes of their own."""
    pytest.importorskip("distributed")
    ((code, printed),) = (shown[1:] for shown in SHOWN if shown[0] == "program")
    workers = "n_workers=2, threads_per_worker=1"
    assert workers in code
    output = io.StringIO()
    with redirect_stdout(output):
        exec(code.replace(workers, f"{workers}, processes=False"), {"__name__": "__main__"})
    assert output.getvalue() == printed
