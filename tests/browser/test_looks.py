"""How it looks and who can use it: accessibility, themes, widths, the page under the hood."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.sync_api import expect

from tests.browser.chat_page import ChatPage
from tests.browser.running_stack import ROOT, RunningStack, wait_for

SHOTS = Path(os.environ.get("KEEPWARM_SHOTS") or ROOT / "build" / "screenshots")
GRAVE = ("serious", "critical")
THEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
SIZES = {"wide": (1280, 800), "narrow": (390, 844)}


def grave_faults(tab: ChatPage) -> list[str]:
    found: dict[str, Any] = tab.page.evaluate("() => axe.run(document)")
    return [
        f"{fault['id']}: {node['html']} {node.get('failureSummary')}"
        for fault in found["violations"]
        if fault["impact"] in GRAVE
        for node in fault["nodes"]
    ]


def look_everywhere(tab: ChatPage, name: str) -> None:
    """In both themes and at both widths: a picture, no grave fault, nothing wider than the page."""
    for size, (width, height) in SIZES.items():
        tab.page.set_viewport_size({"width": width, "height": height})
        for theme in THEMES:
            tab.page.emulate_media(color_scheme=theme)
            tab.shoot(SHOTS / f"{name}-{size}-{theme}.png")
            assert grave_faults(tab) == []
            wider = "() => document.documentElement.scrollWidth > innerWidth"
            assert not tab.page.evaluate(wider), f"{name} is wider than {width} pixels"


def test_the_sign_in_is_for_everybody(new_tab: Any) -> None:
    tab = new_tab().open()
    expect(tab.page.get_by_label("Your name")).to_be_focused()
    look_everywhere(tab, "sign-in")


def test_the_chat_is_for_everybody(tab: ChatPage) -> None:
    look_everywhere(tab, "empty")
    tab.ask_briefly("Write a Python function that reverses a string, then explain it.", 300)
    tab.ask("Say hello.")
    look_everywhere(tab, "chat")
    tab.button("Conversations").click()
    expect(tab.conversations.first).to_be_visible()
    tab.shoot(SHOTS / "drawer-narrow-dark.png")
    assert grave_faults(tab) == []
    tab.page.keyboard.press("Escape")
    expect(tab.conversations.first).to_be_hidden()
    expect(tab.button("Conversations")).to_be_focused()


CODE = """# Rivers & light

Some `code`, **bold** words, [a link](https://example.com) and ![a picture](https://example.com/x.png).

```python
def reverse(text: str) -> str:
    return text[::-1]  # the other way round
```

| river | length |
| ----- | ------ |
| Nile  | 6650   |

> Said by nobody.
"""


def conversation_with(content: str) -> dict[str, Any]:
    """What the API would tell of a conversation with one answer."""
    common = {"created_ms": 1, "status": "complete"}
    messages = [
        {"seq": 1, "parent": 0, "role": "user", "content": "Show me.", **common},
        {"seq": 2, "parent": 1, "role": "assistant", "content": content, **common},
    ]
    conversation = {"id": "c_made", "title": "Made up", "created_ms": 1, "updated_ms": 1}
    conversation |= {"model": "m", "system": "", "head": 2, "version": 1, "answering": None}
    return {"conversation": conversation, "messages": messages, "variants": {}}


def test_markdown_is_set_and_code_is_coloured(tab: ChatPage) -> None:
    asked: list[str] = []
    tab.page.on("request", lambda request: asked.append(request.url))
    answer = conversation_with(CODE)
    tab.page.route("**/v1/conversations/c_made", lambda route: route.fulfill(json=answer))
    tab.open("/c/c_made")
    expect(tab.page.locator(".hljs-keyword").first).to_have_text("def")
    expect(tab.page.get_by_role("cell", name="6650")).to_be_visible()
    look_everywhere(tab, "code")
    assert [url for url in asked if "example.com" in url] == []


def test_under_the_hood_shows_what_really_happens(tab: ChatPage) -> None:
    tab.ask_briefly("Say hello.")
    conversation = tab.page.url[-6:]
    tab.page.get_by_role("link", name="Under the hood").click()
    expect(tab.page.get_by_role("img", name=re.compile(r"Of [\d,]+ blocks:.*warm"))).to_be_visible()
    expect(tab.page.locator("[data-figure=generated]")).not_to_have_text(re.compile(r"^\D?0?$"))
    events = tab.page.get_by_role("list", name="Events")
    expect(events).to_contain_text(re.compile(rf"ended…{conversation} answer 2 (complete|stopped)"))
    expect(tab.page.get_by_role("region", name="Parts")).to_contain_text("redis")
    look_everywhere(tab, "hood")


def test_under_the_hood_sees_a_request_while_it_runs(
    tab: ChatPage, new_tab: Any, stack: RunningStack
) -> None:
    hood = new_tab().open("/hood")
    expect(hood.page.locator("[data-figure=running]")).to_have_text("0")
    tab.begin_story()
    hood.page.bring_to_front()
    expect(hood.page.locator("[data-figure=running]")).to_have_text("1")
    tab.page.bring_to_front()
    tab.stop()


def test_the_theme_that_was_chosen_stays(tab: ChatPage) -> None:
    tab.page.emulate_media(color_scheme="light")
    tab.button("Dark colours").click()
    background = "() => getComputedStyle(document.body).backgroundColor"
    dark = tab.page.evaluate(background)
    tab.page.reload()
    expect(tab.button("Light colours")).to_be_visible()
    assert tab.page.evaluate(background) == dark


def test_the_keyboard_can_skip_the_list(tab: ChatPage) -> None:
    tab.open("/hood")
    expect(tab.page.get_by_role("heading", name="Under the hood")).to_be_visible()
    tab.page.keyboard.press("Tab")
    expect(tab.page.get_by_role("link", name="Skip to the conversation")).to_be_focused()
    tab.page.keyboard.press("Enter")
    expect(tab.page.get_by_role("main")).to_be_focused()


def test_the_keyboard_alone_is_enough(tab: ChatPage) -> None:
    expect(tab.box).to_be_focused()
    tab.page.keyboard.type("Say hello.")
    tab.page.keyboard.press("Enter")
    tab.wait_for_text(4)
    tab.page.keyboard.press("Escape")
    tab.ended()
    for _ in range(5):
        if tab.button("Another answer").evaluate("one => one === document.activeElement"):
            break
        tab.page.keyboard.press("Shift+Tab")
    tab.page.keyboard.press("Enter")
    expect(tab.button("Stop")).to_be_visible()
    tab.page.keyboard.press("Escape")
    expect(tab.answers.first).to_contain_text("2/2")


@pytest.mark.parametrize("path", ["/c/c_0nonsense", "/nowhere"])
def test_an_address_that_is_none_is_told_calmly(tab: ChatPage, path: str) -> None:
    tab.open(path)
    if path.startswith("/c/"):
        expect(tab.page.get_by_role("alert")).to_contain_text("does not exist")
    else:
        expect(tab.box).to_be_visible()


def test_nothing_is_fetched_from_elsewhere(tab: ChatPage, stack: RunningStack) -> None:
    asked: list[str] = []
    tab.page.on("request", lambda request: asked.append(request.url))
    tab.page.reload()
    tab.ask_briefly("Say hello.")
    wait_for(lambda: len(asked) > 3)
    assert [url for url in asked if not url.startswith((stack.url, "data:", "blob:"))] == []
