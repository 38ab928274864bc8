"""A page is one file that needs no other, whole or not there, whatever stands in its title."""

from __future__ import annotations

import base64
import hashlib
import re
import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.files import atomic
from nnscratch.keypoints import networks
from nnscratch.keypoints.drawn.faces import draw_faces
from nnscratch.tracing.page import Points, write_page
from tests.tracing.read_page import ReadPage

EXAMPLES = Path(__file__).parent.parent.parent / "examples"
NASTY = "</script><img src=x onerror=alert(1)> \" ' & {{facts}} \u2028 ü"


def small_trace() -> nn.Trace:
    model = nn.Sequential(nn.Dense(3, 2, rng=0), nn.ReLU(), nn.Dense(2, 2, rng=1))
    x, y = np.ones((2, 3), np.float32), np.zeros((2, 2), np.float32)
    return nn.trace(model, x, y, nn.MSELoss(), nn.SGD(model, lr=0.1))


class Elements(HTMLParser):
    """The tags of a page with their attributes, and the text of its title, scripts and styles."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {"title": [], "script": [], "style": [], "h1": []}
        self._open = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._open = tag
        if tag in self.texts:
            self.texts[tag].append("")

    def handle_endtag(self, tag: str) -> None:
        self._open = ""

    def handle_data(self, data: str) -> None:
        if self._open in self.texts:
            self.texts[self._open][-1] += data


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("page") / "page.html"
    write_page(small_trace(), path, title="A step")
    return path.read_text(encoding="utf-8")


def test_nothing_is_loaded_from_anywhere(text: str) -> None:
    elements = Elements(text)
    for tag, attributes in elements.tags:
        assert tag not in ("link", "img", "iframe", "object", "embed", "base", "form"), tag
        assert "src" not in attributes
        assert attributes.get("href", "#").startswith("#")  # type: ignore[union-attr]
        assert "style" not in attributes  # the policy would drop it
        assert not any(name.startswith("on") for name in attributes)
    namespace = "http://www.w3.org/2000/svg"  # a name, which nobody opens
    code = "".join(elements.texts["script"] + elements.texts["style"]).replace(namespace, "")
    for word in ("http:", "https:", "url(", "import(", "fetch(", "XMLHttpRequest", "WebSocket", "eval(", "innerHTML"):
        assert word not in code, word


def test_the_policy_lets_this_style_and_script_run_and_nothing_else(text: str) -> None:
    elements = Elements(text)
    policy = next(
        attributes["content"]
        for tag, attributes in elements.tags
        if tag == "meta" and attributes.get("http-equiv") == "Content-Security-Policy"
    )
    assert policy is not None
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == rules["base-uri"] == rules["form-action"] == "'none'"

    def hashed(source: str) -> str:
        return f"'sha256-{base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()}'"

    assert rules["script-src"] == hashed(elements.texts["script"][-1])
    assert rules["style-src"] == hashed(elements.texts["style"][0])


def test_every_script_of_the_folder_is_in_the_page(text: str) -> None:
    folder = Path(sys.modules[write_page.__module__].__file__ or "").parent / "page"
    for source in folder.iterdir():
        if source.suffix in (".js", ".css"):
            assert source.read_text(encoding="utf-8") in text, source.name


def test_text_is_text_whatever_it_looks_like(tmp_path: Path) -> None:
    trace = small_trace()
    nasty = type(NASTY, (nn.ReLU,), {"__module__": "mine"})()
    object.__setattr__(trace.layers[1], "layer", nasty)
    path = tmp_path / "nasty <script>.html"
    write_page(trace, path, title=NASTY, points=Points(1, 0, [NASTY]))
    page = ReadPage(path)
    assert page.facts["title"] == page.facts["points"]["names"][0] == page.facts["layers"][1]["name"] == NASTY
    elements, plain = Elements(page.text), tmp_path / "plain.html"
    assert elements.texts["title"] == elements.texts["h1"] == [NASTY]
    write_page(trace, plain, title="plain")
    assert [tag for tag, _ in elements.tags] == [tag for tag, _ in Elements(plain.read_text(encoding="utf-8")).tags]


def test_it_is_written_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "page.html"
    write_page(small_trace(), path, title="first")
    first = path.read_bytes()

    def full(source: Path, target: Path) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(atomic, "replace", full)
    with pytest.raises(OSError, match="No space"):
        write_page(small_trace(), path, title="second")
    assert path.read_bytes() == first
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("image", [-1, 2, 1.0])
def test_an_image_that_is_not_there_is_stopped(tmp_path: Path, image: int) -> None:
    with pytest.raises(ValueError, match=r"^write_page: got image=.*, expected"):
        write_page(small_trace(), tmp_path / "page.html", image=image)
    assert not list(tmp_path.iterdir())


def test_the_same_step_gives_the_same_bytes(tmp_path: Path) -> None:
    trace = small_trace()
    for name in ("a.html", "b.html"):
        write_page(trace, tmp_path / name)
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()


@pytest.mark.parametrize(("name", "most"), [("report", 2.0), ("small", 5.0)])
def test_a_page_of_a_cnn_has_at_most_5_megabytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, most: float
) -> None:
    faces = draw_faces(8, seed=0)
    if name == "report":
        model = networks.report_cnn(rng=0)
        optimizer: nn.SGD | nn.Adam = nn.SGD(model, lr=0.01, momentum=0.9)
    else:
        monkeypatch.syspath_prepend(EXAMPLES)
        from train_cnn import small  # type: ignore[import-not-found]

        model = small(np.random.default_rng(0))
        optimizer = nn.Adam(model)
    trace = nn.trace(model, faces.x, faces.y, nn.MSELoss(), optimizer)
    path = tmp_path / "page.html"
    write_page(trace, path, points=Points(48, 48))
    assert path.stat().st_size <= most * 1e6
    assert len(re.findall(r"[\x00-\x08\x0b-\x1f]", path.read_text(encoding="utf-8"))) == 0
