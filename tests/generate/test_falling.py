"""What falls is what the prompt says, goes on from window to window, and leaves alone what is given."""

import dataclasses
import itertools

import numpy as np
import pytest
import torch

from skyloom.generate import Request, generate
from skyloom.generate.falling import Crowd, Falling, kind_of
from skyloom.models.air import Swarm, number
from skyloom.models.bundle import tiny_bundle


@pytest.fixture(scope="module")
def bundle():
    return tiny_bundle()


GROUND = 64, 64


def falling(bundle, *prompts, seed=0):
    return Falling(prompts, Request(prompts[0], seed=seed), bundle)


def drawn(made, frames, levels=None, shares=None, begin=0, ring=False):
    """What is added to a grey film."""
    levels = torch.ones(1, frames, 1, 1) if levels is None else levels
    shares = torch.ones(len(made.kinds), frames) / len(made.kinds) if shares is None else shares
    grey = torch.zeros(1, 3, 4 * frames, *GROUND)
    with torch.inference_mode():
        return made.over(grey, shares, levels, begin, ring) - grey


@pytest.mark.parametrize(
    ("prompt", "kind"),
    [
        ("a fox runs in the rain", ("rain", False)),
        ("a cat at night, it is snowing", ("snow", True)),
        ("a cat walks through the night city as it rains", ("rain", True)),
        ("leaves blowing past a bear", ("leaves", False)),
        ("a whale swims under water", ("bubbles", False)),
        ("一只猫在雨中奔跑", ("rain", False)),
        ("a fox on the snow", None),
        ("a fox runs on the beach on a clear day", None),
        ("stars twinkle over a lion", ("stars", False)),
        ("a lion at night beneath twinkling stars", ("stars", True)),
        ("zzz", None),
    ],
)
def test_the_prompt_says_what_falls(prompt, kind):
    assert kind_of(prompt) == (number(*kind) if kind else None)


def test_nothing_falls_unasked_or_where_the_model_has_no_air(bundle):
    assert drawn(falling(bundle, "a fox"), 3).abs().max() == 0
    assert drawn(falling(bundle, "a fox under a starry sky"), 3).abs().max() == 0  # stars stand behind everything
    assert drawn(falling(dataclasses.replace(bundle, air=None), "a fox in the rain"), 3).abs().max() == 0


def test_a_window_goes_on_from_the_one_before(bundle):
    made = falling(bundle, "a fox in the rain")
    whole = drawn(made, 5)
    assert whole.abs().amax((0, 1, 3, 4)).min() > 0.2
    assert torch.equal(whole[:, :, :3], whole[:, :, 1:4])  # a film's first frame is there four times
    assert not torch.equal(whole[:, :, 3], whole[:, :, 4])
    assert torch.equal(drawn(made, 3, begin=2), whole[:, :, 8:])
    assert not torch.equal(drawn(falling(bundle, "a fox in the rain", seed=1), 5), whole)


def test_given_cells_stay_and_shares_count(bundle):
    whole = drawn(falling(bundle, "rain"), 3)
    levels = torch.tensor([0.0, 0.25, 0.9]).view(1, 3, 1, 1)
    part = drawn(falling(bundle, "rain"), 3, levels)
    assert part[:, :, :4].abs().max() == 0 and torch.equal(part[:, :, 8:], whole[:, :, 8:])
    assert float(part[:, :, 4:8].abs().sum() / whole[:, :, 4:8].abs().sum()) == pytest.approx(0.5, abs=0.06)
    shares = torch.tensor([[1.0, 0.5, 0.0], [0.0, 0.5, 1.0]])
    fading = drawn(falling(bundle, "rain", "a fox"), 3, shares=shares)
    assert torch.equal(fading[:, :, :4], whole[:, :, :4]) and fading[:, :, 8:].abs().max() == 0
    region = torch.ones(1, 3, 8, 8)
    region[..., :4] = 0
    masked = drawn(falling(bundle, "rain"), 3, region)
    assert masked[..., :32].abs().max() == 0 and torch.allclose(masked[..., 32:], whole[..., 32:], atol=1e-6)


def swarm(step, sway=0.0):
    alpha = torch.zeros(1, 1, 12, 12, dtype=torch.uint8)
    alpha[..., 3:9, 3:9] = 255
    return Swarm(alpha, torch.full((1, 3), 255, dtype=torch.uint8), torch.tensor([step]), torch.full((1, 8, 2), sway), 1)


def shown(crowd, moment, size=(256, 256)):
    picture = np.zeros((*size, 3), np.uint8)
    crowd.draw(picture, moment, 1.0)
    return picture[..., 0].astype(int)


def test_a_particle_goes_by_parts_of_a_pixel():
    crowd = Crowd(swarm((0.01, 0.005)), (256, 256), (3,), 0)
    crowd.at[:] = 0.4, 0.5  # 0.3, 0.4 of the picture

    def middle(moment):
        y, x = np.nonzero(shown(crowd, moment))
        weight = shown(crowd, moment)[y, x]
        return (x * weight).sum() / weight.sum() + 0.5, (y * weight).sum() / weight.sum() + 0.5

    for moment in (0, 7, 20):
        assert middle(moment) == pytest.approx((256 * (0.3 + 0.01 * moment), 256 * (0.4 + 0.005 * moment)), abs=0.2)
    assert shown(crowd, 0).max() == 255


@pytest.mark.parametrize("step", [(0.0, 0.11), (0.001, 0.02)])
def test_a_ring_comes_back_to_where_it_began(step):
    """What is fast goes round; what is slow fades, and is back."""
    crowd = Crowd(swarm(step)._replace(many=40), (64, 64), (5,), 24)
    frames = [shown(crowd, moment, (64, 64)) for moment in range(25)]
    assert np.array_equal(frames[0], frames[24])
    steps = [np.abs(b - a).mean() for a, b in itertools.pairwise(frames)]
    assert max(steps) < 3 * np.median(steps)


def test_a_ring_has_no_first_frame(bundle):
    ring = drawn(falling(bundle, "rain"), 6, begin=1, ring=True)
    assert ring.shape[2] == 24 and ring.abs().amax((0, 1, 3, 4)).min() > 0.2


@pytest.mark.parametrize("loop", [False, True])
def test_it_rains_in_films_that_say_so(bundle, loop):
    asked = {"seconds": 9 / 12, "size": "64x64", "steps": 2, "loop": loop}
    wet, dry = (
        generate(Request("a fox in the rain", **asked), dataclasses.replace(bundle, air=air)).frames
        for air in (bundle.air, None)
    )
    assert wet.shape == dry.shape and np.abs(wet.astype(int) - dry).mean() > 0.5
    assert np.array_equal(generate(Request("a fox in the rain", **asked), bundle).frames, wet)
    plain, same = (
        generate(Request("a fox", **asked), dataclasses.replace(bundle, air=air)).frames for air in (bundle.air, None)
    )
    assert np.array_equal(plain, same)
