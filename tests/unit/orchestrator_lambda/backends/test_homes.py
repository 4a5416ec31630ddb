"""What is kept of a balancer's cookies, for whom, and when it is forgotten."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator_lambda.backends.failures import AnswerBroken
from orchestrator_lambda.backends.homes import HOME_TTL_S, MAX_COOKIE, Homes
from orchestrator_lambda.backends.session_book import LocalSessionBook
from tests.unit.orchestrator_lambda.backends.builders import request

SET = "AWSALB=a/b+c=; Expires=Wed, 02 Dec 2026 07:28:00 GMT; Path=/"
SET_CORS = "AWSALBCORS=a/b+c=; Expires=Wed, 02 Dec 2026 07:28:00 GMT; Path=/; SameSite=None; Secure"
LONGEST = "x" * MAX_COOKIE


def homes_in(book: LocalSessionBook, backend: str = "fleet") -> Homes:
    return Homes(backend, book)


def learned(*set_cookies: str) -> str | None:
    homes = homes_in(LocalSessionBook())
    homes.learn(request(), 200, set_cookies)
    return homes.known(request())


def at_home() -> Homes:
    homes = homes_in(LocalSessionBook())
    homes.learn(request(), 200, [SET])
    return homes


def test_nothing_is_known_at_first() -> None:
    assert homes_in(LocalSessionBook()).known(request()) is None


@pytest.mark.parametrize(
    ("set_cookies", "sent"),
    [
        ([SET], "AWSALB=a/b+c="),
        ([SET, SET_CORS], "AWSALB=a/b+c=; AWSALBCORS=a/b+c="),
        (["  AWSALB=a ; Path=/"], "AWSALB=a"),
        (["AWSALB=a", "AWSALB=b"], "AWSALB=b"),
        ([f"AWSALB={LONGEST}"], f"AWSALB={LONGEST}"),
        (["session=s; Path=/", SET, "AWSALBAPP-0=p", "AWSALBTG=t"], "AWSALB=a/b+c="),
    ],
)
def test_the_balancers_own_cookies_are_sent_back(set_cookies: list[str], sent: str) -> None:
    assert learned(*set_cookies) == sent


@pytest.mark.parametrize(
    "set_cookie",
    [
        "",
        "AWSALB",
        "AWSALB=",
        "AWSALB=; Max-Age=0",
        "awsalb=a",
        "XAWSALB=a",
        "AWSALBAPP-0=a",
        "AWSELB=a",
        "session=a; AWSALB=b",
        f"AWSALB={LONGEST}x",
        "AWSALB=a b",
        'AWSALB="a"',
        "AWSALB=a,b",
        "AWSALB=a\r\nX-Evil: 1",
        "AWSALB=ä",
    ],
)
def test_nothing_else_is(set_cookie: str) -> None:
    assert learned(set_cookie) is None


def test_a_new_cookie_replaces_all_of_the_old_ones() -> None:
    homes = homes_in(LocalSessionBook())
    homes.learn(request(), 200, [SET, SET_CORS])
    homes.learn(request(), 200, ["AWSALB=new"])
    assert homes.known(request()) == "AWSALB=new"


def test_an_answer_without_a_cookie_changes_nothing() -> None:
    homes = at_home()
    homes.learn(request(), 200, ["session=s"])
    assert homes.known(request()) == "AWSALB=a/b+c="


@pytest.mark.parametrize(
    "other",
    [{"tenant": "u"}, {"conversation_id": "d"}, {"model_revision": "r2"}],
)
def test_a_home_is_its_owners_alone(other: dict[str, str]) -> None:
    assert at_home().known(request(**other)) is None


def test_a_home_in_another_fleet_is_none_here() -> None:
    book = LocalSessionBook()
    homes_in(book).learn(request(), 200, [SET])
    assert homes_in(book, "flee").known(request()) is None
    assert homes_in(book, "fleet").known(request()) is not None


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_an_answer_that_sends_away_is_no_home_whatever_cookie_it_sets(status: int) -> None:
    homes = at_home()
    homes.learn(request(), status, [SET])
    assert homes.known(request()) is None


@pytest.mark.parametrize("status", [400, 413, 422])
def test_an_answer_that_blames_the_request_is_one(status: int) -> None:
    homes = at_home()
    homes.learn(request(), status, ["AWSALB=b"])
    assert homes.known(request()) == "AWSALB=b"


@pytest.mark.parametrize(("reason", "home"), [("stalled", None), ("reset", "AWSALB=a/b+c=")])
def test_silence_is_left_and_a_broken_connection_is_not(reason: str, home: str | None) -> None:
    homes = at_home()
    with pytest.raises(AnswerBroken), homes.unless_silent(request()):
        raise AnswerBroken("m", reason=reason)
    assert homes.known(request()) == home


def test_a_home_is_kept_for_as_long_as_the_balancer_keeps_it() -> None:
    now = [0.0]
    homes = homes_in(LocalSessionBook(clock=lambda: now[0]))
    homes.learn(request(), 200, [SET])
    now[0] = HOME_TTL_S - 1.0
    assert homes.known(request()) is not None
    now[0] = float(HOME_TTL_S)
    assert homes.known(request()) is None


@given(st.text())
def test_whatever_the_book_returns_only_a_cookie_is_sent(kept: str) -> None:
    book = LocalSessionBook()
    homes = homes_in(book)
    homes.learn(request(), 200, ["AWSALB=a"])
    owner = (book.home("c") or "").removesuffix("AWSALB=a")
    for entry in (kept, owner + kept, f"{owner}AWSALB=a{kept}"):
        book.keep_home("c", entry, ttl_s=60)
        sent = homes.known(request())
        assert sent is None or (sent.isascii() and sent.isprintable() and sent[:7] == "AWSALB=")


@given(st.lists(st.text(), max_size=4))
def test_no_header_of_an_answer_does_harm(set_cookies: list[str]) -> None:
    homes = homes_in(LocalSessionBook())
    homes.learn(request(), 200, set_cookies)
    assert homes.known(request()) is None or "AWSALB" in "".join(set_cookies)
