"""A film's background is one panorama, unless nobody knows how the camera goes; what is given stays."""

import dataclasses

import numpy as np
import pytest
import torch

from skyloom.generate import Request, Shot, generate, panned
from skyloom.generate.continuing import camera_going_on, melted
from skyloom.generate.cutouts import drawn_over
from skyloom.generate.panned import Panner
from skyloom.generate.plans import Plan
from skyloom.generate.takes import Take, flat
from skyloom.models.bodies import BODIES
from skyloom.models.bundle import tiny_bundle
from skyloom.models.tempo import straight

CELLS = (4, 6)


@pytest.fixture(scope="module")
def bundle():
    made = tiny_bundle()
    with torch.no_grad():
        made.staging.leave.bias[-1] = -6.0  # everybody is there
    return made


def plan(frames=3, across=0.0, body=True):
    stances = torch.zeros(1, frames, BODIES, 8)
    stances[..., 7] = -1
    if body:
        stances[:, :, 0] = torch.tensor([1.0, 0, 2, 0, 1, 2, 0.5, 0])
    camera = torch.zeros(1, frames, 5)
    camera[0, :, 0], camera[..., 4] = torch.linspace(0, across, frames), 0.5
    return Plan(stances, camera)


def latents(frames=3):
    return torch.randn(1, 4, frames, *CELLS, generator=torch.Generator().manual_seed(0))


def drawn(bundle, z):
    """What the tokenizer makes of latents, each by itself."""
    with torch.inference_mode():
        return torch.cat([bundle.vae.draw(z[:, :, i : i + 1], {}, False).clamp(-1, 1) for i in range(z.shape[2])], 2)


def panner(bundle, *prompts, seed=0):
    request = Request(prompts[0], seed=seed)
    take = Take(prompts, np.ones((len(prompts), 9), np.float32) / len(prompts), flat(9, 1.0), (0, 9))
    return Panner(take, request, bundle, [0])


