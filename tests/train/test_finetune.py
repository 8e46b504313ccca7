"""A model learns from footage: all weights or an adapter, exactly resumable, whole again without it."""

import dataclasses
import functools
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from skyloom import generate as room
from skyloom.base.checkpoint import read_weights
from skyloom.base.video import read_recipe
from skyloom.cli import run
from skyloom.data import shards
from skyloom.data.catalog import Catalog
from skyloom.data.mixture import Source
from skyloom.data.settings import DataConfig
from skyloom.generate import fingerprint
from skyloom.models import lora
from skyloom.models.bundle import load_bundle, save_bundle, tiny_bundle
from skyloom.train import finetune
from skyloom.train.finetune import Options

SHORT = {"model.steps": "8", "model.warmup": "2", "model.lr": "0.003"}


@pytest.fixture(scope="session")
def base(tmp_path_factory):
    folder = tmp_path_factory.mktemp("base")
    save_bundle(tiny_bundle(), folder)
    return folder


@pytest.fixture(scope="session")
def dataset(base, tmp_path_factory):
    """Latents of eight clips of two shapes, a quarter of them held out."""
    folder = tmp_path_factory.mktemp("footage")
    with pytest.MonkeyPatch.context() as patch, Catalog(folder, write=True) as catalog:
        for i in range(8):
            key, width, split = f"clip{i}", 64 if i % 2 else 96, "heldout" if i > 5 else "train"
            file = {"path": key, "hash": key, "dropped": "", "licence": "CC-BY-4.0", "source": f"camera {i}", "split": split}
            shot = {"start": 0, "end": 17, "from": 0.0, "to": 17 / 12, "height": 64, "width": width, "file": key, "film": key}
            catalog.put("file", key, "", {**file, "interlaced": False})
            catalog.put("shot", key, "", {**shot, "dropped": []})
            words = [{"style": "sentence", "language": "en", "text": "a red fox runs"}]
            catalog.put("caption", f"{key}:sidecar", "", {"captions": words})

        def latents(catalog, wanted, *_):
            for shard in wanted:
                yield shard, {clip.cut.key: npy(clip.cut) for clip in shard.clips}

        def npy(cut):
            buffer, rng = io.BytesIO(), np.random.default_rng(int(cut.key[-1]))
            shape = 4, 1 + (cut.frames - 1) // 4, cut.height // 16, cut.width // 16
            np.save(buffer, (rng.normal(size=(4, 1, 1, 1)) * np.ones(shape) * 25).astype(np.int8))
            return buffer.getvalue()

        patch.setattr(shards, "_latents", latents)
        shards.encode(catalog, base, DataConfig(), note=lambda text: None)
    return folder


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(finetune, "sampled", functools.partial(finetune.sampled, steps=1))


def train(dataset, base, run, settings=SHORT, options=Options(tokens=96), **how):  # noqa: B008
    return finetune.main([Source(dataset)], base, run / "model", settings, options, check_every=4, **how)


def rows(run):
    return [json.loads(line) for line in (run / "model" / "metrics.jsonl").read_text().splitlines()]


def test_a_model_learns_from_footage_and_films(dataset, base, tmp_path):
    export = train(dataset, base, tmp_path / "mine")
    bundle = load_bundle(tmp_path / "mine" / "model")
    assert bundle.config.name == "mine" and {(b.frames, b.width) for b in bundle.config.model.buckets} == {
        (17, 64), (17, 96), (1, 64), (1, 96)
    }  # fmt: skip
    scores = [row for row in rows(tmp_path / "mine") if "val17x64x64" in row]
    assert scores[0]["step"] == 0 and scores[-1]["step"] == 8
    assert scores[-1]["val17x64x64"] < scores[0]["val17x64x64"]
    assert (tmp_path / "mine" / "model" / "samples" / "000008.png").is_file()
    about = json.loads((tmp_path / "mine" / "model" / "data.json").read_text())
    assert about["sets"][0]["licences"] == {"CC-BY-4.0": 8} and about["sets"][0]["held_out"] == 2
    assert (export / "dit.safetensors").is_file()


