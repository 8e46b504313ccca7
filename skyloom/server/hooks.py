"""The routes of /v1/webhook_endpoints."""

from typing import Any

from fastapi import APIRouter

from . import wire
from .app import Body, Calls, Served, takes
from .webhooks import EVENTS, shown

router = APIRouter(prefix="/v1", tags=["webhooks"])


@router.get("/webhook_event_types")
def event_types(caller: Calls) -> dict[str, Any]:
    """What an endpoint may ask to hear of."""
    return {"object": "list", "data": list(EVENTS)}


@router.post("/webhook_endpoints", openapi_extra=takes(wire.WebhookCreate))
def create(service: Served, caller: Calls, body: Body) -> dict[str, Any]:
    """Ask to be told of films that are done or failed. The signing secret is shown this once."""
    caller.need("write")
    return service.webhooks.create(wire.check(wire.WebhookCreate, body), caller)


@router.get("/webhook_endpoints")
def list_endpoints(service: Served, caller: Calls) -> dict[str, Any]:
    """All endpoints of this key."""
    caller.need("read")
    data = [shown(endpoint) for endpoint in service.store.endpoints(caller.sees)]
    ends = (data[0]["id"], data[-1]["id"]) if data else (None, None)
    return {"object": "list", "data": data, "first_id": ends[0], "last_id": ends[1], "has_more": False}


@router.get("/webhook_endpoints/{id}")
def retrieve(service: Served, caller: Calls, id: str) -> dict[str, Any]:
    """One endpoint."""
    caller.need("read")
    return shown(service.webhooks.find(id, caller))


@router.post("/webhook_endpoints/{id}", openapi_extra=takes(wire.WebhookUpdate))
def update(service: Served, caller: Calls, id: str, body: Body) -> dict[str, Any]:
    """Change name, address or events."""
    caller.need("write")
    return service.webhooks.update(id, wire.check(wire.WebhookUpdate, body), caller)


@router.delete("/webhook_endpoints/{id}")
def delete(service: Served, caller: Calls, id: str) -> dict[str, Any]:
    """Tell it nothing more."""
    caller.need("write")
    service.store.delete_endpoint(service.webhooks.find(id, caller).id)
    return {"id": id, "object": "webhook_endpoint.deleted", "deleted": True}


@router.post("/webhook_endpoints/{id}/rotate_secret", openapi_extra=takes(wire.WebhookRotate))
def rotate(service: Served, caller: Calls, id: str, body: Body) -> dict[str, Any]:
    """A new signing secret."""
    caller.need("write")
    call = wire.check(wire.WebhookRotate, body)
    return service.webhooks.rotate(id, call.keep_old_secret_active_for_24_hours, caller)


@router.post("/webhook_endpoints/{id}/test", openapi_extra=takes(wire.WebhookTest))
def test(service: Served, caller: Calls, id: str, body: Body) -> dict[str, Any]:
    """Send one event now."""
    caller.need("write")
    return service.webhooks.test(id, wire.check(wire.WebhookTest, body).event_type, caller)
