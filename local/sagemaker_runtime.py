"""A stand-in, on loopback, for the SageMaker runtime API in front of one container.

    boto3 "sagemaker-runtime" --endpoint_url--> this --HTTP--> container /invocations

Point a real client at it (`boto3.client("sagemaker-runtime", endpoint_url=...)`) and what the
platform does to a call happens on one machine: headers are stripped, limits hold, errors of the
container become `ModelError`, and a stream comes re-cut at arbitrary places. Signatures are not
checked, and every endpoint name leads to the same container unless one is set.

    python -m local.sagemaker_runtime --container http://127.0.0.1:8080 --port 9000
"""

from __future__ import annotations

import argparse
import itertools
import logging
import queue
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from http.server import ThreadingHTTPServer
from urllib.parse import urlsplit

from local.container_call import ContainerCall, Head
from local.sagemaker_errors import PlatformError, model_not_ready
from local.sagemaker_handler import RuntimeHandler

LOOPBACK = "127.0.0.1"
PING_TIMEOUT_S = 2.0


@dataclass(frozen=True)
class RuntimeSettings:
    """How the stand-in behaves; the defaults are the platform's documented limits.

    Attributes:
        container_url: http://host:port of the container.
        endpoint_name: the only endpoint that exists; None lets every name exist.
        seed: of the places where streams are cut.
        invoke_timeout_s: for a whole answer that is not streamed.
        stream_timeout_s: for a whole stream.
        payload_limit: bytes of a request body.
        flush_after_s: a stream that pauses longer gives up the bytes held back for re-cutting.
    """

    container_url: str
    endpoint_name: str | None = None
    seed: int = 0
    invoke_timeout_s: float = 60.0
    stream_timeout_s: float = 480.0
    payload_limit: int = 6 * 1024 * 1024
    flush_after_s: float = 0.05


class SageMakerRuntime(ThreadingHTTPServer):
    """The listening stand-in; a context manager that serves on a thread while it is open."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, settings: RuntimeSettings, port: int = 0) -> None:
        parts = urlsplit(settings.container_url)
        if parts.scheme != "http" or parts.hostname is None:
            raise ValueError(
                f"the container's URL must be http://host:port, got {settings.container_url!r}"
            )
        self.settings = settings
        self._container = (parts.hostname, parts.port or 80)
        self._ready = threading.Event()
        self._faults: queue.SimpleQueue[PlatformError] = queue.SimpleQueue()
        self._stream_numbers = itertools.count(settings.seed)
        super().__init__((LOOPBACK, port), RuntimeHandler)

    @property
    def url(self) -> str:
        """What a client takes as its `endpoint_url`."""
        return f"http://{LOOPBACK}:{self.server_address[1]}"

    def fail_next(self, error: PlatformError) -> None:
        """Answer one coming call with `error` instead of asking the container."""
        self._faults.put(error)

    def next_stream_seed(self) -> int:
        """A seed of its own for each stream, in the order of arrival."""
        return next(self._stream_numbers)

    def raise_injected_fault(self) -> None:
        """Raise what `fail_next` left, if anything."""
        try:
            raise self._faults.get_nowait()
        except queue.Empty:
            return

    def require_ready(self) -> None:
        """Let calls through once the container has passed one health check, as a new endpoint does.

        Raises:
            PlatformError: ModelNotReadyException while `/ping` answers anything but 200.
        """
        if self._ready.is_set():
            return
        with ContainerCall(*self._container, "GET", "/ping", {}, b"") as call:
            event = call.next_event(PING_TIMEOUT_S)
        if isinstance(event, Head) and event.status != 200:
            raise model_not_ready()
        if isinstance(event, Head):
            self._ready.set()

    def invoke_container(self, headers: dict[str, str], body: bytes) -> ContainerCall:
        """Start the container's `/invocations`."""
        return ContainerCall(*self._container, "POST", "/invocations", headers, body)

    def handle_error(self, request: object, client_address: object) -> None:
        """Log what a handler let through, without a traceback on the terminal."""
        error = sys.exception()
        log.error("connection ended by %s", type(error).__name__)

    def __enter__(self) -> SageMakerRuntime:
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.shutdown()
        self.server_close()


log = logging.getLogger(__name__)


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until interrupted; 0 afterwards, 1 when the port or the URL is wrong."""
    args = _parser().parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    settings = RuntimeSettings(
        container_url=args.container,
        endpoint_name=args.endpoint_name,
        seed=args.seed,
        invoke_timeout_s=args.invoke_timeout,
        stream_timeout_s=args.stream_timeout,
        payload_limit=args.payload_limit,
    )
    try:
        server = SageMakerRuntime(settings, args.port)
    except (OSError, OverflowError, ValueError) as error:
        print(f"sagemaker_runtime: cannot start: {error}", file=sys.stderr)
        return 1
    with server.socket:
        print(f"SageMaker runtime stand-in: endpoint_url={server.url}", flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            return 0
    return 0


def _parser() -> argparse.ArgumentParser:
    defaults = RuntimeSettings(container_url="")
    parser = argparse.ArgumentParser(
        prog="python -m local.sagemaker_runtime",
        description="A stand-in for the SageMaker runtime API in front of one container.",
    )
    add = parser.add_argument
    add("--container", required=True, help="URL of the container, http://host:port")
    add("--port", type=int, default=0, help="port to listen on (default: a free one)")
    add("--endpoint-name", help="the only endpoint that exists (default: every name)")
    add("--seed", type=int, default=defaults.seed, help="seed of the places where streams are cut")
    add("--invoke-timeout", type=float, default=defaults.invoke_timeout_s, help="seconds")
    add("--stream-timeout", type=float, default=defaults.stream_timeout_s, help="seconds")
    add("--payload-limit", type=int, default=defaults.payload_limit, help="bytes of a request")
    return parser


if __name__ == "__main__":
    sys.exit(main())
