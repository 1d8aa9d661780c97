"""Places for the tests of files: servers of the web that give parts of files, or do not, or break off."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class WholeFiles(SimpleHTTPRequestHandler):
    """Gives whole files only; one called ``broken`` ends in its middle, one called ``forbidden`` is not given."""

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        """Answer."""
        path = Path(self.translate_path(self.path))
        if "forbidden" in path.name:
            self.send_error(403)
        elif "broken" in path.name:
            self._give(path.read_bytes(), share=0.5)
        else:
            super().do_GET()

    def _give(self, data: bytes, *, share: float = 1.0, code: int = 200, headers: dict[str, str] | None = None) -> None:
        self.send_response(code)
        for name, value in ({"Content-Length": str(len(data))} | (headers or {})).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data[: int(len(data) * share)])
        self.close_connection = share < 1


class Parts(WholeFiles):
    """Gives the bytes that are asked for."""

    def do_GET(self) -> None:
        """Answer."""
        asked = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        path = Path(self.translate_path(self.path))
        if not asked or not path.is_file():
            super().do_GET()
            return
        data, (start, end) = path.read_bytes(), map(int, asked.groups())
        share = 0.5 if "broken" in path.name and start > 0 else 1.0
        self._give(data[start : end + 1], share=share, code=206, headers={"Content-Range": f"bytes {start}-{end}/{len(data)}"})


@contextmanager
def web(folder: Path, handler: type[WholeFiles]) -> Iterator[str]:
    """Serve ``folder``, and give the address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
