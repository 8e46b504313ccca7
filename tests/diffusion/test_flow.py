import pytest
import torch

from skyloom.diffusion.flow import draw_levels, flow_loss, noised, shift_levels
from skyloom.diffusion.patterns import (
    KINDS,
    Pattern,
    given_frames,
    levels_of_pixels,
    lifted,
    region,
    training_levels,
    unknown,
)
from skyloom.diffusion.sampler import Ring, Watched, guided, looped, mixed, sample, schedule


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


def test_held_frames_keep_their_level_and_their_noise():
    clip, noise = torch.zeros(1, 4, 3, 2, 2), torch.ones(1, 4, 3, 2, 2)
    levels = torch.tensor([0.1, 1.0, 1.0]).view(1, 3, 1, 1)
    seen = []

    def velocity(z, t):
        seen.append(t[0, :, 0, 0].tolist())
        return torch.ones_like(z)

    *_, z = sample(velocity, noise, Pattern(levels, clip, held=1), schedule(4, 1.0))
    assert [t[0] for t in seen] == pytest.approx([0.1] * 4) and [t[1] for t in seen] == [1.0, 0.75, 0.5, 0.25]
    assert torch.allclose(z[:, :, 0], torch.tensor(0.1)) and torch.allclose(z[:, :, 1:], torch.tensor(0.0))


def test_a_cell_is_as_unknown_as_the_least_known_pixel_it_touches():
    pixels = torch.zeros(9, 64, 64)
    pixels[6, 2, 2] = 1
    levels = levels_of_pixels(pixels, 4, 16, 2)
    assert levels.shape == (1, 3, 4, 4) and levels[0, 2, :2, :2].eq(1).all() and levels.sum() == 4  # one patch of its chunk
    pixels[6] = 0
    pixels[0, 2, 32 - 7] = 1  # within the overlap of the next cell, and so of the next patch
    assert levels_of_pixels(pixels, 4, 16, 2)[0, 0].tolist() == [[1] * 4, [1] * 4, [0] * 4, [0] * 4]
    frames = torch.tensor([0, 0, 0, 0.5, 0, 1, 1, 1, 1]).view(-1, 1, 1)
    assert levels_of_pixels(frames, 4, 16, 2).flatten().tolist() == [0, 0.5, 1]
    assert levels_of_pixels(frames[1:], 4, 16, 2, opens=False).flatten().tolist() == [0.5, 1]
    assert levels_of_pixels(frames[:1], 4, 16, 2).shape == (1, 1, 1, 1)


def test_prompts_mix_by_their_weights():
    v = torch.stack([torch.zeros(1, 3, 1, 1), torch.ones(1, 3, 1, 1)])
    assert mixed(v, torch.tensor([[1.0, 0.75, 0.0], [0.0, 0.25, 1.0]])).flatten().tolist() == [0, 0.25, 1]


def test_a_watched_velocity_tells_what_the_film_will_be():
    target, noise = torch.randn(1, 2, 3, 2, 2), torch.randn(1, 2, 3, 2, 2)
    seen = Watched(lambda z, t: noise - target)
    next(sample(seen, noise, unknown(noise.shape), schedule(5, 2.0)))
    assert torch.allclose(seen.estimate, target, atol=1e-5)


def test_a_ring_is_seen_from_every_place_and_comes_back_in_order():
    """A velocity that knows the target of each place lands on it, however the ring is turned."""
    target, noise, first = torch.randn(1, 2, 5, 2, 2), torch.randn(1, 2, 5, 2, 2), torch.randn(1, 2, 1, 2, 2)
    opened = []

    def velocity(z, t):
        opened.append(z[:, :, :1])
        places = [int((z[:, :, i : i + 1] - z_now).abs().sum((0, 1, 3, 4)).argmin()) for i in range(1, 6)]
        return torch.cat([z[:, :, :1], (noise - target)[:, :, places]], 2)

    around, z_now = looped(velocity, lambda z: z, first, Ring(noise.shape[2])), noise
    for z in sample(around, noise, unknown(noise.shape), schedule(6, 1.0)):
        z_now = z
    assert torch.allclose(z, target, atol=1e-4)
    assert torch.equal(opened[0], first) and len({tuple(o.flatten().tolist()) for o in opened}) == 6