def test_a_run_that_stops_goes_on_to_the_same_bits(dataset, base, tmp_path):
    whole = train(dataset, base, tmp_path / "whole")
    train(dataset, base, tmp_path / "half", save_minutes=0)
    folder = tmp_path / "half" / "model" / "checkpoints"
    (folder / "00000008.pt").unlink()  # as if killed after step 7
    half = train(dataset, base, tmp_path / "half", save_minutes=0)
    a, b = (read_weights(path / "dit.safetensors")[0] for path in (whole, half))
    assert all(torch.equal(a[name], b[name]) for name in a)


def test_a_run_goes_on_as_it_was_begun(dataset, base, tmp_path):
    train(dataset, base, tmp_path / "mine", options=Options(tokens=96, pack=True))
    with pytest.raises(ValueError, match="was begun with --pack"):
        train(dataset, base, tmp_path / "mine", options=Options(tokens=96))


def test_packs_train_and_their_loss_is_that_of_their_clips(dataset, base, tmp_path):
    train(dataset, base, tmp_path / "mine", options=Options(tokens=96, pack=True))
    scores = [row["val17x64x64"] for row in rows(tmp_path / "mine") if "val17x64x64" in row]
    assert scores[-1] < scores[0]
    bundle, rng = load_bundle(base), torch.Generator().manual_seed(1)
    clips = [torch.randn(4, *shape, generator=rng) for shape in ((3, 4, 4), (1, 4, 6))]
    pack = finetune.Pack(clips, ["a red fox", "snow"])
    noise, levels = [torch.randn(z.shape, generator=rng) for z in clips], [torch.rand(1, 1, 1, generator=rng) for _ in clips]
    with torch.no_grad():
        errors = finetune.pack_errors(bundle, clips, noise, levels, pack.captions)
        for z, e, t, words, error in zip(clips, noise, levels, pack.captions, errors, strict=True):
            alone = finetune.bundle_loss(bundle, z[None], e[None], t[None], torch.ones(1, *z.shape[1:]), [words])
            assert float(error) / z[0].numel() == pytest.approx(float(alone), rel=0.02)
        assert float(finetune.pack_loss(bundle, pack, 0)) > 0


def test_an_adapter_is_small_learns_and_comes_off_to_the_bit(dataset, base, tmp_path):
    export = train(dataset, base, tmp_path / "mine", options=Options(lora=2, tokens=96))
    assert [path.name for path in export.iterdir()] == [lora.FILE]
    bundle = load_bundle(base)
    before, adapter = fingerprint(bundle), lora.load_adapter(tmp_path / "mine" / "model")
    assert {name.split(".", 2)[2] for name in adapter.maps} == {
        "q", "k", "v", "text_k", "text_v", "out", "mlp.up", "mlp.gate", "mlp.down"
    }  # fmt: skip
    assert not any(name.startswith("text") for name in adapter.maps) and adapter.about["rank"] == "2"
    changed = lora.merged(bundle, [(adapter, 1.0)])
    assert fingerprint(changed) != before and fingerprint(bundle) == before
    assert fingerprint(lora.merged(bundle, [(adapter, 0.0)])) == before
    assert changed.dit.text.embedding.weight is bundle.dit.text.embedding.weight
    scores = [row["val17x64x64"] for row in rows(tmp_path / "mine") if "val17x64x64" in row]
    assert scores[-1] < scores[0]
    [trial] = [t for t in trials(dataset, bundle) if t.name == "17x64x64"]
    assert finetune.validate(changed, [trial])["val17x64x64"] == pytest.approx(scores[-1], rel=0.01)


