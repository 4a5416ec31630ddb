"""Forged tokens and other people's ids on every route of the OpenAPI document, at the real handler.

A route that is added later is attacked too: it is in the document, or nobody can find it.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import jwt
import pytest

from local.lambda_function import LambdaFunction
from orchestrator_lambda.history import schema
from tests.soak.container import FaultyContainer
from tests.soak.house import function_environment
from tests.support.aws_local import AwsLocal
from tests.support.talking_function import Caller, talking_function
from tests.unit.orchestrator_lambda.identity.issuer import AUDIENCE, ISSUER, Issuer, b64, make_keys

SECRET = "Rosalind's zugzwang manuscript"
ABSENT = f"c_{'0' * 26}"
MESSAGES = [{"role": "user", "content": "hi"}]
BODIES: dict[str, Any] = {
    "chatCompletion": {"messages": MESSAGES},
    "createConversation": {},
    "renameConversation": {"title": "mine"},
    "chooseBranch": {"seq": 1},
    "postMessage": {"content": "hi"},
    "editMessage": {"content": "hi"},
    "regenerateAnswer": {},
    "giveFeedback": {"rating": "up"},
}


@dataclass(frozen=True)
class Operation:
    """One operation of the document; `body` is one that its owner could send."""

    name: str
    method: str
    template: str
    body: Any

    def path(self, conversation_id: str, seq: int) -> str:
        return self.template.replace("{id}", conversation_id).replace("{seq}", str(seq))

    @property
    def seq(self) -> int:
        """Of a message that it is made for: the question is 1, the answer 2."""
        return 1 if self.name == "editMessage" else 2


@dataclass
class Door:
    """The function, and an issuer whose tokens it takes."""

    function: LambdaFunction
    issuer: Issuer

    def call(
        self, operation: Operation, token: str | None, talk: str = ABSENT, body: Any = None
    ) -> tuple[int, str]:
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        path = operation.path(talk, operation.seq)
        sent = operation.body if body is None else body
        answer = Caller(self.function).call(operation.method, path, sent, **headers)
        return answer.status, b"".join(answer.pieces).decode()

    def operations(self) -> list[Operation]:
        """Every operation that is not open to all."""
        document = Caller(self.function).json("GET", "/v1/openapi.json")
        return [
            Operation(item["operationId"], method.upper(), template, _body_of(item))
            for template, methods in document["paths"].items()
            for method, item in methods.items()
            if item.get("security") != []
        ]

    def operation(self, name: str) -> Operation:
        return next(one for one in self.operations() if one.name == name)

    def begin_talk(self, token: str) -> str:
        """A conversation of one turn, which holds the secret."""
        _, created = self.call(self.operation("createConversation"), token, body={"title": SECRET})
        talk = str(json.loads(created)["id"])
        self.call(self.operation("postMessage"), token, talk, {"content": SECRET})
        return talk

    def read(self, token: str, talk: str) -> Any:
        status, body = self.call(self.operation("getConversation"), token, talk)
        assert status == 200, body
        return json.loads(body)


def _body_of(item: dict[str, Any]) -> Any:
    return BODIES[item["operationId"]] if "requestBody" in item else None


@pytest.fixture(scope="module")
def issuer() -> Issuer:
    return Issuer(make_keys())


@pytest.fixture(scope="module")
def keys_url(issuer: Issuer) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = issuer.jwks()
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/keys"
        server.shutdown()


@pytest.fixture(scope="module")
def door(
    aws: AwsLocal, issuer: Issuer, keys_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Door]:
    with FaultyContainer(1, 0.0, pace_s=0.0) as container:
        env = {
            **function_environment(aws.endpoint_url, "", [container.url]),
            "KEEPWARM_TABLE": aws.table(schema.table_definition("keepwarm")),
            "KEEPWARM_BUCKET": "",
            "KEEPWARM_STREAM": "",
            "KEEPWARM_IDENTITY": "jwt",
            "KEEPWARM_JWT_ISSUER": ISSUER,
            "KEEPWARM_JWT_AUDIENCES": AUDIENCE,
            "KEEPWARM_JWT_JWKS_URL": keys_url,
        }
        log = tmp_path_factory.mktemp("attacks") / "lambda.log"
        with talking_function(env, log) as function:
            yield Door(function, issuer)


def tampered(issuer: Issuer) -> str:
    """A real signature below another person's claims."""
    header, _, signature = issuer.token(sub="eve").split(".")
    return f"{header}.{b64(issuer.claims(sub='ann'))}.{signature}"


