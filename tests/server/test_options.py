"""What the operator may choose about the files: the recipe inside, the signature, the visible mark. And what logs write to."""

import dataclasses
import io
import logging
import os
import re
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import until

from skyloom.base.video import read_recipe, read_video
from skyloom.cli import run
from skyloom.models import bundle
from skyloom.server import logs, making, provenance
from skyloom.server.media import FILM, STILL
from skyloom.server.settings import Settings

SHORT = {"prompt": "a red fox runs", "seconds": "0.5", "size": "64x64", "extra_body": {"steps": 1, "seed": 7}}


@pytest.fixture
def filmed(served, client, tmp_path):
    """Films one thing with the settings changed; returns the file."""
    before = served.worker.work.maker.settings

    def film(**changes):
        served.worker.work.maker.settings = dataclasses.replace(before, **changes)
        video = client.videos.create_and_poll(**SHORT)
        assert video.status == "completed", video.error
        return served.service.media.path(video.id, FILM)

    yield film
    served.worker.work.maker.settings = before


def test_without_metadata_nothing_tells_the_prompt(filmed):
    path = filmed(metadata=False)
    with pytest.raises(ValueError):
        read_recipe(path)
    assert b"fox" not in path.read_bytes()
    report = provenance.verify(path)
    assert report["signed"] and report["intact"] and report["recipe"] is None


def test_with_metadata_it_is_told_twice(filmed):
    path = filmed()
    assert read_recipe(path)["prompt"] == provenance.verify(path)["recipe"]["prompt"] == "a red fox runs"


def test_the_mark_is_in_its_corner_alone(filmed):
    plain, _ = read_video(filmed())
    marked, _ = read_video(filmed(mark=True))
    changed = np.abs(plain.astype(int) - marked).max((0, 3)) > 60
    assert changed[48:, 24:].any(), "there is a mark"
    assert not changed[:32].any(), "and nowhere else"
    again, _ = read_video(filmed())
    assert np.array_equal(plain, again)


def test_the_mark_of_a_large_frame_is_small():
    frame = np.full((720, 1280, 3), 128, np.uint8)
    rows, columns = np.nonzero((making.marked(frame) != frame).any(2))
    assert 640 < rows.min() and 1000 < columns.min()
    assert len(rows) < 0.01 * 720 * 1280


def test_stills_carry_the_mark_too(served, client, filmed):
    filmed(mark=True)
    call = {"prompt": "a fox", "size": "96x64", "response_format": "url", "extra_body": {"steps": 1, "seed": 7}}
    id = client.images.generate(**call).data[0].url.split("/")[-2]
    marked, _ = read_video(served.service.media.path(id, STILL))
    filmed()
    id = client.images.generate(**call).data[0].url.split("/")[-2]
    plain, _ = read_video(served.service.media.path(id, STILL))
    assert (marked[0, 40:, 32:] != plain[0, 40:, 32:]).any() and np.array_equal(marked[0, :32], plain[0, :32])


def test_an_expired_film_answers_as_though_it_had_never_been(served, client, filmed, monkeypatch):
    monkeypatch.setattr(type(served.worker.settings), "__setattr__", object.__setattr__)
    monkeypatch.setattr(served.worker.settings, "keep", 0.3)
    folder = filmed().parent
    gone = lambda call: call(f"/v1/videos/{folder.name}").status_code == 404  # noqa: E731
    get = lambda path: client._client.get(served.url + path)  # noqa: E731
    until(lambda: gone(get))
    for path in ("", "/content", "/content?variant=thumbnail", "/events"):
        assert get(f"/v1/videos/{folder.name}{path}").status_code == 404, path
    body = {"prompt": "a fox", "video": {"id": folder.name}}
    for path, more in (("edits", {}), ("extensions", {"seconds": "1"})):
        assert client._client.post(f"{served.url}/v1/videos/{path}", json=body | more).status_code == 404
    assert client._client.post(f"{served.url}/v1/videos/{folder.name}/remix", json={"prompt": "a fox"}).status_code == 404
    assert folder.name not in [video.id for video in client.videos.list()]
    served.service.tidy()
    assert not folder.exists() and served.service.store.get(folder.name) is None


def test_logs_follow_standard_error(monkeypatch):
    handler, first, second = logs.ToStandardError(), io.StringIO(), io.StringIO()
    handler.setFormatter(logs.AsJson())
    record = logging.LogRecord("skyloom", logging.INFO, "", 0, "said", (), None)
    monkeypatch.setattr(sys, "stderr", first)
    handler.emit(record)
    first.close()
    monkeypatch.setattr(sys, "stderr", second)
    handler.emit(record)
    assert '"message": "said"' in second.getvalue()


def test_the_flags_of_serve_reach_the_settings(tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr("skyloom.server.process.serve", seen.append)
    for flags in ([], ["--no-metadata", "--mark"]):
        assert run(["serve", "--home", str(tmp_path), *flags]) == 0
    assert [(each.metadata, each.mark, each.workers) for each in seen] == [(True, False, 1), (False, True, 1)]


def test_a_server_without_workers(tmp_path, monkeypatch, capsys):
    seen = []
    monkeypatch.setattr("skyloom.server.process.serve", seen.append)
    for flags in (["--no-worker"], ["--workers", "0"], ["--no-worker", "--workers", "0"]):
        assert run(["serve", "--home", str(tmp_path), *flags]) == 0
    assert [each.workers for each in seen] == [0, 0, 0]
    assert run(["serve", "--home", str(tmp_path), "--no-worker", "--workers", "2"]) == 2
    assert "--no-worker and --workers 2: one of them." in capsys.readouterr().err


def test_a_log_keeps_what_it_is_told():
    """Every extra that the server logs is among the fields."""
    told = {key for file in Path(logs.__file__).parent.glob("*.py") for each in re.findall(r"extra=\{(.*?)\}", file.read_text())
            for key in re.findall(r'"(\w+)":', each)}  # fmt: skip
    assert told - {"request"} <= set(logs.FIELDS) and {"file", "error"} <= told


def test_models_are_loaded_once_and_again_when_any_file_changes(tmp_path, model, monkeypatch):
    folders = [Path(shutil.copytree(model, tmp_path / name)) for name in ("one", "other")]
    maker, loaded = making.Maker(Settings(home=str(tmp_path)), None), []
    load = bundle.load_bundle
    monkeypatch.setattr(bundle, "load_bundle", lambda name: loaded.append(Path(name).name) or load(name))
    making.load_bundle.cache_clear()
    for folder in (*folders, *folders):
        maker.bundle(str(folder))
    assert loaded == ["one", "other"]
    for name in ("vae.safetensors", "vocabulary.json"):
        os.utime(folders[0] / name, (1, 1))
        maker.bundle(str(folders[0]))
    assert loaded == ["one", "other", "one", "one"]
    making.load_bundle.cache_clear()
