"""A headless Chromium for the tests that need one, with nothing of the user's, and no network.

`pip install -e '.[browser]'` brings Selenium; Debian's `chromium` and `chromium-driver` the rest.
"""

from __future__ import annotations

import contextlib
import importlib.util
import shutil
import tempfile
from collections.abc import Iterator
from typing import Any

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
# It must neither ask nor fetch anything, and start where there is neither a screen nor a user.
OPTIONS = [
    "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-default-apps", "--disable-dev-shm-usage",
    "--force-color-profile=srgb", "--hide-scrollbars",
]  # fmt: skip


def why_no_browser() -> str:
    """What is missing to run a browser, or "" if nothing is."""
    if CHROMIUM is None or DRIVER is None:
        return "got no chromium and chromedriver, expected both; apt-get install chromium chromium-driver"
    if importlib.util.find_spec("selenium") is None:
        return "got no selenium, expected it; pip install -e '.[browser]'"
    return ""


@contextlib.contextmanager
def browser(width: int = 1440, height: int = 900) -> Iterator[Any]:
    """A Selenium driver whose console and requests are logged; it ends with the block.

    width, height : of the window, in CSS pixels
    """
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    with tempfile.TemporaryDirectory(prefix="nnscratch-browser-") as folder:
        for option in [*OPTIONS, f"--window-size={width},{height}", f"--user-data-dir={folder}"]:
            options.add_argument(option)
        driver = webdriver.Chrome(options, Service(str(DRIVER)))
        try:
            yield driver
        finally:
            driver.quit()
