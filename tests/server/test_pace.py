"""How long a film still takes is told by those of its kind and length; figures by kind and code; what failed expires too."""

import time
import urllib.request

import pytest
from conftest import Server

from skyloom.server.records import Past
from skyloom.server.service import pace
from skyloom.server.tables import jobs


def test_the_pace_is_that_of_the_same_kind_and_length():
    past = [
        Past("video", 4, 20, 0, None),
        Past("video", 12, 60, 0, None),
        Past("image", 0, 2, 0, None),
        Past("cut", 4, 1, 0, None),
    ]
    assert (pace(past, "video", 4), pace(past, "video", 12), pace(past, "video", 5)) == (20, 60, 20)
    assert (pace(past, "image", 0), pace(past, "cut", 4), pace(past, "cut", 8)) == (2, 1, 2)
    assert pace(past, "video", 24) == 24 * 80 / 16  # of another length: in proportion
    assert pace(past[2:], "video", 4) is None and pace([], "image", 0) is None


@pytest.fixture
def server(tmp_path, model):
    server = Server(tmp_path, model, keep=50.0)
    yield server
    server.close()


def ask(server, seconds="1", **more):
    return server.client().videos.create(prompt="a fox", seconds=seconds, size="64x64", **more).id


def end(server, id, spent, error=None, **result):
    """As a worker would, after so many seconds."""
    store = server.service.store
    job = store.claim(id, "worker")
    with store.engine.begin() as c:
        c.execute(jobs.update().where(jobs.c.id == id).values(started=time.time() - spent))
    if error:
        assert store.fail(job, error, "it failed", lambda c: None, server.settings.keep)
    else:
        assert store.complete(job, {"weights": "x"} | result, server.settings.keep, lambda c: None)


def test_who_waits_is_told_by_what_goes_first(server):
    client = server.client()
    end(server, ask(server, "1"), 10, seconds_spent={"step": 0.5})
    end(server, ask(server, "8"), 80)
    waiting = [ask(server, seconds) for seconds in ("8", "1", "8")]
    wanted = [80, 90, 170]
    for films in ([client.videos.retrieve(id) for id in waiting], list(client.videos.list(order="asc"))[2:]):
        assert [film.queue_position for film in films] == [0, 1, 2]
        assert [film.eta_seconds for film in films] == pytest.approx(wanted, abs=1)
    answer = client.videos.with_raw_response.retrieve(waiting[0])
    assert answer.headers["openai-poll-after-ms"] == "5000"


def test_figures_by_kind_and_code(server):
    end(server, ask(server), 10, seconds_spent={"step": 0.5})
    for code in ("disk_full", "disk_full", "worker_lost"):
        end(server, ask(server), 1, code)
    with urllib.request.urlopen(f"{server.url}/metrics") as answer:
        text = answer.read().decode()
    assert 'skyloom_job_failures{code="disk_full"} 2.0' in text and 'skyloom_job_failures{code="worker_lost"} 1.0' in text
    assert 'skyloom_film_seconds{kind="video"} 10.' in text and "skyloom_step_seconds 0.5" in text
    assert 'skyloom_queue_wait_seconds{kind="video"}' in text


def test_what_failed_or_was_cancelled_expires_too(server):
    ids = [ask(server), ask(server)]
    end(server, ids[0], 1, "disk_full")
    server.service.cancel(server.service.store.get(ids[1]))
    for id in ids:
        film = server.client().videos.retrieve(id)
        assert film.status == "failed" and 40 < film.expires_at - time.time() < 60
    with server.service.store.engine.begin() as c:
        c.execute(jobs.update().values(expires=time.time() - 1))
    server.service.tidy()
    assert [server.service.store.get(id) for id in ids] == [None, None]


def test_an_expired_film_is_in_no_family(server):
    first = ask(server)
    end(server, first, 1)
    server.service.media.put(first, "film.mp4", b"film")
    remix = server.client().videos.remix(first, prompt="a cat").id
    family = lambda: [each["id"] for each in server.client().get(f"/skyloom/videos/{remix}/family", cast_to=dict)["data"]]  # noqa: E731
    assert family() == [first, remix]
    with server.service.store.engine.begin() as c:
        c.execute(jobs.update().where(jobs.c.id == first).values(expires=time.time() - 1))
    assert family() == [remix]
