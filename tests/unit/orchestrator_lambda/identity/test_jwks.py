"""The issuer's keys: kept, renewed, and not to be made up."""

from __future__ import annotations

import json
import threading

import pytest

from orchestrator_lambda.identity.jwks import MAX_DOCUMENT, KeySet, fetch_document, parse_keys
from orchestrator_lambda.identity.record import IdentityUnavailable
from orchestrator_lambda.identity.settings import IdentitySettings
from tests.support.scripted_server import Answer, ScriptedServer
from tests.unit.orchestrator_lambda.identity.issuer import AUDIENCE, ISSUER

SETTINGS = IdentitySettings(
    issuer=ISSUER,
    audiences=(AUDIENCE,),
    jwks_seconds=1000,
    jwks_stale_seconds=5000,
    jwks_refetch_seconds=30,
)


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def keys(issuer, clock):
    return KeySet(SETTINGS, fetch=issuer.fetch, clock=clock)


def test_keys_are_asked_for_once(keys, issuer):
    for _ in range(5):
        assert keys.get("rsa-1").algorithm == "RS256"
        assert keys.get("ec-1").algorithm == "ES256"
    assert issuer.asked == 1


def test_a_new_key_is_found_at_once_after_a_rotation(keys, issuer, clock):
    keys.get("rsa-1")
    issuer.rotate()
    clock.now += 60
    assert keys.get("rsa-2") is not None
    assert keys.get("rsa-1") is None, "a key that was withdrawn no longer holds"


def test_made_up_key_ids_do_not_make_us_ask_again_and_again(keys, issuer, clock):
    keys.get("rsa-1")
    for number in range(100):
        clock.now += 1
        assert keys.get(f"made-up-{number}") is None
    assert issuer.asked <= 1 + 4


def test_keys_are_renewed_by_age(keys, issuer, clock):
    keys.get("rsa-1")
    issuer.rotate()
    clock.now += 1001
    assert keys.get("rsa-1") is None
    assert issuer.asked == 2


def test_old_keys_hold_while_the_issuer_does_not_answer_but_not_for_ever(keys, issuer, clock):
    keys.get("rsa-1")
    issuer.down = True
    clock.now += 1001
    assert keys.get("rsa-1") is not None
    clock.now += 5000
    with pytest.raises(IdentityUnavailable):
        keys.get("rsa-1")
    issuer.down = False
    clock.now += 60
    assert keys.get("rsa-1") is not None


def test_an_issuer_that_is_down_is_not_asked_for_every_request(keys, issuer, clock):
    keys.get("rsa-1")
    issuer.down = True
    clock.now += 1001
    for _ in range(50):
        keys.get("rsa-1")
    assert issuer.asked == 2


def test_without_any_keys_nobody_is_let_in_and_the_issuer_is_asked_soon_again(keys, issuer, clock):
    issuer.down = True
    for _ in range(5):
        with pytest.raises(IdentityUnavailable):
            keys.get("rsa-1")
    assert issuer.asked == 1
    issuer.down = False
    clock.now += 3
    assert keys.get("rsa-1") is not None


def test_a_clock_that_is_set_back_does_not_keep_us_from_asking(keys, issuer, clock):
    issuer.down = True
    with pytest.raises(IdentityUnavailable):
        keys.get("rsa-1")
    issuer.down = False
    clock.now -= 500
    assert keys.get("rsa-1") is not None


@pytest.mark.parametrize("document", [b"", b"{", b"[]", b"{}", b'{"keys": 5}', b'{"keys": []}'])
def test_a_document_that_is_no_jwks_replaces_nothing(keys, issuer, clock, document):
    keys.get("rsa-1")
    issuer.jwks = lambda: document
    clock.now += 1001
    assert keys.get("rsa-1") is not None


def test_many_threads_ask_once(issuer):
    keys = KeySet(SETTINGS, fetch=issuer.fetch)
    threads = [threading.Thread(target=keys.get, args=("rsa-1",)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert issuer.asked == 1


def _document(*entries):
    return json.dumps({"keys": list(entries)}).encode()


def test_keys_for_other_purposes_are_left_out(issuer, shared_keys):
    good = issuer.jwk("rsa-1")
    issuer.keys["rsa-small"] = shared_keys["rsa-small"]
    unfit = [
        {**good, "kid": "encryption", "use": "enc"},
        {**good, "kid": "other-algorithm", "alg": "RS512"},
        {**good, "kid": "mismatch", "alg": "HS256"},
        {**good, "kid": 5},
        {"kty": "oct", "kid": "shared", "k": "c2VjcmV0", "alg": "HS256"},
        {"kty": "OKP", "kid": "ed", "crv": "Ed25519", "x": "abc"},
        {"kty": "RSA", "kid": "empty"},
        {"kty": "RSA", "kid": "junk", "n": "!", "e": 5},
        {"kty": "EC", "kid": "curve", "crv": "P-384", "x": "a", "y": "b"},
        {"kty": "EC", "kid": "off-curve", "crv": "P-256", "x": "AQ", "y": "AQ"},
        {"kty": ["RSA"], "kid": "list"},
        issuer.jwk("rsa-small"),
        None,
        "text",
    ]
    assert set(parse_keys(_document(good, *unfit))) == {"rsa-1"}


def test_a_key_without_use_and_algorithm_is_taken_by_its_type(issuer):
    bare = {name: value for name, value in issuer.jwk("ec-1").items() if name not in ("use", "alg")}
    assert parse_keys(_document(bare))["ec-1"].algorithm == "ES256"


def test_fetching_over_http(issuer):
    with ScriptedServer(lambda seen: Answer(body=issuer.jwks())) as server:
        assert parse_keys(fetch_document(f"{server.url}/keys", 5.0))


@pytest.mark.parametrize(
    "answer",
    [
        Answer(status=500),
        Answer(status=404, body=b'{"keys": []}'),
        Answer(status=302, headers={"Location": "http://127.0.0.1:1/"}),
        Answer(body=b" " * (MAX_DOCUMENT + 1)),
    ],
)
def test_answers_that_are_no_document(answer):
    with ScriptedServer(lambda seen: answer) as server, pytest.raises((OSError, ValueError)):
        fetch_document(server.url, 5.0)
    assert len(server.seen) == 1


def test_an_issuer_that_does_not_answer_costs_no_longer_than_its_time():
    release = threading.Event()

    def stall(seen):
        release.wait(10)
        return Answer()

    with ScriptedServer(stall) as server:
        with pytest.raises(OSError):
            fetch_document(server.url, 0.1)
        release.set()
