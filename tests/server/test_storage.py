"""Films in a storage that machines share, seen from the homes of two machines: fsspec's memory, or what a variable names."""

import dataclasses
import os
import uuid

import pytest
from conftest import Server, png

from skyloom.server import settings, storage
from skyloom.server.media import FILM, PREVIEW, Media
from skyloom.server.tables import new_id


@pytest.fixture
def url():
    """An empty place; test_s3.py runs this file once more, with S3."""
    return f"{os.environ.get('SKYLOOM_TEST_STORAGE', 'memory://')}{uuid.uuid4().hex}/films"


@pytest.fixture
def pair(tmp_path, url):
    return [storage.Stored(tmp_path / name, url) for name in ("here", "there")]


def old_id():
    return "video_" + f"{1_000_000_000_000_000:013x}" + "0" * 19


def test_what_one_machine_stores_another_reads_and_removes(pair):
    here, there = pair
    id = new_id("video")
    assert not there.path(id, FILM).is_file()
    here.put(id, FILM, b"film")
    assert not here.path(new_id("video"), FILM).exists()
    assert there.path(id, FILM).read_bytes() == here.path(id, FILM).read_bytes() == b"film"
    assert there.path(id, FILM).is_relative_to(there.root)
    there.drop(id)
    assert not here.far.exists(here._key(id, FILM)) and not there.path(id, FILM).exists()


def test_another_attempt_replaces_what_was_stored(pair):
    here, there = pair
    id = new_id("video")
    here.put(id, FILM, b"first")
    there.put(id, FILM, b"second")
    assert here.path(id, FILM).read_bytes() == b"second"


def test_previews_change_and_end_with_the_film(pair):
    here, there = pair
    id = new_id("video")
    for data in (b"1", b"2"):
        here.put(id, PREVIEW, data)
        assert there.path(id, PREVIEW).read_bytes() == data
    here.put(id, FILM, b"film")
    assert not there.path(id, PREVIEW).exists()


def test_inputs_stay_when_the_rest_is_dropped(pair):
    here, there = pair
    id = new_id("video")
    here.put(id, "image.png", b"input")
    here.put(id, FILM, b"half")
    there.drop(id, but=["image.png"])
    assert there.path(id, "image.png").read_bytes() == b"input" and not there.path(id, FILM).exists()


def test_a_write_that_fails_leaves_nothing(pair, monkeypatch):
    here, there = pair
    id = new_id("video")
    pipe = here.far.pipe_file

    def break_off(key, data):
        pipe(key, data[:2])
        raise OSError(28, "no space left")

    with monkeypatch.context() as patched:
        patched.setattr(here.far, "pipe_file", break_off)
        with pytest.raises(OSError, match="no space"):
            here.put(id, FILM, b"film")
    assert not there.path(id, FILM).exists() and here._list(here._key(id)) == []


def test_only_old_files_of_no_job_are_swept(pair):
    here, there = pair
    young, kept, stray = new_id("video"), old_id(), old_id()[:-1] + "1"
    for id in (young, kept, stray):
        here.put(id, FILM, b"film")
    copy = here.path(kept, FILM)
    os.utime(copy, (0, 0))
    here.sweep(lambda ids: set(ids) & {kept})
    assert there.path(young, FILM).exists() and there.path(kept, FILM).exists() and not there.path(stray, FILM).exists()
    assert not copy.exists() and here.path(kept, FILM).read_bytes() == b"film"


def test_ids_from_outside_are_no_paths(pair):
    for id in ("../x", "video_1", "", "video_" + "g" * 32):
        with pytest.raises(ValueError, match="not one of this server's"):
            pair[0].put(id, FILM, b"")


def test_the_setting_chooses(tmp_path):
    plain = settings.load(home=tmp_path)
    assert type(storage.open_media(plain)) is Media
    assert isinstance(storage.open_media(dataclasses.replace(plain, storage="memory://films")), storage.Stored)
    with pytest.raises(ValueError, match="storage 'nothing://films'"):
        storage.open_media(dataclasses.replace(plain, storage="nothing://films"))


def test_films_and_inputs_go_through_the_storage(tmp_path, url, model):
    """Asked for at one server, filmed by a worker of another home, fetched, remixed and deleted at the first."""
    database = {"database": f"sqlite:///{tmp_path / 'shared.db'}", "storage": url}
    desk, studio = (Server(tmp_path / name, model, **database) for name in ("desk", "studio"))
    studio.hire()
    try:
        client = desk.client()
        film = client.videos.create(prompt="a fox", seconds="0.5", size="64x64", input_reference=("a.png", png(), "image/png"))
        assert client.videos.poll(film.id, poll_interval_ms=50).status == "completed"
        data = client.videos.download_content(film.id).read()
        assert data[4:8] == b"ftyp"
        assert client.videos.download_content(film.id, variant="thumbnail").read()[:4] == b"RIFF"
        remix = client.videos.remix(film.id, prompt="a fox", extra_body={"steps": 1})
        assert client.videos.poll(remix.id, poll_interval_ms=50).status == "completed"
        far = desk.service.media
        names = {key.rpartition("/")[2] for key in far._list(far._key(film.id))}
        assert names == {"film.mp4", "thumbnail.webp", "spritesheet.jpg", "image.png"}
        client.videos.delete(film.id)
        assert far._list(far._key(film.id)) == [] and not far.path(film.id, FILM).exists()
    finally:
        studio.close()
        desk.close()
