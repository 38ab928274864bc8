"""The page of a small step in a real browser: a few clicks of each kind, by mouse, keys and script.

`tests/stress/page_clicks.py` makes many more, on two whole networks.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.layers import Layer
from nnscratch.tracing.page import write_page
from tests.tracing import page_cases
from tests.tracing.browser import browser, why_no_browser
from tests.tracing.opened_page import OpenedPage
from tests.tracing.page_cases import Case

pytestmark = pytest.mark.skipif(bool(why_no_browser()), reason=why_no_browser())


@pytest.fixture(scope="module")
def case() -> Case:
    return page_cases.small()


@pytest.fixture(scope="module")
def page(case: Case, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenedPage]:
    path = case.write(tmp_path_factory.mktemp("page") / "step.html")
    with browser() as driver:
        yield OpenedPage(driver, path)


def test_it_opens_without_a_word_and_asks_for_nothing(page: OpenedPage) -> None:
    assert page.console() == []
    assert page.requests() == []
    assert page.driver.title == "A step & its <numbers>"


def test_its_arrays_are_those_of_the_step(page: OpenedPage, case: Case) -> None:
    array = "return nnscratchPage.array(...arguments)"
    assert page.run(array, "y", -1) == case.step.y(-1).ravel().tolist()
    for layer in range(len(case.trace.layers)):
        assert page.run(array, "y", layer) == case.step.y(layer).ravel().tolist()
        assert page.run(array, "dx", layer) == case.step.dy(layer - 1).ravel().tolist()
    for layer in case.trace.layers:
        for name, parameter in layer.parameters.items():
            arrays = {"before": parameter.before, "gradient": parameter.gradient, "after": parameter.after}
            arrays |= {f"memory_before.{key}": array for key, array in parameter.memory_before.items()}
            arrays |= {f"memory_after.{key}": array for key, array in parameter.memory_after.items()}
            for what, array in arrays.items():
                shown = page.run("return nnscratchPage.parameter(...arguments)", layer.number, name, what)
                assert shown == array.ravel().tolist(), f"{what} of {name} of {layer.layer!r}"


def test_clicks_of_each_kind_on_each_layer(page: OpenedPage, case: Case) -> None:
    rng = np.random.default_rng(0)
    whats = [case.draw(rng, kind, layer) for kind, layer in page_cases.places(case) for _ in range(3)]
    whats += [{"kind": "loss", "index": [o]} for o in range(4)]
    for what, read in zip(whats, page.clicks(whats), strict=True):
        assert page_cases.problems(case, what, read) == []


def test_a_mouse_on_every_picture(page: OpenedPage, case: Case) -> None:
    rng = np.random.default_rng(1)
    pictures = page.run("""
        return [...document.querySelectorAll("canvas.sheet")].map((canvas) =>
            [canvas.dataset.what, Number(canvas.closest(".layer").dataset.layer), canvas.dataset.name ?? null]);
    """)
    assert {(what.removesuffix("-gradient"), layer) for what, layer, _ in pictures} == {
        place for place in page_cases.places(case) if place[0] != "loss"
    }
    for number, (what, layer, name) in enumerate(pictures):
        box = page.show("canvas.sheet", number)
        picture = {"kind": what.removesuffix("-gradient"), "layer": layer} | ({"name": name} if name else {})
        for _ in range(8):  # between two maps there is nothing to click
            page.mouse(box["left"] + box["width"] * rng.random(), box["top"] + box["height"] * rng.random())
            read = page.read()
            if picture.items() <= read["selection"].items():
                break
        else:
            pytest.fail(f"got {read['selection']} from eight clicks on {picture}")
        assert page_cases.problems(case, read["selection"], read) == []


def test_a_mouse_finds_the_pixel_under_it(page: OpenedPage, case: Case) -> None:
    height, width, _ = case.trace.x.shape[1:]
    box = page.show("[data-layer='-1'] canvas[data-what='output']")
    page.mouse(box["left"] + 1, box["top"] + 1)
    assert page.read()["selection"]["index"][:2] == [0, 0]
    page.mouse(box["left"] + box["width"] - 1, box["top"] + box["height"] - 1)
    row, column, _ = page.read()["selection"]["index"]
    assert (row, column) == (height - 1, width - 1)


def test_the_keyboard_alone(page: OpenedPage, case: Case) -> None:
    page.run("document.activeElement.blur(); scrollTo(0, 0); document.querySelector('#network').focus()")
    page.keys("TAB")
    focused = page.run("return [document.activeElement.tagName, document.activeElement.dataset.what]")
    assert focused == ["CANVAS", "output"]
    page.keys("ENTER")
    row, column, channel = page.read()["selection"]["index"]
    page.keys("ARROW_UP", "ARROW_UP", "ARROW_LEFT", "ENTER")
    read = page.read()
    assert read["selection"]["index"] == [row - 2, column - 1, channel]
    assert page_cases.problems(case, read["selection"], read) == []
    page.keys("PAGE_UP", "ENTER")
    assert page.read()["selection"]["index"] == [row - 2, column - 1, max(channel - 1, 0)]
    zoom = "return getComputedStyle(document.querySelector('#strip')).getPropertyValue('--zoom')"
    before = float(page.run(zoom))
    page.keys("+", "+")
    assert float(page.run(zoom)) > before
    page.keys("-", "-")
    assert float(page.run(zoom)) == pytest.approx(before)
    assert page.run("return document.querySelectorAll('.mark.chosen').length") == 1
    page.keys("ESCAPE")
    assert page.run("return document.querySelectorAll('.mark.chosen').length") == 0


def test_numbers_lead_on_to_others(page: OpenedPage, case: Case) -> None:
    page.clicks([{"kind": "output", "layer": 3, "index": [1, 2, 0]}])
    for _ in range(6):
        page.run("document.querySelector('#cards button.number').scrollIntoView({ block: 'center' })")
        box = page.show("#cards button.number")
        page.mouse(box["left"] + box["width"] / 2, box["top"] + box["height"] / 2)
        read = page.read()
        assert page_cases.problems(case, read["selection"], read) == []
        if not page.run("return document.querySelector('#cards button.number') !== null"):
            break
    else:
        return
    assert read["selection"]["layer"] == -1  # nothing is behind the input


SLIDERS = [
    {"kind": "output", "layer": -1, "index": [4, 5, 1]},
    {"kind": "output", "layer": 2, "index": [3, 2, 1]},
    {"kind": "output", "layer": 9, "index": [7]},
    {"kind": "weight", "layer": 0, "name": "weight", "index": [1, 2, 0, 1]},
    {"kind": "weight", "layer": 7, "name": "bias", "index": [3]},
    {"kind": "weight", "layer": 12, "name": "weight", "index": [2, 1]},
]


def test_a_slider_moves_the_loss_as_a_real_forward_pass_does(page: OpenedPage, case: Case) -> None:
    rng = np.random.default_rng(2)
    for what in SLIDERS:
        page.clicks([what])
        for _ in range(3):
            page.run("nnscratchPage.play.set(arguments[0])", float(rng.normal()))
            read = page.read()
            assert page_cases.slider_problems(case, what, read) == []
            assert page_cases.problems(case, what, read) == []  # the step's own numbers stay


def test_a_slider_by_keys(page: OpenedPage, case: Case) -> None:
    page.clicks([SLIDERS[3]])
    page.run("document.querySelector('#play input').focus()")
    page.keys(*["ARROW_RIGHT"] * 5)
    page.driver.execute_async_script("setTimeout(arguments[0], 400)")
    read = page.read()
    numbers = {name: float(exact) for name, exact, _, _ in read["play"]}
    assert numbers["play.value"] > numbers["play.old"]
    assert page_cases.slider_problems(case, SLIDERS[3], read) == []


def test_epochs_are_those_of_the_training(page: OpenedPage, case: Case) -> None:
    for number, epoch in enumerate(case.epochs):
        page.run("nnscratchPage.epoch(arguments[0])", number)
        y = case.trace.x
        for layer, parameters in zip(case.before, epoch.parameters, strict=True):
            layer.params.update(parameters)
            y = layer.forward(y)
            shown = page.run("return nnscratchPage.array('y', arguments[0])", case.before.index(layer))
            np.testing.assert_allclose(shown, y[case.image].ravel(), rtol=1e-5, atol=1e-6)
    page.run("nnscratchPage.epoch(null)")
    assert page.run("return nnscratchPage.view.epoch") is None


def test_an_epoch_shows_no_numbers_of_the_step(page: OpenedPage, case: Case) -> None:
    weight = SLIDERS[3]
    page.clicks([weight])
    page.run("nnscratchPage.play.set(0.25); nnscratchPage.epoch(1)")
    read = page.read()
    assert read["numbers"] == read["play"] == []
    loss = page.run("return document.querySelector('[data-layer=loss] [data-number=\"header.loss\"]').dataset.exact")
    assert float(loss) == case.epochs[1].loss
    page.run("nnscratchPage.epoch(null)")
    assert page_cases.problems(case, weight, page.read()) == []  # the step's are back


def test_points_stay_within_the_picture(page: OpenedPage, case: Case) -> None:
    page.run("nnscratchPage.epoch(null)")
    outside = page.run("""
        const face = document.querySelector(".face canvas").getBoundingClientRect();
        return [...document.querySelectorAll(".point .target")].map((mark) => mark.getBoundingClientRect()).filter(
            ({ left, right, top, bottom }) =>
                (left + right) / 2 < face.left || (left + right) / 2 > face.right ||
                (top + bottom) / 2 < face.top || (top + bottom) / 2 > face.bottom).length;
    """)
    assert outside == 0
    assert page.run("return document.querySelectorAll('.point').length") == case.trace.y.shape[1] // 2


def test_losses_have_as_many_digits_as_tell_them_apart(page: OpenedPage, case: Case) -> None:
    what = {"kind": "output", "layer": -1, "index": [3, 3, 0]}
    page.clicks([what])
    old = float(case.step.y(-1)[3, 3, 0])
    for change in (1e-5, 1e-3, 0.1):
        page.run("nnscratchPage.play.set(arguments[0])", old + change)
        texts = {name: text for name, _, text, _ in page.read()["play"]}
        assert texts["play.loss"] != texts["play.loss_before"]


def test_a_negative_number_behind_a_sign_stands_in_brackets(page: OpenedPage, case: Case) -> None:
    rng = np.random.default_rng(5)
    for kind, layer in page_cases.places(case):
        page.clicks([case.draw(rng, kind, layer)])
        lines = page.run("return [...document.querySelectorAll('#details p')].map((line) => line.textContent)")
        assert [line for line in lines if re.search(r"[+−·×] −", line)] == []


def test_every_control_has_a_name(page: OpenedPage) -> None:
    for what in (
        {"kind": "weight", "layer": 0, "name": "weight", "index": [0, 0, 0, 0]},
        {"kind": "loss", "index": [0]},
    ):
        page.clicks([what])
        assert page.unnamed_controls() == []


@pytest.fixture
def phone(page: OpenedPage) -> Iterator[OpenedPage]:
    size = {"width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": True}
    page.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    page.driver.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": True})
    yield page
    page.driver.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": False})
    page.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_a_finger_on_a_phone(phone: OpenedPage, case: Case) -> None:
    box = phone.show("[data-layer='2'] canvas[data-what='output']")
    # In the middle of the map's first pixel.
    phone.finger(box["left"] + 2, box["top"] + 2)
    read = phone.read()
    assert read["selection"] == {"kind": "output", "layer": 2, "index": [0, 0, 0]}
    assert page_cases.problems(case, read["selection"], read) == []


def test_nothing_sticks_out_of_a_phone(phone: OpenedPage, case: Case) -> None:
    rng = np.random.default_rng(3)
    for kind, layer in page_cases.places(case)[::3]:
        phone.clicks([case.draw(rng, kind, layer)])
        assert phone.run("return document.documentElement.scrollWidth") <= 390


def test_light_and_dark(page: OpenedPage) -> None:
    colours = "return getComputedStyle(document.body).backgroundColor"
    box = page.show("#theme")
    first = page.run(colours)
    page.mouse(box["left"] + box["width"] / 2, box["top"] + box["height"] / 2)
    second = page.run(colours)
    page.mouse(box["left"] + box["width"] / 2, box["top"] + box["height"] / 2)
    assert first == page.run(colours) != second


def test_it_has_complained_of_nothing_meanwhile(page: OpenedPage) -> None:
    assert page.console() == []
    assert page.requests() == []


class Fold(Layer):
    """A layer of a reader's own: odd shapes, odd parameters, and a config that fails."""

    def __init__(self, shape: tuple[int, ...], factor: float = 1.0) -> None:
        super().__init__()
        self.shape, self.factor = shape, np.float32(factor)
        self.params = {"all": np.ones((), np.float32), "none": np.zeros((0, 3), np.float32)}
        self.grads = {name: np.zeros_like(array) for name, array in self.params.items()}

    def config(self) -> dict[str, object]:
        raise KeyError("shape")

    def __repr__(self) -> str:
        return "Fold(</script> & more)"

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        self.x_shape = x.shape
        return (x * self.factor).reshape(len(x), *self.shape)

    def backward(self, dy: np.ndarray) -> np.ndarray:
        return (dy * self.factor).reshape(self.x_shape)


