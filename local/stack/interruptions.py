"""Ctrl-C, SIGTERM and SIGHUP wait while a process is between being born and being known."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

HELD = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def held_back() -> Iterator[None]:
    """Whatever comes while the block runs is delivered when it has ended.

    The handlers are changed, not the mask: a child would inherit the mask. Handlers run on the main
    thread alone, so that on any other thread there is nothing to hold back.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    before = {one: signal.signal(one, lambda got, _: came.append(got)) for one in HELD}
    try:
        yield
    finally:
        for number, handler in before.items():
            # None is a handler of C's, which can be neither asked for nor set.
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
    if came:
        signal.raise_signal(came[0])


@contextmanager
def ignored() -> Iterator[None]:
    """Whoever stops is not to be stopped: what comes while the block runs is dropped."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {one: signal.signal(one, signal.SIG_IGN) for one in HELD}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
