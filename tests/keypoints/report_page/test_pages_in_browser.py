"""Pages and views in a real browser: nothing wider than a phone, no complaint, no request."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nnscratch.keypoints.report_page.predictions_page import predictions_page
from nnscratch.keypoints.report_page.run_page import run_page
from nnscratch.keypoints.runs import load_run
from nnscratch.pages.notebook import text_view
from tests.keypoints.report_page.made_runs import HOSTILE, cascade, history, run
from tests.keypoints.report_page.test_predictions_page import MADE
from tests.tracing.browser import browser, why_no_browser

pytestmark = pytest.mark.skipif(bool(why_no_browser()), reason=why_no_browser())

FRAME = '<!doctype html><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
# What the page around a view does to lists and tables.
NOTEBOOK = "<style>dl dt { float: left; width: 20%; } pre { font: inherit; } td, th { border: 3px solid; }</style>"
LONG = "a-name-without-any-place-to-break-it-" * 6


@pytest.fixture(scope="module")
def driver() -> Iterator[Any]:
    with browser() as opened:
        yield opened


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    facts = run(levels=True, command=f"python {LONG} {HOSTILE}", stopped={"all": LONG})
    facts = replace(facts, metrics={**facts.metrics, "config": {**facts.config, "out": LONG, LONG: LONG, "data": LONG}})
    (folder / "run").mkdir()
    cascade().save(folder / "run")
    views = load_run(folder / "run")._repr_html_() + text_view("Table", "a  b")
    views += cascade().level_1._repr_html_() + history([3.0, 2.0])._repr_html_()
    texts = {
        "run": run_page(facts),
        "predictions": predictions_page(replace(MADE, names=(LONG, HOSTILE, LONG), command=LONG)),
        "views": f"{FRAME}{NOTEBOOK}<p id='mine'>a paragraph of the notebook</p>{views}",
    }
    paths = {name: folder / f"{name}.html" for name in texts}
    for name, text in texts.items():
        paths[name].write_text(text, encoding="utf-8")
    return paths


def open_page(driver: Any, path: Path, width: int, theme: str) -> None:
    size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 600}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    scheme = {"features": [{"name": "prefers-color-scheme", "value": theme}]}
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", scheme)
    driver.get_log("browser")
    driver.get(path.resolve().as_uri())


@pytest.mark.parametrize("name", ["run", "predictions", "views"])
@pytest.mark.parametrize(("width", "theme"), [(360, "light"), (390, "dark"), (1280, "light")])
def test_nothing_is_wider_than_the_window(
    driver: Any, pages: dict[str, Path], name: str, width: int, theme: str
) -> None:
    open_page(driver, pages[name], width, theme)
    assert driver.execute_script("return [document.scrollingElement.scrollWidth, innerWidth]") == [width, width]
    # What is opened must fit as well.
    driver.execute_script("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    assert driver.execute_script("return document.scrollingElement.scrollWidth") == width
    assert driver.get_log("browser") == []
    assert driver.execute_script("return performance.getEntriesByType('resource').map((each) => each.name)") in (
        [],
        None,
    )


def test_dark_is_dark_and_charts_follow(driver: Any, pages: dict[str, Path]) -> None:
    seen = []
    for theme in ("light", "dark"):
        open_page(driver, pages["run"], 800, theme)
        script = "return [getComputedStyle(document.body).backgroundColor, getComputedStyle(arguments[0]).fill]"
        seen.append(driver.execute_script(script, driver.find_element("css selector", ".chart text")))
    assert seen == [["rgb(251, 250, 247)", "rgb(29, 37, 48)"], ["rgb(20, 22, 27)", "rgb(231, 233, 238)"]]


def test_pictures_are_shown(driver: Any, pages: dict[str, Path]) -> None:
    """The page's own policy lets its data: pictures in."""
    open_page(driver, pages["run"], 800, "light")
    sizes = driver.execute_script("return [...document.images].map((each) => each.naturalWidth)")
    assert sizes == [5] * 4
    # An <image> has no naturalWidth: the same address in an <img>, under the same policy.
    script = """
        const [href, done] = arguments, image = new Image();
        image.src = href;
        image.decode().then(() => done(image.naturalWidth), (error) => done(String(error)));
    """
    address = driver.find_element("css selector", ".points image").get_attribute("href")
    assert driver.execute_async_script(script, address) == 96
    outside = driver.execute_async_script(script, "https://example.org/face.png")
    assert "EncodingError" in str(outside)
    assert "Content Security Policy" in driver.get_log("browser")[0]["message"]


def test_the_notebook_leaves_a_view_alone(driver: Any, pages: dict[str, Path]) -> None:
    open_page(driver, pages["views"], 800, "light")
    script = """
        const [selector, name] = arguments;
        const found = [...document.querySelectorAll(".nnscratch-view " + selector)];
        return found.map((each) => getComputedStyle(each)[name]);
    """
    assert set(driver.execute_script(script, "dt", "float")) == {"none"}
    assert set(driver.execute_script(script, "td", "borderLeftWidth")) == {"0px"}
    assert all("monospace" in each for each in driver.execute_script(script, "pre", "fontFamily"))


def test_a_view_leaves_the_notebook_alone(driver: Any, pages: dict[str, Path]) -> None:
    open_page(driver, pages["views"], 800, "light")
    script = """
        const style = () => JSON.stringify(Object.entries(getComputedStyle(document.getElementById("mine"))));
        const before = style();
        document.querySelectorAll(".nnscratch-view style").forEach((each) => each.remove());
        return before === style();
    """
    assert driver.execute_script(script) is True
