"""Guidance that a model learns: what it adds to the aim, how losses leave it out, and what it saves while filming."""

import dataclasses

import pytest
import torch

from skyloom.generate import Request, generate, plan
from skyloom.generate.request import AWAY, pull_of
from skyloom.models.bundle import tiny_bundle
from skyloom.train import finetune
from skyloom.train.model import bundle_loss, learned_guidance, velocity_without

pytestmark = pytest.mark.usefixtures("float32")


def guided_bundle(scale: float):
    bundle = tiny_bundle()
    bundle.config = dataclasses.replace(bundle.config, model=dataclasses.replace(bundle.config.model, guidance=scale))
    return bundle


@pytest.fixture
def clips():
    torch.manual_seed(1)
    return torch.randn(3, 4, 2, 4, 4), torch.randn(3, 4, 2, 4, 4), torch.tensor([0.05, 0.5, 0.9]).view(3, 1, 1, 1)


def test_the_aim_moves_away_from_what_no_prompt_says_where_there_is_one_and_noise(clips):
    z, noise, t = clips
    bundle = tiny_bundle()
    texts = ["a red fox", "", "a red fox"]
    z_t = (1 - t)[:, None] * z + t[:, None] * noise
    v = torch.randn_like(z)
    pull = learned_guidance(bundle, bundle.vocabulary.batch(texts, 32)[0], 2.0)(v, z_t, t)
    without = velocity_without(bundle, z_t, t)
    assert torch.allclose(without, bundle.dit(z_t, t, *bundle.read([""] * 3)), atol=1e-5)
    assert not pull[0].any() and not pull[1].any()
    assert torch.allclose(pull[2], 0.5 * (v - without)[2])


def test_a_model_that_has_reached_the_aim_is_one_that_guidance_would_give(clips):
    """v = data + w (v - without) has its fixed point where guidance of scale 1 / (1 - w) ends."""
    z, noise, _ = clips
    data, without, scale = noise - z, torch.randn_like(z), 3.0
    v = without + scale * (data - without)
    assert torch.allclose(v, data + (1 - 1 / scale) * (v - without), atol=1e-5)


def test_losses_leave_learned_guidance_out_unless_it_is_learned(clips):
    z, noise, t = clips
    texts, flat = ["a red fox"] * 3, torch.ones(3, 2, 4, 4)
    plain, guided = guided_bundle(1.0), guided_bundle(2.0)
    assert not torch.isclose(
        bundle_loss(plain, z, noise, t, flat, texts), bundle_loss(guided, z, noise, t, flat, texts), rtol=1e-4
    )
    z_t = (1 - t)[:, None] * z + t[:, None] * noise
    with torch.no_grad():
        without, v = velocity_without(guided, z_t, t), guided.dit(z_t, t, *guided.read(texts))
    wanted = (((v + without) / 2 - (noise - z)) ** 2).mean()
    assert torch.isclose(bundle_loss(guided, z, noise, t, flat, texts), wanted, rtol=0.02)
    aim = noise - z + 0.5 * (v - without) * (t > 0.1)[:, None]
    assert torch.isclose(bundle_loss(guided, z, noise, t, flat, texts, learn=True), ((v - aim) ** 2).mean(), rtol=0.02)


def test_packs_learn_guidance_as_single_clips_do(clips):
    z, noise, t = clips
    bundle, texts = guided_bundle(2.0), ["a red fox", "", "a fox runs"]
    levels = [level.expand(2, 4, 4) for level in t]
    sums = finetune.pack_errors(bundle, list(z), list(noise), levels, texts)
    for i, error in enumerate(sums):
        one = slice(i, i + 1)
        alone = bundle_loss(bundle, z[one], noise[one], t[one], torch.ones(1, 2, 4, 4), texts[one], learn=True)
        assert torch.isclose(error / 32, alone, rtol=0.03)


@pytest.mark.parametrize(
    ("asked", "negative", "learned", "wanted"),
    [
        (2.0, "", 2.0, 1.0),
        (4.0, "", 2.0, 2.0),
        (2.0, "", 1.0, 2.0),
        (1.0, "", 2.0, 0.5),
        (2.0, "rain", 2.0, AWAY),
        (1.0, "rain", 1.0, 1.0),
    ],
)
def test_the_pull_makes_up_for_what_was_not_learned(asked, negative, learned, wanted):
    assert pull_of(Request("a fox", guidance=asked, negative=negative), learned) == wanted


def test_a_model_that_learned_the_guidance_asked_for_films_in_one_pass_a_step(monkeypatch):
    request = Request("a red fox", seconds=0.3, size="64x64", steps=2, guidance=2.0)
    seen = {}
    for scale in (1.0, 2.0):
        bundle, batches = guided_bundle(scale), []
        film = bundle.dit.film
        log = lambda z, *rest, f=film, seen=batches, **how: seen.append(len(z)) or f(z, *rest, **how)  # noqa: E731
        monkeypatch.setattr(bundle.dit, "film", log)
        generate(request, bundle)
        seen[scale] = batches
        assert plan(request, bundle).passes == max(batches)
    assert seen == {1.0: [2, 2], 2.0: [1, 1]}
