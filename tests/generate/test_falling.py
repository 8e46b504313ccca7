"""What falls is what the prompt says, goes on from window to window, and leaves alone what is given."""

import dataclasses

import numpy as np
import pytest
import torch

from skyloom.generate import Request, generate
from skyloom.generate.falling import Falling, kind_of
from skyloom.models.air import number
from skyloom.models.bundle import tiny_bundle

CELLS = (8, 8)


@pytest.fixture(scope="module")
def bundle():
    return tiny_bundle()


def falling(bundle, *prompts, seed=0):
    return Falling(prompts, Request(prompts[0], seed=seed), bundle, CELLS)


def drawn(made, frames, levels=None, shares=None, opens=True, ring=False):
    levels = torch.ones(1, frames, 1, 1) if levels is None else levels
    shares = torch.ones(len(made.kinds), frames) / len(made.kinds) if shares is None else shares
    with torch.inference_mode():
        return next(iter(made(shares, levels, opens, ring).values()), None)


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
        ("stars twinkle over a lion", None),
        ("zzz", None),
    ],
)
def test_the_prompt_says_what_falls(prompt, kind):
    assert kind_of(prompt) == (number(*kind) if kind else None)


def test_nothing_falls_unasked_or_where_the_model_has_no_air(bundle):
    assert drawn(falling(bundle, "a fox"), 3) is None
    assert drawn(falling(dataclasses.replace(bundle, air=None), "a fox in the rain"), 3) is None


def test_a_window_goes_on_from_the_one_before(bundle):
    made = falling(bundle, "a fox in the rain")
    first = drawn(made, 5)
    assert first.shape == (1, 4, 5, *CELLS) and first.abs().max() > 0
    [kind] = made.noise
    gain = bundle.air.gain_C.view(1, -1, 1, 1, 1)
    assert torch.allclose(made.past[kind] * gain, first[:, :, -3:])
    second = drawn(made, 4, opens=False)
    alone = falling(bundle, "a fox in the rain")
    alone.noise[kind].draw(5)  # the same noise, and nothing known
    assert second.shape[2] == 4 and not torch.allclose(second, drawn(alone, 4, opens=False))
    again = falling(bundle, "a fox in the rain")
    assert torch.equal(drawn(again, 5), first) and torch.equal(drawn(again, 4, opens=False), second)
    assert not torch.allclose(drawn(falling(bundle, "a fox in the rain", seed=1), 5), first)


def test_given_cells_stay_and_shares_count(bundle):
    whole = drawn(falling(bundle, "rain"), 3)
    levels = torch.tensor([0.0, 0.25, 0.9]).view(1, 3, 1, 1)
    part = drawn(falling(bundle, "rain"), 3, levels)
    assert part[:, :, 0].abs().max() == 0 and torch.allclose(part[:, :, 1], whole[:, :, 1] / 2)
    assert torch.allclose(part[:, :, 2], whole[:, :, 2])
    shares = torch.tensor([[1.0, 0.5, 0.0], [0.0, 0.5, 1.0]])
    fading = drawn(falling(bundle, "rain", "a fox"), 3, shares=shares)
    assert torch.allclose(fading, whole * shares[0].view(1, 1, 3, 1, 1))
    region = torch.ones(1, 3, *CELLS)
    region[..., :4] = 0
    masked = drawn(falling(bundle, "rain"), 3, region)
    assert masked[..., :4].abs().max() == 0 and torch.equal(masked[..., 4:], whole[..., 4:])


def test_a_ring_has_no_first_frame(bundle):
    ring = drawn(falling(bundle, "rain"), 6, opens=False, ring=True)
    assert ring.shape[2] == 6 and torch.isfinite(ring).all()


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
