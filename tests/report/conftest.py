"""Reports as a browser shows them: a headless Chromium that is installed on this machine."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

WIDTHS = (360, 768, 1280)  # of a phone, a tablet, a desktop

WIDER_THAN_THE_PAGE = """() => [...document.body.querySelectorAll('*')]
    .filter(element => !element.closest('.scroll > *'))
    .filter(element => element.getBoundingClientRect().right > document.body.clientWidth + 0.5)
    .map(element => element.outerHTML.slice(0, 80))"""


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """A headless Chromium, driven by Playwright; skipped where one of the two is missing."""
    playwright = pytest.importorskip("playwright.sync_api")
    names = ("chromium", "chromium-browser", "google-chrome")
    path = next(filter(None, map(shutil.which, names)), None)
    if not path:
        pytest.skip(f"none of these browsers is installed: {', '.join(names)}")
    # Its sandbox does not start for root.
    is_root = hasattr(os, "geteuid") and os.geteuid() == 0
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(
            executable_path=path, args=["--no-sandbox"] if is_root else []
        )
        yield chromium
        chromium.close()


Open = Callable[[Path], Any]


@pytest.fixture
def open_page(browser: Any) -> Iterator[Open]:
    """Open a page; fails at the end if it logged anything, asked for anything, or ran a script."""
    noise: list[str] = []
    contexts = []

    def open_it(path: Path) -> Any:
        context = browser.new_context()
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: noise.append(message.text))
        page.on("pageerror", lambda error: noise.append(str(error)))
        page.on("requestfailed", lambda request: noise.append(request.url))
        page.on("dialog", lambda dialog: noise.append(dialog.message))
        page.goto(path.absolute().as_uri())
        return page

    yield open_it
    for context in contexts:
        context.close()
    assert noise == []


@pytest.fixture
def check_page(open_page: Open) -> Callable[[Path], Any]:
    """Open a page and check it: it fits every width, and axe-core finds nothing, light and dark."""

    def check(path: Path) -> Any:
        axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
        page = open_page(path)
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 800})
            assert page.evaluate("document.scrollingElement.scrollWidth") == width
            assert page.evaluate(WIDER_THAN_THE_PAGE) == [], width
        contrast = {"runOnly": ["color-contrast"]}
        for scheme, options in (("light", None), ("dark", contrast)):
            page.emulate_media(color_scheme=scheme)
            found = axe.run(page, options=options).response["violations"]
            assert [(one["id"], one["nodes"][0]["html"]) for one in found] == []
        return page

    return check