def open_own(page: OpenedPage, folder: Path, *layers: Layer) -> OpenedPage:
    """A page of a network with these layers between two dense ones."""
    model = nn.Sequential(nn.Flatten(), nn.Dense(9, 12, rng=0), *layers, nn.Dense(12, 2, rng=1))
    x = np.random.default_rng(2).standard_normal((3, 3, 3, 1), np.float32)
    trace = nn.trace(model, x, np.ones((3, 2), np.float32), nn.MSELoss(), nn.SGD(model, lr=0.1))
    write_page(trace, folder / "own.html")
    return OpenedPage(page.driver, folder / "own.html")


def test_layers_of_ones_own_break_nothing(page: OpenedPage, tmp_path: Path) -> None:
    shapes = ((3, 4), (2, 3, 2), (2, 1, 3, 2), (1, 2, 1, 3, 2), (12,))
    own = open_own(page, tmp_path, *map(Fold, shapes))
    for layer, shape in enumerate(shapes, start=2):
        last = [length - 1 for length in shape]
        own.clicks([{"kind": kind, "layer": layer, "index": last} for kind in ("output", "gradient")])
        own.clicks([{"kind": "weight", "layer": layer, "name": "all", "index": []}])
    for number in range(own.run("return document.querySelectorAll('canvas.sheet').length")):
        own.run("document.querySelectorAll('canvas.sheet')[arguments[0]].focus()", number)
        own.keys("ARROW_DOWN", "ARROW_RIGHT", "PAGE_DOWN", "ARROW_UP", "PAGE_UP", "ENTER")
    assert own.console() == []


def test_a_gradient_of_exactly_0_says_so_in_words(page: OpenedPage, tmp_path: Path) -> None:
    own = open_own(page, tmp_path, Fold((12,), factor=0.0))
    words = """
        return Object.fromEntries([...document.querySelectorAll("canvas.sheet")].map((canvas) => [
            `${canvas.closest(".layer").dataset.layer} ${canvas.dataset.what} ${canvas.dataset.name ?? ""}`.trim(),
            canvas.parentElement.querySelector(".nothing").textContent]));
    """
    said = own.run(words)
    assert "0 everywhere: no gradient" in said["-1 gradient"]
    assert "0 everywhere: no gradient" in said["1 gradient"]
    assert "in this batch" in said["1 weight-gradient weight"]
    assert said["3 gradient"] == said["3 weight-gradient bias"] == said["2 output"] == ""
    assert own.console() == []
