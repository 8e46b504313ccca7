"""Detail learns from the clips of the world in which nothing falls, and a stopped run goes on to the same bits."""

import dataclasses

import pytest
import torch

from skyloom.base.checkpoint import load_latest, load_weights, read_weights
from skyloom.data.loader import Shelf
from skyloom.models.bundle import DETAIL, Bundle, load_bundle, save_bundle
from skyloom.models.detail import Detail
from skyloom.models.dit import DiT
from skyloom.models.vae import VAE
from skyloom.models.vocabulary import Vocabulary
from skyloom.train import detail
from skyloom.worlds.scene import Scene


@pytest.fixture(scope="module")
def model(tiny, tokenizer_run, tmp_path_factory):
    """An untrained model with the tokenizer of the clips."""
    vocabulary = Vocabulary(["a"], [[f"n{i}"] for i in range(tiny.text.looks)])
    torch.manual_seed(0)
    bundle = Bundle(tiny, VAE(tiny.vae), DiT(tiny.dit, tiny.text, tiny.vae.channels, len(vocabulary)), vocabulary)
    load_weights(bundle.vae, tokenizer_run / "export" / "vae.safetensors")
    folder = tmp_path_factory.mktemp("model")
    save_bundle(bundle, folder)
    return folder


def with_detail(config, **changes):
    return dataclasses.replace(config, detail=dataclasses.replace(config.detail, **changes))


def test_a_stopped_run_continues_to_the_same_bits(tiny, encoded, model, tmp_path):
    config = with_detail(tiny, steps=6)
    whole = detail.main(config, tmp_path / "whole", encoded, model)
    for _ in range(2):  # each stops after a step
        detail.main(config, tmp_path / "parts", encoded, model, minutes=0)
    assert load_latest(tmp_path / "parts")["step"] == 2
    parts = detail.main(config, tmp_path / "parts", encoded, model)
    one, other = (read_weights(folder / DETAIL)[0] for folder in (whole, parts))
    assert one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)
    with pytest.raises(ValueError, match="other settings"):
        detail.main(with_detail(tiny, steps=7), tmp_path / "whole", encoded, model)
    with pytest.raises(ValueError, match="depth is 0"):
        detail.main(with_detail(tiny, depth=0), tmp_path / "no", encoded, model)
    with pytest.raises(FileNotFoundError, match="train encode"):
        detail.main(config, tmp_path / "none", tmp_path, model)


def test_batches_are_pieces_of_dry_clips_with_actors_given(tiny, encoded):
    batches = detail.Batches(tiny, encoded, "train")
    again = detail.Batches(tiny, encoded, "train")
    for i, shelf in enumerate(batches.shelves):
        dry = [Scene.from_json(shelf.take(n)[3]).weather for n in batches.dry[i]]
        assert dry and not set(dry) & set(detail.WET)
    assert any(len(dry) < len(shelf) for dry, shelf in zip(batches.dry, batches.shelves, strict=True))
    seen, c = [batches[step] for step in range(12)], tiny.detail
    for step, batch in enumerate(seen):
        assert batch.z_BCTHW.shape[:2] == (c.batch, tiny.vae.channels) and batch.z_BCTHW.shape[3:] == (c.crop, c.crop)
        assert torch.equal(batch.z_BCTHW, again[step].z_BCTHW) and torch.equal(batch.given_BTHW, again[step].given_BTHW)
    assert {batch.z_BCTHW.shape[2] for batch in seen} == {1, 2}
    assert 0 < torch.cat([batch.given_BTHW.flatten() for batch in seen]).float().mean() < 1
    known = torch.cat([batch.view_BTHWV[:, 0, 0, 0, 14] for batch in seen])
    assert 0 < known.mean() < 1 and len(set(torch.cat([batch.place_B for batch in seen]).tolist())) > 5
    assert isinstance(batches.shelves[0], Shelf)


def test_it_learns_and_joins_the_model(tiny, encoded, model, tmp_path):
    config = with_detail(tiny, steps=60, lr=5e-3)
    detail.main(config, tmp_path / "run" / "detail", encoded, model)
    save_bundle(load_bundle(model), tmp_path / "run" / "model" / "export")
    bundle = load_bundle(tmp_path / "run")
    assert bundle.detail is not None and bundle.air is None
    held_out = detail.Batches(config, encoded, "val")
    watched = [held_out[i] for i in range(3)]
    new = Detail(config.detail, config.vae.channels)
    new.gain_C = bundle.detail.gain_C
    before, after = (detail.validate(each, watched, config) for each in (new, bundle.detail))
    assert after < 0.9 * before
    assert bundle.detail.loud_C[: config.detail.coarse].eq(1).all() and bundle.detail.loud_C.min() >= 1
