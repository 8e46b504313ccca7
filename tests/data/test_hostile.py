"""A thousand spoiled files: none stops a build, none leaves the folder, each has its row."""

import hashlib
import os

import footage_files as made
import pytest

from skyloom.data import build, ingest, report, shards
from skyloom.data.catalog import Catalog
from skyloom.data.settings import DataConfig, IngestConfig, ShotConfig
from skyloom.evals import hostile


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """One whole file of each kind, as bytes."""
    return hostile.good_files(tmp_path_factory.mktemp("good"))


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return made.tiny_model(tmp_path_factory)


def survive(tmp_path, good, model, count):
    home, outside = tmp_path / "in", tmp_path / "outside"
    home.mkdir()
    outside.mkdir()
    caught = hostile.fill(home, outside, good, count)
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
    assert not [row["dropped"] for row in rows.values() if str(tmp_path) in row["dropped"] or "Error" in row["dropped"]]
    assert 0.1 * count < sum(not row["dropped"] for row in rows.values()) < count
    assert hashlib.sha256((outside / "secret.mp4").read_bytes()).hexdigest() not in {row.get("hash") for row in rows.values()}
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in", "outside", "set"] and os.listdir(outside) == ["secret.mp4"]
    assert len(os.listdir(home)) == count and "<script" not in page


def test_some_hostile_files(tmp_path, good, model):
    survive(tmp_path, good, model, 50)


@pytest.mark.full
def test_a_thousand_hostile_files(tmp_path, good, model):
    survive(tmp_path, good, model, 1000)
