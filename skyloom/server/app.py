"""The web application: what all routes share - who calls, how bodies are read, how errors look - and the plain pages."""

import contextlib
import logging
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Header, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.middleware.cors import CORSMiddleware
from fastapi.openapi.utils import get_openapi
from fastapi.responses import JSONResponse, PlainTextResponse
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException

from .. import __version__
from . import auth, wire
from .auth import Caller
from .forms import unfold
from .gate import Gate
from .metrics import Metrics
from .service import Service
from .settings import Settings
from .wire import ApiError, Upload

log = logging.getLogger("skyloom.server")
PARTS = 1000  # of one form
FRESH = 15.0  # seconds since a worker's last beat within which it counts as there


def service_of(request: Request) -> Service:
    return request.app.state.service


def caller_of(request: Request, service: Annotated[Service, Depends(service_of)]) -> Caller:
    """Whoever calls, or 401. Comes before the body is read."""
    return auth.identify(service.settings, service.store, request.headers.get("authorization"))


async def read_body(request: Request, _caller: Annotated[Caller, Depends(caller_of)]) -> Any:
    """The body as a tree, from JSON or a form; files become Uploads."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/json" or kind.endswith("+json"):
        try:
            return await run_in_threadpool(wire.read_json, await request.body())
        except ValueError as error:
            raise ApiError(400, f"The body {error}.", code="invalid_json") from None
    if kind in ("multipart/form-data", "application/x-www-form-urlencoded"):
        most = service_of(request).settings.max_body
        async with request.form(max_files=32, max_fields=PARTS, max_part_size=most) as form:  # its files are closed after it
            items = form.multi_items()
            parts = [(name, Upload(await v.read()) if isinstance(v, UploadFile) else v) for name, v in items]
        return unfold(parts)
    raise ApiError(415, f"Content-Type {kind[:80]!r}: wanted application/json or multipart/form-data.", code="invalid_type")


Calls = Annotated[Caller, Depends(caller_of)]
Body = Annotated[Any, Depends(read_body)]
Served = Annotated[Service, Depends(service_of)]
Repeat = Annotated[str | None, Header(description="a repeated call with the same key makes one job", max_length=255)]
FAILURES: dict[int | str, dict[str, Any]] = {
    code: {"model": wire.ErrorBody} for code in (400, 401, 403, 404, 409, 413, 415, 429, 503)
}


def takes(call: type[wire.Call], *, form: bool = True, only_form: bool = False) -> dict[str, Any]:
    """The OpenAPI description of a body that `read_body` reads."""
    schema = {"schema": {"$ref": f"#/components/schemas/{call.__name__}"}}
    kinds = [kind for kind, there in (("application/json", not only_form), ("multipart/form-data", form)) if there]
    return {"requestBody": {"required": True, "content": dict.fromkeys(kinds, schema)}}


def create_app(settings: Settings, service: Service | None = None) -> Gate:
    """The whole application behind its gate. The service is closed with it where it was made here."""
    from . import hooks, images, pages, studio_routes, videos  # the routes import what stands above

    service = service or Service(settings)

    @contextlib.asynccontextmanager
    async def life(_app: FastAPI) -> AsyncIterator[None]:
        yield
        service.close()

    app = FastAPI(title="Skyloom", version=__version__, lifespan=life, docs_url="/docs", redoc_url=None)
    app.state.service = service
    app.state.metrics = Metrics(service.store)
    app.add_exception_handler(ApiError, _api_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(RequestValidationError, _query_error)
    app.add_exception_handler(Exception, _fault)
    for routes in (videos, images, hooks, studio_routes):
        app.include_router(routes.router, responses=FAILURES)
    _add_pages(app)
    app.router.routes.extend(pages.routes())
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign]
    app.openapi()  # builds each route's fields now: two first calls that build them at once disturb each other
    if settings.origins:
        app.add_middleware(CORSMiddleware, allow_origins=list(settings.origins), allow_methods=["*"], allow_headers=["*"])
    return Gate(app, settings, app.state.metrics.seen)


def _add_pages(app: FastAPI) -> None:
    @app.get("/healthz", tags=["operations"])
    async def healthz() -> dict[str, str]:  # waits for no thread
        """The process answers."""
        return {"status": "ok", "version": __version__}

    @app.get("/readyz", tags=["operations"], responses={503: {}})
    def readyz(service: Served) -> JSONResponse:
        """Films can be made: the database answers, a worker is there and has its model."""
        report = ready(service)
        return JSONResponse(report, 200 if report["ready"] else 503)

    @app.get("/metrics", tags=["operations"], response_class=PlainTextResponse, responses=FAILURES)
    def metrics(request: Request, caller: Calls) -> Response:
        """Figures for Prometheus."""
        caller.need("admin")
        return Response(request.app.state.metrics.page(), media_type="text/plain; version=0.0.4")

    @app.get("/v1/models", tags=["models"], responses=FAILURES)
    def models(service: Served, caller: Calls) -> dict[str, Any]:
        """What `model` may say."""
        return {"object": "list", "data": [_model(service, name) for name in service.catalog.names()]}

    @app.get("/v1/models/{model}", tags=["models"], responses=FAILURES)
    def model(service: Served, caller: Calls, model: str) -> dict[str, Any]:
        """One of them."""
        if model not in service.catalog.names():
            raise ApiError(404, f"No model {model[:80]!r}.", param="model", code="model_not_found")
        return _model(service, model)


def _model(service: Service, name: str) -> dict[str, Any]:
    return {
        "id": name,
        "object": "model",
        "created": 0,
        "owned_by": "skyloom",
        "root": Path(service.catalog.resolve(name)).name,
    }


def ready(service: Service) -> dict[str, Any]:
    """Which parts of the server are in order."""
    try:
        service.store.check()
        there = [w for w in service.store.workers() if time.time() - w["beat"] < FRESH]
        database = True
    except Exception:
        there, database = [], False
    try:
        service.media.check_space(0)
        disk = True
    except OSError:
        disk = False
    loaded = any(service.settings.model in worker["models"] for worker in there)
    parts = {"database": database, "disk": disk, "worker": bool(there), "model": loaded}
    return {"ready": all(parts.values()), **parts}


def _api_error(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, ApiError)
    return JSONResponse(error.body(), error.status, error.headers())


def _http_error(request: Request, error: Exception) -> JSONResponse:
    """Starlette's own: no such route, a wrong method, a malformed form."""
    assert isinstance(error, HTTPException)
    messages = {404: f"No route {request.url.path[:80]!r}.", 405: f"{request.method} is not possible here."}
    message = messages.get(error.status_code, str(error.detail))
    answer = ApiError(error.status_code, message, code={404: "not_found", 405: "method_not_allowed"}.get(error.status_code))
    return JSONResponse(answer.body(), error.status_code, error.headers)


def _query_error(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    name = str(first["loc"][-1])
    answer = ApiError(400, f"Invalid value for {name!r}: {first['msg'].lower()}.", param=name, code="invalid_value")
    return JSONResponse(answer.body(), 400)


def _fault(_request: Request, _error: Exception) -> JSONResponse:
    """A fault of our own. The log has it in full, the caller the request id in the headers."""
    answer = ApiError(500, "The server made a mistake; its log has more under the request id.", code="server_error")
    return JSONResponse(answer.body(), 500)


def _openapi(app: FastAPI) -> dict[str, Any]:
    if not app.openapi_schema:
        schema = get_openapi(title=app.title, version=app.version, routes=app.routes)
        schema["components"]["schemas"] |= wire.schemas()
        schema["components"]["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
        schema["security"] = [{"key": []}, {}]
        for path in schema["paths"].values():
            for call in path.values():
                call["responses"].pop("422", None)  # ours are 400
        app.openapi_schema = schema
    return app.openapi_schema