def with_a_key_of_its_own(issuer: Issuer, **header: Any) -> str:
    """Signed with a key that the issuer does not publish, and that the header offers."""
    key = make_keys()["rsa-2"]
    public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key()))
    offered = {"jwk": {**public, "kid": "rsa-1"}, "kid": "rsa-1", **header}
    return jwt.encode(issuer.claims(sub="ann"), key, "RS256", headers=offered)


def confused_algorithm(issuer: Issuer) -> str:
    """The elliptic key, named in a token that says RS256."""
    _, claims, signature = issuer.token("ec-1", sub="ann").split(".")
    return f"{b64({'alg': 'RS256', 'kid': 'ec-1'})}.{claims}.{signature}"


ATTACKS: dict[str, Callable[[Issuer], str | None]] = {
    "no token": lambda issuer: None,
    "no jwt": lambda issuer: "a.b.c",
    "alg none": lambda issuer: issuer.unsigned(),
    "HS256 with the public key": lambda issuer: issuer.signed_with_the_public_key(),
    "RS256 with an elliptic key": confused_algorithm,
    "another issuer": lambda issuer: issuer.token(sub="ann", iss="https://evil.example.com"),
    "another audience": lambda issuer: issuer.token(sub="ann", aud="client-2"),
    "no audience": lambda issuer: issuer.token(sub="ann", aud=None),
    "expired": lambda issuer: issuer.token(sub="ann", exp=int(time.time()) - 3600),
    "never expires": lambda issuer: issuer.token(sub="ann", exp=None),
    "not yet valid": lambda issuer: issuer.token(sub="ann", nbf=int(time.time()) + 3600),
    "unknown key id": lambda issuer: issuer.token(header={"kid": "rsa-9"}, sub="ann"),
    "key in the header": with_a_key_of_its_own,
    "address of keys in the header": lambda issuer: with_a_key_of_its_own(
        issuer, jku="https://evil.example.com/keys"
    ),
    "id token": lambda issuer: issuer.token(sub="ann", token_use="id"),
    "no subject": lambda issuer: issuer.token(sub=None),
    "changed claims": tampered,
}


def test_a_good_token_opens_every_route(door: Door) -> None:
    """Else the refusals below would prove nothing."""
    token = door.issuer.token(sub="owner")
    for operation in door.operations():
        talk = door.begin_talk(token)
        status, body = door.call(operation, token, talk)
        assert status < 300, (operation.name, body)


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_forged_token_opens_no_route(door: Door, attack: str) -> None:
    ann = door.issuer.token(sub="ann")
    talk = door.begin_talk(ann)
    before = door.read(ann, talk)
    forged = ATTACKS[attack](door.issuer)

    for operation in door.operations():
        status, body = door.call(operation, forged, talk)
        assert (status, json.loads(body)["error"]["code"]) == (401, "unauthenticated"), operation
        assert "Rosalind" not in body

    assert door.read(ann, talk) == before


def test_anothers_ids_are_not_found_on_any_route(door: Door) -> None:
    ann, eve = door.issuer.token(sub="ann"), door.issuer.token(sub="eve")
    talk = door.begin_talk(ann)
    before = door.read(ann, talk)
    tried = [operation for operation in door.operations() if "{id}" in operation.template]
    assert len(tried) > 10

    for operation in tried:
        status, body = door.call(operation, eve, talk)
        absent_status, absent = door.call(operation, eve, ABSENT)
        error, absent_error = json.loads(body)["error"], json.loads(absent)["error"]
        assert (status, error["code"]) == (404, "not_found"), operation
        assert (absent_status, absent_error["message"]) == (404, error["message"]), operation

    assert door.read(ann, talk) == before


def test_routes_without_an_id_show_and_change_nothing_of_others(door: Door) -> None:
    ann, eve = door.issuer.token(sub="ann"), door.issuer.token(sub="eve")
    talk = door.begin_talk(ann)
    before = door.read(ann, talk)

    for operation in door.operations():
        if "{id}" not in operation.template:
            _, body = door.call(operation, eve)
            assert talk not in body and "Rosalind" not in body, operation
    stolen = {"messages": MESSAGES, "conversation_id": talk}
    status, _ = door.call(door.operation("chatCompletion"), eve, body=stolen)

    assert status == 404
    assert door.read(ann, talk) == before
