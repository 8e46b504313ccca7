"""API keys: random, shown once, kept as hashes; what each may do, and whose jobs it sees."""

import hashlib
import secrets
from collections.abc import Iterable
from dataclasses import dataclass

from .records import Key
from .settings import Settings
from .store import Store
from .wire import ApiError

SCOPES = ("read", "write", "admin")  # look; make and delete; see everybody's


@dataclass(frozen=True)
class Caller:
    """Who calls. Without a key, on loopback, it is the machine's owner."""

    owner: str = ""
    scopes: tuple[str, ...] = SCOPES
    daily: int | None = None

    @property
    def sees(self) -> str | None:
        """Whose jobs: an owner's, or (None) everybody's."""
        return None if "admin" in self.scopes else self.owner

    def need(self, scope: str) -> None:
        if scope not in self.scopes and "admin" not in self.scopes:
            raise ApiError(403, f"This key lacks the scope {scope!r}. It has: {', '.join(self.scopes)}.", code="missing_scope")


def new_key(store: Store, name: str, scopes: Iterable[str] = ("read", "write"), daily: int | None = None) -> tuple[str, Key]:
    """Make a key; returns its text, which is stored nowhere, and its row. ValueError for an unknown scope."""
    wanted = list(dict.fromkeys(scopes))
    for scope in wanted:
        if scope not in SCOPES:
            raise ValueError(f"scope {scope!r}: wanted {', '.join(SCOPES)}.")
    if not 0 < len(name) <= 80:
        raise ValueError(f"a key's name has 1 to 80 characters, got {len(name)}.")
    text = f"sk-skyloom-{secrets.token_urlsafe(32)}"
    return text, store.add_key(name, digest(text), wanted, daily)


def digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def identify(settings: Settings, store: Store, header: str | None) -> Caller:
    """The caller behind an Authorization header. ApiError 401 where a key is required and none is valid."""
    kind, _, text = (header or "").partition(" ")
    key = store.key_of(digest(text.strip())) if kind.lower() == "bearer" and text.strip() else None
    if key:
        return Caller(key.id, tuple(key.scopes), key.daily)
    if settings.keys_required:
        message = "The API key is not valid." if text else "This server wants an API key: Authorization: Bearer KEY."
        raise ApiError(401, message, code="invalid_api_key")
    return Caller()
