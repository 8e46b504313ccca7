"""Data sets of own footage as training batches."""

import footage_files as made
import pytest
import torch

from skyloom.base import footage
from skyloom.base.checkpoint import read_weights, save_weights
from skyloom.cli import run
from skyloom.data import shards


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return made.tiny_model(tmp_path_factory)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Four films of two shapes, one of them held out by its sidecar."""
    folder = tmp_path_factory.mktemp("footage")
    for i in range(3):
        footage.compress(folder / f"wide{i}.mp4", made.film(i + 1, 24), 24)
        (folder / f"wide{i}.json").write_text(f'{{"caption": "a red fox number {i}", "licence": "CC0", "split": "train"}}')
    footage.compress(folder / "tall.mp4", made.film(7, 36, (96, 64)), 24)
    (folder / "tall.json").write_text('{"caption": "snow", "licence": "MIT", "split": "train"}')
    footage.compress(folder / "kept.mp4", made.film(9, 24), 24)
    (folder / "kept.json").write_text('{"caption": "the fox", "split": "heldout"}')
    return folder


@pytest.fixture(scope="module")
def dataset(folder, model, tmp_path_factory):
    place = tmp_path_factory.mktemp("data") / "set"
    words = ["score.least_drift=0", "score.most_frozen=9", "shots.min_seconds=0.4"]
    assert run(["data", "build", str(folder), *words, "-o", str(place), "--model", str(model), "--processes", "1"]) == 0
    return place


def test_a_sidecar_names_the_split(dataset):
    splits = {row["file"]: row["split"] for row in shards.index_rows(dataset)}
    assert splits == {f"wide{i}.mp4": "train" for i in range(3)} | {"tall.mp4": "train", "kept.mp4": "heldout"}


def test_a_decoder_that_learns_on_leaves_the_shards_as_they_are(dataset, model, tmp_path):
    tensors, _ = read_weights(model / "vae.safetensors")
    tensors["head.bias"] = tensors["head.bias"] + 1
    save_weights(tmp_path / "vae.safetensors", tensors, torch.bfloat16)
    (tmp_path / "config.json").write_bytes((model / "config.json").read_bytes())
    assert shards.vae_hash(tmp_path) == shards.vae_hash(model) == shards.index_tokenizer(dataset)
    tensors["gain_C"] = tensors["gain_C"] * 2
    save_weights(tmp_path / "vae.safetensors", tensors, torch.bfloat16)
    assert shards.vae_hash(tmp_path) != shards.vae_hash(model)
