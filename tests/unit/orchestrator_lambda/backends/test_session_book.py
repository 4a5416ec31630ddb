"""The book in this process: bounded, and nothing in it lives longer than it was told to."""

from __future__ import annotations

from orchestrator_lambda.backends.session_book import MAX_KEPT, LocalSessionBook


def test_an_entry_lives_as_long_as_it_was_said_to() -> None:
    now = [1_000.0]
    book = LocalSessionBook(clock=lambda: now[0])
    book.keep_home("c", "h", ttl_s=30)
    book.keep_endpoint_session("c", "s", ttl_s=20)
    now[0] += 20
    assert (book.home("c"), book.endpoint_session("c")) == ("h", None)
    now[0] += 10
    assert book.home("c") is None


def test_a_home_that_is_dropped_leaves_the_session() -> None:
    book = LocalSessionBook()
    book.keep_home("c", "h", ttl_s=30)
    book.keep_endpoint_session("c", "s", ttl_s=30)
    book.drop_home("c")
    book.drop_home("never kept")
    assert (book.home("c"), book.endpoint_session("c")) == (None, "s")


def test_the_oldest_make_room() -> None:
    book = LocalSessionBook()
    for number in range(MAX_KEPT + 100):
        book.keep_endpoint_session(f"c{number}", "s", ttl_s=60)
        book.keep_home(f"c{number}", "h", ttl_s=60)
    assert (book.endpoint_session("c0"), book.home("c99")) == (None, None)
    assert book.endpoint_session(f"c{MAX_KEPT + 99}") == "s"
    assert book.home("c100") == "h"
