"""Files that nobody should trust, to measure the data engine on: good ones spoiled, and traps that lead out of the folder."""

import os
import struct
from pathlib import Path

import numpy as np
from PIL import Image

from ..base import footage
from .composites import landscape

NAMES = ("a.mp4", "b.mkv", "c.gif", "d.webp", "e.png", "f.avi")
ODD = ("", " ", "\n", "🎬", "'", "$(x)", "..", "\u202e", "\t--rm", "\x7f", "%s%n")  # in names
SECRET = b"secret"  # at the end of the file outside


def good_files(folder: Path) -> list[bytes]:
    """One whole file of each kind in NAMES, written into the folder, as bytes."""
    frames = landscape(np.random.default_rng(3), 12, (64, 96))
    footage.compress(folder / "a.mp4", frames, 24)
    footage.compress(folder / "b.mkv", frames, 24)
    footage.compress(folder / "f.avi", frames, 24, codec="mpeg4")
    images = [Image.fromarray(frame).convert("RGBA") for frame in frames]
    for image in images:
        image.paste((0, 0, 0, 0), (0, 0, image.width // 2, image.height))
    for name, disposal in (("c.gif", 2), ("d.webp", None)):
        images[0].save(folder / name, save_all=True, append_images=images[1:], duration=80, loop=0, disposal=disposal)
    Image.fromarray(frames[0]).save(folder / "e.png")
    return [(folder / name).read_bytes() for name in NAMES]


def spoiled(data: bytes, rng: np.random.Generator) -> bytes:
    """Cut short, beaten, holed, doubled, turned around, or left as it is."""
    raw, kind = np.frombuffer(data, np.uint8).copy(), int(rng.integers(7))
    at = int(rng.integers(len(raw)))
    if kind == 0:
        raw = raw[:at]
    elif kind == 1:
        raw[rng.integers(0, len(raw), 1 + at % 60)] = rng.integers(0, 256, 1 + at % 60)
    elif kind == 2:
        raw[at : at + 400] = 0
    elif kind == 3:
        raw = np.concatenate([raw, raw[at:]])
    elif kind == 4:
        raw = np.concatenate([raw[at:], raw[:at]])
    elif kind == 5:
        raw[: min(64, at)] = rng.integers(0, 256, min(64, at))
    return raw.tobytes()


def traps(home: Path, outside: Path, good: list[bytes], rng: np.random.Generator) -> dict[str, str]:
    """Files that are no footage, lead out of the folder, or ask for more than there is. Name -> a word of the reason."""
    secret = outside / "secret.mp4"
    secret.write_bytes(good[0] + SECRET)
    os.symlink(secret, home / "out.mp4")
    os.symlink(outside, home / "folder")
    os.symlink(f"../{outside.name}/secret.mp4", home / "relative.mp4")
    os.symlink("nowhere", home / "dangling.mp4")
    os.symlink("loop.mp4", home / "loop.mp4")
    os.symlink("/dev/zero", home / "device.mp4")
    os.mkfifo(home / "pipe.mp4")
    (home / "zero.mp4").write_bytes(b"")
    (home / "blank.mp4").write_bytes(bytes(100_000))
    (home / "noise.webm").write_bytes(rng.bytes(50_000))
    (home / "list.m3u8").write_text(f"#EXTM3U\n#EXTINF:1,\n{secret}\n")
    (home / "concat.mp4").write_text(f"ffconcat version 1.0\nfile '{secret}'\n")
    (home / "page.mp4").write_text("<html><img src='file:///etc/passwd'></html>")
    (home / "script.svg").write_text(f'<svg xmlns="http://www.w3.org/2000/svg"><image href="{secret}"/></svg>')
    Image.new("1", (30_000, 30_000)).save(home / "bomb.png")
    (home / "deep.png").write_bytes(
        b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sIIBBBBB", 13, b"IHDR", 1 << 30, 1 << 30, 16, 6, 0, 0, 0)
    )
    (home / ("long" * 60 + ".mp4")).write_bytes(rng.bytes(300))
    return {
        "out.mp4": "out of the folder", "folder": "out of the folder", "relative.mp4": "out of the folder",
        "device.mp4": "out of the folder", "pipe.mp4": "pipe", "zero.mp4": "empty", "bomb.png": "pixels",
        **dict.fromkeys((
            "dangling.mp4", "loop.mp4", "blank.mp4", "noise.webm", "list.m3u8", "concat.mp4", "page.mp4", "script.svg",
            "deep.png", "long" * 60 + ".mp4",
        ), ""),
    }  # fmt: skip


def fill(home: Path, outside: Path, good: list[bytes], count: int) -> dict[str, str]:
    """Puts `count` files into the folder, most of them spoiled, and one outside; returns what `traps` does."""
    rng = np.random.default_rng(1)
    caught = traps(home, outside, good, rng)
    for i in range(count - len(caught)):
        suffix = os.path.splitext(NAMES[int(rng.integers(len(NAMES)))])[1]  # often not its own
        (home / f"{i}{ODD[i % len(ODD)]}{suffix}").write_bytes(spoiled(good[i % len(good)], rng))
    return caught
