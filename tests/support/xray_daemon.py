"""What the X-Ray daemon hears, on a UDP port of loopback."""

from __future__ import annotations

import json
import socket
import threading
import time
from typing import Any


class XRayDaemon:
    """Collects datagrams while its block runs."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.settimeout(0.1)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self.datagrams: list[bytes] = []

    @property
    def address(self) -> str:
        """As in AWS_XRAY_DAEMON_ADDRESS."""
        host, port = self._socket.getsockname()
        return f"{host}:{port}"

    def documents(self) -> list[dict[str, Any]]:
        """The subsegments that came, those inside others among them."""
        found = [json.loads(data.partition(b"\n")[2]) for data in list(self.datagrams)]
        for document in found:  # it grows as it is read
            found.extend(document.get("subsegments", []))
        return found

    def await_names(self, *names: str, within_s: float = 10.0) -> None:
        """Until a document of each name has come."""
        deadline = time.monotonic() + within_s
        while missing := set(names) - {document["name"] for document in self.documents()}:
            assert time.monotonic() < deadline, f"never came: {missing}"
            time.sleep(0.02)

    def __enter__(self) -> XRayDaemon:
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._over.set()
        self._thread.join()
        self._socket.close()

    def _listen(self) -> None:
        while not self._over.is_set():
            try:
                self.datagrams.append(self._socket.recv(65536))
            except TimeoutError:
                continue
