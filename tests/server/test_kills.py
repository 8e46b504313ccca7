"""Workers that are killed -9 at every stage of a film, and disks that are really full."""

import contextlib
import os
import resource
import shutil
import subprocess
import sys

import numpy as np
import openai
import pytest
from conftest import ROOT, Server, until

from skyloom.base.video import encode
from skyloom.server import media, settings
from skyloom.server.media import FILM

pytestmark = pytest.mark.full
NAMES = {"film.mp4", "thumbnail.webp", "spritesheet.jpg"}
SHORT = {"seconds": "0.5", "size": "64x64", "extra_body": {"steps": 2}}
STAGES = {
    "queue": "skyloom.server.store:Store.claim",  # it was handed over, and is in nobody's hands yet
    "sampling": "skyloom.server.store:Store.holds",
    "decode": "skyloom.models.vae:VAE.draw",
    "moderation": "skyloom.server.moderation:Moderator.check_frames",
    "encode": "skyloom.base.video:encode",
    "sign": "skyloom.server.provenance:Signer.sign",
    "write": "os:replace",  # with a temporary file in the folder
    "commit": "skyloom.server.store:Store.complete",
}
DOOMED = """
import importlib, os, signal, sys
module, _, name = sys.argv[1].partition(":")
owner = importlib.import_module(module)
*path, last = name.split(".")
for part in path:
    owner = getattr(owner, part)
plain = getattr(owner, last)
def die(*given, **more):
    if last == "replace" and "film.mp4" not in str(given[1]):
        return plain(*given, **more)
    os.kill(os.getpid(), signal.SIGKILL)
setattr(owner, last, die)
from skyloom.cli import run
run(["worker"])
"""


@pytest.fixture
def server(tmp_path, model):
    server = Server(tmp_path / "home", model)
    yield server
    server.close()


@pytest.mark.parametrize("stage", STAGES)
def test_a_worker_that_is_killed_costs_one_attempt_and_leaves_nothing(server, stage):
    film = server.client().videos.create(prompt="a fox", **SHORT)
    env = os.environ | settings.environment(server.settings)
    doomed = subprocess.run([sys.executable, "-c", DOOMED, STAGES[stage]], cwd=ROOT, env=env, timeout=40)
    assert doomed.returncode == -9
    job, folder = server.service.store.get(film.id), server.service.media.path(film.id, FILM).parent
    assert job.open and job.attempts == (0 if stage == "queue" else 1)
    assert stage != "write" or list(folder.glob(".*.part"))
    server.hire()
    assert server.client().videos.poll(film.id, poll_interval_ms=50).status == "completed"
    assert server.service.store.get(film.id).attempts == job.attempts + 1
    assert {file.name for file in folder.iterdir()} == NAMES


@contextlib.contextmanager
def small_disk(folder, monkeypatch):
    """Films lie on a disk of one megabyte, where this user may mount one; else no file of them may grow beyond 4 kB."""
    monkeypatch.setattr(media.Media, "check_space", lambda *_: None)  # the kernel is to say no
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder]
    if shutil.which("mount") and subprocess.run(mount, capture_output=True).returncode == 0:
        filler = folder / "filler"
        filler.write_bytes(bytes(os.statvfs(folder).f_bavail * os.statvfs(folder).f_frsize - 2 * 4096))
        try:
            yield filler.unlink
        finally:
            subprocess.run(["umount", "-l", folder], check=True)
        return
    plain, hard = media.write_whole, resource.getrlimit(resource.RLIMIT_FSIZE)[1]

    def write(path, data):
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))  # of the process: for as short as can be
        try:
            plain(path, data)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))

    monkeypatch.setattr(media, "write_whole", write)
    yield lambda: monkeypatch.setattr(media, "write_whole", plain)


def noise():
    """A picture of 50 kB."""
    return encode(np.random.default_rng(0).integers(0, 255, (1, 128, 128, 3), np.uint8), 1, "png")


def test_a_disk_that_is_full_fails_that_film_alone(tmp_path, model, monkeypatch):
    """The real thing: the encoder is done, and the kernel says no."""
    folder = tmp_path / "home" / "media"
    folder.mkdir(parents=True)
    with small_disk(folder, monkeypatch) as free:
        server = Server(tmp_path / "home", model)
        try:
            server.hire()
            client = server.client()
            film = client.videos.create_and_poll(prompt="a fox", **SHORT)
            assert film.status == "failed" and film.error.code == "disk_full", film.error
            with pytest.raises(openai.InternalServerError, match="The files cannot be stored: ") as error:
                client.videos.create(prompt="a fox", input_reference=("a.png", noise(), "image/png"), **SHORT)
            assert error.value.code == "disk_full"
            until(lambda: not server.service.media.path(film.id, FILM).parent.exists())
            assert list(folder.rglob(".*.part")) == []
            free()
            assert client.videos.create_and_poll(prompt="a fox", **SHORT).status == "completed"
        finally:
            server.close()
