from __future__ import annotations

from dataclasses import dataclass

from benchmarks.fleet_model.routing import (
    LeastOutstanding,
    PrefixHash,
    PrefixModulo,
    Random,
    Sticky,
)


@dataclass
class Place:
    number: int
    outstanding: int = 0


def places(count: int) -> list[Place]:
    return [Place(number) for number in range(count)]


def test_random_takes_all_alike() -> None:
    router, fleet = Random(1), places(4)
    chosen = [router.choose(0, 0, fleet).number for _ in range(400)]
    assert all(70 < chosen.count(number) < 130 for number in range(4))


def test_the_fewest_requests_in_flight_win_and_equals_share() -> None:
    router = LeastOutstanding(1)
    assert router.choose(0, 0, [Place(0, 3), Place(1, 1), Place(2, 2)]).number == 1
    assert {router.choose(0, 0, places(3)).number for _ in range(50)} == {0, 1, 2}


def test_a_session_has_one_home_by_its_hash() -> None:
    router, fleet = PrefixHash(1, 10), places(8)
    homes = {session: router.choose(session, 0, fleet).number for session in range(200)}
    assert homes == {session: router.choose(session, 3, fleet).number for session in range(200)}
    assert set(homes.values()) == set(range(8))


def test_only_the_leavers_sessions_move() -> None:
    router, fleet = PrefixHash(1, 10), places(8)
    for session in range(200):
        before = router.choose(session, 0, fleet).number
        after = router.choose(session, 0, fleet[:-1]).number
        assert after == before or before == 7


def test_by_modulo_nearly_all_move() -> None:
    router, fleet = PrefixModulo(1, 10), places(8)
    moved = sum(
        router.choose(session, 0, fleet).number != router.choose(session, 0, fleet[:-1]).number
        for session in range(200)
    )
    assert moved > 150


def test_a_hash_of_the_system_prompt_alone_gathers_an_application_in_one_place() -> None:
    router, fleet = PrefixHash(1, 10, by_session=False), places(8)
    assert len({router.choose(session, 2, fleet).number for session in range(200)}) == 1


def test_at_the_threshold_a_request_goes_where_fewest_are() -> None:
    for router in (PrefixHash(1, 5), Sticky(1, 5)):
        fleet = places(4)
        home = router.choose(17, 0, fleet)
        home.outstanding = 4
        assert router.choose(17, 0, fleet) is home
        home.outstanding = 5
        spilled = router.choose(17, 0, fleet)
        assert spilled is not home
        home.outstanding = 0
        assert router.choose(17, 0, fleet) is home, "it comes back after a spill"


def test_a_sticky_session_begins_where_fewest_are_and_moves_when_that_is_gone() -> None:
    router = Sticky(1, 5)
    fleet = [Place(0, 2), Place(1, 1), Place(2, 3)]
    home = router.choose(4, 0, fleet)
    assert home.number == 1
    left = [it for it in fleet if it is not home]
    moved = router.choose(4, 0, left)
    assert moved.number == 0
    assert router.choose(4, 0, fleet) is moved
