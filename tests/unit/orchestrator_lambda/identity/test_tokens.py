"""A bearer token is refused unless everything in it holds."""

from __future__ import annotations

import time

import jwt
import pytest

from orchestrator_lambda.errors import Forbidden, Unauthenticated
from orchestrator_lambda.identity.jwks import KeySet
from orchestrator_lambda.identity.record import user_id
from orchestrator_lambda.identity.settings import IdentitySettings
from orchestrator_lambda.identity.tokens import TokenVerifier, bearer_token
from tests.unit.orchestrator_lambda.identity.issuer import AUDIENCE, ISSUER, b64

A_DAY = 86_400  # longer than a run of all tests, before which these claims are made


@pytest.fixture
def verifier(issuer):
    return make_verifier(issuer)


def make_verifier(issuer, **changes):
    settings = IdentitySettings(issuer=ISSUER, audiences=(AUDIENCE,), **changes)
    return TokenVerifier(settings, KeySet(settings, fetch=issuer.fetch))


def refusal(verifier, token):
    with pytest.raises(Unauthenticated) as caught:
        verifier.verify(token)
    return caught.value.message


@pytest.mark.parametrize("key_id", ["rsa-1", "ec-1"])
def test_a_token_that_holds(verifier, issuer, key_id):
    identity = verifier.verify(issuer.token(key_id))
    assert identity.user == user_id("jwt", ISSUER, "user-1")
    assert identity.tenant == "default"
    assert identity.scopes == {"chat/read", "chat/write"}


def test_the_user_id_is_opaque_stable_and_of_one_way_in():
    assert user_id("jwt", ISSUER, "user-1") == "u-78a35b45821b92115eacad1af763952f"
    assert len({user_id("a", "bc", "d"), user_id("ab", "c", "d"), user_id("a", "b", "cd")}) == 3
    assert len({user_id("1:a", "", "b"), user_id("1:a0:", "", "b")}) == 2


def test_a_forged_signature(verifier, issuer, shared_keys):
    forged = jwt.encode(issuer.claims(), shared_keys["rsa-2"], "RS256", headers={"kid": "rsa-1"})
    assert "does not hold" in refusal(verifier, forged)


def test_changed_claims(verifier, issuer):
    header, _, signature = issuer.token().split(".")
    changed = f"{header}.{b64(issuer.claims(sub='somebody-else'))}.{signature}"
    assert "does not hold" in refusal(verifier, changed)


def test_no_signature_at_all(verifier, issuer):
    assert "RS256" in refusal(verifier, issuer.unsigned())
    header, claims, _ = issuer.token().split(".")
    refusal(verifier, f"{header}.{claims}.")


@pytest.mark.parametrize("algorithm", ["HS256", "HS512", "none", "None", "NONE", "RS512", "PS256"])
def test_an_algorithm_that_is_not_pinned(verifier, issuer, algorithm):
    assert "RS256" in refusal(verifier, issuer.signed_with_the_public_key(algorithm))


@pytest.mark.parametrize("algorithm", [["RS256"], {"a": 1}, None, 5])
def test_an_algorithm_that_is_no_word(verifier, issuer, algorithm):
    _, claims, signature = issuer.token().split(".")
    refusal(verifier, f"{b64({'alg': algorithm, 'kid': 'rsa-1'})}.{claims}.{signature}")


def test_a_key_of_another_algorithm(verifier, issuer):
    """ES256 in the header, and the id of an RSA key."""
    _, claims, signature = issuer.token("ec-1").split(".")
    confused = f"{b64({'alg': 'ES256', 'kid': 'rsa-1'})}.{claims}.{signature}"
    assert "key" in refusal(verifier, confused)


def test_only_algorithms_of_the_settings(issuer):
    refusal(make_verifier(issuer, algorithms=("RS256",)), issuer.token("ec-1"))


def test_a_token_that_brings_its_own_key(verifier, issuer, shared_keys):
    """jwk, jku and x5u in the header are not looked at."""
    attacker = shared_keys["rsa-2"]
    own = jwt.algorithms.RSAAlgorithm.to_jwk(attacker.public_key(), as_dict=True)
    headers = {"kid": "rsa-1", "jwk": own, "jku": "https://evil.example.com/keys"}
    forged = jwt.encode(issuer.claims(), attacker, "RS256", headers=headers)
    assert "does not hold" in refusal(verifier, forged)


@pytest.mark.parametrize(
    "key_id",
    ["../../../dev/null", "rsa-1' OR '1'='1", "https://evil.example.com/k", "x" * 300, "", "\0"],
)
def test_a_made_up_key_id_is_only_looked_up(verifier, issuer, key_id):
    refusal(verifier, issuer.token(header={"kid": key_id}))


@pytest.mark.parametrize("key_id", [None, 5, ["rsa-1"], {"a": 1}])
def test_a_key_id_that_is_no_text(verifier, issuer, key_id):
    _, claims, signature = issuer.token().split(".")
    refusal(verifier, f"{b64({'alg': 'RS256', 'kid': key_id})}.{claims}.{signature}")


