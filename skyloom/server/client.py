"""A small client for the command line: any server that speaks the Videos API. Needs nothing but Python."""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ..base.video import write_whole

TIMEOUT = 60.0  # seconds for each wait on the network
VARIANTS = {".webp": "thumbnail", ".jpg": "spritesheet", ".jpeg": "spritesheet"}  # by the suffix of what is written


class Client:
    """Calls to one server. Errors of the server come as RuntimeError with its message, ValueError for a wrong id."""

    def __init__(self, server: str, key: str = ""):
        if not server.startswith(("http://", "https://")):
            raise ValueError(f"server {server!r}: wanted http://HOST:PORT.")
        self.base = server.rstrip("/").removesuffix("/v1") + "/v1"
        self.key = key

    def jobs(self, limit: int) -> Iterator[dict[str, Any]]:
        """The newest `limit` films."""
        after, left = "", limit
        while left > 0:
            page = self._json("GET", f"/videos?limit={min(left, 100)}" + (f"&after={after}" if after else ""))
            yield from page["data"]
            left -= len(page["data"])
            if not page["has_more"] or not page["data"]:
                return
            after = page["last_id"]

    def retrieve(self, id: str) -> dict[str, Any]:
        return self._json("GET", f"/videos/{_quoted(id)}")

    def create(self, **call: Any) -> dict[str, Any]:
        """A new film; `call` as of POST /v1/videos. What is None is left to the server."""
        return self._json("POST", "/videos", call)

    def remix(self, id: str, **call: Any) -> dict[str, Any]:
        """A film again with other words."""
        return self._json("POST", f"/videos/{_quoted(id)}/remix", call)

    def extend(self, id: str, **call: Any) -> dict[str, Any]:
        """A film and what happens after it."""
        return self._json("POST", "/videos/extensions", {"video": {"id": id}, **call})

    def cancel(self, id: str) -> dict[str, Any]:
        return self._json("POST", f"/videos/{_quoted(id)}/cancel")

    def wait(self, id: str, told: Callable[[dict[str, Any]], object], every: float = 1.0) -> dict[str, Any]:
        """The film once it is completed or failed; `told` hears of each look at it. A server that restarts is waited for."""
        silent = 0.0
        while True:
            try:
                video, silent = self.retrieve(id), 0.0
            except ConnectionError:
                silent += every
                if silent > TIMEOUT:
                    raise
            else:
                told(video)
                if video["status"] not in ("queued", "in_progress"):
                    return video
            time.sleep(every)

    def fetch(self, id: str, out: Path) -> None:
        """Write a film, or by the suffix .webp its thumbnail, .jpg its spritesheet."""
        variant = VARIANTS.get(out.suffix.lower(), "video")
        write_whole(out, self._call("GET", f"/videos/{_quoted(id)}/content?variant={variant}"))

    def _json(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        return json.loads(self._call(method, path, body))

    def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> bytes:
        headers = {"accept": "*/*"} | ({"authorization": f"Bearer {self.key}"} if self.key else {})
        data = None
        if body is not None:
            data = json.dumps({name: value for name, value in body.items() if value is not None}).encode()
            headers["content-type"] = "application/json"
        request = urllib.request.Request(self.base + path, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
                return answer.read()
        except urllib.error.HTTPError as error:
            with error:
                message = _message(error.read()) or f"{error.code} {error.reason}"
            raise (ValueError if error.code == 404 else RuntimeError)(message) from None
        except (urllib.error.URLError, OSError) as error:
            reason = getattr(error, "reason", error)
            raise ConnectionError(f"no server at {self.base} ({reason}). Start one: skyloom serve") from None


def _message(body: bytes) -> str:
    try:
        return str(json.loads(body)["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return ""


def _quoted(id: str) -> str:
    if not id.replace("_", "").replace("-", "").isalnum():
        raise ValueError(f"id {id[:80]!r}: wanted one such as video_0123.")
    return id
