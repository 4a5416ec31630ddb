r"""One streamed answer on the wire: chunks, then an end that says whether it is whole.

POST .../response                    Transfer-Encoding: chunked
Lambda-Runtime-Function-Response-Mode: streaming
Trailer: Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body

1f CRLF <prelude, 8 NUL> CRLF   5 CRLF <piece> CRLF   ...   0 CRLF [trailers] CRLF
"""

from __future__ import annotations

import http.client
from base64 import b64encode

TRAILER_TYPE = "Lambda-Runtime-Function-Error-Type"
TRAILER_BODY = "Lambda-Runtime-Function-Error-Body"


class ResponseStream:
    """An open POST. After an OSError of any call it is over, and the connection closed."""

    def __init__(
        self, connection: http.client.HTTPConnection, path: str, content_type: str, stall_s: float
    ) -> None:
        self._connection = connection
        try:
            connection.putrequest("POST", path, skip_accept_encoding=True)
            connection.putheader("Content-Type", content_type)
            connection.putheader("Transfer-Encoding", "chunked")
            connection.putheader("Lambda-Runtime-Function-Response-Mode", "streaming")
            connection.putheader("Trailer", f"{TRAILER_TYPE}, {TRAILER_BODY}")
            connection.endheaders()
            connection.sock.settimeout(stall_s)
        except (OSError, http.client.HTTPException):
            connection.close()
            raise

    def write(self, piece: bytes) -> None:
        """Send one chunk at once; an empty one would be the end, so it is left out.

        Raises:
            OSError: the other side has gone, or takes nothing.
        """
        if piece:
            self._send(b"%x\r\n%b\r\n" % (len(piece), piece))

    def end(self) -> int:
        """End a whole answer; the status that the API gives it. Raises OSError."""
        return self._finish(b"0\r\n\r\n")

    def fail(self, error_type: str, body: bytes) -> int:
        """End an answer that broke off, and say so. Raises OSError."""
        trailers = f"{TRAILER_TYPE}: {error_type}\r\n{TRAILER_BODY}: {b64encode(body).decode()}\r\n"
        return self._finish(b"0\r\n" + trailers.encode() + b"\r\n")

    def _finish(self, last: bytes) -> int:
        self._send(last)
        try:
            answer = self._connection.getresponse()
            answer.read()
        except http.client.HTTPException as error:
            self._connection.close()
            raise ConnectionError("the Runtime API gave no answer") from error
        except OSError:
            self._connection.close()
            raise
        if self._connection.sock is not None:
            self._connection.sock.settimeout(None)
        return answer.status

    def _send(self, data: bytes) -> None:
        try:
            self._connection.sock.sendall(data)
        except OSError:
            self._connection.close()
            raise
