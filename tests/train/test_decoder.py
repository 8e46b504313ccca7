"""A tokenizer's decoder learns on from footage: its latents stay, its drawings come nearer, a run goes on to the bit."""

import json
import shutil

import numpy as np
import pytest
import torch

from skyloom.base import footage
from skyloom.base.checkpoint import read_weights
from skyloom.cli import run
from skyloom.data.catalog import Catalog
from skyloom.data.mixture import Source
from skyloom.evals.composites import landscape
from skyloom.models.bundle import load_bundle, save_bundle, tiny_bundle
from skyloom.train import decoder

SHORT = {"tokenizer.steps": "6", "tokenizer.warmup": "1", "tokenizer.batch": "2", "tokenizer.lr": "0.003"}


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    folder = tmp_path_factory.mktemp("base")
    save_bundle(tiny_bundle(), folder)
    return folder


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    """A data set of two films that the engine judged, the second held out; nothing is encoded."""
    home, folder = tmp_path_factory.mktemp("films"), tmp_path_factory.mktemp("set")
    with Catalog(folder, write=True) as catalog:
        catalog.put("meta", "folder", "", {"path": str(home)})
        for i, split in enumerate(("train", "heldout")):
            name = f"film{i}.mp4"
            footage.compress(home / name, landscape(np.random.default_rng(i + 1), 20, (64, 96)), 12)
            catalog.put("file", name, "", {"path": name, "hash": name, "dropped": "", "split": split, "interlaced": False})
            shot = {"start": 0, "end": 20, "from": 0.0, "to": 20 / 12, "height": 64, "width": 96, "file": name, "film": name}
            catalog.put("shot", f"shot{i}", "", {**shot, "dropped": []})
    return folder


def test_the_decoder_learns_and_the_latents_stay(dataset, base, tmp_path):
    tuned, _ = read_weights(decoder.main([Source(dataset)], base, tmp_path / "mine" / "tokenizer", SHORT, check_every=3))
    before, _ = read_weights(base / "vae.safetensors")
    changed = {name for name in before if not torch.equal(before[name], tuned[name])}
    assert changed and not changed & {"basis", "centre", "gain_C", "scale"}
    rows = [json.loads(line) for line in (tmp_path / "mine" / "tokenizer" / "metrics.jsonl").read_text().splitlines()]
    assert rows[0]["step"] == 0 and rows[-1]["step"] == 6 and rows[-1]["psnr"] > rows[0]["psnr"]
    assert rows[-1]["linear"] == rows[0]["linear"]
    assert (tmp_path / "mine" / "tokenizer" / "samples" / "000006.png").is_file()


def test_a_run_goes_on_to_the_same_bits_and_its_model_takes_the_decoder(dataset, base, tmp_path):
    words = [f"{path}={value}" for path, value in SHORT.items()]
    whole, half = tmp_path / "whole", tmp_path / "half"
    assert run(["train", "tokenizer", *words, "--data", str(dataset), "--init", str(base), "--run", str(whole)]) == 0
    decoder.main([Source(dataset)], base, half / "tokenizer", SHORT, save_every=3)
    (half / "tokenizer" / "checkpoints" / "00000006.pt").unlink()  # as if killed after step 5
    path = decoder.main([Source(dataset)], base, half / "tokenizer", SHORT, save_every=3)
    a, b = (read_weights(file)[0] for file in (whole / "tokenizer" / "export" / "vae.safetensors", path))
    assert all(torch.equal(a[name], b[name]) for name in a)
    shutil.copytree(base, whole / "model" / "export")
    assert torch.equal(load_bundle(whole).vae.head.weight, a["head.weight"])


def test_mistakes_say_what_was_wanted(dataset, base, tmp_path, capsys):
    with pytest.raises(ValueError, match="keeps its shape"):
        decoder.main([Source(dataset)], base, tmp_path / "mine" / "tokenizer", {"vae.channels": "8"})
    assert run(["train", "tokenizer", "--init", str(base)]) == 2
    assert "only with --data" in capsys.readouterr().err
    with pytest.raises(FileNotFoundError, match="no data set"):
        decoder.main([Source(tmp_path)], base, tmp_path / "run" / "tokenizer", SHORT)
