"""How a server is set up: one frozen record, from a file, the environment and flags, the later over the earlier.

The file is HOME/server.toml (or what SKYLOOM_CONFIG names), with the names below as keys; the environment has
SKYLOOM_PORT=8440 and so on; lists are written with commas there. ValueError names a setting that does not exist or fit.
"""

import dataclasses
import json
import os
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import platformdirs

from ..config import override

PREFIX = "SKYLOOM_"
LOOPBACK = ("127.0.0.1", "localhost", "::1")
MINUTE, DAY = 60, 86_400


@dataclass(frozen=True)
class Settings:
    """Every dial of the server and its workers; the defaults serve one person on one machine."""

    home: str = ""  # folder of database, films and keys; "" is the user's data folder
    database: str = ""  # postgresql://... for workers on several machines; "" is SQLite in the home
    storage: str = ""  # URL of films and uploads for machines that share no folder, s3://bucket/films; "" is the home
    host: str = "127.0.0.1"
    port: int = 8440
    model: str = "storybook"  # a shipped model's name, or a folder with weights
    models: tuple[str, ...] = ()  # others that a request may name
    aliases: tuple[str, ...] = (  # hosted models, for films and for stills, whose names are taken for the first one
        *("sora-2", "sora-2-pro", "sora-2-2025-10-06", "sora-2-2025-12-08", "sora-2-pro-2025-10-06"),
        *("gpt-image-1", "gpt-image-1-mini", "gpt-image-1.5", "gpt-image-2", "dall-e-2", "dall-e-3"),
    )
    workers: int = 1  # processes that film
    together: int = 4  # stills that a worker films in one call of the model; 1 films each alone, to the byte as ever
    drain: float = 60  # seconds that a stopping worker has for the film in hand
    poll: float = 0.1  # seconds between two looks at the queue
    keep: float = 30 * DAY  # seconds until a finished film expires; 0 keeps it for good
    attempts: int = 3  # times that a job may be begun before it counts as poison

    hosts: tuple[str, ...] = ()  # further names under which the server may be called; * is any
    origins: tuple[str, ...] = ()  # web pages on other hosts that may call it, such as https://films.example
    require_key: bool = False  # also on loopback; elsewhere keys are always required
    max_body: int = 64 * 2**20  # bytes of one call
    max_pixels: int = 1920 * 1088  # of one frame
    max_seconds: float = 20
    max_extended: float = 120  # of a film with its extensions
    max_steps: int = 100
    max_waiting: int = 1000  # jobs in the queue
    max_waiting_per_key: int = 200
    max_decode: int = 2**30  # pixels times frames of one upload: 19 s of 1792x1024 at 30 frames a second
    media_domains: tuple[str, ...] = ()  # from which pictures and clips may be fetched by URL

    sign: bool = True  # a C2PA manifest in every film and picture
    certificate: str = ""  # PEM chain to sign with, leaf first; "" makes an own one at the first start
    certificate_key: str = ""  # PEM of its private key
    metadata: bool = True  # the recipe inside the file
    mark: bool = False  # a small visible mark in the corner
    blocklist: str = ""  # file with a word or phrase a line that no prompt may hold
    moderator: str = ""  # module:function, or address of a classifier (/v1/moderations), that judges prompts and pictures
    webhook_private: bool = False  # webhooks may go to private addresses

    @property
    def root(self) -> Path:
        return Path(self.home)

    @property
    def database_url(self) -> str:
        return self.database or f"sqlite:///{self.root / 'skyloom.db'}"

    @property
    def open_to_others(self) -> bool:
        """Whether other machines can reach it."""
        return self.host not in LOOPBACK

    @property
    def keys_required(self) -> bool:
        return self.require_key or self.open_to_others


def load(**flags: Any) -> Settings:
    """Defaults, then the file, the environment, and the flags that are not None; the home folder is made."""
    settings = Settings(home=str(flags.get("home") or os.environ.get(PREFIX + "HOME") or _default_home()))
    settings = dataclasses.replace(settings, home=str(Path(settings.home).expanduser().absolute()))
    for name, value in _file(settings.root).items():
        settings = _put(settings, name, value)
    for field in dataclasses.fields(Settings):
        text = os.environ.get(PREFIX + field.name.upper())
        if text is not None and field.name != "home":
            settings = _put(settings, field.name, text)
    for name, value in flags.items():
        if value is not None and name != "home":
            settings = _put(settings, name, value)
    _check(settings)
    settings.root.mkdir(parents=True, exist_ok=True, mode=0o700)
    return settings


def environment(settings: Settings) -> dict[str, str]:
    """The settings as variables, for another process of the same server."""
    return {PREFIX + name.upper(): _text(value) for name, value in dataclasses.asdict(settings).items()}


def _file(home: Path) -> dict[str, Any]:
    path = Path(os.environ.get(PREFIX + "CONFIG") or home / "server.toml")
    if not path.is_file():
        return {}
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{path}: {error}. Wanted lines such as port = 8440.") from error


def _put(settings: Settings, name: str, value: Any) -> Settings:
    """One setting changed; `value` as a file, a flag or a variable gives it."""
    if isinstance(getattr(settings, name, None), tuple) and isinstance(value, str):
        value = [item.strip() for item in value.split(",") if item.strip()]
    if isinstance(getattr(settings, name, None), bool) and value in ("0", "1"):
        value = value == "1"
    return override(settings, name, _text(value) if not isinstance(value, list | tuple) else json.dumps(list(value)))


def _text(value: Any) -> str:
    if isinstance(value, tuple):
        return ",".join(value)
    return value if isinstance(value, str) else json.dumps(value)


def _check(settings: Settings) -> None:
    whole = (("port", 0, 65535), ("workers", 0, 256), ("attempts", 1, 100), ("together", 1, 64))
    for name, low, high in (*whole, ("poll", 0.01, 60)):
        if not low <= getattr(settings, name) <= high:
            raise ValueError(f"{name}={getattr(settings, name)}: wanted {low} to {high}.")
    if bool(settings.certificate) != bool(settings.certificate_key):
        raise ValueError("certificate and certificate_key go together: give both, or neither.")


def _default_home() -> str:
    return platformdirs.user_data_dir("skyloom", appauthor=False)
