"""/reference in a browser."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import pytest

from tests.support.browser import browser_program, browsing
from tests.support.foreign import ROOT
from tests.support.served import Served

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

SCREENSHOT = ROOT / "build" / "reference.png"
LINK = "document.querySelector('a[href*=\"createApi\"]')"
OPENED = "location.href.includes('createApi') && document.body.innerText.includes('/v2/apis.createApi')"


async def test_operations_appear_and_one_can_be_opened(served: Served, tmp_path: Path) -> None:
    """The page and everything it needs come from the service itself: it asks nobody else.

    What the browser does on its own account (updates, sign-in, safe browsing) is none of the page's doing.
    """
    browser_program()
    if not files("unkey_api").joinpath("assets", "scalar", "standalone.js").is_file():
        pytest.skip("the reference page is not installed; `make install` fetches it")
    async with browsing(tmp_path) as page:
        await page.open(f"{served.base}/reference")
        await page.until("document.body?.innerText.includes('/v2/apis.createApi')", 60)
        await page.until(f"{LINK} !== null", 20)
        await page.evaluate(f"{LINK}.click()")
        await page.until(OPENED, 20)
        await page.screenshot(SCREENSHOT)
        await page.close_browser()
    assert page.complaints == []
    assert f"{served.base}/openapi.json" in page.requested
    assert {url for url in page.requested if not url.startswith((served.base, "data:", "blob:"))} == set()
