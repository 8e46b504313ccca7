"""Pictures laid over a film: the maps between latents and dots are the tokenizer's, and only what is sure is laid."""

import dataclasses

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from einops import rearrange
from lying_bodies import a_picture, body, lying

from skyloom.config import VAEConfig
from skyloom.generate import Request, generate
from skyloom.models import sketch
from skyloom.models.bodies import BODIES
from skyloom.models.bundle import tiny_bundle
from skyloom.models.overlay import SHIFTED, Overlay, between, coloured, sprites
from skyloom.models.places import DOTS, lay_out, surely, truth
from skyloom.models.vae import VAE


@pytest.fixture
def vae():
    torch.manual_seed(0)
    vae = VAE(VAEConfig(4, (8, 8, 16), (1, 1, 1)))
    torch.nn.init.orthogonal_(vae.basis)
    vae.centre.normal_(std=0.1)
    vae.scale.fill_(2.0)
    return vae.eval()


def test_what_latents_show_is_what_the_linear_map_shows(vae):
    z = torch.randn(2, 4, 3, 4, 5)
    beats = vae.picture(z).unflatten(2, (-1, 2)).mean(3)  # of two frames each
    dots = F.avg_pool3d(beats, (1, 2, 2)) / 2 + 0.5
    assert torch.allclose(Overlay(vae).seen(z), dots, atol=1e-5)


def test_a_difference_of_pictures_is_one_of_latents(vae):
    difference = torch.randn(1, 3, 4, 4 * DOTS, 3 * DOTS)
    fine = F.interpolate(2 * difference.flatten(0, 1), scale_factor=2, mode="bilinear").unflatten(0, (1, 3))
    frames = fine.repeat_interleave(2, 2)
    still = torch.zeros_like(frames[:, :, :1])  # a clip opens with a frame of its own
    wanted = vae.encode(torch.cat([still, frames], 2)) - vae.encode(torch.zeros_like(torch.cat([still, frames], 2)))
    assert torch.allclose(Overlay(vae).latents(difference), wanted[:, :, 1:], atol=1e-5)


def laid(vae, film, *rows, picture=None):
    """What the film lacks with these bodies in each of its latent frames."""
    stances = lying(*rows).expand(1, film.shape[2], -1, -1)
    return Overlay(vae)(film, stances, torch.zeros(1, len(rows), dtype=torch.long), a_picture() if picture is None else picture)


def test_pictures_are_laid_where_bodies_lie_and_nowhere_else(vae):
    film = torch.randn(1, 4, 2, 6, 6)
    lacking = laid(vae, film, body(1.5, 1.5, 2.0))
    assert lacking[..., :3, :3].abs().max() > 0.05 and not lacking[..., 4:].any() and not lacking[..., 4:, :].any()
    assert lacking.isfinite().all()
    nobody = (*body(1.5, 1.5)[:7], -1.0)
    assert not laid(vae, film, nobody).any()
    assert not laid(vae, film, body(40, 40, 2.0)).any()  # out of the picture


def test_a_film_that_shows_its_pictures_lacks_nothing(vae):
    rows = [body(3, 3, 4.0, angle=15)]
    whole = VAE(dataclasses.replace(vae.config, channels=3 * 4 * 16 * 16)).eval()  # loses nothing
    grey = whole.encode(torch.zeros(1, 3, 1, 96, 96))
    first = laid(whole, grey, *rows)
    second = laid(whole, grey + first, *rows)
    assert second.abs().mean() < 0.35 * first.abs().mean()


def test_the_nearer_of_two_hides_the_other():
    size = 6 * DOTS, 6 * DOTS
    stances = lying(body(3, 3, 4.0, depth=0.2), body(3, 3, 4.0, depth=0.9))
    two = torch.cat([a_picture(), a_picture().flip(2).clone()], 1)
    two[:, 1, 3] = two[:, 0, 3]
    (far, far_cover), (near, near_cover) = sprites(stances, torch.tensor([[0, 1]]), two, size)
    assert (
        near_cover.max() == 1 and far_cover[near_cover == 1].max() == 0 and far[near_cover.expand_as(far) == 1].abs().max() == 0
    )
    assert near.max() == 1


def test_pictures_lie_as_the_sketch_of_the_same_bodies():
    stances, picture = lying(body(4, 5, 5.0, wide=-0.8, angle=30)), a_picture()
    wanted = lay_out(surely(*truth(stances, torch.tensor([[0]]), picture, (8, 8))), picture)
    wanted = rearrange(wanted, "B T h w (c y x) -> B c T (h y) (w x)", c=4, y=DOTS, x=DOTS)
    ((colours, cover),) = sprites(stances, torch.tensor([[0]]), picture, (8 * DOTS, 8 * DOTS))
    assert (cover - wanted[:, 3:]).abs().mean() < 0.01 < cover.mean()
    assert (2 * colours - cover - wanted[:, :3]).abs().mean() < 0.01


def test_between_latent_frames_bodies_move_evenly():
    stances = torch.cat([lying(body(x, 4)) for x in (2, 3, 5, 9)], 1)
    x = [c + (a + b) / 2 for a, b, c, *_ in between(stances)[0, :, 0].tolist()]
    assert x == pytest.approx([2, 2, 2.5, 3.5, 4.5, 6, 8, 10])
    turned = torch.cat([lying(body(2, 4)), lying(body(3, 4, wide=-1)), lying((*body(4, 4)[:7], -1.0))], 1)
    assert torch.equal(between(turned), turned.repeat_interleave(2, 1))
    alone = lying(body(2, 4))
    assert torch.equal(between(alone), alone.repeat_interleave(2, 1))
    two = torch.cat([lying(body(2, 4)), lying(body(6, 4))], 1)
    assert [round(row[2], 3) for row in between(two)[0, :, 0].tolist()] == [-1, -1, 2, 4]


def test_a_picture_takes_the_colours_of_what_it_is_laid_on():
    torch.manual_seed(0)
    picture, cover = torch.rand(1, 3, 2, 4, 4) * 0.8 + 0.1, torch.ones(1, 1, 2, 4, 4)
    night = picture.flip(2) * 0.5
    new = coloured(picture, cover, night)
    assert torch.allclose(new.mean((2, 3, 4)), night.mean((2, 3, 4)), atol=1e-5)
    assert torch.allclose(new / picture, (new / picture)[..., :1, :1, :1].expand_as(new), atol=1e-4)
    black = coloured(torch.zeros_like(picture), cover, torch.ones_like(picture))
    assert torch.allclose(black, torch.full_like(black, SHIFTED))


def test_a_film_is_drawn_with_its_pictures_unless_the_model_says_never(monkeypatch):
    def everywhere(said, pictures):
        stances = lying((2.0, 0.0, 1.0, 0.0, 2.0, 1.0, 0.5, 0.0)).expand(len(said), said.shape[1], -1, -1)
        return said, torch.zeros(said.shape[:2]).bool(), stances.repeat(1, 1, BODIES * pictures.shape[1], 1)

    monkeypatch.setattr(sketch, "settle", everywhere)
    with_them, without = tiny_bundle(), tiny_bundle()
    with_them.staging = without.staging = None  # the model alone says where bodies are
    without.config = dataclasses.replace(without.config, laid_above=1.0)
    named, other = (Request(words, seconds=0.3, size="64x64", steps=2, guidance=1.0) for words in ("a fox", "a red"))
    assert not np.array_equal(generate(named, with_them).frames, generate(named, without).frames)
    assert np.array_equal(generate(other, with_them).frames, generate(other, without).frames)
