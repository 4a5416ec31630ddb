"""What people do all day: sign in, ask, read, stop, ask again, put it differently."""

from __future__ import annotations

import re
import secrets
from pathlib import Path

from playwright.sync_api import BrowserContext, expect

from tests.browser.chat_page import ChatPage, plain


def test_a_name_signs_in_and_no_name_does_not(tab: ChatPage) -> None:
    name = re.compile("Account of Ada")
    tab.page.get_by_role("button", name=name).click()
    tab.page.get_by_role("menuitem", name="Sign out").click()
    field = tab.page.get_by_label("Your name")
    field.fill("<script>")
    tab.button("Sign in").click()
    expect(tab.page.get_by_role("alert")).to_contain_text("letters")


def test_an_answer_streams_and_ends_with_its_receipt(tab: ChatPage) -> None:
    tab.send("What is the capital of France? Explain in two sentences.")
    expect(tab.page.locator(".streaming")).to_be_visible()
    text = tab.ended()
    assert text == plain(tab.stored()["messages"][-1]["content"])
    expect(tab.receipts).to_have_text(re.compile(r"\d+ cached \+ \d+ new tokens.*first token"))
    expect(tab.page.get_by_test_id("announcer")).not_to_be_empty()
    expect(tab.box).to_be_focused()
    expect(tab.page).to_have_url(re.compile("/c/c_"))
    expect(tab.conversations.first).not_to_have_text("New conversation", timeout=30_000)


def test_the_second_turn_finds_the_first_one_warm(tab: ChatPage) -> None:
    unique = secrets.token_hex(8)  # from here on, no other conversation has the same prefix
    tab.ask_briefly(f"{unique}. {'The river is long and cold. ' * 12} Say yes.")
    tab.ask("Say it again.")
    receipt = tab.stored()["messages"][-1]["receipt"]
    assert receipt["cached_tokens"] > 80
    expect(tab.receipts.last).to_contain_text(f"{receipt['cached_tokens']} cached")


def test_stop_ends_the_answer_and_keeps_what_there_is(tab: ChatPage) -> None:
    begun = tab.begin_story()
    tab.box.press("Escape")
    expect(tab.page.get_by_text("stopped", exact=True)).to_be_visible()
    assert tab.text().startswith(begun[:60])
    assert tab.stored()["messages"][-1]["status"] == "stopped"
    expect(tab.button("Send")).to_be_visible()


def test_enter_sends_and_shift_enter_makes_a_line(tab: ChatPage) -> None:
    tab.box.press_sequentially("Say hello.")
    tab.box.press("Shift+Enter")
    tab.box.press_sequentially("And nothing else.")
    assert tab.questions.count() == 0
    tab.box.press("Enter")
    expect(tab.questions.first).to_contain_text("Say hello.\nAnd nothing else.", timeout=5_000)


def test_an_edited_question_is_a_branch_and_the_old_one_stays(tab: ChatPage) -> None:
    first = tab.ask_briefly("Say hello.")
    tab.questions.first.hover()
    tab.button("Edit").click()
    editor = tab.page.get_by_role("textbox", name="Edit your message")
    expect(editor).to_be_focused()
    editor.fill("Say goodbye.")
    editor.press("Enter")
    expect(tab.questions.first).to_contain_text("goodbye")
    tab.wait_for_text(4)
    tab.page.keyboard.press("Escape")
    tab.ended()
    expect(tab.questions.first).to_contain_text("2/2")
    tab.button("Previous version").click()
    expect(tab.questions.first).to_contain_text("Say hello.")
    expect(tab.questions.first).to_contain_text("1/2")
    assert tab.text() == first
    tab.page.reload()
    expect(tab.questions.first).to_contain_text("Say hello.")


def test_another_answer_stands_beside_the_first(tab: ChatPage) -> None:
    tab.ask_briefly("Say hello.")
    tab.button("Another answer").click()
    expect(tab.button("Stop")).to_be_visible()
    tab.page.keyboard.press("Escape")
    expect(tab.answers.first).to_contain_text("2/2", timeout=60_000)
    assert list(map(len, tab.stored()["variants"].values())) == [2]


def test_thumbs_are_kept(tab: ChatPage) -> None:
    tab.ask_briefly("Say hello.")
    tab.button("Good answer").click()
    expect(tab.button("Good answer")).to_have_attribute("aria-pressed", "true")
    tab.button("Bad answer").click()
    expect(tab.button("Good answer")).to_have_attribute("aria-pressed", "false")
    tab.page.reload()
    expect(tab.button("Bad answer")).to_have_attribute("aria-pressed", "true")


def test_an_answer_can_be_copied(tab: ChatPage, context: BrowserContext) -> None:
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    tab.ask_briefly("Say hello.")
    tab.answers.first.get_by_role("button", name="Copy", exact=True).click()
    expect(tab.button("Copied")).to_be_visible()
    copied = tab.page.evaluate("() => navigator.clipboard.readText()")
    assert copied == tab.stored()["messages"][-1]["content"]


def test_an_opened_conversation_is_made_warm(tab: ChatPage) -> None:
    tab.ask_briefly("Say hello.")
    with tab.page.expect_response("**/v1/conversations/*/warm") as warming:
        tab.page.reload()
    assert warming.value.status == 202


def test_conversations_are_found_renamed_and_deleted(tab: ChatPage) -> None:
    tab.ask_briefly("Say hello.")
    tab.page.get_by_role("button", name=re.compile("^More for")).click()
    tab.page.keyboard.press("Enter")  # the first entry has the focus: rename
    tab.page.get_by_role("textbox", name="Title").fill("Greetings & rivers")
    tab.page.keyboard.press("Enter")
    expect(tab.page.get_by_role("heading", name="Greetings & rivers")).to_be_visible()
    search = tab.page.get_by_role("searchbox")
    search.fill("nothing like it")
    expect(tab.conversations).to_have_count(0)
    search.fill("RIVERS")
    expect(tab.conversations).to_have_count(1)
    tab.page.get_by_role("button", name=re.compile("^More for")).click()
    tab.page.get_by_role("menuitem", name="Delete").click()
    tab.page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(tab.conversations).to_have_count(0)
    expect(tab.page).to_have_url(tab.url + "/")


def test_what_was_said_can_be_taken_along(tab: ChatPage, tmp_path: Path) -> None:
    answer = tab.ask_briefly("Say hello.")
    tab.page.get_by_role("button", name=re.compile("^More for")).click()
    with tab.page.expect_download() as one:
        tab.page.get_by_role("menuitem", name="Save as Markdown").click()
    document = Path(one.value.path()).read_text()
    assert one.value.suggested_filename.endswith(".md")
    assert "Say hello." in document and answer in plain(document)
    tab.page.get_by_role("button", name=re.compile("^Account of")).click()
    with tab.page.expect_download() as everything:
        tab.page.get_by_role("menuitem", name="Export my data").click()
    lines = Path(everything.value.path()).read_text().splitlines()
    assert len(lines) == 2 and '"complete":true' in lines[-1]
