"""What every call passes first: a request id, the Host and Origin checks, no NUL in its address, a ceiling on its body, a line
in the log.

Host and Origin keep pages of other sites from talking to a server on loopback through somebody's browser (DNS rebinding).
"""

import json
import logging
import secrets
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import urlsplit

from . import logs
from .settings import LOOPBACK, Settings
from .wire import ApiError

log = logging.getLogger("skyloom.server.http")
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")  # others are one to the figures: anybody invents more
DISCARD = 4  # times the ceiling that is read and thrown away, so that the sender gets to hear the answer


class Gate:
    """ASGI middleware. `seen(method, route, status, seconds)` hears of every answer."""

    def __init__(self, app: Any, settings: Settings, seen: Callable[[str, str, int, float], object]):
        self.app, self.settings, self.seen = app, settings, seen
        self.hosts = {*LOOPBACK, settings.host, *settings.hosts}
        self.any_host = "*" in settings.hosts or (settings.open_to_others and not settings.hosts)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request, began, status = f"req_{secrets.token_hex(12)}", time.perf_counter(), 500
        scope.setdefault("state", {})["request"] = request
        logs.request.set(request)  # whatever is logged meanwhile, such as a new job, tells of it
        started = ended = False

        async def answer(message: Message) -> None:
            nonlocal status, started, ended
            if message["type"] == "http.response.start":
                status, started = message["status"], True
                message["headers"] = [*message.get("headers", []), (b"x-request-id", request.encode())]
            await send(message)
            ended = message["type"] == "http.response.body" and not message.get("more_body", False)

        try:
            self._check_origin(scope)
            _check_address(scope)
            length = _header(scope, b"content-length")
            if length and length.isdigit() and int(length) > self.settings.max_body:
                await _discard(receive, DISCARD * self.settings.max_body)
                raise _too_large(self.settings.max_body)
            await self.app(scope, _limited(receive, self.settings.max_body), answer)
        except ApiError as error:
            if not started:
                await _answer(answer, error)
        except Exception:  # a fault of ours, that `app` has answered
            log.exception("failed", extra={"request": request})
            if not ended:
                raise
        finally:
            route = getattr(scope.get("route"), "path", "unknown")
            spent = time.perf_counter() - began
            self.seen(scope["method"] if scope["method"] in METHODS else "other", route, status, spent)
            where = {"method": scope["method"], "path": scope["path"], "status": status}
            level = logging.DEBUG if status < 400 and scope["method"] == "GET" else logging.INFO
            log.log(level, "call", extra={"request": request, "milliseconds": round(1000 * spent, 1), **where})

    def _check_origin(self, scope: Message) -> None:
        host = _header(scope, b"host")
        name = _name(f"//{host}")
        if not self.any_host and name not in self.hosts:
            raise ApiError(
                403, f"Host {host[:80]!r}: this server does not go by that name. Add it to hosts.", code="wrong_host"
            )
        origin = _header(scope, b"origin")
        if origin and _place(origin) != host and origin not in self.settings.origins:
            raise ApiError(403, f"Origin {origin[:80]!r}: pages from there may not call this server.", code="wrong_origin")


def _header(scope: Message, name: bytes) -> str:
    return next((value.decode("latin-1") for key, value in scope["headers"] if key == name), "")


def _check_address(scope: Message) -> None:
    """ApiError for a NUL character, which no id and no search has, and which PostgreSQL takes in no text."""
    if "\0" in scope["path"]:
        raise ApiError(404, "The path holds a NUL character: nothing here is called so.", code="not_found")
    if b"%00" in scope["query_string"]:
        raise ApiError(400, "The query holds a NUL character: leave it out.", code="invalid_value")


def _place(url: str) -> str:
    """Host and port; "" where there is none to be read."""
    try:
        return urlsplit(url).netloc
    except ValueError:
        return ""


def _name(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _limited(receive: Receive, most: int) -> Receive:
    """`receive` that raises ApiError 413 as soon as a body without a length grows beyond `most`."""
    got = 0

    async def counted() -> Message:
        nonlocal got
        message = await receive()
        got += len(message.get("body", b""))
        if got > most:
            raise _too_large(most)
        return message

    return counted


async def _discard(receive: Receive, most: int) -> None:
    got, more = 0, True
    while more and got < most:
        message = await receive()
        got += len(message.get("body", b""))
        more = message["type"] == "http.request" and message.get("more_body", False)


def _too_large(most: int) -> ApiError:
    return ApiError(413, f"The body is larger than this server's {most} bytes.", code="body_too_large")


async def _answer(send: Send, error: ApiError) -> None:
    body = json.dumps(error.body()).encode()
    headers = {"content-type": "application/json", "content-length": str(len(body)), **error.headers()}
    pairs = [(key.lower().encode(), value.encode()) for key, value in headers.items()]
    await send({"type": "http.response.start", "status": error.status, "headers": pairs})
    await send({"type": "http.response.body", "body": body})
