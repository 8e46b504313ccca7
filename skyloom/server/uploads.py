"""Files and addresses from outside -> files that may be shown to a decoder: sniffed by their first bytes, then decoded once in
a process of its own with little memory and time, so that a malicious one harms nobody else.
"""

import base64
import binascii
import contextlib
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..generate.takes import MOST_SECONDS
from .fetching import Refused, fetch
from .settings import Settings
from .wire import ApiError, Reference, Upload

PICTURES, CLIPS = ("png", "jpg", "webp"), ("mp4", "webm")
LARGEST = 2**26  # pixels of one picture
PREFIX = "skyloom-upload-"  # of temporary files
PATIENCE = 120  # seconds for one probe, on a busy machine too
AT_ONCE, WAITING = 2, 14  # probes that run, and more that wait for it, each in a thread that answers no other call
_one_of_few, _places = threading.BoundedSemaphore(AT_ONCE), threading.BoundedSemaphore(AT_ONCE + WAITING)


@dataclass(frozen=True)
class Facts:
    """A file that was decoded to its end."""

    data: bytes
    suffix: str
    width: int
    height: int
    frames: int
    seconds: float
    pictures: list[bytes] = field(default_factory=list)  # those asked for, as PNG
    prompt: str = ""  # of the recipe inside it
    part: bytes | None = None  # of a picture that may play a part, as PNG
    unfit: str = ""  # why it may not
    alone: bool = False  # whether that picture has an empty ground


def sniff(data: bytes) -> str | None:
    """The suffix of a file's true type, by its first bytes; None for what is not among those that are taken."""
    if data[:8] == b"\x89PNG\r\n\x1a\n":
        return "png"
    if data[:3] == b"\xff\xd8\xff":
        return "jpg"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "webp"
    if data[4:8] == b"ftyp" and data[8:12] not in (b"avif", b"heic", b"mif1"):
        return "mp4"
    return "webm" if data[:4] == b"\x1a\x45\xdf\xa3" else None


def examine(data: bytes, kinds: tuple[str, ...], param: str, settings: Settings, wanted: int | str = 0) -> Facts:
    """Sniff and probe an upload. ApiError 400 says what is wrong with it. `wanted`: frames that come along,
    "mask", or "part"."""
    suffix = sniff(data)
    if suffix not in kinds:
        found = f"a {suffix} file" if suffix else "neither a picture nor a film that is known here"
        raise ApiError(400, f"{param!r} is {found}: wanted {', '.join(kinds)}.", param=param, code="invalid_type")
    with _laid_down(data, suffix) as path:
        most = min(settings.max_decode, LARGEST) if suffix in PICTURES else settings.max_decode
        report = probe(path, most, wanted, longest=min(settings.max_extended, MOST_SECONDS))
    if "error" in report:
        raise ApiError(400, f"{param!r} {report['error']}", param=param, code="invalid_file")
    pictures = [base64.b64decode(text) for text in report["pictures"]]
    prompt, part = (report.get("recipe") or {}).get("prompt", ""), base64.b64decode(report.get("part", "")) or None
    about = (report["width"], report["height"], report["frames"], report["seconds"], pictures, prompt)
    return Facts(data, suffix, *about, part, report.get("unfit", ""), report.get("alone", False))


def about(data: bytes, param: str, root: Path) -> dict[str, Any]:
    """The recipe inside a film or picture, and what its manifest says, without decoding it; see `provenance.verify`.

    ApiError 400 for what is no such file. `root` is the file of the certificate to trust.
    """
    suffix = sniff(data)
    if suffix is None:
        message = f"{param!r} is neither a picture nor a film that is known here: wanted {', '.join(PICTURES + CLIPS)}."
        raise ApiError(400, message, param=param, code="invalid_type")
    with _laid_down(data, suffix) as path:
        report = probe(path, 0, "about", root)
    if "error" in report:
        raise ApiError(400, f"{param!r} {report['error']}", param=param, code="invalid_file")
    return report


@contextlib.contextmanager
def _laid_down(data: bytes, suffix: str) -> Iterator[Path]:
    """The data as a temporary file. Where the process is killed meanwhile, `sweep` removes it."""
    with tempfile.NamedTemporaryFile(prefix=PREFIX, suffix=f".{suffix}") as file:
        file.write(data)
        file.flush()
        yield Path(file.name)


def sweep(older: float = 600) -> None:
    """Remove temporary files that a killed process left, older than that in seconds."""
    for file in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):  # gone meanwhile, or another user's
            if time.time() - file.stat().st_mtime > older:
                file.unlink()


def probe(path: Path, budget: int, wanted: int | str = 0, root: Path | str = "", longest: float = 0) -> dict[str, Any]:
    """Decode a file in a limited process: {"width", "height", "frames", "seconds", "pictures", ...}, or {"error"}."""
    if not _places.acquire(blocking=False):
        raise ApiError(503, "Too many uploads are being looked at. Try again soon.", code="busy", wait=5)
    try:
        with _one_of_few:
            return _probed(path, budget, wanted, root, longest)
    finally:
        _places.release()


def _probed(path: Path, budget: int, wanted: int | str, root: Path | str, longest: float) -> dict[str, Any]:
    given = (str(value) for value in (path, budget, wanted, root, longest))
    command = [sys.executable, "-m", f"{__package__}.probe", *given]
    package = Path(__file__).parent.parent.parent
    try:
        done = subprocess.run(command, cwd=package, capture_output=True, timeout=PATIENCE, stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired:
        return {"error": "takes too long to decode."}
    try:
        return json.loads(done.stdout)
    except ValueError:  # it ran into its limits, or crashed
        return {"error": "cannot be decoded within this server's limits."}


def picture_of(
    value: Upload | Reference, param: str, settings: Settings, kinds: tuple[str, ...] = PICTURES, wanted: int | str = 0
) -> Facts:
    """A picture that came as a file, a data: URL, or an address that may be fetched; `wanted` as of `examine`."""
    data = value.data if isinstance(value, Upload) else _at_url(value.image_url or "", param, settings)
    return examine(data, kinds, param, settings, wanted)


def _at_url(url: str, param: str, settings: Settings) -> bytes:
    if url.startswith("data:"):
        head, comma, text = url.partition(",")
        try:
            if not comma or not head.endswith(";base64"):
                raise ValueError
            return base64.b64decode(text, validate=True)
        except (ValueError, binascii.Error):
            message = f"{param!r}: wanted a data URL such as data:image/png;base64,..."
            raise ApiError(400, message, param=param, code="invalid_image_url") from None
    try:
        return fetch(url, settings.media_domains, settings.max_body)
    except Refused as error:
        raise ApiError(400, f"{param!r}: {error}", param=param, code="invalid_image_url") from None
