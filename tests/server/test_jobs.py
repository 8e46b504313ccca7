"""Jobs outlive what happens to their workers. Most tests film nothing: a job here is a wait that the test ends."""

import dataclasses
import os
import signal
import threading
import time

import pytest
from conftest import Server, until

from skyloom.server import jobs
from skyloom.server.jobs import Worker, is_held
from skyloom.server.media import FILM
from skyloom.server.tables import jobs as rows


class Play:
    """Work whose films are steps that the test lets happen."""

    def __init__(self):
        self.begun, self.go, self.made, self.dropped = threading.Event(), threading.Event(), [], []
        self.error, self.delete = None, lambda: None
        self.posted, self.dead = [], set()

    def kin(self, job):
        return None

    def make(self, job, on_step, joint=None):
        self.begun.set()
        steps = 200
        for done in range(steps):
            on_step(done, steps)
            if self.error:
                self.delete()
                raise self.error
            if self.go.wait(0.02):
                break
        self.made.append(job.id)
        return {"notes": []}

    def discard(self, id):
        self.dropped.append(id)

    def post(self, endpoint, envelope):
        self.posted.append(endpoint)
        return endpoint not in self.dead

    def tidy(self):
        pass


@pytest.fixture
def stage(tmp_path, model):
    """A server, its client, and work that is played."""
    server = Server(tmp_path, model, poll=0.02)
    play = Play()
    server.worker = Worker(server.settings, server.service.store, play)
    server.worker.start()
    yield server, server.client(), play
    play.go.set()
    server.close()


def ask(client, **extra):
    return client.videos.create(prompt="a fox", seconds="0.5", size="64x64", extra_body=extra)


def test_cancel_works_within_a_step(stage):
    _, client, play = stage
    film = ask(client)
    assert play.begun.wait(20)
    until(lambda: client.videos.retrieve(film.id).status == "in_progress")
    client.post(f"/videos/{film.id}/cancel", cast_to=dict)
    assert client.videos.retrieve(film.id).error.code == "cancelled"
    until(lambda: play.dropped == [film.id], 2)
    assert play.made == []


def test_a_deleted_job_stops_too(stage):
    _, client, play = stage
    film = ask(client)
    assert play.begun.wait(20)
    client.videos.delete(film.id)
    until(lambda: play.dropped == [film.id], 2)


def test_a_full_disk_fails_that_job_alone(stage):
    _, client, play = stage
    play.error = OSError(28, "No space left on device")
    film = ask(client)
    failed = until(lambda: (found := client.videos.retrieve(film.id)).status == "failed" and found)
    assert failed.error.code == "disk_full" and play.dropped == [film.id]
    play.error = None
    play.go.set()
    assert client.videos.poll(ask(client).id, poll_interval_ms=50).status == "completed"


def test_a_deleted_job_that_fails_leaves_nothing(stage):
    _, client, play = stage
    film = ask(client)
    assert play.begun.wait(20)
    play.delete = lambda: client.videos.delete(film.id)
    play.error = FileNotFoundError(2, "its clip is gone")
    until(lambda: play.dropped == [film.id])


@pytest.mark.parametrize("error, code", [(MemoryError("too big"), "out_of_memory"), (KeyError("x"), "server_error")])
def test_whatever_goes_wrong_becomes_the_jobs_error(stage, error, code):
    _, client, play = stage
    play.error = error
    film = ask(client)
    failed = until(lambda: (found := client.videos.retrieve(film.id)).status == "failed" and found)
    assert failed.error.code == code and failed.error.message


def test_a_lower_priority_number_goes_first(stage):
    _, client, play = stage
    first = ask(client)
    assert play.begun.wait(20)
    later, sooner = ask(client, priority=60), ask(client, priority=10)
    play.go.set()
    until(lambda: len(play.made) == 3)
    assert play.made == [first.id, sooner.id, later.id]


def test_a_stopping_worker_puts_its_job_back(stage):
    server, client, play = stage
    film = ask(client)
    assert play.begun.wait(20)
    assert server.worker.stop(0.1)
    job = server.service.store.get(film.id)
    assert (job.status, job.attempts, job.worker) == ("queued", 0, None)
    assert not is_held(server.settings.root / "workers" / f"{server.worker.id}.lock")
    play.go.set()
    server.worker = Worker(server.settings, server.service.store, play)
    server.worker.start()
    assert client.videos.poll(film.id, poll_interval_ms=50).status == "completed"
    assert play.made == [film.id] and server.service.store.get(film.id).attempts == 1


def test_a_job_that_ends_its_workers_is_given_up(stage):
    server, client, play = stage
    store = server.service.store
    film = ask(client)
    assert play.begun.wait(20)
    for i in range(3):  # as though its workers had died
        assert store.claim(film.id, f"worker_{i}").attempts == 2 + i
    until(lambda: not server.worker.busy.locked())  # the first attempt sees that the job is another's
    with store.engine.begin() as c:
        server.worker.queue.put(c, store.get(film.id), "#again")
    failed = until(lambda: (found := client.videos.retrieve(film.id)).status == "failed" and found)
    assert failed.error.code == "worker_lost" and play.made == []


