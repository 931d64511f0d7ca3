"""Pages as people meet them: opened in a real browser, looked at, checked for what keeps people out.

``visit`` opens a page that fails the test when a script fails, the policy stops something, or a request goes elsewhere.
``accessible`` runs axe-core for WCAG 2.2 A and AA. ``picture`` keeps what was seen in ``tests/artefacts``.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, Page, Request

HERE = Path(__file__).parent
ARTEFACTS = HERE / "artefacts"
AXE = HERE / "vendor/axe.min.js"
PHONE = (360, 740)
DESKTOP = (1100, 800)
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
LOOPBACK = ("127.0.0.1", "localhost", "::1")


@contextmanager
def visit(
    chrome: Browser,
    *,
    size: tuple[int, int] = DESKTOP,
    colours: Literal["light", "dark"] = "light",
    tolerates: tuple[str, ...] = (),
    **options: Any,
) -> Iterator[Page]:
    """A page in a context of its own. ``tolerates``: parts of messages that are expected, such as a status."""
    options = {"locale": "en-GB", "timezone_id": "America/New_York", **options}
    viewport = {"width": size[0], "height": size[1]}
    context = chrome.new_context(viewport=viewport, color_scheme=colours, **options)  # type: ignore[arg-type]
    wrong = _watched(context, tolerates)
    page = context.new_page()
    yield page
    context.close()
    assert wrong == [], wrong


def _watched(context: BrowserContext, tolerates: tuple[str, ...]) -> list[str]:
    wrong: list[str] = []

    def note(what: str) -> None:
        if not any(part in what for part in tolerates):
            wrong.append(what)

    def asked(request: Request) -> None:
        host = urlsplit(request.url).hostname
        if host not in LOOPBACK and not request.url.startswith(("data:", "about:", "blob:")):
            note(f"a request to another host: {request.url}")

    context.on("request", asked)
    context.on("weberror", lambda error: note(str(error.error)))
    context.on("console", lambda said: note(said.text) if said.type == "error" else None)
    return wrong


def accessible(page: Page) -> None:
    """Fails with the rule and the element for each violation of level A or AA."""
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(AXE.read_text())  # by the debugger, which the page's own policy does not hold back
    options = {"runOnly": {"type": "tag", "values": RULES}, "resultTypes": ["violations"]}
    found = page.evaluate("options => axe.run(document, options)", options)
    violations = [
        f"{one['id']}: {one['help']}: {node['html'][:200]} ({node['failureSummary']})"
        for one in found["violations"]
        for node in one["nodes"]
    ]
    assert violations == [], "\n".join(violations)
    assert len(found.get("passes", [1])) > 0


def fits(page: Page) -> None:
    """Fails when the page is wider than its window: nobody should have to scroll sideways to read."""
    wide, window = page.evaluate("() => [document.documentElement.scrollWidth, innerWidth]")
    assert wide <= window


def picture(page: Page, name: str) -> Path:
    """Keep what is seen."""
    ARTEFACTS.mkdir(exist_ok=True)
    path = ARTEFACTS / f"{name}.png"
    page.screenshot(path=path, full_page=True)
    return path


def focused(page: Page) -> str:
    """What the keyboard's focus is on, in words."""
    return str(page.evaluate("() => (document.activeElement?.innerText || document.activeElement?.tagName).trim()"))
