"""The function of these tests; it is copied beside the package, as in the zip, and run there."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from orchestrator_lambda.errors import BackendError
from orchestrator_lambda.http.message import HttpRequest, HttpResponse, json_response
from orchestrator_lambda.runtime.handler import LambdaHandler
from orchestrator_lambda.runtime.lifecycle import Lifecycle

NOTES = Path(os.environ.get("NOTES", os.devnull))
SSE = {"Content-Type": "text/event-stream"}


def note(word: str) -> None:
    """Leave a word where the test finds it."""
    with NOTES.open("a") as notes:
        notes.write(f"{word}\n")


def application(request: HttpRequest) -> HttpResponse:
    """Routes by path."""
    if request.path == "/stream":
        return HttpResponse(headers=SSE, cookies=["a=1"], body=count(int(request.query["n"])))
    if request.path == "/break":
        return HttpResponse(headers=SSE, body=broken())
    if request.path == "/hang":
        time.sleep(60)
    if request.path == "/exit":
        os._exit(7)
    if request.path == "/hold":
        return HttpResponse(headers=SSE, body=held(request))
    if request.path == "/after":
        request.after(lambda: note("after"))
    return json_response({"pid": os.getpid(), "path": request.path, "env": sorted(os.environ)})


def count(pieces: int) -> Iterator[bytes]:
    """`pieces` numbers, each as an event."""
    for number in range(pieces):
        yield f"data: {number}\n\n".encode()


def broken() -> Iterator[bytes]:
    """Half an answer."""
    yield b"data: half\n\n"
    raise BackendError("my secret words")


def held(request: HttpRequest) -> Iterator[bytes]:
    """An answer that waits for a file of the test's, or for the end."""
    gate = Path(request.query["gate"])
    yield b"data: begun\n\n"
    waiting = threading.Event()
    while not gate.exists():
        waiting.wait(0.01)
    yield b"data: ended\n\n"
    note("ended")


lifecycle = Lifecycle()
lifecycle.before_checkpoint(lambda: note("checkpoint"))
lifecycle.after_restore(lambda: note("restore"))
lifecycle.at_end(lambda: note("end"))
handler = LambdaHandler(application, lifecycle=lifecycle)
note("init")


def plain(event: object, context: object) -> object:
    """A function that knows nothing of our runtime."""
    return {"event": event}
