"""A stack, a browser, and tabs in it. Slow: a real model writes the answers."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, ViewportSize, expect, sync_playwright

from tests.browser.chat_page import ChatPage
from tests.browser.running_stack import ROOT, RunningStack, running_stack

WEB = ROOT / "web"
AXE = WEB / "node_modules" / "axe-core" / "axe.min.js"
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
WIDE = ViewportSize(width=1280, height=800)

expect.set_options(timeout=15_000)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory, default_model: Path) -> Iterator[RunningStack]:
    if not (WEB / "dist" / "index.html").is_file():
        pytest.fail("the page is not built: make web")
    with running_stack(tmp_path_factory.mktemp("home"), default_model) as running:
        yield running


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    program = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if program is None:
        pytest.fail("Chromium is not installed: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture
def context(browser: Browser, stack: RunningStack) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport=WIDE, reduced_motion="reduce")
    context.add_init_script(path=AXE)
    yield context
    context.close()


@pytest.fixture
def new_tab(context: BrowserContext, stack: RunningStack) -> Iterator[Callable[[], ChatPage]]:
    """Makes tabs of one browser; none of them may have an exception that nobody caught."""
    tabs: list[ChatPage] = []

    def make() -> ChatPage:
        tabs.append(ChatPage(context, stack.url))
        return tabs[-1]

    yield make
    stack.set_faults()
    assert [fault for tab in tabs for fault in tab.faults] == []


@pytest.fixture
def tab(new_tab: Callable[[], ChatPage]) -> ChatPage:
    """A tab whose user has just signed in."""
    return new_tab().sign_in()
