"""The queue on a real PostgreSQL: two servers and two workers share it, and one of them is killed."""

import os
import signal
from concurrent.futures import ThreadPoolExecutor

import openai
import postgres
import pytest
from conftest import Server, until

from skyloom.server import auth
from skyloom.server.media import FILM

pytestmark = pytest.mark.full
FILES = {"film.mp4", "thumbnail.webp", "spritesheet.jpg"}
LONG = {"seconds": "2", "size": "64x64", "extra_body": {"steps": 100, "quality": "best"}}
SHORT = {"seconds": "0.5", "size": "64x64", "extra_body": {"steps": 1}}


@pytest.fixture(scope="module")
def database():
    with postgres.running() as url:
        yield url


@pytest.fixture
def pair(tmp_path, model, database):
    """Two servers, a worker process of each, one database, one folder of films."""
    servers = [Server(tmp_path / "home", model, database=database) for _ in range(2)]
    try:
        yield servers, [server.spawn() for server in servers]
    finally:
        for server in servers:
            server.close()


def test_two_servers_and_two_workers_lose_and_double_nothing_when_one_is_killed(pair):
    servers, workers = pair
    clients = [server.client() for server in servers]
    store = servers[0].service.store
    films = [clients[i % 2].videos.create(prompt=f"a fox {i}", **(LONG if i < 2 else SHORT)) for i in range(7)]
    until(lambda: store.counts()["in_progress"] == 2)
    until(lambda: all(clients[0].videos.retrieve(film.id).progress > 3 for film in films[:2]))
    held = {job.worker: job.id for job in store.open_jobs() if job.worker}
    assert len(held) == 2, "each worker has one"
    os.kill(workers[0].pid, signal.SIGKILL)
    workers[0].wait()
    done = [clients[(i + 1) % 2].videos.poll(film.id, poll_interval_ms=100) for i, film in enumerate(films)]  # by the other one
    assert [film.status for film in done] == ["completed"] * len(films)
    attempts = [store.get(film.id).attempts for film in films]
    assert sorted(attempts) == [1] * 6 + [2]
    assert films[attempts.index(2)].id in held.values()
    for film in films:
        assert {file.name for file in servers[1].service.media.path(film.id, FILM).parent.iterdir()} == FILES
    listed = [film.id for film in clients[1].videos.list(limit=3)]
    assert sorted(listed) == sorted(film.id for film in films)
    until(lambda: len(store.workers()) == 1)


def test_the_same_idempotency_key_at_two_servers_makes_one_job(pair):
    servers, _ = pair
    header = {"Idempotency-Key": "once"}
    made = {server.client().videos.create(prompt="a fox", **SHORT, extra_headers=header).id for server in servers}
    assert len(made) == 1
    (id,) = made
    assert servers[1].client().videos.poll(id, poll_interval_ms=100).status == "completed"
    servers[0].client().videos.delete(id)
    assert servers[1].service.store.get(id) is None


def test_a_quota_holds_against_many_calls_at_once(tmp_path, model, database):
    servers = [Server(tmp_path / "home", model, database=database, require_key=True) for _ in range(2)]
    try:
        key, _ = auth.new_key(servers[0].service.store, "alice", daily=5)
        clients = [server.client(key) for server in servers]

        def ask(i):
            try:
                return clients[i % 2].videos.create(prompt=f"a fox {i}", **SHORT).id
            except openai.RateLimitError as error:
                assert "quota of 5" in str(error)

        with ThreadPoolExecutor(16) as pool:
            made = [id for id in pool.map(ask, range(24)) if id]
        assert len(made) == 5
        for id in made:
            clients[0].videos.delete(id)
    finally:
        for server in servers:
            server.close()


def test_a_nul_reaches_no_question_to_the_database(tmp_path, model, database):
    """PostgreSQL takes none in a text."""
    server = Server(tmp_path / "home", model, database=database)
    try:
        ask = server.client()._client
        for path in (
            "videos/%00",
            "videos?after=%00",
            "skyloom/videos?search=%00",
            "videos/characters/%00",
            "webhook_endpoints/%00",
        ):
            assert ask.get(f"{server.url}/v1/{path}").status_code in (400, 404), path
        for body in (
            {"prompt": "a\0"},
            {"prompt": "a fox", "characters": [{"id": "\0"}]},
            {"prompt": "a fox", "video": {"id": "\0"}},
        ):
            assert ask.post(f"{server.url}/v1/videos", json=body).status_code == 400, body
    finally:
        server.close()


def test_the_figures_are_the_same_there(tmp_path, model, database):
    server = Server(tmp_path / "home", model, database=database)
    try:
        film = server.client().videos.create(prompt="a fox", **SHORT)
        store = server.service.store
        before = store.failures()
        server.service.cancel(store.get(film.id))
        assert store.failures().get("cancelled", 0) == before.get("cancelled", 0) + 1
        waiting = server.client().videos.create(prompt="a fox", **SHORT).id
        assert store.all_ahead({waiting})[waiting] == store.ahead(store.get(waiting)) and isinstance(store.past(), list)
        server.service.delete(store.get(waiting))
    finally:
        server.close()
