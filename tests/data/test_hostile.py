"""A thousand spoiled files: none stops a build, none leaves the folder, each has its row."""

import os

import footage_files as made
import numpy as np
import pytest
from PIL import Image

from skyloom.data import build, ingest
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


def survive(tmp_path, good, count):
    home = tmp_path / "in"
    home.mkdir()
    (tmp_path / "outside").mkdir()
    rng = np.random.default_rng(1)
    for i in range(count):
        suffix = os.path.splitext(NAMES[int(rng.integers(len(NAMES)))])[1]  # often not its own
        odd = ("", " ", "\n", "🎬", "'", "$(x)", "..")[i % 7]
        (home / f"{i}{odd}{suffix}").write_bytes(spoiled(good[i % len(good)], rng))
    config = DataConfig(ingest=IngestConfig(seconds_to_read=120), shots=ShotConfig(min_seconds=0.1))
    with Catalog(tmp_path / "set", write=True) as catalog:
        ingest.ingest(catalog, home, config.ingest)
        build.measure(catalog, config)
        build.judge(catalog, config)
        rows, films = dict(catalog.rows("file")), dict(catalog.rows("film"))
    assert len(rows) == count
    assert all(row["dropped"] or row["hash"] in films for row in rows.values())
    assert 0.1 * count < sum(not row["dropped"] for row in rows.values()) < count
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in", "outside", "set"] and not os.listdir(tmp_path / "outside")
    assert len(os.listdir(home)) == count


def test_some_hostile_files(tmp_path, good):
    survive(tmp_path, good, 42)


@pytest.mark.full
def test_a_thousand_hostile_files(tmp_path, good):
    survive(tmp_path, good, 1000)
