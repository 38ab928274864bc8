"""Random clicks in a real browser: every number that the page of a step shows is NumPy's.

    python tests/stress/page_clicks.py --count 50 --seed 0

Four networks:
    report   the report's CNN, with dropout and missing labels
    strides  strides, padding, overlapping windows and all other layers
    classes  a small one that chooses classes, in float64, with a layer of one's own, one frozen
    vectors  dense layers, and a batch of one row

On each of their layers, --count clicks of each kind: how an output came about, who sends it
gradient, where a weight's gradient comes from and what the optimizer made of it, the loss. Then as
many clicks of a real mouse on random pictures, and as many moves of the slider of a number and of a
weight, compared with forward passes; and as many turns of anything, in any order. Nothing may be
wrong in the last digit shown; the browser may complain of nothing, and ask for nothing.

Exit status 1 if anything is wrong, 2 without Chromium or Selenium.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.tracing import page_cases
from tests.tracing.browser import browser, why_no_browser
from tests.tracing.opened_page import OpenedPage
from tests.tracing.page_cases import Case

CASES = {
    made.__name__: made for made in (page_cases.report, page_cases.strides, page_cases.classes, page_cases.vectors)
}


def by_script(page: OpenedPage, case: Case, rng: np.random.Generator, count: int) -> tuple[int, list[str]]:
    """`count` clicks of each kind on each layer: how many in all, and what was wrong."""
    clicks, wrong = 0, []
    for kind, layer in page_cases.places(case):
        whats = [case.draw(rng, kind, layer) for _ in range(count)]
        for what, read in zip(whats, page.clicks(whats), strict=True):
            wrong += page_cases.problems(case, what, read)
        clicks += count
    return clicks, wrong


def by_mouse(page: OpenedPage, case: Case, rng: np.random.Generator, count: int) -> tuple[int, list[str]]:
    """`count` clicks of a real mouse, each somewhere on a random picture."""
    wrong = []
    pictures = page.run("return document.querySelectorAll('canvas.sheet').length")
    for _ in range(count):
        box = page.show("canvas.sheet", int(rng.integers(pictures)))
        page.mouse(box["left"] + box["width"] * rng.random(), box["top"] + box["height"] * rng.random())
        read = page.read()
        wrong += page_cases.problems(case, read["selection"], read)
    return count, wrong


def by_slider(page: OpenedPage, case: Case, rng: np.random.Generator, count: int) -> tuple[int, list[str]]:
    """`count` values for numbers of an input or a y, and as many for weights, each another one."""
    wrong = []
    weighted = [layer for kind, layer in page_cases.places(case) if kind == "weight"]
    for k in range(2 * count):
        # A number of the input, of a layer's y (the last has no slider), or a weight.
        hidden = "output", int(rng.integers(-1, len(case.trace.layers) - 1))
        kind, layer = hidden if k % 2 else ("weight", int(rng.choice(weighted)))
        what: dict[str, Any] = case.draw(rng, kind, layer)
        page.clicks([what])
        slider = page.run(
            "const slider = document.querySelector('#play input');"
            "return slider && [slider.value, slider.min, slider.max].map(Number);"
        )
        known = all(
            type(layer).__module__.startswith("nnscratch.") for layer in case.before[layer + (kind == "output") :]
        )
        if (slider is not None) != known:
            wrong.append(f"{what}: {'a' if slider else 'no'} slider, expected {'one' if known else 'none'}")
        if slider is None:
            continue
        old, least, most = slider
        # Every second one a small step, where the gradient is nearly right.
        value = float(rng.uniform(least, most)) if k % 4 < 2 else old + float(rng.normal()) * 1e-3
        page.run("nnscratchPage.play.set(arguments[0])", value)
        wrong += page_cases.slider_problems(case, what, page.read())
    return 2 * count, wrong


def by_turns(page: OpenedPage, case: Case, rng: np.random.Generator, count: int) -> tuple[int, list[str]]:
    """`count` times anything that one can do; what a click shows must not depend on it."""
    wrong = []
    for _ in range(count):
        turn = str(
            rng.choice(["click", "click", "slider", "reset", "epoch", "step", "theme", "zoom", "Escape", "resize"])
        )
        kind, layer = page_cases.places(case)[int(rng.integers(len(page_cases.places(case))))]
        what = case.draw(rng, kind, layer)
        said = page.run(TURN, turn, what, float(rng.normal()), int(rng.integers(len(case.epochs))))
        if said:
            wrong.append(f"{turn} {what}: {said}")
        elif turn == "click" and page.run("return nnscratchPage.view.epoch === null"):
            wrong += page_cases.problems(case, what, page.read())
    page.run("nnscratchPage.epoch(null)")
    return count, wrong


TURN = """
    const [turn, what, value, epoch] = arguments;
    const press = (key) => document.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
    const turns = {
      click: () => nnscratchPage.click(what),
      slider() {
        const slider = document.querySelector("#play input");
        if (!slider) return;
        slider.value = value;
        slider.dispatchEvent(new Event("input"));
      },
      reset: () => document.querySelector("#play button")?.click(),
      epoch: () => nnscratchPage.epoch(epoch),
      step: () => nnscratchPage.epoch(null),
      theme: () => document.querySelector("#theme").click(),
      zoom: () => press(value > 0 ? "+" : "-"),
      Escape: () => press("Escape"),
      resize: () => dispatchEvent(new Event("resize")),
    };
    try {
      turns[turn]();
    } catch (error) {
      return String(error.stack);
    }
"""


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Random clicks on the page of a step, in a real browser.")
    parser.add_argument("--count", type=int, default=50, help="clicks of each kind on each layer (default: 50)")
    parser.add_argument("--seed", type=int, default=0, help="of the networks and the clicks (default: 0)")
    parser.add_argument("--case", choices=CASES, help="only this network")
    options = parser.parse_args(arguments)
    if why_no_browser():
        print(f"page_clicks: {why_no_browser()}", file=sys.stderr)
        return 2
    failed = 0
    with tempfile.TemporaryDirectory() as folder, browser() as driver:
        for name in [options.case] if options.case else CASES:
            case = CASES[name](options.seed)
            page = OpenedPage(driver, case.write(Path(folder) / f"{name}.html"))
            rng = np.random.default_rng([15, options.seed])
            for made in (by_script, by_mouse, by_slider, by_turns):
                clicks, wrong = made(page, case, rng, options.count)
                failed += bool(wrong)
                print(f"{name}: {clicks} {made.__name__.replace('_', ' ')}, {len(wrong)} wrong", flush=True)
                print("".join(f"    {line[:400]}\n" for line in wrong[:5]), end="", flush=True)
            said, asked = page.console(), page.requests()
            failed += bool(said or asked)
            print(
                f"{name}: {len(said)} complaints of the browser, {len(asked)} requests {said[:3]} {asked[:3]}",
                flush=True,
            )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