def test_who_lost_a_job_can_write_nothing(stage):
    server, client, play = stage
    film = ask(client)
    assert play.begun.wait(20)
    old = server.service.store.get(film.id)
    assert server.service.store.claim(film.id, "worker_other")
    assert not server.service.store.advance(old, 50)
    assert not server.service.store.complete(old, {}, 0, lambda c: None)
    assert not server.service.store.fail(old, "x", "y", lambda c: None)


def test_a_worker_of_another_home_is_dead_only_when_it_is_silent(stage):
    server, _, _ = stage
    store, worker = server.service.store, server.worker
    store.beat("worker_elsewhere", worker.host, [])  # on this machine, its lock in a folder that is not ours
    worker.recover()
    assert "worker_elsewhere" in {other["id"] for other in store.workers()}
    assert worker._dead({"id": "worker_elsewhere", "host": worker.host, "beat": time.time() - 61})


def test_a_job_that_fell_out_of_the_queue_is_put_back(stage, monkeypatch):
    server, client, play = stage
    monkeypatch.setattr("skyloom.server.jobs.STRAY", 0.0)
    play.go.set()
    monkeypatch.setattr(server.service.queue, "put", lambda *_: None)
    server.service.orders.queue = server.service.queue
    film = ask(client)
    monkeypatch.undo()
    monkeypatch.setattr("skyloom.server.jobs.STRAY", 0.0)
    server.worker._requeue_stray()
    assert client.videos.poll(film.id, poll_interval_ms=50).status == "completed"


def test_an_expired_film_is_gone(stage):
    server, client, play = stage
    play.go.set()
    film = client.videos.poll(ask(client).id, poll_interval_ms=50)
    path = server.service.media.put(film.id, FILM, b"film")
    job = server.service.store.get(film.id)
    with server.service.store.engine.begin() as c:
        c.execute(rows.update().where(rows.c.id == job.id).values(expires=time.time() - 1))
    assert film.id not in [video.id for video in client.videos.list()]
    server.service.tidy()
    assert server.service.store.get(film.id) is None and not path.exists()


def deliver(server, *endpoints):
    with server.service.store.engine.begin() as c:
        for endpoint in endpoints:
            server.service.queue.deliver(c, endpoint, "video.completed", "video_x")


def test_an_endpoint_that_is_dead_holds_up_no_other(stage):
    server, _, play = stage
    play.dead.add("dead")
    deliver(server, *["dead"] * 20)
    until(lambda: len(play.posted) >= 20)
    deliver(server, "alive")
    until(lambda: "alive" in play.posted, 10)


def test_a_delivery_is_tried_for_a_day_and_outlives_its_worker(stage, monkeypatch):
    server, _, play = stage
    assert 86_400 <= sum(jobs.RETRIES) < 90_000
    monkeypatch.setattr(jobs, "RETRIES", (0.5, 0.5))
    play.dead.add("ear")
    deliver(server, "ear")
    until(lambda: play.posted)
    assert server.worker.stop(5)
    assert play.posted == ["ear"]
    server.worker = Worker(server.settings, server.service.store, play)
    server.worker.start()
    until(lambda: len(play.posted) == 3, 20)
    time.sleep(1)
    assert len(play.posted) == 3


@pytest.mark.full
def test_a_killed_worker_loses_nothing_and_doubles_nothing(tmp_path, model):
    server = Server(tmp_path, model)
    client = server.client()
    process = server.spawn()
    extra = {"steps": 100, "quality": "best"}
    films = [client.videos.create(prompt="a fox", seconds="2", size="64x64", extra_body=extra) for _ in range(3)]
    until(lambda: client.videos.retrieve(films[0].id).progress > 5)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert client.videos.retrieve(films[0].id).status == "in_progress"
    server.spawn()
    done = [client.videos.poll(film.id, poll_interval_ms=100) for film in films]
    assert [film.status for film in done] == ["completed"] * 3
    assert [server.service.store.get(film.id).attempts for film in films] == [2, 1, 1]
    names = {"film.mp4", "thumbnail.webp", "spritesheet.jpg"}
    for film in films:
        assert {file.name for file in server.service.media.path(film.id, FILM).parent.iterdir()} == names
    server.close()


def test_settings_travel_through_the_environment(tmp_path, monkeypatch):
    from skyloom.server import settings

    before = dataclasses.replace(settings.load(home=tmp_path), hosts=("a.example", "b.example"), mark=True, keep=3.5)
    for name, value in settings.environment(before).items():
        monkeypatch.setenv(name, value)
    assert settings.load() == before
    (tmp_path / "server.toml").write_text("port = 9001\nworkers = 3\n")
    monkeypatch.delenv("SKYLOOM_PORT")
    monkeypatch.delenv("SKYLOOM_WORKERS")
    read = settings.load(workers=2)
    assert (read.port, read.workers) == (9001, 2)
    (tmp_path / "server.toml").write_text("prot = 9001\n")
    with pytest.raises(ValueError, match="Did you mean 'port'"):
        settings.load()
