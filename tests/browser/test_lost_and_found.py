"""What goes wrong on the way: reloads, lost connections, a dead backend, no network, two tabs."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import BrowserContext, expect

from tests.browser.chat_page import ChatPage, plain
from tests.browser.running_stack import RunningStack, wait_for


def shown_is_stored(tab: ChatPage) -> None:
    assert tab.text() == plain(tab.stored()["messages"][-1]["content"])


def test_a_reload_in_mid_answer_goes_on_with_the_same_answer(tab: ChatPage) -> None:
    begun = tab.begin_story()
    tab.page.reload()
    more = tab.wait_for_text(len(begun) + 40)
    assert more.startswith(begun[:60])
    assert len(tab.stored()["messages"]) == 2
    tab.stop()
    shown_is_stored(tab)


def test_a_connection_that_is_cut_is_taken_up_again(tab: ChatPage, stack: RunningStack) -> None:
    path = "/v1/conversations/*/messages*"
    stack.set_faults({"kind": "cut", "path": path, "after": 1200, "times": 2})
    tab.ask("Write four sentences about rivers.")
    assert stack.happened("cut") >= 1
    shown_is_stored(tab)
    assert len(tab.stored()["messages"]) == 2


def test_a_question_whose_acknowledgement_is_lost_is_asked_once(
    tab: ChatPage, stack: RunningStack
) -> None:
    tab.ask_briefly("Say hello.")
    path = "/v1/conversations/*/messages"
    stack.set_faults({"kind": "lose", "path": path, "method": "POST", "times": 1})
    tab.ask_briefly("Say goodbye.")
    assert stack.happened("lose") == 1
    expect(tab.box).to_have_value("")  # with another key, it would have been refused and put back
    stored = tab.stored()
    assert [message["role"] for message in stored["messages"]] == ["user", "assistant"] * 2
    assert stored["variants"] == {}


def test_a_question_that_cannot_be_sent_is_kept_and_sent_later(
    tab: ChatPage, stack: RunningStack
) -> None:
    stack.set_faults({"kind": "status", "path": "/v1/conversations/*/messages", "status": 503})
    tab.send("Say hello.")
    alert = tab.page.get_by_role("alert")
    expect(alert).to_be_visible(timeout=30_000)
    expect(tab.questions.first).to_contain_text("Say hello.")
    tab.button("Take back").click()
    expect(tab.box).to_have_value("Say hello.")
    tab.box.press("Enter")
    expect(alert).to_be_visible(timeout=30_000)
    stack.set_faults()
    tab.button("Try again").click()
    tab.wait_for_text(4)
    tab.box.press("Escape")
    tab.ended()
    assert len(tab.stored()["messages"]) == 2


def test_an_answer_goes_on_after_a_time_without_network(
    tab: ChatPage, context: BrowserContext
) -> None:
    begun = tab.begin_story()
    context.set_offline(True)
    expect(tab.page.get_by_text("You are offline")).to_be_visible()
    context.set_offline(False)
    expect(tab.page.get_by_text("You are offline")).to_be_hidden()
    tab.wait_for_text(len(begun) + 40)
    tab.stop()
    shown_is_stored(tab)


def test_a_question_asked_offline_is_sent_when_the_network_is_back(
    tab: ChatPage, context: BrowserContext
) -> None:
    tab.ask_briefly("Say hello.")
    context.set_offline(True)
    tab.send("Say goodbye.")
    expect(tab.questions).to_have_count(2)
    expect(tab.page.get_by_text("Trying again")).to_be_visible()
    context.set_offline(False)
    expect(tab.answers).to_have_count(2)
    tab.wait_for_text(4, 1)
    tab.box.press("Escape")
    tab.ended(1)
    assert len(tab.stored()["messages"]) == 4


def test_a_dead_backend_is_told_and_another_try_succeeds_when_it_is_back(
    tab: ChatPage, stack: RunningStack
) -> None:
    tab.begin_story()
    stack.kill("container")
    expect(tab.page.get_by_role("alert")).to_be_visible(timeout=60_000)
    stack.wait_until_up("container")
    wait_for(stack.healthy, 60)
    tab.button("Try again").click()
    expect(tab.answers.first).to_have_attribute("aria-busy", "true", timeout=60_000)
    tab.wait_for_text(20)
    tab.box.press("Escape")
    tab.ended()
    expect(tab.answers.first).to_contain_text("2/2")
    assert tab.stored()["messages"][-1]["status"] in ("stopped", "complete")


def test_two_tabs_show_the_same_answer_while_it_is_written(
    tab: ChatPage, new_tab: Callable[[], ChatPage]
) -> None:
    tab.ask_briefly("Say hello.")
    other = new_tab().open(tab.page.url.removeprefix(tab.url))
    expect(other.answers).to_have_count(1)
    tab.begin_story()
    other.wait_for_text(60, 1)
    expect(other.button("Stop")).to_be_visible()
    other.stop()
    expect(tab.answers.last).to_have_attribute("aria-busy", "false", timeout=20_000)
    assert tab.text() == other.text()


def test_a_conversation_of_another_tab_comes_into_the_list(
    tab: ChatPage, new_tab: Callable[[], ChatPage]
) -> None:
    other = new_tab().open()
    expect(other.page.get_by_text("Nothing here yet.")).to_be_visible()
    tab.ask_briefly("Say hello.")
    expect(other.conversations).to_have_count(1)
    other.page.get_by_role("button", name="More for").click()
    other.page.get_by_role("menuitem", name="Rename").click()
    other.page.get_by_role("textbox", name="Title").fill("From the other tab")
    other.page.keyboard.press("Enter")
    expect(tab.page.get_by_role("heading", name="From the other tab")).to_be_visible()
