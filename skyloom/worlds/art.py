"""Sprites: the animated emoji art, fetched once with npm, decoded once into arrays on disk, then mapped into memory.

Dimension key: F frames at 12 fps, S sprite side in pixels. Sprites are premultiplied RGBA, trimmed, standing on the lower edge.
"""

import functools
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import platformdirs
from PIL import Image, UnidentifiedImageError

from .nouns import Noun
from .sprites import draw_sprite

SIDE = 144  # S
SPRITE_FPS = 12
PACKAGES = {f"@lobehub/fluent-emoji-anim-{i}": "1.0.0" for i in (1, 2, 3, 4)}
FILES = {"1": 999, "2": 767, "3": 706, "4": 919}  # pictures in each package: a lower count is half a download


def cache_dir() -> Path:
    """Where art and decoded sprites live: $SKYLOOM_CACHE, else the user's cache folder."""
    return Path(os.environ.get("SKYLOOM_CACHE") or platformdirs.user_cache_dir("skyloom"))


@functools.lru_cache(maxsize=4)
def _index(cache: Path) -> dict[str, Path]:
    return {_code(file.stem): file for file in _pictures(cache)}


def _pictures(cache: Path) -> list[Path]:
    return sorted(cache.glob("npm/node_modules/@lobehub/fluent-emoji-anim-*/assets/*.webp"))


def _code(stem: str) -> str:
    """'2764-fe0f-200d-1f525' -> '2764-200d-1f525': no variation selectors, no leading zeros."""
    return "-".join(part.lstrip("0") or "0" for part in stem.lower().split("-")).replace("-fe0f", "")


def has_art() -> bool:
    """Whether the art is complete enough to draw from; without it every noun has a procedural sprite."""
    return len(_index(cache_dir())) >= sum(FILES.values()) // 2


def missing_art() -> dict[str, int]:
    """Packages that are absent or incomplete, with the number of pictures they lack."""
    modules = cache_dir() / "npm" / "node_modules" / "@lobehub"
    counts = {k: len(list((modules / f"fluent-emoji-anim-{k}" / "assets").glob("*.webp"))) for k in FILES}
    return {f"@lobehub/fluent-emoji-anim-{k}": FILES[k] - n for k, n in counts.items() if n < FILES[k]}


def unreadable_art() -> list[Path]:
    """Pictures whose header does not open: damaged on disk or cut short."""
    return [file for file in _pictures(cache_dir()) if not _opens(file)]


def _opens(file: Path) -> bool:
    try:
        with Image.open(file) as image:
            return image.size[0] >= 128
    except (OSError, UnidentifiedImageError):
        return False


def fetch_art(progress: Callable[[str], object] = print) -> Path:
    """Install the pinned art packages under `cache_dir()/npm` and check them; a rerun continues, what is complete is kept.

    Raises RuntimeError, with one line to act on, where npm is missing, fails, or leaves a package incomplete.
    """
    home = cache_dir() / "npm"
    for picture in unreadable_art():
        picture.unlink()  # cut short: counts as missing from here on
    _index.cache_clear()
    if not missing_art():
        progress(f"art is complete: {len(_index(cache_dir()))} pictures in {home}")
        return home
    _install(home, progress)
    _index.cache_clear()
    if missing := missing_art():
        raise RuntimeError(f"art is incomplete: {missing} pictures missing in {home}; run the command again")
    if broken := unreadable_art():
        raise RuntimeError(f"{len(broken)} pictures do not open, first {broken[0]}; is the disk full? Then run again")
    progress(f"art is complete: {len(_index(cache_dir()))} pictures")
    return home


def _install(home: Path, progress: Callable[[str], object]) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise RuntimeError(
            "npm was not found: install Node.js (it brings npm), then run this again; without art, sprites are drawn"
        )
    try:
        home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RuntimeError(f"cannot write {home}: {error.strerror}; set SKYLOOM_CACHE to a folder you own") from None
    if not (home / "package.json").exists():
        (home / "package.json").write_text('{"name": "skyloom-art", "private": true}\n')
    for name in missing_art():  # npm takes what it once installed for whole: half a package must go first
        shutil.rmtree(home / "node_modules" / name, ignore_errors=True)
        (home / "node_modules" / ".package-lock.json").unlink(missing_ok=True)
    names = [f"{name}@{version}" for name, version in PACKAGES.items()]
    progress(f"npm install of {len(names)} packages (about 0.7 GB on disk) into {home}")
    flags = ["--ignore-scripts", "--no-audit", "--no-fund", "--save-exact"]
    done = subprocess.run([npm, "install", *flags, *names], cwd=home, capture_output=True, text=True)
    if done.returncode:
        reason = next((line for line in done.stderr.splitlines() if re.search(r"ERR!|error", line)), "no message")
        raise RuntimeError(f"npm install failed: {reason.strip()}; check the connection and disk space, then run again")


