"""Staging learns from records alone, and a run that was stopped goes on to the same bits."""

import dataclasses

import pytest
import torch

from skyloom.base.checkpoint import load_latest, read_weights
from skyloom.models.bodies import BODIES
from skyloom.models.bundle import STAGING, Bundle, load_bundle, save_bundle
from skyloom.models.dit import DiT
from skyloom.models.vae import VAE
from skyloom.models.vocabulary import Vocabulary
from skyloom.train import staging
from skyloom.train.looks import known_nouns, names_of
from skyloom.worlds.captions import all_words


@pytest.fixture(scope="module")
def model(tiny, tmp_path_factory):
    """An untrained model with the words and nouns that scenes are told in."""
    vocabulary = Vocabulary(sorted(all_words("en") | all_words("zh")), names_of(known_nouns(tiny.text.looks)))
    torch.manual_seed(0)
    bundle = Bundle(tiny, VAE(tiny.vae), DiT(tiny.dit, tiny.text, tiny.vae.channels, len(vocabulary)), vocabulary)
    folder = tmp_path_factory.mktemp("model")
    save_bundle(bundle, folder)
    return folder


def with_steps(config, steps):
    return dataclasses.replace(config, staging=dataclasses.replace(config.staging, steps=steps, batch=4, depth=1))


def test_a_stopped_run_continues_to_the_same_bits(tiny, model, tmp_path):
    config = with_steps(tiny, 6)
    whole = staging.main(config, tmp_path / "whole", model)
    for _ in range(2):  # each stops after a step
        staging.main(config, tmp_path / "parts", model, minutes=0)
    assert load_latest(tmp_path / "parts")["step"] == 2
    parts = staging.main(config, tmp_path / "parts", model)
    one, other = (read_weights(folder / STAGING)[0] for folder in (whole, parts))
    assert one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)
    with pytest.raises(ValueError, match="other settings"):
        staging.main(with_steps(tiny, 7), tmp_path / "whole", model)
    with pytest.raises(ValueError, match="stages nothing"):
        staging.main(dataclasses.replace(config, staging=dataclasses.replace(config.staging, depth=0)), tmp_path / "no", model)


def test_it_goes_on_from_the_staging_of_a_model(tiny, model, tmp_path):
    config = with_steps(tiny, 2)
    with pytest.raises(ValueError, match="stages nothing yet"):
        staging.main(config, tmp_path / "none", model, onwards=True)
    with pytest.raises(ValueError, match="at least one process"):
        staging.main(config, tmp_path / "none", model, draw=0)
    first = staging.main(config, tmp_path / "run" / "staging", model)
    save_bundle(load_bundle(model), tmp_path / "run" / "model" / "export")
    deeper = dataclasses.replace(config, staging=dataclasses.replace(config.staging, depth=2))
    with pytest.raises(ValueError, match="width and depth"):
        staging.main(deeper, tmp_path / "deeper", tmp_path / "run", onwards=True)
    still = dataclasses.replace(config, staging=dataclasses.replace(config.staging, lr=0.0, steps=1))
    second = staging.main(still, tmp_path / "on", tmp_path / "run", onwards=True, draw=2)
    one, other = (read_weights(folder / STAGING)[0] for folder in (first, second))
    assert all(torch.allclose(one[name].float(), other[name].float(), atol=1e-2) for name in one)
    assert torch.equal(one["centre"], other["centre"])


def test_prompts_may_be_read_by_who_learns(tiny, model):
    """As on accelerators, whose drawers hand over tokens only."""
    config = with_steps(tiny, 1)
    read, unread = (staging.Batches(config, model, read=read)[3] for read in (True, False))
    assert unread.text_BLE is None and torch.equal(read.ids_BL, unread.ids_BL)
    heard = staging.heard(unread, load_bundle(model).dit.text)
    assert torch.allclose(heard.text_BLE.float(), read.text_BLE.float(), atol=1e-3)
    assert staging.heard(read, None) is read


def test_it_learns_and_joins_the_model(tiny, model, tmp_path):
    config = dataclasses.replace(tiny, staging=dataclasses.replace(tiny.staging, steps=60, batch=16, lr=5e-3))
    batches = staging.Batches(config, model, "val")
    watched = [batches[i] for i in range(2)]
    staging.main(config, tmp_path / "run" / "staging", model)
    save_bundle(load_bundle(model), tmp_path / "run" / "model" / "export")
    bundle = load_bundle(tmp_path / "run")
    assert bundle.staging is not None
    new = staging.Staging(config.staging, config.text)
    new.centre, new.scale = bundle.staging.centre, bundle.staging.scale
    before, after = (staging.validate(each, watched, config) for each in (new, bundle.staging))
    assert after < 0.9 * before
    save_bundle(bundle, tmp_path / "copy")
    assert load_bundle(tmp_path / "copy").staging is not None


def test_batches_are_the_same_each_time_and_of_all_kinds(tiny, model):
    config = with_steps(tiny, 20)
    one, again = staging.Batches(config, model), staging.Batches(config, model)
    for step in range(6):
        a, b = one[step], again[step]
        assert torch.equal(a.plan_BFTS1, b.plan_BFTS1) and torch.equal(a.text_BLE, b.text_BLE)
        looks, rows = a.looks_BQ.shape[1], a.plan_BFTS1.shape[3] - 1
        assert rows in (looks, looks * BODIES) and (not looks or len(a.plan_BFTS1) == (4 if rows == looks else 2))
        assert ((a.plan_BFTS1[:, -1, :, :-1] == 0) | (a.plan_BFTS1[:, -1, :, :-1] == 1)).all()
    assert not torch.equal(one[0].plan_BFTS1, staging.Batches(config, model, "val")[0].plan_BFTS1)


def test_bodies_go_to_the_rows_of_their_looks():
    stances = torch.zeros(1, 2, 4, 8)
    stances[..., 0] = torch.arange(1.0, 5.0)
    rows = staging.in_rows(stances, torch.tensor([[1, 0, 1, -1]]), 2, BODIES)
    assert rows.shape == (1, 2, 2 * BODIES, 8)
    assert rows[0, 0, :, 0].tolist() == [2, 0, 0, 0, 1, 3, 0, 0]
    assert rows[0, 0, :, 7].tolist() == [0, -1, -1, -1, 0, 0, -1, -1]
