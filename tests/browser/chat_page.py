"""The chat page as a person uses it."""

from __future__ import annotations

import re
import secrets
from pathlib import Path
from typing import Any

import requests
from playwright.sync_api import BrowserContext, Locator, Page, expect

ANSWER_MS = 60_000
STORY = "Write a long story about a river, with many details."


class ChatPage:
    """One tab.

    Args:
        context: tabs of one context share what is signed in, as those of one browser do.
        url: of the stack.
    """

    def __init__(self, context: BrowserContext, url: str) -> None:
        self.page: Page = context.new_page()
        self.url = url
        self.faults: list[str] = []
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))

    def open(self, path: str = "/") -> ChatPage:
        """Go to an address of the page."""
        self.page.goto(self.url + path)
        return self

    def sign_in(self, user: str = "") -> ChatPage:
        """As somebody who has never been here, by default."""
        self.open()
        self.page.get_by_label("Your name").fill(user or f"Ada {secrets.token_hex(4)}")
        self.page.get_by_role("button", name="Sign in").click()
        expect(self.box).to_be_visible()
        return self

    @property
    def box(self) -> Locator:
        """Where one writes."""
        return self.page.get_by_role("textbox", name="Message", exact=True)

    @property
    def answers(self) -> Locator:
        """What the model wrote, oldest first."""
        return self.page.get_by_role("article", name="Keepwarm")

    @property
    def questions(self) -> Locator:
        """What the user wrote, oldest first."""
        return self.page.get_by_role("article", name="You", exact=True)

    @property
    def receipts(self) -> Locator:
        """One for each answer that has ended."""
        return self.page.get_by_test_id("receipt")

    @property
    def conversations(self) -> Locator:
        """The list at the side."""
        return self.page.get_by_role("navigation", name="Your conversations").get_by_role("link")

    def send(self, text: str) -> None:
        """Write a message and send it by the keyboard."""
        self.box.fill(text)
        self.box.press("Enter")

    def ask(self, text: str) -> str:
        """Send, wait for the end, and return the answer."""
        before = self.answers.count()
        self.send(text)
        expect(self.answers).to_have_count(before + 1, timeout=ANSWER_MS)
        return self.ended(before)

    def ask_briefly(self, text: str, length: int = 4) -> str:
        """Send, stop the answer after so many characters, if it is that long, and return it."""
        before = self.answers.count()
        self.send(text)
        expect(self.answers).to_have_count(before + 1, timeout=ANSWER_MS)
        self.wait_for_text(length, before)
        self.box.press("Escape")
        return self.ended(before)

    def ended(self, index: int = -1) -> str:
        """Wait for an answer's end and return its text."""
        answer = self.answers.nth(index)
        expect(answer).to_have_attribute("aria-busy", "false", timeout=ANSWER_MS)
        return self.text(index)

    def begin_story(self) -> str:
        """An answer that takes long; returns what there is of it once it is under way."""
        self.send(STORY)
        return self.wait_for_text(80)

    def wait_for_text(self, length: int, index: int = -1) -> str:
        """Until an answer has so many characters."""
        long_enough = re.compile(rf"[\s\S]{{{length},}}")
        body = self.answers.nth(index).locator(".markdown")
        expect(body).to_have_text(long_enough, timeout=ANSWER_MS)
        return self.text(index)

    def text(self, index: int = -1) -> str:
        """An answer as it is shown."""
        return plain(self.answers.nth(index).locator(".markdown").inner_text())

    def button(self, name: str) -> Locator:
        """A button by its name."""
        return self.page.get_by_role("button", name=name, exact=True)

    def stop(self) -> None:
        """Stop the answer and wait until it has."""
        self.button("Stop").click()
        expect(self.answers.last).to_have_attribute("aria-busy", "false", timeout=ANSWER_MS)

    def stored(self) -> dict[str, Any]:
        """The open conversation as the API knows it."""
        path = self.page.url.removeprefix(self.url).replace("/c/", "/v1/conversations/")
        headers = {"Authorization": f"Bearer {self.token()}"}
        answer = requests.get(self.url + path, headers=headers, timeout=10)
        answer.raise_for_status()
        content: dict[str, Any] = answer.json()
        return content

    def token(self) -> str:
        """Of the user who is signed in."""
        script = "() => JSON.parse(localStorage.getItem('keepwarm.session')).token"
        return str(self.page.evaluate(script))

    def shoot(self, file: Path) -> None:
        """A picture of what is seen."""
        file.parent.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=file)


def plain(text: str) -> str:
    """The words of a text, to compare what is shown and what is stored.

    A list's numbers are markup: the browser writes them, and they are in no element's text.
    """
    return re.sub(r"[\W\d_]+", " ", text).strip()
