"""Seeing that a client has gone, without reading from it."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from container.disconnect import ClientSocket


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    server, client = socket.socketpair()
    yield server, client
    server.close()
    client.close()


def test_a_client_that_waits_is_there(pair: tuple[socket.socket, socket.socket]) -> None:
    assert not ClientSocket(pair[0]).is_gone()


def test_a_client_that_closed_is_gone(pair: tuple[socket.socket, socket.socket]) -> None:
    pair[1].close()
    assert ClientSocket(pair[0]).is_gone()


def test_bytes_of_a_next_request_stay_where_they_are(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    pair[1].send(b"GET")
    assert not ClientSocket(pair[0]).is_gone()
    assert pair[0].recv(3) == b"GET"


def test_gone_is_seen_behind_unread_bytes(pair: tuple[socket.socket, socket.socket]) -> None:
    pair[1].send(b"GET")
    pair[1].close()
    assert ClientSocket(pair[0]).is_gone()


def test_looking_never_blocks_on_a_socket_with_a_timeout(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    client = ClientSocket(pair[0])
    client.limit_waiting(30)
    assert not client.is_gone()


def test_our_own_closed_socket_counts_as_gone(pair: tuple[socket.socket, socket.socket]) -> None:
    pair[0].close()
    assert ClientSocket(pair[0]).is_gone()


def test_without_a_socket_nobody_goes_away() -> None:
    assert not ClientSocket(None).is_gone()