def trials(dataset, bundle):
    source = Source(dataset)
    options = {"tokenizer": shards.index_tokenizer(dataset), "tokens": 96, "longest": 49}
    mixture = finetune.Mixture([source], bundle.config, bundle.vae.gain_C, **options)
    return [finetune.Trial.of(name, batch) for name, batch in mixture.held_out().items()]


def test_an_adapter_changes_nothing_before_it_learns():
    bundle = tiny_bundle()
    z, t = torch.randn(1, 4, 2, 4, 4), torch.full((1, 1, 1, 1), 0.5)
    text = bundle.read(["a fox"])
    with torch.no_grad():
        plain = bundle.dit(z, t, *text)
        lora.add_lora(bundle.dit, 2)
        assert torch.equal(bundle.dit(z, t, *text), plain)
    assert {name.rpartition(".")[2] for name, p in bundle.dit.named_parameters() if p.requires_grad} == {"lora_A", "lora_B"}


def test_mistakes_say_what_was_wanted(dataset, base, tmp_path):
    with pytest.raises(ValueError, match="keeps its shape"):
        train(dataset, base, tmp_path, {"dit.depth": "3"})
    with pytest.raises(ValueError, match="a rank from 1 to"):
        train(dataset, base, tmp_path / "a", options=Options(lora=99, tokens=96))
    with pytest.raises(FileNotFoundError, match="no adapter"):
        lora.load_adapter(tmp_path / "nothing")
    with pytest.raises(ValueError, match="no adapter of ours"):
        lora.load_adapter(base / "dit.safetensors")
    other = lora.Adapter({"blocks.0.q": (torch.zeros(2, 9), torch.zeros(9, 2))}, {"base": "storybook"})
    with pytest.raises(ValueError, match="made for storybook"):
        lora.merged(load_bundle(base), [(other, 1.0)])
    assert lora.parse("a/b.safetensors:0.5") == (tmp_path.__class__("a/b.safetensors"), 0.5)
    assert lora.parse("runs/mine") == (tmp_path.__class__("runs/mine"), 1.0)


def test_every_clip_of_a_batch_counts_the_same_on_any_number_of_ranks(dataset, base, monkeypatch):
    bundle = load_bundle(base)
    bundle.config = dataclasses.replace(bundle.config, model=dataclasses.replace(bundle.config.model, drop_text=0.0))
    batch = next(iter(finetune.Mixture(
        [Source(dataset)], bundle.config, bundle.vae.gain_C, tokenizer=shards.index_tokenizer(dataset), tokens=240, longest=17
    ).held_out(5).values()))  # fmt: skip
    batch = finetune.Trial.of("x", batch).batch
    bundle.dit.requires_grad_(False)
    whole = finetune.step_loss(bundle, batch, 3)
    parts = []
    for rank in range(3):
        monkeypatch.setattr(finetune.dist, "world_size", lambda: 3)
        monkeypatch.setattr(finetune.dist, "rank", lambda rank=rank: rank)
        parts.append(finetune.step_loss(bundle, batch, 3))
    assert float(sum(parts)) / 3 == pytest.approx(float(whole), rel=0.02)
    few = dataclasses.replace(batch, z_BCTHW=batch.z_BCTHW[:1], captions=batch.captions[:1])
    monkeypatch.setattr(finetune.dist, "rank", lambda: 0)
    assert finetune.step_loss(bundle, few, 3) is None


