"""Plans: numbers of bodies and back, and the small transformer that draws them."""

import pytest
import torch
from lying_bodies import body, lying

from skyloom.config import StagingConfig, TextConfig
from skyloom.models.bodies import BODIES
from skyloom.models.staging import CAMERA, NUMBERS, Staging, numbers_of, plan_of, scaled, stances_of

SIZE = (12, 16)


@pytest.fixture
def staging():
    torch.manual_seed(0)
    made = Staging(StagingConfig(depth=1, width=32, head_dim=16), TextConfig(16, 1, 2, 32, looks=2))
    made.centre, made.scale = torch.rand(2, NUMBERS), 1 + torch.rand(2, NUMBERS)
    for layer in (made.leave, made.modulation, made.final):
        torch.nn.init.normal_(layer.weight, std=0.3)
    return made.eval()


def a_film(*frames):
    """stances_BTR8 of a look's bodies, one row of bodies a frame."""
    return torch.cat([lying(*frame) for frame in frames], 1)


def nobody():
    return (*[0.0] * 7, -1.0)


def test_bodies_become_numbers_and_come_back():
    whole = body(5, 6, 4, 0.8, 20), body(12, 3, 6, -0.5, -130), body(0, 12, 2, 1.0, 0), body(8, 6, 5, 1.1, 90)
    stances = a_film(whole)
    numbers = numbers_of(stances, SIZE)
    assert numbers[0, 0, 0].tolist()[:2] == pytest.approx([(5 - 8) / 12, 0.0], abs=1e-6)
    assert numbers[0, 0, :, 3].tolist() == pytest.approx([0.8, -0.5, 1.0, 1.1], abs=1e-5)
    assert torch.allclose(stances_of(numbers, SIZE), stances, atol=1e-4)


def test_who_is_not_there_stays_where_it_was_seen_last():
    here, there = body(4, 6), body(9, 6)
    numbers = numbers_of(a_film([nobody()], [here], [nobody()], [nobody()], [there]), SIZE)[0, :, 0]
    assert numbers[:, -1].tolist() == [0, 1, 0, 0, 1]
    assert numbers[:, 0].tolist() == pytest.approx([-4 / 12, -4 / 12, -4 / 12, 1 / 12, 1 / 12], abs=1e-6)
    never = numbers_of(a_film([nobody()], [nobody()]), SIZE)
    assert not never.any() and (stances_of(never, SIZE)[..., 7] == -1).all()


def test_plans_are_scaled_and_back(staging):
    rows = torch.full((1, 3, 2 * BODIES, 8), 0.0)
    rows[..., 7] = -1
    rows[:, :, 1] = torch.tensor(body(5, 6, 4))
    plan = plan_of(rows, torch.randn(1, 3, CAMERA), SIZE)
    assert plan.shape == (1, NUMBERS, 3, 2 * BODIES + 1, 1)
    even = scaled(plan, staging)
    assert not even[:, :-1, :, 0].any() and even[:, :, :, 1].any()  # bodies that are never there are like the mean one
    back = scaled(even, staging, back=True)
    assert torch.allclose(back[:, :, :, [1, 8]], plan[:, :, :, [1, 8]], atol=1e-5)
    assert torch.allclose(back[:, -1], plan[:, -1], atol=1e-5)


def test_a_plan_hears_its_prompt_its_looks_and_its_levels(staging):
    plan, t = torch.randn(2, NUMBERS, 3, 2 * BODIES + 1, 1), torch.rand(2, 3, 1, 1)
    text, mask = torch.randn(2, 5, 16), torch.ones(2, 5, dtype=torch.bool)
    looks = torch.tensor([[0, 1], [1, -1]])
    words = staging.read(text, mask)
    with torch.no_grad():
        v = staging(plan, t, words, mask, looks, SIZE)
        assert v.shape == plan.shape
        others = [
            staging(plan, t, staging.read(text.flip(0), mask), mask, looks, SIZE),
            staging(plan, t, words, mask, looks.flip(1), SIZE),
            staging(plan, t * 0.5, words, mask, looks, SIZE),
            staging(plan, t, words, mask, looks, (12, 28)),
            staging(plan.flip(3), t, words, mask, looks, SIZE).flip(3),
        ]
    assert all((other - v).abs().max() > 1e-3 for other in others)
    alone = staging(plan[:1], t[:1], words[:1], mask[:1], looks[:1], SIZE)
    assert torch.allclose(alone, v[:1], atol=1e-5)
