"""The tempo learns how the world's bodies go between latent frames, and a stopped run goes on to the same bits."""

import dataclasses

import numpy as np
import pytest
import torch

from skyloom.base.checkpoint import load_latest, read_weights
from skyloom.generate import fingerprint
from skyloom.models.bundle import TEMPO, Bundle, load_bundle, save_bundle
from skyloom.models.dit import DiT
from skyloom.models.staging import Staging
from skyloom.models.tempo import Tempo, straight
from skyloom.models.vae import VAE
from skyloom.models.vocabulary import Vocabulary
from skyloom.train import tempo
from skyloom.train.looks import known_nouns, names_of


@pytest.fixture(scope="module")
def model(tiny, tmp_path_factory):
    """An untrained model that knows the cast by name."""
    vocabulary = Vocabulary(["a", "jumps", "spins", "the"], names_of(known_nouns(tiny.text.looks)))
    torch.manual_seed(0)
    staging = Staging(tiny.staging, tiny.text)
    bundle = Bundle(tiny, VAE(tiny.vae), DiT(tiny.dit, tiny.text, tiny.vae.channels, len(vocabulary)), vocabulary, staging)
    folder = tmp_path_factory.mktemp("model")
    save_bundle(bundle, folder)
    return folder


def with_tempo(config, **changes):
    return dataclasses.replace(config, tempo=dataclasses.replace(config.tempo, **changes))


def test_a_stopped_run_continues_to_the_same_bits(tiny, model, tmp_path):
    config = with_tempo(tiny, steps=4)
    whole = tempo.main(config, tmp_path / "whole", model)
    for _ in range(2):  # each stops after a step
        tempo.main(config, tmp_path / "parts", model, minutes=0)
    assert load_latest(tmp_path / "parts")["step"] == 2
    parts = tempo.main(config, tmp_path / "parts", model)
    one, other = (read_weights(folder / TEMPO)[0] for folder in (whole, parts))
    assert one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)
    with pytest.raises(ValueError, match="other settings"):
        tempo.main(with_tempo(tiny, steps=5), tmp_path / "whole", model)
    with pytest.raises(ValueError, match="latent frames alone"):
        tempo.main(with_tempo(tiny, depth=0), tmp_path / "no", model)


def test_batches_have_bodies_in_latent_frames_and_in_frames(tiny, model):
    batches = tempo.Batches(tiny, model)
    batch, again = batches[3], batches[3]
    assert torch.equal(batch.frames_BNRF, again.frames_BNRF) and not torch.equal(batch.looks_BQ, batches[4].looks_BQ)
    assert batch.frames_BNRF.shape[1] == 4 * batch.numbers_BTRF.shape[1] and (batch.frames_BNRF[..., -1] > 0).any()
    for step in range(4):  # a latent frame is where its frames are in the mean, but for what is bent within it
        batch = batches[step]
        there = (batch.frames_BNRF[..., -1:] > 0).all(1)
        means = batch.frames_BNRF.unflatten(1, (-1, 4)).mean(2)
        off = ((means - batch.numbers_BTRF)[..., 6] * there[:, None, :, 0]).abs()
        assert float(off.median()) < 0.05
        if batch.opens:
            assert torch.allclose(batch.frames_BNRF[:, 0] * there, batch.frames_BNRF[:, 3] * there)
            assert torch.allclose(batch.frames_BNRF[:, 3] * there, batch.numbers_BTRF[:, 0] * there, atol=1e-4)


def test_it_starts_on_straight_lines_and_leaves_them_for_what_it_is_shown(tiny, model):
    batch, staging = tempo.Batches(with_tempo(tiny, batch=16), model)[2], load_bundle(model).staging
    torch.manual_seed(0)
    new = Tempo(tiny.tempo, tiny.staging, tiny.text)
    with torch.no_grad():
        made = new(batch.numbers_BTRF, staging, batch.text_BLE, batch.mask_BL, batch.looks_BQ, batch.opens)
    assert torch.allclose(made, straight(batch.numbers_BTRF, batch.opens))
    before, optimiser = tempo.validate(new, staging, [batch], tiny), torch.optim.AdamW(new.parameters(), 1e-3)
    for _ in range(150):
        tempo.tempo_loss(new, staging, batch, tiny, 0).backward()
        optimiser.step()
        optimiser.zero_grad()
    assert tempo.validate(new, staging, [batch], tiny) < 0.7 * before


def test_it_joins_the_model_of_its_run(tiny, model, tmp_path):
    tempo.main(with_tempo(tiny, steps=2), tmp_path / "run" / "tempo", model)
    save_bundle(load_bundle(model), tmp_path / "run" / "model" / "export")
    assert load_bundle(model).tempo is None
    bundle = load_bundle(tmp_path / "run")
    assert bundle.tempo is not None
    save_bundle(bundle, tmp_path / "copy")
    assert fingerprint(load_bundle(tmp_path / "copy")) == fingerprint(bundle) != fingerprint(load_bundle(model))


def test_whoever_stands_still_does_so_to_the_last_digit():
    numbers = torch.ones(1, 4, 2, 8)
    assert torch.equal(straight(numbers, opens=True), torch.ones(1, 16, 2, 8))
    assert np.isfinite(straight(torch.randn(1, 1, 2, 8), opens=False).numpy()).all()
