from __future__ import annotations

import pytest
from house.documents import ROOT
from house.links import Names, code_of, outside_resources, source_of, source_page
from house.reference import rooms


@pytest.fixture(scope="module")
def names() -> Names:
    return Names.of(rooms())


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("Dense", "nnscratch.Dense"),
        ("nn.Dense", "nnscratch.Dense"),
        ("nn.Dense(2, 3)", "nnscratch.Dense"),
        ("Trainer.fit", "nnscratch.Trainer.fit"),
        ("nn.trace", "nnscratch.trace"),
        ("trace", None),
        ("diagnose(...)", "nnscratch.diagnose"),
        ("labels_of", "nnscratch.losses.labels_of"),
        ("conv2d_forward", "nnscratch.kernels.loops.conv2d_forward"),
        ("weight", None),
        ("x[n,i]", None),
        ("nn.nothing", None),
        ("--out FILE", None),
    ],
)
def test_what_a_text_in_backticks_names(names: Names, text: str, target: str | None) -> None:
    assert names.target(text) == target


def test_files_are_found_by_the_paths_that_the_house_writes() -> None:
    assert source_of("kernels/loops.py") == "nnscratch/kernels/loops.py"
    assert source_of("keypoints/faces.py") == "nnscratch/keypoints/faces.py"
    assert source_of("train_cnn.py") == "examples/train_cnn.py"
    assert source_of("kernels/nothing.py") is None
    assert source_of("../setup.py") is None
    assert source_page("nnscratch/model.py") == "source/nnscratch/model"


@pytest.mark.parametrize(
    "text",
    [
        '<script src="https://cdn.org/x.js"></script>',
        "<img alt='a' src='http://a.org/a.png'>",
        '<link rel="stylesheet" type="text/css" href="https://a.org/a.css">',
        '<link href="//a.org/font.woff2" rel="preload">',
        '<iframe src="//a.org">',
        "@font-face { src: url(https://a.org/a.woff2) }",
        '@import "https://a.org/a.css";',
        '<svg><image href="https://a.org/a.png"/></svg>',
    ],
)
def test_what_would_need_the_network_is_found(text: str) -> None:
    assert len(outside_resources(text)) == 1


def test_links_and_own_files_are_no_such_thing() -> None:
    text = (
        '<a href="https://a.org">a</a><script src="../_static/a.js"></script><link rel="license" href="https://b.org">'
    )
    assert outside_resources(text + '<img src="data:image/png;base64,//8=">') == []


def test_source_leads_to_the_line_of_the_code() -> None:
    for name, words in (
        ("Dense", "class Dense("),
        ("Sequential.forward", "    def forward("),
        ("SGD.effective_lr", "    @property"),
    ):
        place = code_of("nnscratch", name)
        assert place is not None
        assert (ROOT / place[0]).read_text(encoding="utf-8").splitlines()[place[1] - 1].startswith(words)
    assert code_of("nnscratch.training.callbacks", "EpochFunction") is None
    assert code_of("", "x") is None
