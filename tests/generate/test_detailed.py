"""What is fine is drawn anew where nobody is, goes on from window to window, and leaves alone what is given."""

import dataclasses

import numpy as np
import pytest
import torch

from skyloom.generate import Request, detailed, generate
from skyloom.generate.detailed import Finer, number_of, place_of
from skyloom.models.bundle import tiny_bundle
from skyloom.worlds.scene import PLACES

CELLS = (6, 6)


@pytest.fixture(scope="module")
def bundle():
    return tiny_bundle()


def films(frames, seed=0):
    return torch.randn(1, 4, frames, *CELLS, generator=torch.Generator().manual_seed(seed))


def finer(bundle, prompt="a fox in the snow", seed=0):
    return Finer((prompt,), Request(prompt, seed=seed), bundle, CELLS)


def made(one, z, levels=None, somebody=None, camera=None, held=0, opens=True, ring=False):
    levels = torch.ones(1, z.shape[2], 1, 1) if levels is None else levels
    with torch.inference_mode():
        return one(z, torch.ones(1, z.shape[2]), levels, somebody, camera, held, opens, ring)


@pytest.mark.parametrize(
    ("prompt", "place"),
    [("a fox in the forest at night", "forest"), ("一只鲸鱼在水下游泳", "underwater"), ("a cat", ""), ("zzz", "")],
)
def test_the_prompt_says_where(prompt, place):
    assert place_of(prompt) == number_of(place) == (1 + PLACES.index(place) if place else 0)


def test_coarse_channels_stay_and_fine_ones_are_new(bundle):
    z = films(3)
    seen = made(finer(bundle), z)
    assert seen.shape == z.shape and torch.allclose(seen[:, :2], z[:, :2])
    assert (seen[:, 2:] - z[:, 2:]).abs().amin((0, 1, 3, 4)).max() > 0
    assert torch.equal(seen, made(finer(bundle), z)) and not torch.allclose(seen, made(finer(bundle, seed=1), z))
    assert torch.equal(made(finer(dataclasses.replace(bundle, detail=None)), z), z)


def test_bodies_change_less_and_given_cells_stay(bundle, monkeypatch):
    z = films(3)
    somebody = torch.zeros(1, 3, *CELLS, dtype=torch.bool)
    somebody[..., :3] = True
    for touched in (0.0, 0.3):
        monkeypatch.setattr(detailed, "TOUCHED", touched)
        changed = (made(finer(bundle), z, somebody=somebody) - z).square().mean((0, 1, 2, 3))
        assert changed[:3].max() < changed[3:].min() and bool(changed[:3].max() > 0) == bool(touched)
    seen = made(finer(bundle), z, levels=torch.tensor([0.0, 0.5, 1.0]).view(1, 3, 1, 1))
    changed = (seen - z)[:, 2:].square().mean((0, 1, 3, 4))
    assert changed[0] == 0 and 0 < changed[1]


def test_a_window_goes_on_from_the_one_before(bundle):
    z = films(5)
    one, camera = finer(bundle), torch.zeros(1, 5, 5)
    made(one, z, camera=camera)
    second = made(one, z, camera=camera, held=3, opens=False)
    assert torch.equal(second[:, :, :3], z[:, :, :3]) and not torch.allclose(second[:, :, 3:], z[:, :, 3:])
    again = finer(bundle)
    made(again, z)
    other = torch.cat([z[:, :, :2], z[:, :, 2:3] + 1, z[:, :, 3:]], 2)  # what was before counts
    assert not torch.allclose(made(again, other, camera=camera, held=3, opens=False)[:, :, 3:], second[:, :, 3:])


def test_a_camera_that_moves_is_told(bundle):
    z, camera = films(3), torch.zeros(1, 3, 5)
    still = made(finer(bundle), z, camera=camera)
    camera[0, :, 0] = torch.tensor([0.0, 0.2, 0.4])
    assert not torch.allclose(made(finer(bundle), z, camera=camera), still)


@pytest.mark.parametrize("loop", [False, True])
def test_films_have_it_and_it_can_be_left_out(bundle, loop):
    asked = Request("a fox in the snow", seconds=9 / 12, size="64x64", steps=2, loop=loop)
    fine, plain = (generate(asked, dataclasses.replace(bundle, detail=detail)).frames for detail in (bundle.detail, None))
    assert fine.shape == plain.shape and np.abs(fine.astype(int) - plain).mean() > 0.5
    assert np.array_equal(generate(asked, bundle).frames, fine)
