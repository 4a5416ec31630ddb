"""Ways to see that a part is ready."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Callable
from pathlib import Path

LOOPBACK = "127.0.0.1"
TIMEOUT_S = 2.0


def answers(port: int, path: str) -> Callable[[], bool]:
    """GET says 200."""

    def probe() -> bool:
        connection = http.client.HTTPConnection(LOOPBACK, port, timeout=TIMEOUT_S)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            answer.read()
            return answer.status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    return probe


def says_pong(port: int) -> Callable[[], bool]:
    """Redis answers PING; while it loads what it kept it answers something else."""

    def probe() -> bool:
        try:
            with socket.create_connection((LOOPBACK, port), TIMEOUT_S) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(16).startswith(b"+PONG")
        except OSError:
            return False

    return probe


def listens(port: int) -> Callable[[], bool]:
    """Something takes connections."""

    def probe() -> bool:
        with socket.socket() as connection:
            connection.settimeout(TIMEOUT_S)
            return connection.connect_ex((LOOPBACK, port)) == 0

    return probe


def exists(file: Path) -> Callable[[], bool]:
    """The part has made this file."""
    return file.exists
