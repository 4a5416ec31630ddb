"""Ports of this machine."""

from __future__ import annotations

import argparse
import errno
import socket

from cli.errors import CliError


def port_number(text: str) -> int:
    """An argument that is a port to listen on."""
    if not text.isdecimal() or not 1 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError(f"a port is a number from 1 to 65535, got {text!r}")
    return int(text)


def free_port(host: str) -> int:
    """A port that nothing listens on just now."""
    with socket.create_server((host, 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def require_free(host: str, port: int) -> None:
    """Say why `host:port` cannot be listened on.

    Raises:
        CliError: the port is taken or needs rights, or the host is not this machine's.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        socket.create_server((host, port), family=family).close()
    except OSError as error:
        raise CliError(_why(host, port, error)) from error


def _why(host: str, port: int, error: OSError) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return f"port {port} is taken by another program; name a free one with --port"
        case errno.EACCES:
            return f"port {port} needs administrator rights; name one from 1024 on with --port"
        case _:
            return f"cannot listen on {host}:{port}: {error.strerror or error}"