def made(bundle, z, plan, levels=None, ended=None, prompt="a fox", weights=None, one=None, begin=0, seed=0):
    count = z.shape[2] + (0 if ended is None else ended.shape[2] // 4)
    levels = torch.ones(1, count, 1, 1) if levels is None else levels
    weights = torch.ones(1, count) if weights is None else weights
    one = panner(bundle, prompt, seed=seed) if one is None else one
    with torch.inference_mode():
        return one(z, ended, weights, levels, plan, begin, lambda z: drawn(bundle, z))


def test_a_still_camera_sees_one_background(bundle):
    z = latents()
    assert made(bundle, z, plan(body=False)).std(2).max() < 1e-6 < drawn(bundle, z).std(2).mean()
    there, here = (made(bundle, z, plan(across=way)) for way in (0.5, 0.0))
    assert not torch.allclose(there, here, atol=1e-2)


def test_a_moving_camera_passes_over_it(bundle):
    z = latents()
    film = made(bundle, z, plan(across=0.3, body=False))[0, :, :, :28]  # what is behind goes 8 pixels, by its parallax
    film = torch.nn.functional.avg_pool2d(film, 4, 1)
    gone = (film[:, 11, :, 24:64] - film[:, 3, :, 32:72]).abs().mean()
    assert gone < 0.25 * (film[:, 11, :, 24:64] - film[:, 3, :, 24:64]).abs().mean()


def test_given_frames_stay_and_what_was_filmed_before_lies_on_top(bundle):
    z, film = latents(4), drawn(bundle, latents(4))
    given = made(bundle, z, plan(4), torch.tensor([0.0, 1, 1, 1]).view(1, 4, 1, 1))
    assert torch.equal(given[:, :, :4], film[:, :, :4]) and not torch.allclose(given[:, :, 4:], film[:, :, 4:])
    ended = film.roll(4, 4)[:, :, :8]
    ended[:] = ended[:, :, :1]
    on = made(bundle, z[:, :, 2:], plan(4, body=False), ended=ended, begin=4)
    assert on.shape[2] == 8
    assert (on - ended[:, :, :1])[..., 16:-16, 16:-16].abs().mean() < 0.1 * (film[:, :, 8:] - ended[:, :, :1]).abs().mean()


def test_the_next_window_goes_on_behind_the_same_bodies(bundle):
    """What lay behind is remembered without them: where they were, the ground is seen again."""
    z, one = latents(6), panner(bundle, "a fox")
    first = made(bundle, z[:, :, :3], plan(3), one=one)
    assert one.back.shape == first.shape and not torch.allclose(one.back, first, atol=0.02)
    ground = one.back[:, :, -1]
    gone = plan(6)
    gone.stances_1TS8[:, 3:, :, 7] = -1  # who was there has left
    on = made(bundle, z[:, :, 3:], gone, ended=first, one=one, begin=3)
    assert (on[:, :, 0] - ground)[..., 16:-16, 16:-16].abs().max() < 0.05
    steps = on.diff(dim=2).abs().amax((0, 1, 3, 4))
    assert steps.max() < 0.02  # nothing moves any more


def test_bodies_move_evenly_over_a_seam(bundle):
    z, one, way = latents(6), panner(bundle, "a fox"), plan(6)
    way.stances_1TS8[0, :, 0, 2] += 0.5 * torch.arange(6)  # to the right
    begin = Plan(way.stances_1TS8[:, :3], way.camera_1T5[:, :3])
    first = made(bundle, z[:, :, :3], begin, one=one)
    on = made(bundle, z[:, :, 3:], way, ended=first, one=one, begin=3)
    film = torch.cat([first, on], 2)
    steps = film.diff(dim=2).abs().mean((0, 1, 3, 4))[8:]
    assert steps.min() > 0.3 * steps.median() and steps.max() < 2 * steps.median()


def test_a_ring_has_no_end(bundle):
    z, way, film = latents(4), plan(4, across=0.5), drawn(bundle, latents(4))

    def ring(z, way):
        with torch.inference_mode():
            return panner(bundle, "a fox").ring(z, torch.ones(1, 4), way, lambda z: drawn(bundle, z))

    assert torch.equal(ring(z, None), film)
    one, turned = ring(z, way), ring(z.roll(1, 2), way)
    assert one.shape == film.shape and not torch.allclose(one, film)
    assert (turned.roll(-4, 2) - one).abs().mean() < 0.7 * (one - film).abs().mean()  # of other frames' median


def test_a_body_goes_round_in_a_ring_without_a_step(bundle):
    way = plan(6)
    way.stances_1TS8[0, :, 0, 2] = 2 + 1.5 * torch.sin(2 * torch.pi * torch.arange(6) / 6)
    with torch.inference_mode():
        film = panner(bundle, "a fox").ring(latents(6), torch.ones(1, 6), way, lambda z: drawn(bundle, z))
    steps = (film - film.roll(1, 2)).abs().mean((0, 1, 3, 4))  # the first is the one over the seam
    assert 0.2 * steps.median() < steps[0] < 1.3 * steps[1:].max()


def test_a_shaking_camera_shakes_all(bundle):
    z, shaking = latents(), "a fox, the camera shakes"
    shaken, again, other = (made(bundle, z, plan(), prompt=shaking, seed=seed) for seed in (0, 0, 1))
    assert torch.equal(shaken, again) and not torch.allclose(shaken, other)
    assert not torch.allclose(shaken, made(bundle, z, plan()))
    given = made(bundle, z, plan(), torch.tensor([0.0, 1, 1]).view(1, 3, 1, 1), prompt=shaking)
    assert torch.equal(given[:, :, :4], drawn(bundle, z)[:, :, :4])
    one = panner(bundle, shaking)
    first = made(bundle, z, plan(body=False), one=one)
    on = made(bundle, z, plan(6, body=False), ended=first, one=one, begin=3)  # goes on as one film would
    way = panned.shaking((np.arange(24) - 3).clip(0) / 12, 0)
    still = made(bundle, z, plan(body=False))[:, :, :1].expand(-1, -1, 24, -1, -1)
    whole = panned.shifted(still, *np.stack(way))
    inner = slice(16, -16)
    assert torch.allclose(torch.cat([first, on], 2)[..., inner, inner], whole[..., inner, inner], atol=1e-4)
    picture = torch.rand(1, 3, 2, 20, 20)
    moved = panned.shifted(picture, np.array([0.0, 0.1]), np.array([0.0, 0.05]))
    assert torch.allclose(moved[:, :, 0], picture[:, :, 0], atol=1e-5)
    assert torch.allclose(moved[:, :, 1, :-1, :-2], picture[:, :, 1, 1:, 2:], atol=1e-4)  # what is seen goes the other way


def test_one_place_is_told_from_another(bundle):
    z, both, empty = latents(), torch.full((2, 3), 0.5), plan(body=False)
    film = drawn(bundle, z)
    same = panner(bundle, "a fox runs in the forest", "一只狐狸在森林里")
    assert not torch.allclose(made(bundle, z, empty, weights=both, one=same), film)
    for other in ("a fox on the beach", "a fox in the forest at night"):
        two = panner(bundle, "a fox in the forest", other)
        assert torch.equal(made(bundle, z, empty, weights=both, one=two), film)
        second, ended = torch.tensor([[0.0] * 4, [1.0] * 4]), film[:, :, :4]
        on = {"weights": second, "one": two, "ended": ended}
        assert torch.equal(made(bundle, z, plan(4, body=False), begin=3, **on), film)  # the window before had both
        assert not torch.allclose(made(bundle, z, plan(4, body=False), begin=6, **on), film)


def test_what_is_known_lies_on_top():
    assert panned.order([False] * 5)[0] == 2
    assert panned.order([True, True, False, False]) == [1, 0, 2, 3]
    assert panned.order([False, False, True, False])[:2] == [2, 1]
    assert panned.order([False, False, True, True]) == [2, 3, 1, 0]


def test_the_camera_goes_straight_between_latent_frames():
    camera = torch.tensor([0.0, 1.0, 3.0]).view(1, 3, 1).expand(-1, -1, 5)
    opening = straight(camera, opens=True)[0, :, 0]
    assert opening[:4].tolist() == [0] * 4 and (opening[3:].diff() > 0).all()
    assert [opening[4 * i : 4 * i + 4].mean().item() for i in (1, 2)] == pytest.approx([1, 3], abs=0.1)
    later = straight(camera, opens=False)[0, :, 0]
    assert [later[4 * i : 4 * i + 4].mean().item() for i in range(3)] == pytest.approx([0, 1, 3], abs=0.3)
    assert straight(camera[:, :1], opens=True).shape == (1, 4, 5)


def test_a_bridge_melts_evenly():
    film = torch.zeros(1, 3, 24, 32, 32)
    film[:, :, 12:] = 0.9  # one step in the middle, as from one latent frame to another
    film[:, :, :8, 8:16, 8:16] = -0.9  # somebody in what is known
    known, bodies = [True] * 8 + [False] * 12 + [True] * 4, torch.zeros(1, 24, 32, 32)
    bodies[:, :8, 7:17, 7:17] = 1
    made = melted(film, known, bodies)[0, 0, 7:21]
    steps = torch.cat([torch.zeros(1), made[1:13, 2, 2], torch.full((1,), 0.9)]).diff()
    assert steps.max() < 2.5 * 0.9 / 13 and steps.min() > 0
    assert (made[1:13, 12, 12] - made[1:13, 2, 2]).abs().max() < 0.3  # whose bodies are no part of it
    alone = melted(film, [True] * 8 + [False] * 16, bodies)[0, 0]
    assert alone[8, 2, 2] < 0.25 and torch.isfinite(alone).all()


def test_what_falls_goes_on_a_parabola():
    count, opens = 5, False
    middle = torch.arange(count) * 4 + 1.5
    stances = torch.zeros(1, count, BODIES, 8)
    stances[..., :5] = torch.tensor([2.0, 0, 0, 0, 2])
    stances[0, :, 0, 5] = 0.02 * middle**2 - 0.3 * middle
    stances[0, :, 1, 5] = stances[0, :, 0, 5]
    stances[0, 2, 1, 7] = -1  # away for a moment
    smooth = panned.smoothly(stances, opens)[0]
    frame = torch.arange(4 * count)
    assert torch.allclose(smooth[2:18, 0, 5], (0.02 * frame**2 - 0.3 * frame)[2:18], atol=1e-4)
    assert torch.equal(smooth[:, 1], panned.between(stances, 4)[0, :, 1])
    middle[0] = 3  # the one frame that the first latent frame holds
    stances[0, :, 0, 5] = 0.02 * middle**2 - 0.3 * middle
    smooth = panned.smoothly(stances, True)[0]
    assert torch.allclose(smooth[3:18, 0, 5], (0.02 * frame**2 - 0.3 * frame)[3:18], atol=1e-4)
    assert torch.equal(smooth[:4, 0], stances[0, :1, 0].expand(4, -1))
    assert torch.equal(panned.smoothly(stances[:, :2], True), panned.between(stances[:, :2], 4))


def test_a_fall_ends_where_it_lands():
    stances = torch.zeros(1, 6, BODIES, 8)
    stances[..., :5] = torch.tensor([2.0, 0, 0, 0, 2])
    stances[0, :, 0, 5] = torch.tensor([0.0, 1, 4, 9, 9, 9])
    rows = panned.smoothly(stances, False)[0, :, 0, 5]
    assert rows.max() <= 9 + 1e-5 and rows[14:].min() >= 9 - 1e-5  # neither below the ground nor up again
    assert (rows[2:13].diff().diff() > -1e-4).all()  # faster and faster


def test_the_camera_goes_on_from_given_frames_without_a_jump():
    camera = torch.tensor([0.0, 0.0, 0.5, 0.7, 0.9]).view(1, 5, 1).expand(-1, -1, 5)
    forward = camera_going_on(camera, [True, True, False, False, False])[0, :, 0]
    assert forward.tolist() == pytest.approx([0, 0, 0.2, 0.4, 0.6])
    back = camera_going_on(camera.flip(1), [False, False, False, True, True])[0, :, 0]
    assert back.tolist() == pytest.approx([0.6, 0.4, 0.2, 0, 0])
    for given in ([False] * 5, [True, False, False, False, True], [True, False, True, False, False]):
        assert torch.equal(camera_going_on(camera, given), camera)


def test_what_hardly_goes_stands():
    camera = torch.zeros(1, 4, 5)
    camera[0, :, 0], camera[0, :, 1], camera[..., 4] = torch.tensor([0.0, 0.004, -0.004, 0.002]), torch.linspace(0, 0.3, 4), 0.5
    calm = panned.calmed(camera)
    assert calm[0, :, 0].std() == 0 and torch.equal(calm[..., 1:], camera[..., 1:])
    assert panned.calmed(camera, float("inf"))[..., :3].std(1).max() < 1e-6


def test_bodies_are_covered_and_a_little_around_them(bundle):
    cover = panned.covered(plan().stances_1TS8, [0], bundle, CELLS)
    assert cover.shape[:2] == (1, 6) and 0 < cover.mean() < 0.2 and float(cover.max()) == pytest.approx(1.0)
    wide = panned.spread(cover, 3, (64, 96))
    assert wide.shape == (1, 6, 64, 96) and wide.mean() > cover.mean() and float(wide.max()) <= 1


def test_bodies_are_drawn_wherever_they_are_planned(bundle):
    """In front of another background and of none; by a model that is shown no layout, or that lays no pictures, by nobody."""
    z, two = latents(), panner(bundle, "a fox in the forest", "a fox on the beach")
    film = drawn(bundle, z)
    change = (made(bundle, z, plan(), weights=torch.full((2, 3), 0.5), one=two) - film).abs().mean((0, 1, 2))
    assert change[32:48, 32:48].mean() > 20 * change[:, 64:].mean()  # which is rounded
    still = latents(1)
    assert not torch.allclose(made(bundle, still, plan(1)), drawn(bundle, still), atol=0.02)
    plain = dataclasses.replace(bundle.config, dit=dataclasses.replace(bundle.config.dit, layout=False))
    for config in (plain, dataclasses.replace(bundle.config, laid_above=1.0)):
        other = dataclasses.replace(bundle, config=config)
        assert torch.equal(made(other, still, plan(1)), drawn(bundle, still))
        one = made(other, z, plan())  # in front of one background they are as they were
        assert torch.allclose(one[..., 34:46, 34:46], film[..., 34:46, 34:46], atol=1e-5) and not torch.allclose(one, film)


def test_only_those_are_drawn_whom_a_prompt_names(bundle):
    ground, seen, scene = torch.zeros(1, 3, 12, 64, 96), torch.ones(1, 3, 6, 32, 48), plan()
    with torch.inference_mode():
        for weights, there in (([[1.0] * 3, [0.0] * 3], True), ([[0.0] * 3, [1.0] * 3], False)):
            one = panner(bundle, "a fox in the forest", "a red beach")
            bodies = one._bodies(ground, torch.tensor(weights), scene, np.arange(12))
            assert bool(drawn_over(ground, seen, bodies, bundle.config.vae.stride).max() > 0.5) == there


def test_films_have_it_where_the_camera_is_known(bundle, monkeypatch):
    seen = []
    laid = panned.passed_over

    def listening(film, *rest, **more):
        made = laid(film, *rest, **more)
        seen.append(made.shape[2] // 4)
        return made

    monkeypatch.setattr(panned, "passed_over", listening)
    asked = {"seconds": 9 / 12, "size": "64x64", "steps": 2}
    generate(Request("a fox", **asked), bundle)
    assert seen == [3]
    generate(Request("a fox", **asked), dataclasses.replace(bundle, staging=None))
    generate(Request("a red", **asked), bundle)  # nobody is named, nothing planned
    assert seen == [3]
    cards = (Shot(0, 0.4, "a fox in the snow"), Shot(0.4, 0.8, "a fox on a stage"))
    generate(Request("", shots=cards, size="64x64", steps=1), bundle)  # one place becomes another
    assert seen == [3]
    long = generate(Request("a fox", seconds=5, size="64x64", steps=1), bundle).frames
    assert len(seen) == 2 and np.isfinite(long.astype(float)).all()


def test_given_frames_are_what_lies_behind_new_ones(bundle):
    """Their very pixels, and not what the tokenizer makes of them."""
    frames = np.random.default_rng(0).integers(0, 255, (9, 64, 96, 3)).astype(np.uint8)
    levels = flat(21, 1.0)
    levels[:9] = 0
    given = np.concatenate([frames, np.zeros((12, 64, 96, 3), np.uint8)])
    take = Take(("a fox in the forest",), np.ones((1, 21), np.float32), levels, (0, 21), given)
    one = Panner(take, Request("a fox in the forest"), bundle, [0])
    film = one._as_given(torch.zeros(1, 3, 24, 64, 96), [True] * 3 + [False] * 3, 0)
    shown = ((film[0] + 1) * 127.5).round().byte().permute(1, 2, 3, 0).numpy()
    assert all((shown[i] == frames[max(0, i - 3)]).all() for i in range(12)) and (shown[12:] == 128).all()
    later = one._as_given(torch.zeros(1, 3, 8, 64, 96), [True, False], 2)
    assert (((later[0, :, 3] + 1) * 127.5).round().byte().permute(1, 2, 0).numpy() == frames[8]).all()


def test_what_bodies_hid_in_given_frames_is_painted(bundle):
    """By what the prompt says of the place; what is seen beside them stays, and later windows go on from that."""
    asked = []

    class Painted:
        cells = CELLS

        def __call__(self, prompt, size, shown, *, sketched):
            asked.append((prompt, size, shown, sketched))
            return shown[:, :3] + (1 - shown[:, 3:]) * 0.25

    frames = np.full((9, 64, 96, 3), 51, np.uint8)  # -0.6
    levels = flat(21, 1.0)
    levels[:9] = 0
    given = np.concatenate([frames, np.zeros((12, 64, 96, 3), np.uint8)])
    for prompt, count in (("a fox in the forest", 1), ("a fox", 1)):  # nobody says where the other one is
        take = Take((prompt,), np.ones((1, 21), np.float32), levels, (0, 21), given)
        one = Panner(take, Request(prompt), bundle, [0], Painted())
        cells = torch.tensor([0.0] * 3 + [1.0] * 3).view(1, 6, 1, 1)
        film = made(bundle, latents(6), plan(6), cells, prompt=prompt, one=one)
        shown = ((film[0, :, :12] + 1) * 127.5).round().byte().permute(1, 2, 3, 0).numpy()
        assert len(asked) == count and (shown == frames[0]).all()
    prompt, size, seen, sketched = asked[0]
    assert prompt.startswith("in a forest") and size == (64, 96) and sketched
    known = seen[:, 3] > 0.99
    assert 0.3 < float(known.float().mean()) < 0.98 and torch.allclose(
        seen[:, :3][known[:, None].expand(-1, 3, -1, -1)], torch.tensor(-0.6), atol=0.01
    )
