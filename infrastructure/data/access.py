"""Who signs in to the session store, and what that user may do there: an ACL of Redis.

    commands that the code sends, and those that its scripts call --> +get +set ...
    names of `sessions.keys`                                      --> ~kw:*

A test runs the orchestrator's sessions as this user against a real Redis.
"""

from __future__ import annotations

import re

from orchestrator_lambda.sessions import scripts

KEYS = "kw:*"
"""Every name of `sessions.keys` begins so."""

SENT = (
    *("get", "set", "del", "exists", "pexpire", "sadd", "smembers"),
    *("xrange", "xread"),
    *("evalsha", "script|load"),
)
"""What the code sends itself."""

CONNECTING = ("client|setinfo",)
"""What redis-py tells of itself when it connects. Redis OSS 7.0 refuses an access that names it,
and redis-py does not mind a refusal."""

CLUSTER = ("asking", "cluster|slots", "command")
"""And what its client of a cluster asks for beyond that."""

NOBODY = "off ~* -@all"
"""The access of a user who may not even sign in."""


def script_commands() -> tuple[str, ...]:
    """What the Lua scripts call: Redis checks it as if the user had sent it."""
    texts = [value for name, value in vars(scripts).items() if name.isupper()]
    called = re.findall(r"redis\.call\('(\w+)'", "\n".join(texts))
    return tuple(sorted({command.lower() for command in called}))


def access_string(engine: str, *, cluster: bool) -> str:
    """Rights of the orchestrator's user, as ElastiCache and `ACL SETUSER` take them.

    Args:
        engine: valkey or redis.
        cluster: the store speaks the protocol of a cluster, as every serverless cache does.
    """
    connecting = CONNECTING if engine == "valkey" else ()
    extra = CLUSTER if cluster else ()
    commands = sorted({*SENT, *connecting, *extra, *script_commands()})
    return " ".join(["on", f"~{KEYS}", "-@all", *(f"+{one}" for one in commands)])