def test_critical_extensions_are_not_ignored(verifier, issuer):
    _, claims, signature = issuer.token().split(".")
    header = b64({"alg": "RS256", "kid": "rsa-1", "crit": ["b64"], "b64": False})
    assert "extension" in refusal(verifier, f"{header}.{claims}.{signature}")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"exp": int(time.time()) - 40}, "expired"),
        ({"exp": 0}, "expired"),
        ({"exp": None}, "exp"),
        ({"nbf": int(time.time()) + A_DAY}, "not valid yet"),
        ({"iat": int(time.time()) + A_DAY}, "not valid yet"),
        ({"iss": "https://evil.example.com"}, "issuer"),
        ({"iss": ISSUER + "/"}, "issuer"),
        ({"iss": None}, "iss"),
        ({"aud": "client-2"}, "another service"),
        ({"aud": None}, "another service"),
        ({"aud": []}, "another service"),
        ({"aud": ["client-2", "client-3"]}, "another service"),
        ({"aud": None, "client_id": "client-2"}, "another service"),
        ({"aud": None, "client_id": AUDIENCE, "token_use": None}, "another service"),
        ({"aud": "client-2", "client_id": AUDIENCE}, "another service"),
        ({"sub": None}, "sub"),
        ({"sub": ""}, "subject"),
        ({"sub": "x" * 2000}, "subject"),
        ({"token_use": "id"}, "wrong kind"),
        ({"token_use": "refresh"}, "wrong kind"),
        ({"token_use": ["access"]}, "wrong kind"),
    ],
)
def test_a_claim_that_is_wrong(verifier, issuer, changes, reason):
    assert reason in refusal(verifier, issuer.token(**changes))


@pytest.mark.parametrize("exp", ["soon", True, [], 1e400, float("nan")])
def test_an_expiry_that_is_no_time(verifier, issuer, exp):
    refusal(verifier, issuer.token(exp=exp))


def test_a_little_clock_skew_is_forgiven(verifier, issuer):
    now = int(time.time())
    verifier.verify(issuer.token(exp=now - 5))
    verifier.verify(issuer.token(nbf=now + 5, iat=now + 5))


def test_cognitos_access_token_has_a_client_id_in_place_of_an_audience(verifier, issuer):
    verifier.verify(issuer.token(aud=None, client_id=AUDIENCE))


def test_one_of_several_audiences_is_enough(verifier, issuer):
    verifier.verify(issuer.token(aud=["other", AUDIENCE]))


def test_id_tokens_where_the_settings_take_them(issuer):
    make_verifier(issuer, token_uses=("id",)).verify(issuer.token(token_use="id"))


def test_the_tenant_is_the_claims(issuer):
    verifier = make_verifier(issuer, tenant_claim="custom:tenant")
    assert verifier.verify(issuer.token(**{"custom:tenant": "acme"})).tenant == "acme"
    for tenant in (None, "", "a b", "x" * 65, 5, ["acme"], "../x", "a\nb"):
        with pytest.raises(Forbidden):
            verifier.verify(issuer.token(**{"custom:tenant": tenant}))


@pytest.mark.parametrize(
    ("claims", "scopes"),
    [
        ({"scope": "a  b"}, {"a", "b"}),
        ({"scope": None, "scp": "a"}, {"a"}),
        ({"scope": None, "scp": ["a", 5]}, {"a"}),
        ({"scope": 5}, set()),
        ({"scope": None}, set()),
    ],
)
def test_scopes(verifier, issuer, claims, scopes):
    assert verifier.verify(issuer.token(**claims)).scopes == scopes


@pytest.mark.parametrize(
    "token",
    ["x", "a.b", "a.b.c", "a.b.c.d", "..", "ü.b.c", f"{b64(b'[1]')}.b.c", f"{b64(b'{')}.b.c"],
)
def test_what_is_no_token(verifier, token):
    assert "no JWT" in refusal(verifier, token)


def test_deep_nesting_in_a_header(verifier):
    refusal(verifier, f"{b64(b'[' * 1500)}.b.c")


def test_no_refusal_quotes_the_token(verifier, issuer):
    token = issuer.token(iss="https://evil.example.com/secret")
    assert "secret" not in refusal(verifier, token)


@pytest.mark.parametrize(
    ("values", "token"),
    [
        (["Bearer abc"], "abc"),
        (["bearer  abc "], "abc"),
        (["AWS4-HMAC-SHA256 Credential=x"], None),
        (["Basic abc"], None),
        ([], None),
    ],
)
def test_finding_the_token(values, token):
    assert bearer_token(values) == token


@pytest.mark.parametrize("values", [["Bearer "], ["Bearer " + "x" * 9000], ["Bearer a", "Basic b"]])
def test_tokens_that_are_not_even_looked_at(values):
    with pytest.raises(Unauthenticated):
        bearer_token(values)
