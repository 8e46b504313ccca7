"""Clips that are drawn while a model learns: what is kept of them is what encoding beforehand would have made."""

import dataclasses
import json
import time

import numpy as np
import pytest
import torch

from skyloom.config import Bucket
from skyloom.data.encode import encode_clip, pool_mask, stances_in_cells
from skyloom.models.probe import load_probe
from skyloom.models.vae import VAE
from skyloom.models.vocabulary import Vocabulary
from skyloom.train import drawn, model, probe
from skyloom.train.looks import known_nouns, names_of
from skyloom.worlds.captions import all_words
from skyloom.worlds.storybook import render


@pytest.fixture
def config(tiny):
    buckets = Bucket(1, 64, 64, 64, 4), Bucket(5, 64, 64, 40, 4)
    return dataclasses.replace(
        tiny, model=dataclasses.replace(tiny.model, steps=6, buckets=buckets, phases=((0, (0.5, 0.5)),), drop_text=0.0)
    )


@pytest.fixture
def words(config):
    return Vocabulary(sorted(all_words("en")) + sorted(all_words("zh")), names_of(known_nouns(config.text.looks)))


@pytest.fixture
def vae(config):
    torch.manual_seed(0)
    vae = VAE(config.vae)
    torch.nn.init.orthogonal_(vae.basis)
    return vae.eval()


def first(config, words, number=0):
    """The first groups of films and of stills, and the films again, drawn one by one."""
    dataset = drawn.Clips(config, words, number)
    films, stills = (group for group, _ in zip(dataset, range(2), strict=False))
    return films, stills, list(dataset.films(config.model.buckets[1], number, config.fps))


def test_a_group_is_what_encoding_would_make_of_the_same_scenes(config, words, vae):
    films, stills, scenes = first(config, words)
    assert len(films.frames_nTHWC) == drawn.GROUP_FRAMES // 5 and len(stills.frames_nTHWC) == drawn.STILLS * len(scenes)
    stock = drawn.Stock(config, vae, words, 1)
    stock.take(films)
    for i, (scene, frames, mask) in enumerate(scenes[-3:]):
        at = len(scenes) - 3 + i
        assert np.array_equal(stock.shelves[1].z[at].numpy(), encode_clip(vae, frames))
        assert np.array_equal(stock.shelves[1].cover[at].numpy(), pool_mask(mask, vae.config.stride))
        stances = stances_in_cells(scene, config.model.buckets[1], 0.0, config.fps, vae.config.stride)
        assert np.allclose(stock.shelves[1].stances[at].numpy(), stances)
        again = render(scene, 64, 64, 5, config.fps)
        assert np.array_equal(again, frames)


def test_stills_lie_where_their_moment_says(config, words):
    _, stills, scenes = first(config, words)
    still = stills.frames_nTHWC[0, 0].numpy()
    moments = [i for i, frame in enumerate(scenes[0][1]) if np.array_equal(frame, still)]
    wanted = [stances_in_cells(scenes[0][0], config.model.buckets[0], i / config.fps, config.fps, 16) for i in moments]
    assert any(np.allclose(stills.stances_nTR8[0].numpy(), w) for w in wanted)


def test_a_shelf_keeps_the_newest_and_batches_hold_prompts_as_the_vocabulary_reads_them(config, words, vae):
    stock = drawn.Stock(config, vae, words, 1)
    for number in range(2):
        for group in first(config, words, number)[:2]:
            stock.take(group)
    shelf = stock.shelves[1]
    assert shelf.drawn == 54 and len(shelf) == 40 and shelf.ready
    batch = stock._pick(shelf, np.random.default_rng(0))
    assert batch.z_BCTHW.shape == (4, 8, 2, 4, 4) and batch.prompts is not None
    ids, mask, looks, bodies = (getattr(batch.prompts, name) for name in ("ids_BL", "mask_BL", "looks_BQ", "bodies_BR"))
    assert mask.any(0).all() and (ids[mask] > 0).all() and ids.max() < len(words)
    assert (bodies < looks.shape[1]).all()
    for row, found in zip(ids, looks, strict=True):
        text = " ".join(words.words[i - 258] for i in row.tolist() if i >= 258)
        assert words.looks(text) == [look for look in found.tolist() if look >= 0]


def test_a_prompt_that_is_left_out_names_nobody(config, words, vae):
    silent = dataclasses.replace(config, model=dataclasses.replace(config.model, drop_text=1.0))
    stock = drawn.Stock(silent, vae, words, 1)
    stock.take(first(silent, words)[0])
    prompts = stock._pick(stock.shelves[1], np.random.default_rng(0)).prompts
    assert (prompts.ids_BL[:, 0] == words.encode("")[0]).all() and (prompts.looks_BQ == -1).all()
    assert prompts.mask_BL.sum() == len(prompts.ids_BL) and (prompts.bodies_BR == -1).all()


def test_windows_are_refused(tiny, words, vae):
    with pytest.raises(ValueError, match="windows"):
        drawn.Stock(tiny, vae, words, 1)


def test_what_goes_wrong_in_a_worker_is_told(config, words, vae, monkeypatch):
    stock = drawn.Stock(config, vae, words, 0)
    monkeypatch.setattr(stock, "dataset", lambda: drawn.Drawn(config.model.buckets, 0, 0))
    monkeypatch.setattr(drawn, "DataLoader", lambda dataset, **_: dataset)
    with pytest.raises(RuntimeError, match="no more clips"):
        stock.batch(0)


def test_a_transformer_learns_from_what_is_drawn_and_anneals(config, vae, tmp_path):
    from skyloom.base.checkpoint import save_weights

    save_weights(tmp_path / "vae.safetensors", vae.state_dict())
    began = time.time()
    options = {"draw": 1, "anneal": True, "minutes": 5, "device": "cpu"}
    export = model.main(config, tmp_path / "run", tmp_path / "none", tmp_path / "vae.safetensors", **options)
    assert (export / "dit.safetensors").exists() and time.time() - began < 240
    state = torch.load(max((tmp_path / "run" / "checkpoints").glob("0*.pt")), weights_only=True)
    assert state["step"] == 6 and state["parts"][0] > 0


def test_a_probe_learns_from_what_is_drawn(tiny, tmp_path):
    buckets = Bucket(1, 64, 64, 60, 8), Bucket(5, 64, 64, 40, 4)
    config = dataclasses.replace(tiny, probe=dataclasses.replace(tiny.probe, steps=26, buckets=buckets))
    export = probe.main(config, tmp_path / "run", draw=1)
    assert load_probe(export).labels == probe.world_labels()
    rows = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert np.isfinite(rows[0]["place"]) and rows[0]["place"] > 0
    again = probe.main(config, tmp_path / "more", draw=1, init=export, minutes=0.001, anneal=True)
    assert load_probe(again).labels == probe.world_labels()
