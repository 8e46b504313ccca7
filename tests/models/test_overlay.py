"""Pictures laid over a film: the maps between latents and dots are the tokenizer's, and only what is sure is laid."""

import dataclasses

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from einops import rearrange

from skyloom.config import VAEConfig
from skyloom.generate import Request, generate
from skyloom.models import places
from skyloom.models.bundle import tiny_bundle
from skyloom.models.overlay import SHIFTED, Overlay, coloured, laid_over
from skyloom.models.places import DOTS, SAID, SHARES, SIDE, surely
from skyloom.models.vae import VAE


@pytest.fixture
def vae():
    torch.manual_seed(0)
    vae = VAE(VAEConfig(4, (8, 8, 16), (1, 1, 1)))
    torch.nn.init.orthogonal_(vae.basis)
    vae.centre.normal_(std=0.1)
    vae.scale.fill_(2.0)
    return vae.eval()


def dots_of(video, stride):
    """B c T h w, the mean of what is in a dot."""
    return F.avg_pool2d(video.mean(2), stride // DOTS)


def test_what_latents_show_is_what_the_linear_map_shows(vae):
    z = torch.randn(2, 4, 3, 4, 5)
    seen = rearrange(Overlay(vae).seen(z), "B T h w c (y x) -> B T c (h y) (w x)", y=DOTS, x=DOTS) * 2 - 1
    for t, chunk in enumerate(vae.picture(z).split(4, 2)):
        assert torch.allclose(seen[:, t], dots_of(chunk, vae.config.stride), atol=1e-5)


def test_a_difference_of_pictures_is_one_of_latents(vae):
    difference = torch.randn(1, 1, 4, 4, 3, DOTS**2)
    small = rearrange(difference * 2, "B T h w c (y x) -> (B T) c (h y) (w x)", y=DOTS, x=DOTS)
    still = F.interpolate(small, scale_factor=vae.config.stride // DOTS, mode="bilinear")[:, :, None]
    wanted = vae.encode(still) - vae.encode(torch.zeros_like(still))
    assert torch.allclose(Overlay(vae).latents(difference), wanted, atol=1e-5)


def a_body(rows, columns, sure=True):
    """Said of 4 x 4 cells: a picture over these rows and columns, spanning them."""
    which = torch.zeros(1, 1, 4, 4, dtype=torch.long)
    which[..., rows, columns] = 1
    spot, turn = torch.zeros(1, 1, 4, 4, 2), torch.zeros(1, 1, 4, 4, 4)
    said = surely(which, spot, turn)
    return said if sure else said * torch.tensor([0.5] * SHARES + [1.0] * (SAID - SHARES))


def a_picture(colour=(1.0, -1.0, -1.0)):
    return torch.tensor([*colour, 1.0]).view(1, 1, 4, 1, 1).expand(1, 1, 4, SIDE, SIDE)


def test_only_what_is_sure_is_laid_and_only_there(vae):
    overlay, film = Overlay(vae), torch.randn(1, 4, 1, 4, 4)
    lacking = overlay(film, a_body(slice(1, 3), slice(1, 3)), a_picture())
    assert lacking.abs().amax((0, 1, 2)).max() > 0.05
    far = overlay(film, a_body(slice(0, 1), slice(0, 1)), a_picture())
    assert far[..., 2:, 2:].abs().max() < 1e-4 < far[..., 0, 0].abs().max()
    assert not overlay(film, a_body(slice(1, 3), slice(1, 3), sure=False), a_picture()).any()
    assert overlay(film, a_body(slice(0, 0), slice(0, 0)), a_picture()).abs().max() < 1e-4


def test_a_picture_takes_the_colours_of_what_it_is_laid_on():
    torch.manual_seed(0)
    picture, cover = torch.rand(1, 2, 2, 2, 3, 4) * 0.8 + 0.1, torch.ones(1, 2, 2, 2, 1, 4)
    night = picture.flip(1) * 0.5
    new = coloured(picture, cover, night)
    assert torch.allclose(new.mean((1, 2, 3, 5)), night.mean((1, 2, 3, 5)), atol=1e-5)
    assert torch.allclose(new / picture, (new / picture)[:, :1, :1, :1, :, :1].expand_as(new), atol=1e-4)
    black = coloured(torch.zeros_like(picture), cover, torch.ones_like(picture))
    assert torch.allclose(black, torch.full_like(black, SHIFTED))


def test_the_velocity_leads_to_the_film_with_what_it_lacks_above_the_level():
    z, v, lacking = torch.randn(3, 1, 4, 2, 4, 4).unbind()
    t = torch.tensor([0.1, 0.6]).view(1, 2, 1, 1)
    new = laid_over(v, z, t, lacking, 0.15)
    assert torch.equal(new[:, :, 0], v[:, :, 0])
    assert torch.allclose(z[:, :, 1] - 0.6 * new[:, :, 1], z[:, :, 1] - 0.6 * v[:, :, 1] + lacking[:, :, 1], atol=1e-5)


def test_a_film_is_drawn_with_its_pictures_unless_the_model_says_never(monkeypatch):
    def everywhere(said, pictures):
        which = torch.ones(said.shape[:4], dtype=torch.long)
        return surely(which, said[..., SHARES : SHARES + 2], said[..., SHARES + 2 :]), torch.ones(said.shape[:2]).bool()

    monkeypatch.setattr(places, "settle", everywhere)
    with_them, without = tiny_bundle(), tiny_bundle()
    without.config = dataclasses.replace(without.config, laid_above=1.0)
    named, other = (Request(words, seconds=0.3, size="64x64", steps=2, guidance=1.0) for words in ("a fox", "a red"))
    assert not np.array_equal(generate(named, with_them).frames, generate(named, without).frames)
    assert np.array_equal(generate(other, with_them).frames, generate(other, without).frames)
