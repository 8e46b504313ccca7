"""Webhooks: who is told of which films, and how the message is signed (as the client's `webhooks.unwrap` checks it)."""

import base64
import binascii
import hashlib
import hmac
import json
import logging
import secrets
import time
from typing import Any

from . import fetching
from .auth import Caller
from .fetching import Refused
from .records import Endpoint
from .settings import DAY, Settings
from .store import Store
from .wire import ApiError, WebhookCreate, WebhookUpdate

log = logging.getLogger("skyloom.server")
EVENTS = ("video.completed", "video.failed")
MOST = 50  # endpoints of one key
ANSWER = 65_536  # bytes of an endpoint's answer that are read


class Webhooks:
    """The endpoints of one server, and the sending of events to them."""

    def __init__(self, settings: Settings, store: Store):
        self.settings, self.store = settings, store

    def create(self, call: WebhookCreate, caller: Caller) -> dict[str, Any]:
        """A new endpoint, with its secret, which is shown this once."""
        self._check(call.url, call.event_types)
        if len(self.store.endpoints(caller.owner)) >= MOST:
            raise ApiError(400, f"There are {MOST} webhook endpoints already: delete one.", code="too_many_endpoints")
        secret = new_secret()
        row = Endpoint(caller.owner, call.name, call.url, list(dict.fromkeys(call.event_types)), [[secret, None]])
        return shown(self.store.add_endpoint(row)) | {"signing_secret": secret}

    def find(self, id: str, caller: Caller) -> Endpoint:
        endpoint = self.store.endpoint(id)
        if endpoint is None or caller.sees not in (None, endpoint.owner):
            raise ApiError(404, f"No webhook endpoint with the id {id[:80]!r}.", param="id", code="not_found")
        return endpoint

    def update(self, id: str, call: WebhookUpdate, caller: Caller) -> dict[str, Any]:
        endpoint = self.find(id, caller)
        self._check(call.url or endpoint.url, call.event_types or endpoint.events)
        changes = {"name": call.name, "url": call.url, "events": call.event_types}
        self.store.change_endpoint(id, **{name: value for name, value in changes.items() if value is not None})
        return shown(self.find(id, caller))

    def rotate(self, id: str, keep_old: bool, caller: Caller) -> dict[str, Any]:
        """A new secret; the old one also signs for 24 hours more, if wanted."""
        endpoint, secret = self.find(id, caller), new_secret()
        old = [[endpoint.secrets[0][0], time.time() + DAY]] if keep_old else []
        self.store.change_endpoint(id, secrets=[[secret, None], *old])
        return shown(self.find(id, caller)) | {"signing_secret": secret}

    def test(self, id: str, event: str, caller: Caller) -> dict[str, Any]:
        """Send one event now, about no film."""
        endpoint = self.find(id, caller)
        self._check(endpoint.url, [event])
        envelope = {"id": f"evt_{secrets.token_hex(16)}", "object": "event", "created_at": int(time.time()), "type": event}
        try:
            status = self.send(endpoint, envelope | {"data": {"id": "video_test"}})
        except Refused as error:
            raise ApiError(400, f"The endpoint was not reached: {error}", code="webhook_unreachable") from None
        result = {"event_type": event, "status_code": status, "success": 200 <= status < 300, "webhook_endpoint_id": id}
        return {"object": "webhook_endpoint.test", **result}

    def post(self, endpoint: str, envelope: dict[str, Any]) -> bool:
        """Deliver one event: True when it was taken, or there is nobody left to take it."""
        row = self.store.endpoint(endpoint)
        if row is None:
            return True
        try:
            status: int | str = self.send(row, envelope)
        except Refused as error:
            status = str(error)
        taken = isinstance(status, int) and 200 <= status < 300
        log.log(logging.INFO if taken else logging.WARNING, "webhook", extra={"endpoint": endpoint, "status": status})
        return taken

    def send(self, endpoint: Endpoint, envelope: dict[str, Any]) -> int:
        """One try, signed with the time of now; returns the status."""
        body = json.dumps(envelope, separators=(",", ":")).encode()
        now = int(time.time())
        valid = [secret for secret, until in endpoint.secrets if until is None or until > now]
        headers = {
            "content-type": "application/json",
            "webhook-id": envelope["id"],
            "webhook-timestamp": str(now),
            "webhook-signature": " ".join(sign(secret, envelope["id"], now, body) for secret in valid),
        }
        private = self.settings.webhook_private
        return fetching.call("POST", endpoint.url, body, headers, most=ANSWER, private=private)[0]

    def _check(self, url: str, events: list[str]) -> None:
        for event in events:
            if event not in EVENTS:
                message = f"event type {event[:80]!r}: wanted {', '.join(EVENTS)}."
                raise ApiError(400, message, param="event_types", code="invalid_value")
        try:
            name, port, _, _ = fetching.split(url)
            fetching.resolve(name, port, self.settings.webhook_private)
        except Refused as error:
            raise ApiError(400, f"url: {error}", param="url", code="invalid_value") from None


def shown(endpoint: Endpoint) -> dict[str, Any]:
    updated = int(endpoint.updated) if endpoint.updated else None
    return {
        "id": endpoint.id,
        "object": "webhook_endpoint",
        "name": endpoint.name,
        "url": endpoint.url,
        "event_types": endpoint.events,
        "created_at": int(endpoint.created),
        "updated_at": updated,
        "signing_secret_hint": endpoint.secrets[0][0][-4:],
    }


def new_secret() -> str:
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


def sign(secret: str, id: str, timestamp: int, body: bytes) -> str:
    """'v1,...': the HMAC-SHA256 of id, time and body with the secret's bytes."""
    try:
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True) if secret.startswith("whsec_") else secret.encode()
    except binascii.Error:
        key = secret.encode()
    digest = hmac.new(key, f"{id}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    return "v1," + base64.b64encode(digest).decode()
