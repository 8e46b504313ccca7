"""Stills that wait for the same are filmed in one call of the model, each with its own fate."""

import base64
import dataclasses
import io
import json
import threading

import numpy as np
import pytest
from conftest import Server, until
from PIL import Image

from skyloom.base.video import read_recipe
from skyloom.generate import Request, generate, load_bundle
from skyloom.server import wire
from skyloom.server.auth import Caller
from skyloom.server.process import Work

SLOW = {"steps": 60, "seed": 5}


@pytest.fixture
def crowd(tmp_path, model):
    """A server whose worker is hired by the test, when its queue is full."""
    server = Server(tmp_path / "home", model)
    yield server
    server.close()


def ask(server, prompt="a red fox", kind="image", **extra):
    """Put a job into the queue without waiting for it; its id."""
    call = {"prompt": prompt, "size": "64x64", "steps": 4, **extra}
    caller = Caller("", ("read", "write"))
    if kind == "image":
        return server.service.orders.images(wire.check(wire.ImageGenerate, call), caller)[0].id
    return server.service.orders.create(wire.check(wire.VideoCreate, {"seconds": "0.5"} | call), {}, caller, None).id


def ended(server, ids):
    rows = lambda: [server.service.store.get(id) for id in ids]  # noqa: E731
    until(lambda: not any(job.open for job in rows()))
    return rows()


@pytest.mark.usefixtures("float32")
def test_they_go_side_by_side_and_say_so(crowd, model):
    ids = [ask(crowd, prompt, seed=i) for i, prompt in enumerate(("a red fox", "snow", "a fox runs"))]
    other, film = ask(crowd, size="64x96", seed=7), ask(crowd, kind="video", seed=8)
    crowd.hire()
    assert {job.status for job in ended(crowd, [*ids, other, film])} == {"completed"}
    paths = [crowd.service.media.path(id, "image.png") for id in (*ids, other)]
    recipes = [read_recipe(path) for path in paths]
    assert [recipe.get("together") for recipe in recipes] == [3, 3, 3, None]
    for path, recipe in zip(paths, recipes, strict=True):
        alone = generate(Request.from_recipe(recipe), load_bundle(model)).frames[0]
        shown = np.asarray(Image.open(path))
        assert np.abs(shown.astype(int) - alone).max() <= (1 if recipe.get("together") else 0)


def test_one_that_is_cancelled_leaves_the_others(crowd):
    ids = [ask(crowd, **SLOW) for _ in range(3)]
    crowd.hire()
    until(lambda: crowd.service.store.get(ids[1]).status == "in_progress")
    crowd.service.cancel(crowd.service.store.get(ids[1]))
    jobs = ended(crowd, ids)
    assert [job.status for job in jobs] == ["completed", "failed", "completed"]
    assert jobs[1].error["code"] == "cancelled" and not crowd.service.media.path(ids[1], "image.png").exists()


def test_a_worker_that_goes_puts_them_all_back(crowd):
    ids = [ask(crowd, **SLOW | {"steps": 100}) for _ in range(6)]  # more than are filmed together
    crowd.hire()
    until(lambda: any(crowd.service.store.get(id).status == "in_progress" for id in ids))
    assert crowd.worker.stop(0.1)
    assert {crowd.service.store.get(id).status for id in ids} == {"queued"}
    crowd.service.store.engine.dispose()
    crowd.hire()
    assert [job.status for job in ended(crowd, ids)] == ["completed"] * 6
    assert all(crowd.service.store.get(id).attempts == 1 for id in ids)


def test_no_thread_outlives_its_worker(crowd, monkeypatch):
    """One that waits to see that its job was filmed with another does not wait for who has stopped."""
    crowd.hire()
    assert crowd.worker.stop(5)
    monkeypatch.setattr(crowd.worker, "_handed_on", lambda id: False)
    waiting = threading.Thread(target=crowd.worker.film, args=("gone",), daemon=True)
    waiting.start()
    waiting.join(10)
    assert not waiting.is_alive()
    crowd.worker = None


def test_through_the_client(crowd):
    crowd.hire()
    answer = crowd.client().images.generate(prompt="a fox", size="64x64", n=4, extra_body={"steps": 4, "seed": 1})
    pictures = [base64.b64decode(item.b64_json) for item in answer.data]
    assert len({hash(picture) for picture in pictures}) == 4
    seeds = [json.loads(Image.open(io.BytesIO(picture)).text["Comment"])["seed"] for picture in pictures]
    assert seeds == [1, 2, 3, 4]


def test_what_waits_goes_to_a_worker_that_idles(crowd, tmp_path):
    """A film holds one worker; the still that it was given goes to another."""
    crowd.hire()
    film = ask(crowd, kind="video", **SLOW | {"steps": 100, "seconds": "4"})
    until(lambda: crowd.service.store.get(film).status == "in_progress")
    still = ask(crowd)
    until(lambda: crowd.worker.here == [still])
    store = crowd.service.store
    store.beat("other", "elsewhere", ["tiny"])
    until(lambda: crowd.worker.here == [])  # back in the queue; with this worker alone it comes here again
    assert store.get(still).attempts == 0
    store.bury("other")
    assert [job.status for job in ended(crowd, [film, still])] == ["completed"] * 2 and store.get(still).attempts == 1


def test_who_is_filmed_with_whom(crowd):
    work, store = Work(crowd.settings, crowd.service), crowd.service.store
    still = store.get(ask(crowd))
    assert work.kin(still) is not None and work.kin(still) == work.kin(store.get(ask(crowd, "snow", seed=3)))
    assert work.kin(store.get(ask(crowd, size="64x96"))) != work.kin(still) != work.kin(store.get(ask(crowd, steps=5)))
    assert work.kin(store.get(ask(crowd, kind="video"))) is None
    assert work.kin(dataclasses.replace(still, attempts=1)) is None  # it may have ended its worker
