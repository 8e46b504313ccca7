"""Stars stand in the sky, behind what is in front of it, and pass with it from window to window."""

import cv2
import numpy as np
import pytest
import torch

from skyloom.generate import Request
from skyloom.generate.falling import STARS
from skyloom.generate.twinkling import Starry, horizon_of, is_clear_night, sky_of
from skyloom.models.air import Swarm
from skyloom.models.bundle import tiny_bundle

SIZE = 64, 96
HORIZON = 0.5


@pytest.fixture(scope="module")
def bundle():
    """A model whose stars are white and grow to the full and back in their round of ten."""
    bundle = tiny_bundle()
    old = bundle.air.swarm(STARS[0])
    alpha = torch.zeros_like(old.alpha_NLST)
    alpha[:, :, 5:7, 5:7] = torch.linspace(60, 255, 10).to(torch.uint8)[None, :, None, None]
    still = torch.zeros_like(old.step_N2), torch.zeros_like(old.sway_NF2)
    bundle.air.keep(STARS[0], Swarm(alpha, torch.full_like(old.ink_N3, 255), *still, 40))
    return bundle


def night(frames: int, moon: bool = False) -> torch.Tensor:
    """A dark sky over darker ground, with a hill that stands in it."""
    picture = np.full((*SIZE, 3), (20, 24, 60), np.uint8)
    picture[32:] = (10, 30, 10)
    cv2.rectangle(picture, (60, 10), (80, 40), (60, 60, 60), -1)
    if moon:
        cv2.circle(picture, (20, 14), 8, (244, 242, 222), -1)
    return torch.from_numpy(picture).permute(2, 0, 1).float()[None, :, None].expand(-1, -1, frames, -1, -1) / 127.5 - 1


def way(frames: int, right: float = 0.0) -> torch.Tensor:
    camera = torch.zeros(1, frames, 5)
    camera[..., 0] = torch.linspace(0, right, frames)
    camera[..., 4] = HORIZON
    return camera


def starry(bundle, prompt="a fox under a starry sky", seed=0):
    return Starry((prompt,), Request(prompt, seed=seed), bundle)


def over(made, frames=8, begin=0, held=0, camera=None, **how):
    ground = night(frames)
    camera = way(frames + held) if camera is None else camera
    moments = np.arange(frames + held) + begin - held
    return (made.over(ground, camera, torch.ones(1, -(-(frames + held) // 4)), moments, held, **how) - ground)[0].amax(0)


def test_stars_stand_in_the_sky_alone_and_twinkle(bundle):
    seen = over(starry(bundle))
    assert (seen[:, :30] > 0.5).any() and seen[:, 32:].abs().max() < 0.01  # not on the ground
    assert seen[:, 10:, 60:80].abs().max() < 0.01  # nor in front of the hill
    at = seen.amax(0) > 0.3
    assert at.sum() > 10 and (seen.amax(0) - seen.amin(0))[at].max() > 0.5
    assert torch.equal(seen, over(starry(bundle))) and not torch.equal(seen, over(starry(bundle, seed=1)))


def test_no_star_shows_unasked_or_by_day_or_in_front_of_the_moon(bundle):
    assert over(starry(bundle, "a fox in the desert")).abs().max() == 0
    assert over(starry(bundle, "a fox in a bedroom at night, stars twinkle")).abs().max() == 0  # that is a wall
    day = torch.full((1, 3, 4, *SIZE), 0.4)
    assert torch.allclose(starry(bundle).over(day, way(4), torch.ones(1, 1), np.arange(4)), day, atol=0.01)
    moon = starry(bundle).over(night(4, moon=True), way(4), torch.ones(1, 1), np.arange(4)) - night(4, moon=True)
    assert moon[0, :, :, 10:18, 16:24].abs().max() < 0.01


@pytest.mark.parametrize(
    ("prompt", "clear"),
    [
        ("a fox runs in the desert at night", True),
        ("a rocket flies through space", True),
        ("a fox in the night city", False),
        ("stars twinkle over a fox in the desert at night", True),
        ("一只猫在夜晚的海滩上行走", True),
        ("a fox runs in the desert at night, it is raining", False),
        ("a fox in the bedroom at night", False),
        ("a fox in the desert", False),
        ("a whale swims under water at night", False),
        ("a fox runs at night", False),
    ],
)
def test_clear_nights_have_faint_stars_that_stand(bundle, prompt, clear):
    assert is_clear_night(prompt) == clear
    if clear and "twinkle" not in prompt:
        seen = over(starry(bundle, prompt))
        assert (seen[:, :30] > 0.05).any() and torch.equal(seen[0], seen[-1])
        assert seen.amax() < over(starry(bundle)).amax() / 2


def test_a_model_whose_memory_has_no_stars_films_without(bundle):
    old = bundle.air.swarm(STARS[0])
    bundle.air.keep(STARS[0], old._replace(many=0.0))
    try:
        assert over(starry(bundle)).abs().max() == 0
    finally:
        bundle.air.keep(STARS[0], old)


def test_stars_go_on_from_window_to_window_and_pass_with_the_sky(bundle):
    camera = way(16, right=0.6)
    whole = over(starry(bundle), 16, camera=camera)
    made = starry(bundle)
    first = over(made, 8, camera=camera[:, :8])
    second = over(made, 8, begin=8, held=4, camera=camera[:, 4:])
    assert torch.equal(torch.cat([first, second]), whole)
    assert not torch.equal(whole[0], over(starry(bundle), 16)[15])
    shift = round(0.6 * 0.35 * 64)
    still = Starry(("a fox under a starry sky",), Request("a fox", seed=0), bundle)
    before, after = over(still, 1, camera=way(1))[0], whole[15]
    lit = before[:28, shift : shift + 40] > 0.2
    assert lit.any() and ((after[:28, :40] > 0.05) | ~lit).float().mean() > 0.97


def test_a_ring_of_stars_comes_back(bundle):
    made = over(starry(bundle), 16, ring=12)
    assert torch.equal(made[:4], made[12:])


def test_the_horizon_is_where_the_camera_sees_it():
    rows = [horizon_of(np.array([0, down, 0, 0, HORIZON]), SIZE) for down in (0, 0.2, -0.2, 9)]
    assert rows[0] == 32 and rows[1] < 32 < rows[2] and rows[3] == 0
    assert not sky_of(np.zeros((*SIZE, 3), np.uint8), 0).any()
