"""Films in threads that share each call of the model: as those made alone, and none held up by another."""

import threading

import numpy as np
import pytest
import torch

from skyloom.generate import Request, fingerprint, generate, load_bundle
from skyloom.generate.together import Joint
from skyloom.models import bundle as bundles
from skyloom.models.bundle import save_bundle, tiny_bundle

pytestmark = pytest.mark.usefixtures("float32")

STILL = {"seconds": 0, "size": "64x64", "steps": 4}
REQUESTS = [
    Request("a red fox runs", seed=1, **STILL),
    Request("a fox in the snow", seed=2, **STILL),
    Request("a red", seed=3, **STILL),  # names nobody: the model has a part less for it
    Request("a fox", seed=4, negative="snow", guidance=3.0, **STILL),
]


class Ended(Exception):
    pass


def together(requests, bundle, joint, on_steps=None):
    """Each made in a thread of its own: films, or what was raised."""
    found = [None] * len(requests)

    def one(i):
        try:
            with joint.lane():
                found[i] = generate(requests[i], joint.of(bundle), (on_steps or {}).get(i))
        except Exception as error:
            found[i] = error

    threads = [threading.Thread(target=one, args=(i,)) for i in range(len(requests))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    return found


def far(one, other):
    return int(np.abs(one.frames.astype(int) - other.frames).max())


def test_films_together_are_those_made_alone():
    bundle = tiny_bundle()
    joint, alone = Joint(4), [generate(request, bundle) for request in REQUESTS]
    films = together(REQUESTS, bundle, joint)
    assert [film.recipe for film in films] == [film.recipe for film in alone]
    assert max(far(a, b) for a, b in zip(films, alone, strict=True)) <= 1  # rounding
    assert min(far(films[0], film) for film in films[1:]) > 20
    assert films[0].recipe["weights"] == fingerprint(bundle)


def test_the_model_is_called_once_a_step():
    bundle, joint = tiny_bundle(), Joint(3)
    together([Request("a fox", seed=seed, **STILL) for seed in range(3)], bundle, joint)
    assert joint.calls == 4


def test_one_that_ends_does_not_hold_up_the_others():
    bundle, joint = tiny_bundle(), Joint(3)

    def stop(done, steps):
        if done == 2:
            raise Ended

    longer = Request("a fox", seed=9, **STILL | {"steps": 7})
    requests = [REQUESTS[0], REQUESTS[1], longer]
    films = together(requests, bundle, joint, {0: stop})
    assert isinstance(films[0], Ended)
    assert far(films[1], generate(requests[1], bundle)) <= 1 and far(films[2], generate(longer, bundle)) <= 1


def test_a_call_that_fails_is_made_for_each_alone(monkeypatch):
    bundle = tiny_bundle()
    film, sizes = type(bundle.dit).film, []

    def small(self, z, *rest, **how):
        sizes.append(len(z))
        if len(z) > 1:
            raise torch.OutOfMemoryError("too many")
        return film(self, z, *rest, **how)

    monkeypatch.setattr(type(bundle.dit), "film", small)
    requests = [Request("a fox", seed=seed, guidance=1.0, **STILL) for seed in range(2)]
    films = together(requests, bundle, Joint(2))
    assert [type(made).__name__ for made in films] == ["Film", "Film"] and max(sizes) == 2
    monkeypatch.setattr(type(bundle.dit), "film", lambda *_, **how: (_ for _ in ()).throw(RuntimeError("broken")))
    assert [str(error) for error in together(requests, bundle, Joint(2))] == ["broken", "broken"]


def test_the_weights_of_a_loaded_model_are_added_up_once(tmp_path, monkeypatch):
    save_bundle(tiny_bundle(3), tmp_path)
    loaded = load_bundle(str(tmp_path))
    name = fingerprint(bundles.load_bundle(tmp_path))
    monkeypatch.setattr(type(loaded.dit), "state_dict", None)
    assert fingerprint(loaded) == fingerprint(Joint(1).of(loaded)) == name
