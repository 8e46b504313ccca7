import pytest
import torch

from skyloom.config import VAEConfig
from skyloom.models.vae import VAE, set_components, set_statistics

TINY = VAEConfig(4, 1, (8, 8, 16), (1, 1, 1), (8, 8, 16), (1, 1, 1))


def lively(config: VAEConfig = TINY) -> VAE:
    """An untrained tokenizer whose zero-initialised layers are awake, so that laws are not true by emptiness."""
    torch.manual_seed(0)
    model = VAE(config).eval()
    for p in model.parameters():
        if p.ndim == 4 and not p.any():
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
def test_statistics_give_mean_square_one_and_coarse_form_the_larger_share():
    model = lively()
    cells = torch.randn(400, 3 * 4 * 16 * 16) * torch.linspace(0.1, 2, 3072)
    set_components(model, cells, torch.ones(400))
    raw = torch.randn(4, 4, 3, 8, 8) * 3 + 1
    set_statistics(model, raw)
    z = (raw - model.mean_C.view(1, -1, 1, 1, 1)) / model.std_C.view(1, -1, 1, 1, 1) * model.gain_C.view(1, -1, 1, 1, 1)
    assert torch.allclose(z.square().mean(), torch.tensor(1.0), atol=0.01)
    assert (model.gain_C.diff() <= 1e-3).all()


@torch.no_grad()
def test_whitening_is_inside_the_border():
    model = lively()
    video = torch.rand(1, 3, 5, 32, 32)
    z, seen = model.encode(video), model.decode(model.encode(video))
    model.mean_C.fill_(0.5)
    model.std_C.fill_(3.0)
    assert torch.allclose(model.encode(video), (z - 0.5) / 3, atol=1e-5)
    assert torch.allclose(model.decode(model.encode(video)), seen, atol=1e-4)


@torch.no_grad()
def test_a_decoder_can_draw_at_twice_its_encoders_size():
    config = VAEConfig(4, 2, (8, 16), (1, 1), (8, 16), (1, 1))
    model = lively(config)
    assert config.stride == 16
    video = torch.rand(1, 3, 5, 32, 64)
    z = model.encode(video)
    assert z.shape == (1, 4, 2, 2, 4)
    assert model.decode(z).shape == video.shape


def test_wrong_shapes_say_what_to_try():
    model = lively()
    with pytest.raises(ValueError, match="Try 5 or 9"):
        model.encode(torch.zeros(1, 3, 6, 32, 32))
    with pytest.raises(ValueError, match="multiples of 16"):
        model.encode(torch.zeros(1, 3, 5, 30, 32))
