"""Footage that breaks, moves, goes, or may not be used any more: the data set follows, and the rest of it goes on."""

import os
import subprocess
import sys
from collections import Counter

import footage_files as made
import numpy as np
import pytest

from skyloom.base import footage
from skyloom.cli import run
from skyloom.data import cut, shards
from skyloom.data.catalog import Catalog

SETTINGS = ("shots.min_seconds=0.4", "encode.held_out=0")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return made.tiny_model(tmp_path_factory)


@pytest.fixture
def home(tmp_path):
    """A folder with two films."""
    (tmp_path / "in").mkdir()
    for seed in (1, 2):
        footage.compress(tmp_path / "in" / f"{seed}.mp4", made.film(seed, 24), 24)
    return tmp_path / "in"


def data(verb, home, model, *more):
    """A verb on the set beside the folder, which must do its work."""
    place = [str(home)] if verb in ("build", "ingest") else []
    weights = ["--model", str(model)] if verb in ("build", "encode") else []
    settings = SETTINGS if verb == "build" else ()
    words = ["data", verb, *place, *settings, *more, "-o", str(home.parent / "set"), *weights, "--processes", "1"]
    assert run(words) == 0


def indexed(home):
    return {row["file"] for row in shards.index_rows(home.parent / "set")}


def reasons(home):
    with Catalog(home.parent / "set") as catalog:
        return {name: row["dropped"] for name, row in catalog.rows("file")}


def sized(path, *sizes):
    """A film whose pictures change their size midway, as a recorder leaves it that is told to go on."""
    parts = [made.write(path.with_name(f"part{i}.ts"), made.film(7, 24, size)) for i, size in enumerate(sizes)]
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    for part in parts:
        part.unlink()
    return path


def test_a_film_that_changes_its_size_is_encoded_up_to_there(home, model):
    sized(home / "sized.ts", (96, 160), (64, 96))
    data("build", home, model)
    assert indexed(home) == {"1.mp4", "2.mp4", "sized.ts"}
    with Catalog(home.parent / "set") as catalog:
        [film] = [catalog.get("film", row["hash"]) for name, row in catalog.rows("file") if name == "sized.ts"]
        assert "size" in film["broken"] and shards.check(catalog) == []


def test_what_cannot_be_encoded_any_more_is_dropped_with_the_reason(home, model, capsys):
    data("build", home, model, "encode.clips=1")
    assert indexed(home) == {"1.mp4", "2.mp4"}
    (home / "2.mp4").write_bytes(b"no film")
    data("encode", home, model, "encode.fps=8")
    assert indexed(home) == {"1.mp4"} and "cannot be encoded: 1 shots" in capsys.readouterr().out
    with Catalog(home.parent / "set") as catalog:
        [why] = [row["dropped"] for _, row in catalog.rows("shot") if row["file"] == "2.mp4"]
        assert why[0].startswith("cannot be encoded: not footage") and shards.check(catalog) == []
    assert len(list((home.parent / "set" / "shards").iterdir())) == 1


def test_a_film_renamed_needs_no_second_look_and_one_that_is_gone_leaves(home, model):
    data("build", home, model)
    (home / "1.mp4").rename(home / "one.mp4")
    (home / "2.mp4").unlink()
    data("ingest", home, model)
    data("caption", home, model)
    data("encode", home, model)
    assert indexed(home) == {"one.mp4"}


def test_consent_that_is_taken_back_leaves_the_shards(home, model):
    data("build", home, model)
    (home / "1.json").write_text('{"consent": "no"}')
    data("ingest", home, model)
    data("encode", home, model)
    assert indexed(home) == {"2.mp4"}


@pytest.mark.parametrize("name", ["0.mp4", "9.mp4"])
def test_copies_of_a_film_without_consent_are_without(home, model, name):
    (home / name).write_bytes((home / "1.mp4").read_bytes())
    (home / "1.json").write_text('{"consent": "no"}')
    data("ingest", home, model)
    assert reasons(home) == {"1.mp4": "consent: no", name: "copy of 1.mp4, consent: no", "2.mp4": ""}
    (home / "1.json").write_text('{"consent": "yes"}')
    data("ingest", home, model)
    assert sorted(map(bool, reasons(home).values())) == [False, False, True]


def test_of_several_sources_one_is_held_out_and_stays_so_where_films_come_in(home, model):
    before: set[str] = set()
    for seed in range(3, 7):
        footage.compress(home / f"{seed}.mp4", made.film(seed, 24), 24)
        data("build", home, model, "encode.held_out=1e-9")
        rows = shards.index_rows(home.parent / "set")
        held, trained = ({row["file"] for row in rows if row["split"] == split} for split in ("heldout", "train"))
        assert len(held) == 1 and trained
        assert not held & before  # nothing that was trained on
        before = trained
    data("build", home, model, "encode.held_out=0")
    assert {row["split"] for row in shards.index_rows(home.parent / "set")} == {"train"}


def test_what_killed_writers_left_is_swept_away(home, model):
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    folder = home.parent / "set"
    (folder / "shards").mkdir(parents=True)
    left = [folder / f".index.parquet.{dead.pid}", folder / "shards" / f".train.tar.{dead.pid}"]
    ours = folder / f".report.html.{os.getpid()}"
    for path in (*left, ours):
        path.write_bytes(b"half")
    data("ingest", home, model)
    assert ours.exists() and not any(path.exists() for path in left)


def test_a_long_film_is_decoded_once_for_all_its_shards(home, model, monkeypatch):
    footage.compress(home / "long.mp4", np.concatenate([made.film(seed, 24) for seed in (3, 4, 5, 6)]), 24)
    data("build", home, model, "--no-encode")
    begun = Counter()

    def counted(path, cuts, **options):
        begun[path.name] += 1
        return cut.clips(path, cuts, **options)

    monkeypatch.setattr(shards, "clips", counted)
    monkeypatch.setattr(shards.workers, "each", lambda work, jobs, **_: ((name, work(*told)) for name, told in jobs))
    data("encode", home, model, "encode.clips=1")
    assert begun == {"1.mp4": 1, "2.mp4": 1, "long.mp4": 1}
    assert Counter(row["file"] for row in shards.index_rows(home.parent / "set"))["long.mp4"] >= 3
    with Catalog(home.parent / "set") as catalog:
        assert catalog.count("shard") >= 5 and shards.check(catalog) == []