def test_the_command_line_trains_films_and_exports(dataset, base, tmp_path, capsys):
    mine, film = tmp_path / "mine", ["generate", "a fox", "--seconds", "0", "--size", "64x64", "--steps", "1"]
    words = ["--data", f"{dataset}:1", "--init", str(base), "--run", str(mine), "--tokens", "48", "model.steps=2"]
    assert run(["train", "model", *words]) == 0
    assert run(["train", "model", *words, "--lora", "2"]) == 0
    adapter = str(mine / "lora" / "export" / lora.FILE)
    assert run([*film, "--model", str(mine), "-o", str(tmp_path / "full.png")]) == 0
    outs = {name: tmp_path / f"{name}.png" for name in ("plain", "half", "whole")}
    for name, more in (("plain", []), ("half", ["--lora", f"{adapter}:0.5"]), ("whole", ["--lora", str(mine)])):
        assert run([*film, "--model", str(base), "-o", str(outs[name]), *more]) == 0
    weights = [read_recipe(out)["weights"] for out in outs.values()]
    assert len(set(weights)) == 3 and read_recipe(outs["half"])["lora"] == [f"{adapter}:0.5"]
    assert run(["show", str(outs["half"]), "--rerun", "-o", str(tmp_path / "again.png")]) == 0
    assert (tmp_path / "again.png").read_bytes() == outs["half"].read_bytes()
    assert run(["export", "--lora", adapter, "--to", str(tmp_path / "merged")]) == 0
    assert run([*film, "--model", str(tmp_path / "merged"), "-o", str(tmp_path / "merged.png")]) == 0
    card = (tmp_path / "merged" / "README.md").read_text()
    assert "CC-BY-4.0 (8)" in card and "# mine" in card and "No footage" not in card
    assert run(["export", "--run", str(mine), "--to", str(tmp_path / "hub")]) == 0
    assert {path.name for path in (tmp_path / "hub").iterdir()} == {
        "README.md", "config.json", "data.json", "dit.safetensors", "samples.png", "vae.safetensors", "vocabulary.json"
    }  # fmt: skip
    capsys.readouterr()
    for mistake in (["--preset", "tiny"], ["--lora", "-3"]):
        assert run(["train", "model", *words, *mistake]) == 2
    assert run(["train", "model", "--preset", "tiny", "--lora", "2"]) == 2
    assert "go with --data" in capsys.readouterr().err


def test_python_puts_adapters_on(dataset, base, tmp_path):
    file = train(dataset, base, tmp_path / "mine", options=Options(lora=2, tokens=96)) / lora.FILE
    plain, tuned = room.load(str(base)), room.load(str(base), lora=[f"{file}:0.5"])
    assert tuned.bundle.vae is plain.bundle.vae and fingerprint(tuned.bundle) != fingerprint(plain.bundle)
    film = tuned.generate("a fox", seconds=0, size="32x32", steps=1)
    assert film.recipe["lora"] == (f"{file}:0.5",) and film.recipe["weights"] == fingerprint(tuned.bundle)


RUN = """
import sys, torch
from pathlib import Path
from skyloom.data.mixture import Source
from skyloom.train.finetune import Options, main
if __name__ == "__main__":
    torch.set_num_threads(1)
    data, base, run = map(Path, sys.argv[1:4])
    settings = {"model.steps": "8", "model.warmup": "2", "model.lr": "0.003"}
    main([Source(data)], base, run / "model", settings, Options(tokens=96, pack=sys.argv[4] == "pack"), check_every=4)
"""


@pytest.mark.full
@pytest.mark.parametrize("way", ["buckets", "pack"])
def test_three_processes_see_the_losses_of_one(dataset, base, tmp_path, way):
    script = tmp_path / "script.py"
    script.write_text(RUN)
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).parents[2])}
    for name, launcher in (("one", []), ("three", ["-m", "torch.distributed.run", "--nproc-per-node=3", "--standalone"])):
        words = [sys.executable, *launcher, str(script), str(dataset), str(base), str(tmp_path / name), way]
        done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=600)
        assert done.returncode == 0, done.stderr[-2000:]
    one, three = ([row for row in rows(tmp_path / name) if "val17x64x64" in row] for name in ("one", "three"))
    assert [row["step"] for row in one] == [row["step"] for row in three] == [0, 4, 8]
    for a, b in zip(one, three, strict=True):
        assert b["val17x64x64"] == pytest.approx(a["val17x64x64"], rel=2e-3)