def sprite_frames(noun: Noun) -> np.ndarray:
    """The noun's animation loop, uint8 (F, S, S, 4), premultiplied RGBA, 12 fps; drawn procedurally where the art is absent."""
    return _frames(noun.key, noun.code, cache_dir(), has_art())


@functools.lru_cache(maxsize=1024)
def _frames(key: str, code: str, cache: Path, art: bool) -> np.ndarray:
    picture = _index(cache).get(code) if art else None
    if picture is None:
        return draw_sprite(key, SIDE)
    path = cache / "sprites" / f"{code}-{SIDE}.npy"
    try:
        return np.load(path, mmap_mode="r")
    except (OSError, ValueError, EOFError):  # not there yet, or damaged
        frames = as_sprite(_decode(picture))
        _save(path, frames)
        return frames


@functools.lru_cache(maxsize=2048)
def _extent(key: str, code: str, cache: Path, art: bool) -> tuple[float, float]:
    alpha = _frames(key, code, cache, art)[..., 3].max(0)
    return float((alpha.max(0) > 8).mean()), float((alpha.max(1) > 8).mean())


def sprite_extent(noun: Noun) -> tuple[float, float]:
    """Width and height of the drawn part as fractions of S; the larger one is near 1."""
    return _extent(noun.key, noun.code, cache_dir(), has_art())


def _decode(picture: Path) -> np.ndarray:
    """Every second frame of a 24 fps loop, straight RGBA; an odd last frame repeats the first and is left out."""
    frames = []
    try:
        with Image.open(picture) as image:
            count = getattr(image, "n_frames", 1)
            for i in range(max(count - count % 2, 1)):
                image.seek(i)
                if i % 2 == 0:
                    frames.append(np.asarray(image.convert("RGBA")))
    except (OSError, EOFError, UnidentifiedImageError) as error:
        raise RuntimeError(f"{picture} does not open ({error}); run `skyloom world fetch` to replace it") from None
    return np.stack(frames)


def as_sprite(rgba: np.ndarray) -> np.ndarray:
    """Straight RGBA (F, H, W, 4) -> a sprite (F, S, S, 4): cropped to what is ever visible (and 2 px), its larger side scaled
    to S, standing on the lower edge, premultiplied."""
    seen = rgba[..., 3].max(0) > 8
    rows, columns = np.flatnonzero(seen.any(1)), np.flatnonzero(seen.any(0))
    top, left = max(rows[0] - 2, 0), max(columns[0] - 2, 0)
    crop = rgba[:, top : rows[-1] + 3, left : columns[-1] + 3].astype(np.float32)
    crop[..., :3] *= crop[..., 3:] / 255
    height, width = crop.shape[1:3]
    ratio = SIDE / max(height, width)
    size = (max(round(width * ratio), 1), max(round(height * ratio), 1))
    out = np.zeros((len(crop), SIDE, SIDE, 4), np.uint8)
    at = (SIDE - size[0]) // 2
    for frame, source in zip(out, crop, strict=True):
        frame[SIDE - size[1] :, at : at + size[0]] = _resize(source, size)
    return out


def _resize(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    import cv2

    shrink = size[0] <= image.shape[1]
    scaled = cv2.resize(image, size, interpolation=cv2.INTER_AREA if shrink else cv2.INTER_CUBIC)
    scaled = np.clip(np.rint(scaled), 0, 255)
    return np.minimum(scaled, scaled[..., 3:]).astype(np.uint8)  # premultiplied colour never exceeds its alpha


def _save(path: Path, frames: np.ndarray) -> None:
    """Whole or not at all, as other processes read the same cache; a folder that is full or read-only only costs time."""
    part = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".part", delete=False) as file:
            part = file.name
            np.save(file, frames)
        os.replace(part, path)
    except OSError:
        if part:
            Path(part).unlink(missing_ok=True)
