"""Air learns from the world's particles alone, and a run that was stopped goes on to the same bits."""

import dataclasses

import pytest
import torch

from skyloom.base.checkpoint import load_latest, read_weights
from skyloom.models.air import KINDS
from skyloom.models.bundle import AIR, Bundle, load_bundle, save_bundle
from skyloom.models.dit import DiT
from skyloom.models.vae import VAE
from skyloom.models.vocabulary import Vocabulary
from skyloom.train import air


@pytest.fixture(scope="module")
def model(tiny, tmp_path_factory):
    """An untrained model whose tokenizer sees what is there."""
    vocabulary = Vocabulary(["a"], [[f"n{i}"] for i in range(tiny.text.looks)])
    torch.manual_seed(0)
    bundle = Bundle(tiny, VAE(tiny.vae), DiT(tiny.dit, tiny.text, tiny.vae.channels, len(vocabulary)), vocabulary)
    torch.nn.init.orthogonal_(bundle.vae.basis)
    folder = tmp_path_factory.mktemp("model")
    save_bundle(bundle, folder)
    return folder


def with_air(config, **changes):
    return dataclasses.replace(config, air=dataclasses.replace(config.air, **changes))


def test_a_stopped_run_continues_to_the_same_bits(tiny, model, tmp_path):
    config = with_air(tiny, steps=6)
    whole = air.main(config, tmp_path / "whole", model)
    for _ in range(2):  # each stops after a step
        air.main(config, tmp_path / "parts", model, minutes=0)
    assert load_latest(tmp_path / "parts")["step"] == 2
    parts = air.main(config, tmp_path / "parts", model)
    one, other = (read_weights(folder / AIR)[0] for folder in (whole, parts))
    assert one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)
    with pytest.raises(ValueError, match="other settings"):
        air.main(with_air(tiny, steps=7), tmp_path / "whole", model)
    with pytest.raises(ValueError, match="nothing falls"):
        air.main(with_air(tiny, depth=0), tmp_path / "no", model)


def test_batches_show_particles_in_every_kind(tiny, model):
    batches = air.Batches(with_air(tiny, batch=64), model)
    batch, again, other = batches[3], batches[3], batches[-3]
    assert torch.equal(batch.air_BCTHW, again.air_BCTHW) and not torch.equal(batch.air_BCTHW, other.air_BCTHW)
    c = tiny.air
    assert batch.air_BCTHW.shape == (64, tiny.vae.channels, c.frames, c.crop, c.crop)
    assert set((batch.kind_B // 2).tolist()) == set(range(len(KINDS))) and batch.given_B.max() < c.frames
    assert batch.air_BCTHW.abs().max() > 0


def test_it_learns_and_joins_the_model(tiny, model, tmp_path):
    config = with_air(tiny, steps=60, lr=5e-3)
    batches = air.Batches(config, model)
    watched = [batches[-1 - i] for i in range(2)]
    air.main(config, tmp_path / "run" / "air", model)
    save_bundle(load_bundle(model), tmp_path / "run" / "model" / "export")
    bundle = load_bundle(tmp_path / "run")
    assert bundle.air is not None and bundle.staging is None
    new = air.Air(config.air, config.vae.channels)
    new.gain_C = bundle.air.gain_C
    before, after = (air.validate(each, watched, config) for each in (new, bundle.air))
    assert after < 0.95 * before
