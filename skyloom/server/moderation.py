"""What may not be asked for or shown: words that no prompt may hold, and an operator's judge of prompts and pictures.

The judge is a function, or the address of a classifier that speaks as POST /v1/moderations of the OpenAI API does. One that
does not answer lets nothing through.
"""

import base64
import importlib
import io
import json
import os
import re
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from .fetching import Refused, call
from .settings import Settings
from .wire import ApiError

DEFAULT = Path(__file__).parent / "blocklist.txt"
LOOKED_AT = 4  # frames of a film that the operator's function sees
SIDE, MOST_BYTES = 512, 1_000_000  # pixels of what a classifier is shown; bytes of what it may answer
KEY, MODEL = "SKYLOOM_MODERATION_KEY", "SKYLOOM_MODERATION_MODEL"
Hook = Callable[[str, Any], str | None]  # kind ("prompt" or "picture"), text or (H, W, 3) uint8 -> why not, or None


class Moderator:
    """Judges by a word list and, where there is one, by the hook. Both refuse by saying why."""

    def __init__(self, settings: Settings):
        path = Path(settings.blocklist) if settings.blocklist else DEFAULT
        lines = path.read_text(encoding="utf-8").splitlines()
        phrases = [plain(line) for line in lines if line.strip() and not line.startswith("#")]
        self.pattern = re.compile("|".join(map(_phrase, phrases))) if phrases else None
        self.hook = load_hook(settings.moderator) if settings.moderator else None

    def check_prompt(self, text: str, param: str = "prompt") -> None:
        """ApiError 400 with the code moderation_blocked where the text may not be filmed."""
        if self.pattern and self.pattern.search(plain(text)):
            raise ApiError(400, f"{param!r} asks for what this server does not film.", param=param, code="moderation_blocked")
        if reason := self._judged("prompt", text):
            raise ApiError(400, f"{param!r} was refused: {reason}", param=param, code="moderation_blocked")

    def _judged(self, kind: str, value: Any) -> str | None:
        """What the hook says of what comes in. ApiError 503 where it cannot be asked."""
        try:
            return self.hook(kind, value) if self.hook else None
        except Unreachable as error:
            raise ApiError(503, str(error), code=error.code, wait=30) from None

    @property
    def sees(self) -> int:
        """How many frames of what comes in it looks at."""
        return LOOKED_AT if self.hook else 0

    def check_pictures(self, pictures: list[bytes], param: str) -> None:
        """ApiError 400 where a picture or clip may not be taken in. PNG files of some of its frames."""
        for data in pictures if self.hook else ():
            frame = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
            if reason := self._judged("picture", frame):
                raise ApiError(400, f"{param!r} was refused: {reason}", param=param, code="moderation_blocked")

    def check_frames(self, frames: np.ndarray) -> None:
        """Blocked where frames_THWC may not be shown, or taken in."""
        if not self.hook:
            return
        for i in np.linspace(0, len(frames) - 1, min(len(frames), LOOKED_AT)).round().astype(int):
            if reason := self.hook("picture", frames[i]):
                raise Blocked(f"The film was refused: {reason}")


class Blocked(ValueError):
    """A film that may not be shown; `code` becomes the job's error code."""

    code = "moderation_blocked"


class Unreachable(ValueError):
    """The classifier gave no verdict."""

    code = "moderation_unavailable"


class Classifier:
    """A hook that asks a server: {"input": [...]} -> {"results": [{"flagged", "categories"}]}."""

    def __init__(self, url: str):
        self.url = url

    def __call__(self, kind: str, value: Any) -> str | None:
        headers = {"content-type": "application/json"}
        if key := os.environ.get(KEY):
            headers["authorization"] = f"Bearer {key}"
        item = (
            {"type": "text", "text": value}
            if kind == "prompt"
            else {"type": "image_url", "image_url": {"url": _data_url(value)}}
        )
        body = json.dumps({"model": os.environ.get(MODEL, "default"), "input": [item]}).encode()
        try:
            status, _, answer = call("POST", self.url, body, headers, most=MOST_BYTES, private=True)
            if status != 200:
                raise Refused(f"it answered {status}")
            result = json.loads(answer)["results"][0]
            flagged, categories = bool(result["flagged"]), result.get("categories") or {}
        except (Refused, ValueError, LookupError, TypeError) as error:
            raise Unreachable("The moderation service gave no verdict. Try again later.") from error
        named = sorted(str(name) for name, hit in categories.items() if hit) if isinstance(categories, dict) else []
        return (", ".join(named) or "flagged") if flagged else None


def _data_url(frame: np.ndarray) -> str:
    image = Image.fromarray(frame)
    image.thumbnail((SIDE, SIDE))
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def load_hook(name: str) -> Hook:
    """'module:function' -> the function, an address -> its classifier. ValueError where there is none."""
    if name.startswith(("http://", "https://")):
        return Classifier(name)
    module, colon, attribute = name.partition(":")
    try:
        hook = getattr(importlib.import_module(module), attribute) if colon else None
    except (ImportError, AttributeError) as error:
        raise ValueError(f"moderator {name!r}: {error}.") from error
    if not callable(hook):
        raise ValueError(f"moderator {name!r}: wanted module:function, or http://HOST/v1/moderations.")
    return hook


def plain(text: str) -> str:
    """Text without the differences that hide a word: case, width, accents, doubled spaces."""
    folded = unicodedata.normalize("NFKD", text).casefold()
    return " ".join("".join(sign for sign in folded if not unicodedata.combining(sign)).split())


def _phrase(text: str) -> str:
    """A pattern for whole words; a language without spaces has none, there it is the bare text."""
    edge = r"\b" if text.isascii() else ""
    return edge + re.escape(text).replace(r"\ ", r"\W+") + edge
