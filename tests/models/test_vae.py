import pytest
import torch

from skyloom.config import VAEConfig
from skyloom.models.vae import VAE, fit, lap, lapped_cells, lapping

TINY = VAEConfig(4, (8, 8, 16), (1, 1, 1))


def lively(config: VAEConfig = TINY) -> VAE:
    """An untrained tokenizer whose zero-initialised layers are awake, so that laws are not true by emptiness."""
    torch.manual_seed(0)
    model = VAE(config).eval()
    torch.nn.init.orthogonal_(model.basis)
    for name, p in model.named_parameters():
        if "bias" not in name and not p.any():
            torch.nn.init.normal_(p, std=0.1)
    return model


@torch.no_grad()
def test_shapes_go_there_and_back():
    model = lively()
    video = torch.rand(2, 3, 9, 32, 48) * 2 - 1
    z = model.encode(video)
    assert z.shape == (2, 4, 3, 2, 3)
    assert model.decode(z).shape == video.shape


@torch.no_grad()
def test_an_image_is_a_clip_of_one_frame():
    model = lively()
    video = torch.rand(1, 3, 9, 32, 32) * 2 - 1
    assert torch.allclose(model.encode(video)[:, :, :1], model.encode(video[:, :, :1]), atol=1e-5)


@torch.no_grad()
def test_the_tokenizer_never_sees_the_future():
    model = lively()
    video = torch.rand(1, 3, 13, 32, 32)
    later = video.clone()
    later[:, :, 5:] += 0.5
    before, after = model.encode(video), model.encode(later)
    assert torch.allclose(before[:, :, :2], after[:, :, :2], atol=1e-5)
    assert not torch.allclose(before[:, :, 2:], after[:, :, 2:], atol=1e-3)
    z, z_later = before, before.clone()
    z_later[:, :, 2:] += 1
    assert torch.allclose(model.decode(z)[:, :, :5], model.decode(z_later)[:, :, :5], atol=1e-5)


@torch.no_grad()
def test_streaming_draws_the_same_film():
    model = lively()
    z = torch.randn(1, 4, 7, 2, 2)
    parts = torch.cat(list(model.decode_stream([z[:, :, :1], z[:, :, 1:4], z[:, :, 4:]])), 2)
    assert torch.allclose(parts, model.decode(z), atol=1e-5)


@torch.no_grad()
def test_the_transform_is_orthogonal_and_loses_nothing_when_it_keeps_all():
    video = torch.rand(1, 3, 5, 32, 48) * 2 - 1
    assert torch.allclose(lapping(16) @ lapping(16).T, torch.eye(16), atol=1e-6)
    assert torch.allclose(lap(lap(video, 16), 16, back=True), video, atol=1e-5)
    model = VAE(VAEConfig(3072, (8, 8, 16), (1, 1, 1)))
    picture = model.picture(model.encode(video))
    assert torch.allclose(picture[:, :, 3:], video, atol=1e-4)
    assert torch.allclose(picture[:, :, 0], picture[:, :, 3], atol=1e-4)  # an image is its chunk, four times


@torch.no_grad()
def test_a_smooth_picture_has_no_seams_in_few_channels():
    ramp = torch.linspace(-1, 1, 64).expand(1, 3, 1, 64, 64)
    clips = [ramp * (0.2 + 0.1 * k) + 0.05 * torch.randn(3, 1, 1, 1) for k in range(8)]
    model = VAE(VAEConfig(16, (8, 8, 16), (1, 1, 1)))
    cells = torch.cat([lapped_cells(clip, 16).movedim(1, -1).flatten(0, 2) for clip in clips])
    fit(model, cells, torch.ones(len(cells)))
    drawn = model.decode(model.encode(clips[3]))
    assert (drawn - clips[3]).abs().max() < 0.02


@torch.no_grad()
def test_fitted_latents_have_mean_square_one_and_coarse_form_the_larger_share():
    model = lively()
    cells = torch.randn(400, 3072) * torch.linspace(0.1, 2, 3072) + 0.5
    fit(model, cells, torch.rand(400) + 0.5)
    z = (cells - model.centre) @ model.basis / model.scale
    assert torch.allclose(z.square().mean(), torch.tensor(1.0), atol=0.01)
    assert torch.allclose(z.std(0), model.gain_C, rtol=0.05)
    assert torch.allclose(model.basis.T @ model.basis, torch.eye(4), atol=1e-4)
    assert (model.gain_C.diff() <= 0.05).all()


def test_wrong_shapes_say_what_to_try():
    model = lively()
    with pytest.raises(ValueError, match="Try 5 or 9"):
        model.encode(torch.zeros(1, 3, 6, 32, 32))
    with pytest.raises(ValueError, match="multiples of 16"):
        model.encode(torch.zeros(1, 3, 5, 30, 32))
