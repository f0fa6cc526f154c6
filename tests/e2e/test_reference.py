"""/reference in a browser.

What the browser does on its own account (updates, sign-in, safe browsing) is none of the page's doing.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from importlib.resources import files

import pytest

from tests.support.browser import Page, browser_program, browsing
from tests.support.foreign import ROOT
from tests.support.served import Served

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

SCREENSHOT = ROOT / "build" / "reference.png"
OPERATION = "document.querySelector('a[href*=\"getGatewayRequests\"]')"
CONTROLS = ("button", "link", "menuitem", "option", "tab")
PRODUCTS = r"\b(ask ai|ai agent|\w+ mcp|developer tools|powered by|scalar|open api client)\b"
"""What the viewer's maker offers, as the viewer calls it."""
ACTIONS = r"\b(share|deploy|configure|sign in|sign up)\b"
"""What can be done with it; the document may use these words."""
ADDRESSES = """
    [...document.querySelectorAll('a[href], link[href], area[href], form[action], [src]')]
        .map(element => element.getAttribute('href') ?? element.getAttribute('action') ?? element.getAttribute('src'))
        .map(address => new URL(address, document.baseURI))
        .filter(address => address.protocol.startsWith('http') && address.origin !== location.origin)
        .map(String)
"""
"""Whatever on the page leads to, or comes from, another host."""


def button(name: str) -> str:
    """Return an expression for the first button whose text contains a name."""
    return f"[...document.querySelectorAll('button')].find(button => button.innerText.includes('{name}'))"


@pytest.fixture(scope="module")
async def page(served: Served, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Page]:
    """The page, with its operations shown."""
    browser_program()
    if not files("unkey_api").joinpath("assets", "scalar", "standalone.js").is_file():
        pytest.skip("the reference page is not installed; `make install` fetches it")
    async with browsing(tmp_path_factory.mktemp("profile")) as page:
        await page.open(f"{served.base}/reference")
        await page.until("document.body?.innerText.includes('/v2/analytics.getGatewayRequests')", 60)
        await page.until(f"{OPERATION} !== null", 20)
        await page.screenshot(SCREENSHOT)
        yield page
        await page.close_browser()


async def offers(page: Page) -> list[str]:
    """Return what the page offers that is not ours to offer."""
    controls = await page.names(*CONTROLS)
    text: str = await page.evaluate("document.body.innerText")
    found = {name for name in controls if re.search(ACTIONS, name, re.IGNORECASE)}
    return sorted(found | {match[0] for match in re.finditer(PRODUCTS, text, re.IGNORECASE)})


async def test_operations_are_listed_under_their_titles(page: Page) -> None:
    links = await page.names("link")
    titles = {"Query gateway requests", "Query rate limits", "Query runtime logs", "Query verifications"}
    assert titles <= {name.partition(" HTTP METHOD")[0] for name in links}


async def test_the_root_key_is_the_credential_that_is_asked_for(page: Page) -> None:
    assert "Selected Auth Type: rootKey" in await page.names("button")
    assert await page.evaluate("document.body.innerText.includes('Bearer Token')")


async def test_nothing_is_offered_but_the_document(page: Page) -> None:
    assert await offers(page) == []


async def test_nothing_leads_to_another_host(page: Page) -> None:
    assert await page.evaluate(ADDRESSES) == []


async def test_operation_can_be_opened_and_tried(page: Page, served: Served) -> None:
    """The request goes to this server, with the key typed into the page, through nobody's proxy."""
    await page.evaluate(f"{OPERATION}.click()")
    await page.until("location.href.includes('getGatewayRequests')", 20)
    await page.evaluate(f"{button('Test Request')}.click()")
    await page.until(f"{button('Send')} !== undefined", 20)
    await page.evaluate("document.querySelector('[role=dialog] input[placeholder=Token]').focus()")
    await page.type("a_root_key")
    await page.evaluate(f"{button('Send')}.click()")
    await page.until(r"/Status:\s*40\d/.test(document.querySelector('[role=dialog]').innerText)", 20)
    sent = [request for request in page.requests if request["method"] == "POST"]
    assert [request["url"] for request in sent] == [f"{served.base}/v2/analytics.getGatewayRequests"]
    assert {name.lower(): value for name, value in sent[0]["headers"].items()}["authorization"] == "Bearer a_root_key"
    # The answer's parts come with explanations, which are links in the viewer as it is shipped.
    assert await page.evaluate(ADDRESSES) == []
    assert await offers(page) == []


async def test_page_and_everything_it_needs_come_from_the_service(page: Page, served: Served) -> None:
    """It asks nobody else, and tries nothing that its own policy would have to refuse."""
    asked = {request["url"] for request in page.requests}
    assert f"{served.base}/openapi.json" in asked
    assert {url for url in asked if not url.startswith((served.base, "data:", "blob:"))} == set()
    assert page.complaints == []
