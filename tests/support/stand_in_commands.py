"""Commands on a script's PATH that ask the test what to do."""

from __future__ import annotations

import json
import socketserver
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

Command = Callable[[list[str]], tuple[int, str]]
ASKS = """#!{python} -IS
import json, socket, sys
if "--password-stdin" in sys.argv:
    sys.stdin.read()
with socket.socket(socket.AF_UNIX) as asked:
    asked.connect({place!r})
    asked.sendall(json.dumps([{name!r}, *sys.argv[1:]]).encode() + b"\\n")
    code, text = json.loads(asked.makefile().readline())
(sys.stderr if code else sys.stdout).write(text)
sys.exit(code)
"""


class StandInCommands:
    """A folder of commands, each answered by a function of its arguments: (exit code, text)."""

    def __init__(self, folder: Path, commands: Mapping[str, Command]) -> None:
        self.folder = folder / "bin"
        self.asked: list[list[str]] = []
        self._place = str(folder / "socket")
        self._commands = commands

    def __enter__(self) -> Self:
        self.folder.mkdir()
        for name in self._commands:
            program = self.folder / name
            program.write_text(ASKS.format(python=sys.executable, place=self._place, name=name))
            program.chmod(0o755)
        self._server = socketserver.ThreadingUnixStreamServer(self._place, self._handler())
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[socketserver.StreamRequestHandler]:
        answer = self._answer

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                told = answer(json.loads(self.rfile.readline()))
                self.wfile.write(json.dumps(told).encode() + b"\n")

        return Handler

    def _answer(self, asked: list[str]) -> Any:
        self.asked.append(asked)
        name, *arguments = asked
        try:
            return self._commands[name](arguments)
        except Exception as error:  # the script shall fail with it, not hang
            return 99, f"{name} {arguments}: {error!r}\n"
