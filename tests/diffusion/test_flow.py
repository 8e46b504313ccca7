import pytest
import torch

from skyloom.diffusion.flow import draw_levels, flow_loss, noised, shift_levels
from skyloom.diffusion.patterns import KINDS, given_frames, lifted, region, training_levels, unknown
from skyloom.diffusion.sampler import guided, sample, schedule


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def test_a_straight_flow_lands_in_any_number_of_steps():
    target, noise = torch.randn(2, 4, 3, 2, 2), torch.randn(2, 4, 3, 2, 2)
    for steps in (1, 3, 8):
        *_, z = sample(lambda z, t: noise - target, noise, unknown(noise.shape), schedule(steps, 3.0))
        assert torch.allclose(z, target, atol=1e-5)


def test_given_cells_are_kept_to_the_bit():
    clip, noise = torch.randn(1, 4, 3, 2, 2), torch.randn(1, 4, 3, 2, 2)
    known = torch.tensor([True, False, True])
    *_, z = sample(lambda z, t: torch.randn_like(z), noise, given_frames(clip, known), schedule(4, 1.0))
    assert torch.equal(z[:, :, known], clip[:, :, known])
    assert not torch.allclose(z[:, :, 1], clip[:, :, 1])
    mask = torch.zeros(1, 3, 2, 2)
    mask[..., 0] = 1
    *_, z = sample(lambda z, t: torch.randn_like(z), noise, region(clip, mask), schedule(4, 1.0))
    assert torch.equal(z[..., 1], clip[..., 1])


def test_an_edit_starts_between_clip_and_noise():
    clip, noise = torch.zeros(1, 4, 3, 2, 2), torch.ones(1, 4, 3, 2, 2)
    assert torch.allclose(lifted(clip, 0.3).start(noise), torch.full_like(clip, 0.3))


def test_the_perfect_velocity_has_no_loss_and_given_cells_do_not_count():
    z, noise = torch.randn(2, 4, 3, 2, 2), torch.randn(2, 4, 3, 2, 2)
    t = torch.rand(2, 3, 1, 1)
    t[:, 0] = 0
    assert flow_loss(lambda z_t, t: noise - z, z, noise, t, torch.ones(2, 3, 2, 2)) == 0
    wrong = noise - z
    wrong[:, :, 0] += 100
    assert flow_loss(lambda z_t, t: wrong, z, noise, t, torch.ones(2, 3, 2, 2)) == 0
    assert torch.equal(noised(z, noise, t)[:, :, 0], z[:, :, 0])


def test_loss_is_a_weighted_mean():
    z = torch.zeros(1, 1, 1, 1, 2)
    error = torch.tensor([1.0, 3.0]).view(1, 1, 1, 1, 2)
    weight = torch.tensor([3.0, 1.0]).view(1, 1, 1, 2)
    loss = flow_loss(lambda z_t, t: error, z, z, torch.ones(1, 1, 1, 1), weight)
    assert float(loss) == pytest.approx((3 * 1 + 1 * 9) / 4)


def test_levels_stay_in_range_and_shift_moves_them_to_noise():
    plain, shifted = draw_levels((4000,), 1.0, 0.2, rng()), draw_levels((4000,), 3.0, 0.2, rng())
    assert 0 <= float(plain.min()) and float(shifted.max()) <= 1
    assert float(shifted.mean()) > float(plain.mean()) + 0.15
    assert shift_levels(torch.tensor([0.0, 1.0]), 3.0).tolist() == [0.0, 1.0]


@pytest.mark.parametrize("kind", KINDS)
def test_each_training_pattern_is_what_it_says(kind):
    mix = tuple(float(k == kind) for k in KINDS)
    t = training_levels(64, (6, 4, 4), mix, 1.4, 0.15, rng(3))
    t = t.expand(64, 6, *t.shape[2:]).amax((2, 3)) if kind != "independent" else t
    assert 0 <= float(t.min()) and float(t.max()) <= 1
    if kind == "equal":
        assert torch.equal(t, t[:, :1].expand_as(t))
    if kind == "prefix":
        assert (t[:, 0] <= 0.3).all() and torch.equal(t[:, -1], t[:, -2])
    if kind == "ends":
        assert (t[:, [0, -1]] <= 0.3).all() and torch.equal(t[:, 1], t[:, -2])
    if kind == "ramp":
        assert (t.diff(dim=1) >= 0).all()


def test_single_frames_always_have_something_to_learn():
    t = training_levels(64, (1, 4, 4), (0.0, 0.5, 0.5, 0.0, 0.0), 1.4, 0.15, rng())
    assert (t > 0).all()


def test_guidance_of_one_is_the_conditional_model_and_the_interval_holds():
    z, t = torch.zeros(1, 1, 1, 1, 1), torch.full((1, 1, 1, 1), 0.5)
    one, two = torch.ones_like(z), torch.cat([torch.ones_like(z), torch.zeros_like(z)])
    assert float(guided(lambda z, t: one, lambda z, t: two, 1.0, (0.0, 1.0))(z, t)) == 1
    assert float(guided(lambda z, t: one, lambda z, t: two, 3.0, (0.0, 1.0))(z, t)) == 3
    assert float(guided(lambda z, t: one, lambda z, t: two, 3.0, (0.6, 1.0))(z, t)) == 1
