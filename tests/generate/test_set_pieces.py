"""What stands about in a film: as its prompt says, where its camera goes, before or behind whoever passes."""

import dataclasses

import numpy as np
import pytest
import torch

from skyloom.generate import Request, generate
from skyloom.generate.dressing import Dresser, actors
from skyloom.generate.expansion import AS_IT_STANDS
from skyloom.generate.plans import Plan
from skyloom.generate.takes import Take, flat
from skyloom.models.bodies import BODIES
from skyloom.models.bundle import tiny_bundle
from skyloom.worlds.dressing import LEAST, MOST

CELLS = (4, 6)


@pytest.fixture(scope="module")
def bundle():
    return tiny_bundle()


def plan(frames=3, across=0.0, start=0.0):
    stances = torch.zeros(1, frames, BODIES, 8)
    stances[..., 7] = -1
    stances[:, :, 0] = torch.tensor([1.0, 0, 2.5, 0, 1, 2, 0.5, 0])
    camera = torch.zeros(1, frames, 5)
    camera[0, :, 0], camera[..., 4] = start + torch.linspace(0, across, frames), 0.5
    return Plan(stances, camera)


def dresser(bundle, *prompts, given=None, **options):
    take = Take(prompts, np.ones((len(prompts), 9), np.float32) / len(prompts), flat(9, 1.0), (0, 9), given=given)
    return Dresser(take, Request(prompts[0], **options), bundle, [0], CELLS)


def pieces(one, plan, weights=None, first=0, held=0):
    weights = torch.ones(len(one.said), plan.camera_1T5.shape[1]) / len(one.said) if weights is None else weights
    return one(plan, weights, first, held).pieces


def kinds(one):
    return [prop.kind for _, dressing in one.sets or [] for prop in dressing.props]


def test_a_prompt_has_what_it_speaks_of(bundle):
    one = dresser(bundle, "a fox in the forest. Two crates and a tree can be seen too.")
    found = pieces(one, plan())
    assert kinds(one) == ["crate", "crate", "tree"]
    assert found.stances_1FP8.shape == (1, 12, 6, 8) and found.counts_FP.eq(1).all() and found.counts_FP.shape == (12, 6)
    assert found.pictures_1P4SS.shape[1] == 6 and found.pictures_1P4SS.abs().max() <= 1


def test_another_has_what_suits_its_place_unless_it_is_to_be_taken_as_it_stands(bundle):
    free, same, other = (dresser(bundle, "a fox in the forest", seed=seed) for seed in (0, 0, 1))
    assert pieces(free, plan()).stances_1FP8.equal(pieces(same, plan()).stances_1FP8)
    assert LEAST <= len(kinds(free)) <= MOST
    pieces(other, plan())
    assert free.sets[0][1].props != other.sets[0][1].props
    assert pieces(dresser(bundle, "a fox in the forest", expand=AS_IT_STANDS), plan()) is None
    assert pieces(dresser(bundle, "a fox"), plan()) is None  # nowhere in particular


def test_nothing_is_set_out_where_frames_are_given_or_bodies_are_not_drawn(bundle):
    given = np.zeros((9, 64, 96, 3), np.uint8)
    assert pieces(dresser(bundle, "a fox in the forest", given=given), plan()) is None
    plain = dataclasses.replace(bundle.config, dit=dataclasses.replace(bundle.config.dit, layout=False))
    assert pieces(dresser(dataclasses.replace(bundle, config=plain), "a fox in the forest"), plan()) is None
    assert dresser(bundle, "a fox in the forest")(None, torch.ones(1, 3), 0, 0) is None


def test_who_acts_is_not_set_out_as_well(bundle):
    named = dataclasses.replace(bundle, vocabulary=type(bundle.vocabulary)(bundle.vocabulary.words, [("tree",)]))
    one = dresser(named, "a tree sways in the forest. Two trees and a crate can be seen too.")
    pieces(one, plan())
    assert kinds(one) == ["crate"]


def test_windows_go_on_without_a_jump(bundle):
    one = dresser(bundle, "a fox in the forest")
    before = pieces(one, plan(5, across=0.4))
    after = pieces(one, plan(6, across=0.4, start=7.0), first=5, held=3)  # the anchor, and the last two of the window before
    assert after.stances_1FP8.shape[1] == 24
    assert torch.equal(after.stances_1FP8[:, :4], before.stances_1FP8[:, :4])
    assert torch.allclose(after.stances_1FP8[:, 4:6, :, :6], before.stances_1FP8[:, 12:14, :, :6], atol=0.2)
    steps = after.stances_1FP8[0, 4:, :, 2].diff(dim=0).abs()
    assert steps.max() < 3 * before.stances_1FP8[0, 4:, :, 2].diff(dim=0).abs().max() < 1


def test_each_place_has_its_own(bundle):
    one = dresser(bundle, "a fox in the forest with two trees", "a fox on the beach with a crate")
    weights = torch.tensor([[1.0, 0.5, 0.0], [0.0, 0.5, 1.0]])
    counts = pieces(one, plan(), weights).counts_FP
    assert kinds(one) == ["tree", "tree", "crate"]
    assert counts[0].tolist() == [1] * 4 + [0] * 2 and counts[-1].tolist() == [0] * 4 + [1] * 2
    assert counts[4:8].eq(0.5).all()


def test_a_ring_stands_still(bundle):
    one = dresser(bundle, "a fox in the forest. A flower and a bush can be seen too.")
    whole = one.ring(plan(across=0.5), torch.ones(1, 3)).pieces
    assert whole.stances_1FP8.shape[1] == 12 and (whole.stances_1FP8 == whole.stances_1FP8[:, :1]).all()
    turned = whole.at(torch.tensor([2, 0, 1, 2, 0]))
    assert turned.stances_1FP8.shape[1] == 20 and turned.part(1).counts_FP.shape[0] == 16


def test_actors_are_those_of_the_plan():
    goes = plan(3)
    goes.stances_1TS8[0, :, 0, 2] += torch.tensor([-2.0, 0, 2])
    (still,), (moving,) = actors(plan(3), CELLS), actors(goes, CELLS)
    assert still.actions == ("stand",) and moving.actions == ("walk",)
    assert still.x == pytest.approx(0) and still.depth == 0.5


def test_films_show_it(bundle):
    asked = {"seconds": 5 / 12, "size": "96x64", "steps": 1, "seed": 11}
    with torch.no_grad():
        bundle.staging.leave.bias[-1] = -6.0  # everybody is there
    films = [generate(Request(f"a fox in the forest{more}", **asked), bundle).frames for more in ("", ". A tree and a crate.")]
    bare = generate(Request("a fox in the forest", expand=AS_IT_STANDS, **asked), bundle).frames
    assert all(np.abs(film.astype(int) - bare).max() > 20 for film in films)
