"""What the session store's user may do is what the code sends, and no more."""

from __future__ import annotations

import ast
import inspect
import re

from infrastructure.data.access import CLUSTER, CONNECTING, SENT, access_string, script_commands
from orchestrator_lambda.sessions import buffers, redis_sessions
from orchestrator_lambda.sessions.keys import ConversationKeys, UserKeys

REDIS_PY = {
    "delete": "del",
    "register_script": "script|load",
    "close": None,
    "pipeline": None,
    "execute": None,
}


def sent() -> set[str]:
    """Methods of redis-py's clients and pipelines that the code calls, as commands."""
    found: set[str] = set()
    for module in (buffers, redis_sessions):
        for node in ast.walk(ast.parse(inspect.getsource(module))):
            if isinstance(node, ast.Attribute) and re.search(
                r"(_quick|_waiting|quick|pipeline|\.redis|client)$", ast.unparse(node.value)
            ):
                found.add(REDIS_PY.get(node.attr, node.attr) or "")
    return found - {""}


def test_the_list_is_what_the_code_sends():
    assert sent() | {"evalsha"} == set(SENT)


def test_what_scripts_call_is_read_out_of_the_scripts():
    assert {"xadd", "xrevrange", "hmget", "time", "incrby"} <= set(script_commands())
    assert all(re.fullmatch(r"[a-z]+", command) for command in script_commands())


def test_nothing_is_allowed_but_those_commands_on_our_keys():
    words = access_string("valkey", cluster=False).split()
    assert words[:3] == ["on", "~kw:*", "-@all"]
    allowed = {word.removeprefix("+") for word in words[3:]}
    assert allowed == {*SENT, *CONNECTING, *script_commands()}
    assert not allowed & {"keys", "scan", "flushall", "config|get", "eval", "monitor", "acl"}


def test_redis_oss_is_told_of_no_command_that_it_does_not_know():
    words = access_string("redis", cluster=False).split()
    assert {word.removeprefix("+") for word in words[3:]} == {*SENT, *script_commands()}


def test_a_cluster_client_may_ask_for_the_clusters_nodes():
    extra = set(access_string("valkey", cluster=True).split()) - set(
        access_string("valkey", cluster=False).split()
    )
    assert extra == {f"+{command}" for command in CLUSTER}


def test_every_key_begins_as_the_access_says():
    conversation, user = ConversationKeys("c_1"), UserKeys("u")
    names = (conversation.lock, conversation.stream(1), conversation.answers, user.bucket)
    assert all(name.startswith("kw:") for name in names)
