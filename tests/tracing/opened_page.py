"""A page of a traced step, opened in a browser: clicks, keys, and what then stands there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

READ = """
const number = (element) => [
  element.dataset.number, element.dataset.exact, element.textContent, element.dataset.index ?? null];
const read = () => ({
  numbers: [...document.querySelectorAll("#details [data-number]")]
    .filter((element) => !element.closest("#play")).map(number),
  play: [...document.querySelectorAll("#play [data-number]")].map(number),
  masked: document.querySelector("#details .masked") !== null,
  wins: Object.fromEntries([...document.querySelectorAll(".pool-window")].map(
    (element) => [element.dataset.index, element.dataset.wins])),
  selection: nnscratchPage.view.selection,
});
"""


class OpenedPage:
    """The page in `driver`, a Selenium driver of Chromium."""

    def __init__(self, driver: Any, path: Path) -> None:
        self.driver = driver
        self.url = path.resolve().as_uri()
        driver.get("about:blank")
        self.console()
        self.requests()  # those of the browser's own first page
        driver.get(self.url)
        failed = driver.execute_async_script(
            "const done = arguments[0]; nnscratchPage.ready.then(() => done(null), (error) => done(String(error)));"
        )
        assert failed is None, failed

    def run(self, script: str, *arguments: object) -> Any:
        return self.driver.execute_script(READ + script, *arguments)

    def clicks(self, whats: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """What stands there after each of the clicks, by the path that a mouse click takes."""
        result: list[dict[str, Any]] = self.run(
            "return arguments[0].map((what) => { nnscratchPage.click(what); return read(); });", whats
        )
        return result

    def read(self) -> dict[str, Any]:
        result: dict[str, Any] = self.run("return read();")
        return result

    def mouse(self, x: float, y: float) -> None:
        """A click of a real mouse at a place of the window, in CSS pixels."""
        at = {"x": x, "y": y, "button": "left", "clickCount": 1}
        for kind in ("mouseMoved", "mousePressed", "mouseReleased"):
            self.driver.execute_cdp_cmd("Input.dispatchMouseEvent", {"type": kind, **at})

    def finger(self, x: float, y: float) -> None:
        """A tap of a finger."""
        points = [{"x": x, "y": y}]
        self.driver.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": points})
        self.driver.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})

    def show(self, selector: str, number: int = 0) -> dict[str, float]:
        """Scrolls the element into view; where it is: left, top, width, height."""
        script = """
            const element = document.querySelectorAll(arguments[0])[arguments[1]];
            element.scrollIntoView({ block: "center", inline: "center" });
            const { left, top, width, height } = element.getBoundingClientRect();
            return { left, top, width, height };
        """
        box: dict[str, float] = self.run(script, selector, number)
        return box

    def keys(self, *names: str) -> None:
        """Real keys, one after the other, to whatever has the focus."""
        from selenium.webdriver import ActionChains
        from selenium.webdriver.common.keys import Keys

        chain = ActionChains(self.driver, duration=0)
        for name in names:
            chain.send_keys(getattr(Keys, name, name))
        chain.perform()

    def console(self) -> list[str]:
        """What the browser has complained about since the last call."""
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def requests(self) -> list[str]:
        """What the browser has asked for since the last call, the page itself apart."""
        messages = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        asked = [each["params"] for each in messages if each["method"] == "Network.requestWillBeSent"]
        return [each["request"]["url"] for each in asked if each["request"]["url"] != self.url]

    def unnamed_controls(self) -> list[str]:
        """What a keyboard can reach and a screen reader could not name."""
        self.driver.execute_cdp_cmd("Accessibility.enable", {})
        nodes = self.driver.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
        unnamed = []
        for node in nodes:
            properties = {each["name"]: each["value"].get("value") for each in node.get("properties", [])}
            role = node.get("role", {}).get("value", "")
            named = str(node.get("name", {}).get("value", "")).strip()
            if not node["ignored"] and properties.get("focusable") and role != "RootWebArea" and not named:
                unnamed.append(f"{role} {node.get('backendDOMNodeId')}")
        return unnamed

    def screenshot(self, path: Path) -> None:
        self.driver.save_screenshot(str(path))
