"""A thousand spoiled files: none stops a build, none leaves the folder, each has its row."""

import hashlib
import os
import struct

import footage_files as made
import numpy as np
import pytest
from PIL import Image

from skyloom.data import build, ingest, report, shards
from skyloom.data.catalog import Catalog
from skyloom.data.settings import DataConfig, IngestConfig, ShotConfig

NAMES = ("a.mp4", "b.mkv", "c.gif", "d.webp", "e.png", "f.avi")


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """One whole file of each kind, as bytes."""
    folder = tmp_path_factory.mktemp("good")
    frames = made.film(3, 12, (64, 96))
    made.write(folder / "a.mp4", frames)
    made.write(folder / "b.mkv", frames)
    made.animation(folder / "c.gif", frames)
    made.animation(folder / "d.webp", frames)
    Image.fromarray(frames[0]).save(folder / "e.png")
    made.write(folder / "f.avi", frames, codec="mpeg4")
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


def traps(home, outside, good, rng):
    """Files that are no footage, lead out of the folder, or ask for more than there is. Name -> a word of the reason."""
    secret = outside / "secret.mp4"
    secret.write_bytes(good[0] + b"secret")
    os.symlink(secret, home / "out.mp4")
    os.symlink(outside, home / "folder")
    os.symlink("../outside/secret.mp4", home / "relative.mp4")
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


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return made.tiny_model(tmp_path_factory)


def survive(tmp_path, good, model, count):
    home, outside = tmp_path / "in", tmp_path / "outside"
    home.mkdir()
    outside.mkdir()
    rng = np.random.default_rng(1)
    caught = traps(home, outside, good, rng)
    for i in range(count - len(caught)):
        suffix = os.path.splitext(NAMES[int(rng.integers(len(NAMES)))])[1]  # often not its own
        odd = ("", " ", "\n", "🎬", "'", "$(x)", "..", "\u202e", "\t--rm", "\x7f", "%s%n")[i % 11]
        (home / f"{i}{odd}{suffix}").write_bytes(spoiled(good[i % len(good)], rng))
    config = DataConfig(ingest=IngestConfig(seconds_to_read=120), shots=ShotConfig(min_seconds=0.1))
    with Catalog(tmp_path / "set", write=True) as catalog:
        ingest.ingest(catalog, home, config.ingest)
        build.measure(catalog, config)
        build.judge(catalog, config)
        shards.encode(catalog, model, config, note=lambda line: None)
        assert shards.check(catalog) == []
        kept = [(key, row["file"]) for key, row, _ in build.kept(catalog)]
        rows, films = dict(catalog.rows("file")), dict(catalog.rows("film"))
        page = report.page(catalog)
    assert len(rows) == count
    assert sorted((row["key"], row["file"]) for row in shards.index_rows(tmp_path / "set")) == kept != []
    assert all(row["dropped"] or row["hash"] in films for row in rows.values())
    assert {
        name: rows[name]["dropped"] for name in caught if not rows[name]["dropped"] or caught[name] not in rows[name]["dropped"]
    } == {}
    assert 0.1 * count < sum(not row["dropped"] for row in rows.values()) < count
    assert hashlib.sha256((outside / "secret.mp4").read_bytes()).hexdigest() not in {row.get("hash") for row in rows.values()}
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in", "outside", "set"] and os.listdir(outside) == ["secret.mp4"]
    assert len(os.listdir(home)) == count and "<script" not in page


def test_some_hostile_files(tmp_path, good, model):
    survive(tmp_path, good, model, 50)


@pytest.mark.full
def test_a_thousand_hostile_files(tmp_path, good, model):
    survive(tmp_path, good, model, 1000)
