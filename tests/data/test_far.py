"""Data sets and footage under a URL: the same bytes as in a folder, for whoever reads them, from any machine.

In memory here; the full tests run this file once more on S3 (tests/server/test_s3.py).
"""

import importlib.util
import io
import json
import os

import footage_files as made
import fsspec
import numpy as np
import pyarrow.parquet as pq
import pytest

from skyloom.base import footage
from skyloom.cli import run
from skyloom.data import shards, storage
from skyloom.data.mixture import Source

BASE = os.environ.get("SKYLOOM_TEST_STORAGE", "memory://tests/")
FAR, ROOT = fsspec.url_to_fs(BASE, use_listings_cache=False)
ROOT = ROOT.rstrip("/")
OPTIONS = ("shots.min_seconds=0.4", "encode.clips=1", "score.least_drift=0")


@pytest.fixture(scope="module")
def films(tmp_path_factory):
    folder = tmp_path_factory.mktemp("films")
    footage.compress(folder / "cut.mp4", np.concatenate([made.film(1, 24), made.film(2, 24)]), 24)
    (folder / "cut.txt").write_text("things pass over a painted ground")
    return folder


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return made.tiny_model(tmp_path_factory)


@pytest.fixture(autouse=True)
def machine(tmp_path, monkeypatch):
    """`machine(name)`: from here on, caches are those of that machine."""

    def at(name):
        monkeypatch.setenv("SKYLOOM_CACHE", str(tmp_path / name))

    at("one")
    return at


def built(folder, to, model, *more):
    command = ["data", "build", str(folder), *OPTIONS, *more, "-o", str(to), "--model", str(model), "--processes", "1"]
    return run(command)


def there(name):
    """File -> bytes of what lies under BASE/name."""
    found = FAR.find(f"{ROOT}/{name}")
    return {key.removeprefix(f"{ROOT}/{name}/"): FAR.cat_file(key) for key in found}


def test_a_set_under_a_url_is_that_of_a_folder_and_trains_from_another_machine(films, model, tmp_path, machine, capsys):
    assert built(films, tmp_path / "set", model) == 0
    assert built(films, f"{BASE}set", model) == 0
    far = there("set")
    near = {p.relative_to(tmp_path / "set").as_posix(): p.read_bytes() for p in (tmp_path / "set").rglob("*") if p.is_file()}
    for name in ("index.parquet", *(f"shards/{path.name}" for path in (tmp_path / "set" / "shards").iterdir())):
        assert far.pop(name) == near[name]
    assert set(far) == {"catalog.sqlite", "report.html", "mark"}

    machine("another")
    source = Source.parse(f"{BASE}set:0.5")
    assert source.weight == 0.5 and source.folder.name == "set" and not list(source.folder.rglob("*.tar"))
    assert Source.parse(f"{BASE}set").weight == 1
    rows = source.rows(shards.vae_hash(model))
    assert len(rows) == 2
    for row in rows:
        z, record = shards.read_clip(source.folder, row)
        wanted, same = shards.read_clip(tmp_path / "set", row)
        assert np.array_equal(z, wanted) and record == same
    assert len(list(source.folder.rglob("*.tar"))) == 2  # fetched, and kept
    capsys.readouterr()
    assert run(["data", "show", f"{BASE}set", "--json", "--check"]) == 0
    assert len(json.loads(capsys.readouterr().out)["shots"]) == 2


def test_another_machine_goes_on_and_removes_what_the_index_no_longer_names(films, model, machine):
    assert built(films, f"{BASE}on", model) == 0
    before = there("on")
    machine("another")
    assert run(["data", "score", "score.most_looks_like_nothing=1", "-o", f"{BASE}on"]) == 2
    assert there("on") == before  # an error sends nothing
    assert built(films, f"{BASE}on", model, "encode.clips=2") == 0
    after = there("on")
    assert len([name for name in before if name.endswith(".tar")]) == 2
    assert [name for name in after if name.endswith(".tar")] == [f"shards/{row['shard']}" for row in _index(after)[:1]]
    machine("one")  # whose copy is old now
    assert run(["data", "show", f"{BASE}on", "--check"]) == 0
    assert built(films, f"{BASE}on", model) == 0
    assert there("on").keys() == before.keys()


def _index(files):
    return pq.read_table(io.BytesIO(files["index.parquet"])).to_pylist()


def test_who_comes_second_is_told(films, model):
    assert built(films, f"{BASE}two", model) == 0
    with pytest.raises(RuntimeError, match="another machine has changed it"), storage.opened(f"{BASE}two", write=True):
        FAR.pipe_file(f"{ROOT}/two/mark", b"of another")
    before = there("two")
    assert built(films, f"{BASE}two", model) == 0  # takes what is there, and goes on
    assert there("two")["index.parquet"] == before["index.parquet"]


def test_footage_comes_from_a_url_and_follows_it(films, model, capsys):
    FAR.makedirs(f"{ROOT}/films", exist_ok=True)
    for path in films.iterdir():
        FAR.put_file(str(path), f"{ROOT}/films/a/{path.name}")
    assert built(f"{BASE}films", f"{BASE}of-films", model, "--no-encode") == 0
    copy = storage.copy_of(f"{BASE}films")
    assert {p.name: p.read_bytes() for p in (copy / "a").iterdir()} == {p.name: p.read_bytes() for p in films.iterdir()}
    capsys.readouterr()
    assert built(f"{BASE}films", f"{BASE}of-films", model, "--no-encode") == 0
    assert "files: 0 read" in capsys.readouterr().out
    FAR.pipe_file(f"{ROOT}/films/a/cut.txt", b"other words")
    FAR.pipe_file(f"{ROOT}/films/b.mp4", b"no film")
    assert built(f"{BASE}films", f"{BASE}of-films", model, "--no-encode") == 0
    assert "files: 2 read" in capsys.readouterr().out
    FAR.rm_file(f"{ROOT}/films/b.mp4")
    storage.footage(f"{BASE}films")
    assert not (copy / "b.mp4").exists() and (copy / "a" / "cut.txt").read_text() == "other words"


def test_what_cannot_be_used_is_said_in_a_line(films, model, capsys):
    assert run(["data", "show", f"{BASE}nothing"]) == 2
    assert "no data set there" in capsys.readouterr().err
    assert run(["data", "show", "nosuch://bucket/set"]) == 2
    assert "nosuch" in capsys.readouterr().err
    assert built(f"{BASE}nowhere", f"{BASE}nothing", model) == 2
    assert "nothing is there" in capsys.readouterr().err
    assert built(f"{BASE}films", f"{BASE}nothing", model, "--executor", "ray") == 2
    assert "its nodes do not see the copy" in capsys.readouterr().err


@pytest.mark.skipif(importlib.util.find_spec("s3fs") is not None, reason="s3fs is here")
def test_a_missing_client_is_named(capsys):
    assert run(["data", "show", "s3://bucket/set"]) == 1
    assert "pip install s3fs" in capsys.readouterr().err
