"""Layouts: pictures laid where a plan has them, the camera in numbers, and a transformer that is shown both."""

import dataclasses

import pytest
import torch

from skyloom.models.bundle import tiny_bundle
from skyloom.models.layout import MORE, SEEN, WAY, camera_seen, layout_of, pictures_laid
from skyloom.models.places import SIDE
from skyloom.models.vae import VAE
from skyloom.presets import TINY


@pytest.fixture
def bundle():
    return tiny_bundle()


def standing(x: float, y: float, side: float, frames: int = 2) -> torch.Tensor:
    """One body whose square sprite has its upper left corner there, in cells: 1 T 1 8."""
    return torch.tensor([side, 0, x, 0, side, y, 0.5, 0.0]).repeat(1, frames, 1, 1)


def picture(red: float, alpha: float = 1.0) -> torch.Tensor:
    """One plain picture, premultiplied, colours from -alpha to alpha: 1 1 4 S S."""
    return torch.tensor([red, -alpha, -alpha, alpha])[:, None, None].expand(1, 1, 4, SIDE, SIDE)


def test_a_picture_lies_where_its_body_is(bundle):
    laid = pictures_laid(bundle.overlay, standing(2, 3, 2), picture(1.0), (8, 6))
    cover = laid[0, -1]
    assert laid.shape == (1, 5, 2, 8, 6)
    assert cover[:, 3:5, 2:4].min() > 0.9
    assert cover.sum() == pytest.approx(2 * 4, abs=0.5)
    assert laid[0, :-1, :, :1].abs().max() == 0


def test_latents_of_a_layout_show_the_picture_against_grey():
    vae = VAE(TINY.vae)  # a tokenizer that keeps plain colours: its first three components
    cell = len(vae.basis)
    vae.basis.zero_()
    for c in range(3):
        vae.basis[c * cell // 3 : (c + 1) * cell // 3, c] = (cell / 3) ** -0.5
    from skyloom.models.overlay import Overlay

    laid = pictures_laid(Overlay(vae), standing(1, 1, 4), picture(1.0), (6, 6))
    shown = vae.picture(laid[:, :-1])[0, :, -1]  # -1 to 1, grey is 0
    middle = shown[:, 3 * vae.config.stride, 3 * vae.config.stride]
    assert torch.allclose(middle, torch.tensor([1.0, -1.0, -1.0]), atol=0.1)
    assert shown[:, 0, 0].abs().max() < 0.1


def test_who_is_not_there_leaves_nothing(bundle):
    stances = standing(1, 1, 2)
    stances[..., 7] = -1
    assert pictures_laid(bundle.overlay, stances, picture(1.0), (4, 4)).abs().max() == 0


def test_the_camera_is_told_by_where_it_goes_and_where_the_ground_begins():
    camera = torch.zeros(1, 3, 5)
    camera[0, :, 0] = torch.tensor([5.0, 5.1, 5.3])
    camera[..., 4] = 0.5
    seen = camera_seen(camera, (4, 8))
    assert seen.shape == (1, SEEN + WAY, 3, 4, 8)
    assert (seen[:, 0] == 1).all()
    assert torch.allclose(seen[0, 1, :, 0, 0].mean(), torch.tensor(0.0), atol=1e-6)  # from the middle of its own way
    assert torch.allclose(seen[0, 4, :, 0, 0], torch.tensor([0.1, 0.2, 0.2]), atol=1e-5)
    below = seen[0, -1, 0, :, 0]  # short sides
    assert torch.allclose(below, torch.tensor([-0.375, -0.125, 0.125, 0.375]))


def test_clips_that_are_not_told_are_shown_nothing_at_all(bundle):
    laid, camera = torch.randn(2, 5, 2, 4, 4), torch.randn(2, 2, 5)
    layout = layout_of(laid, camera, torch.tensor([True, False]), torch.tensor([False, True]))
    assert layout.shape == (2, 4 + MORE, 2, 4, 4)
    assert layout[1].abs().max() == 0
    assert layout[0, 5].min() == 1  # told
    assert layout[0, 6:].abs().max() == 0  # neither poses nor camera are known
    posed = layout_of(laid, None, posed_B=torch.tensor([1.0, 0.0]))
    assert posed[0, 6].min() == 1 and posed[1, 6].max() == 0 and torch.equal(posed[:, :5], laid)


def test_a_layout_changes_what_is_drawn_and_nothing_is_no_layout(bundle):
    z, t, words = torch.randn(1, 4, 2, 4, 4), torch.full((1, 1, 1, 1), 0.5), bundle.read(["a red fox"])
    layout = layout_of(pictures_laid(bundle.overlay, standing(1, 1, 2), picture(1.0), (4, 4)), torch.zeros(1, 2, 5))
    with torch.no_grad():
        alone, told = bundle.dit(z, t, *words), bundle.dit(z, t, *words, layout=layout)
        nothing = bundle.dit(z, t, *words, layout=torch.zeros_like(layout))
    assert not torch.allclose(alone, told, atol=1e-3)
    assert torch.allclose(alone, nothing, atol=1e-5)


def test_a_model_that_knows_no_layouts_ignores_them(bundle):
    z, t, words = torch.randn(1, 4, 2, 4, 4), torch.full((1, 1, 1, 1), 0.5), bundle.read(["a red fox"])
    bundle.dit.config = dataclasses.replace(bundle.dit.config, layout=False)
    with torch.no_grad():
        assert torch.equal(bundle.dit(z, t, *words), bundle.dit(z, t, *words, layout=torch.ones(1, 4 + MORE, 2, 4, 4)))
