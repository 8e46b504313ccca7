"""The studio's files at /: index.html, always asked for anew, and what it names, whose names change with their bytes.

The bundle is built from studio/ by `make studio`. The pages need no key; the calls that they make do.
"""

from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

BUNDLE = Path(__file__).parent / "studio"
POLICY = "; ".join(
    (
        "default-src 'self'",
        "img-src 'self' blob: data:",
        "media-src 'self' blob:",
        "connect-src 'self' blob: data:",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
SAFE = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
}


class Assets(StaticFiles):
    """Files whose names hold a hash of their bytes: kept for good."""

    def file_response(self, full_path, stat_result, scope: Scope, status_code: int = 200) -> Response:  # type: ignore[no-untyped-def]
        response = super().file_response(full_path, stat_result, scope, status_code)
        response.headers.update({**SAFE, "cache-control": "public, max-age=31536000, immutable"})
        return response


def routes() -> list[BaseRoute]:
    """The studio's routes; none where the package was made without it."""
    if not (BUNDLE / "index.html").is_file():
        return []
    return [
        Route("/", _index, methods=["GET"], include_in_schema=False),
        Route("/icon.svg", _icon, methods=["GET"], include_in_schema=False),
        Mount("/assets", Assets(directory=BUNDLE / "assets")),
    ]


def _index(_request: Request) -> Response:
    return FileResponse(BUNDLE / "index.html", headers={**SAFE, "cache-control": "no-cache"})


def _icon(_request: Request) -> Response:
    return FileResponse(BUNDLE / "icon.svg", headers={**SAFE, "cache-control": "max-age=3600"})
