"""Data sets of own footage as training batches: every clip once an epoch, from any step, by anyone."""

import io

import footage_files as made
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from skyloom.base.checkpoint import read_weights, save_weights
from skyloom.config import from_json
from skyloom.data import mixture, shards
from skyloom.data.caption import pick
from skyloom.data.catalog import Catalog
from skyloom.data.mixture import Ahead, Mixture, Source, given_frames
from skyloom.data.packing import Packs
from skyloom.data.settings import DataConfig

SIZES = [(96, 160, 49)] * 5 + [(160, 96, 49)] * 3 + [(96, 160, 12)] * 4 + [(64, 64, 1)] * 3


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return made.tiny_model(tmp_path_factory)


def encoded(folder, model, sizes, monkeypatch, name="clip"):
    """A data set as the engine leaves it, but for the pixels: latents say which clip they are."""
    with Catalog(folder, write=True) as catalog:
        for i, (height, width, frames) in enumerate(sizes):
            key, split = f"{name}{i:03d}", "heldout" if i % 5 == 4 else "train"
            file = {"path": f"{key}.mp4", "hash": key, "dropped": "", "licence": "CC0", "split": split, "interlaced": False}
            catalog.put("file", f"{key}.mp4", "", file)
            end = frames if frames > 1 else 1
            shot = {
                "start": 0,
                "end": end,
                "from": 0.0,
                "to": frames / 12,
                "height": height,
                "width": width,
                "file": f"{key}.mp4",
            }
            catalog.put("shot", key, "", {**shot, "film": key, "dropped": []})
            words = [{"style": "sentence", "language": "en", "text": f"{name} number {i}"}]
            catalog.put("caption", f"{key}:sidecar", "", {"captions": words})

        def latents(catalog, wanted, *_):
            for shard in wanted:
                yield shard, {clip.cut.key: npy(int(clip.cut.key[-3:]), clip.cut) for clip in shard.clips}

        def npy(number, cut):
            buffer = io.BytesIO()
            np.save(buffer, np.full((4, 1 + (cut.frames - 1) // 4, cut.height // 16, cut.width // 16), number, np.int8))
            return buffer.getvalue()

        monkeypatch.setattr(shards, "_latents", latents)
        shards.encode(catalog, model, DataConfig(), note=lambda text: None)
    return folder


@pytest.fixture(scope="module")
def dataset(model, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        return encoded(tmp_path_factory.mktemp("set"), model, SIZES, patch)


def mixed(model, *sources, seed=0, **options):
    config = from_json((model / "config.json").read_text())
    config = made.replaced(config, "model", seed=seed, drop_text=0.0)
    options = {"tokenizer": shards.vae_hash(model), "tokens": 300, "longest": 49, **options}
    return Mixture(list(sources), config, torch.ones(4), **options)


def test_a_sidecar_names_the_split(dataset):
    held = {row["key"] for row in shards.index_rows(dataset) if row["split"] == "heldout"}
    assert held == {"clip004", "clip009", "clip014"}


def test_a_decoder_that_learns_on_leaves_the_shards_as_they_are(dataset, model, tmp_path):
    tensors, _ = read_weights(model / "vae.safetensors")
    tensors["head.bias"] = tensors["head.bias"] + 1
    save_weights(tmp_path / "vae.safetensors", tensors, torch.bfloat16)
    (tmp_path / "config.json").write_bytes((model / "config.json").read_bytes())
    assert shards.vae_hash(tmp_path) == shards.vae_hash(model) == shards.index_tokenizer(dataset)
    tensors["gain_C"] = tensors["gain_C"] * 2
    save_weights(tmp_path / "vae.safetensors", tensors, torch.bfloat16)
    assert shards.vae_hash(tmp_path) != shards.vae_hash(model)
    with pytest.raises(ValueError, match="another tokenizer"):
        mixed(tmp_path, Source(dataset))


def test_clips_keep_their_shapes(dataset, model):
    found = mixed(model, Source(dataset))
    shapes = {(b.frames, b.height, b.width): (b.clips, b.batch) for b in found.buckets}
    assert shapes == {
        (9, 96, 160): (3, 6), (49, 96, 160): (4, 1), (49, 160, 96): (3, 1),  # 15 tokens a latent frame
        (1, 64, 64): (2, 75), (1, 96, 160): (7, 20), (1, 160, 96): (3, 20),
    }  # fmt: skip
    assert sum(found.shares) == pytest.approx(1)
    stills = sum(share for share, bucket in zip(found.shares, found.buckets, strict=True) if bucket.frames == 1)
    assert stills == pytest.approx(mixture.STILLS)
    for step in range(20):
        batch = found.batch(step)
        assert batch.z_BCTHW.shape[1] == 4 and not batch.coverage_BTHW.any()
        assert batch.coverage_BTHW.shape == (len(batch.captions), *batch.z_BCTHW.shape[2:])
        numbers = (batch.z_BCTHW[:, 0, 0, 0, 0] * 127 / 5).round().int().tolist()  # what decode_int8 undid
        assert batch.captions == [f"clip number {number}" for number in numbers]


def test_every_clip_once_an_epoch(dataset, model):
    found = mixed(model, Source(dataset), stills=0.0)
    number = next(i for i, bucket in enumerate(found.buckets) if (bucket.frames, bucket.height) == (49, 96))
    steps = [step for step in range(400) if mixture.drawn_groups(0, 0, found.shares)[step] == number]
    seen = [caption for step in steps[:40] for caption in found.batch(step).captions]
    epochs = [seen[i : i + 4] for i in range(0, 40, 4)]
    assert all(sorted(epoch) == sorted(epochs[0]) and len(set(epoch)) == 4 for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) > 3  # in another order each time


@settings(deadline=None, max_examples=25)
@given(step=st.integers(0, 5000), seed=st.integers(0, 3), ranks=st.integers(1, 5))
def test_a_run_goes_on_from_any_step_with_any_number_of_processes(dataset, model, step, seed, ranks):
    through = mixed(model, Source(dataset), seed=seed)
    through.batch(max(0, step - 1))
    state, whole = through.state(), through.batch(step)
    shares = []
    for _ in range(ranks):  # processes that start here and know nothing but the state
        fresh = mixed(model, Source(dataset), seed=seed)
        fresh.restore(state)
        shares.append(fresh.batch(step))
    assert all(torch.equal(part.z_BCTHW, whole.z_BCTHW) and part.captions == whole.captions for part in shares)


def test_sets_are_mixed_by_their_weights(dataset, model, tmp_path, monkeypatch):
    other = encoded(tmp_path / "other", model, SIZES[:5], monkeypatch, "else")
    found = mixed(model, Source.parse(f"{dataset}:0.7"), Source.parse(f"{other}:0.3"))
    words = [found.batch(step).captions[0].split()[0] for step in range(600)]
    assert words.count("clip") / 600 == pytest.approx(0.7, abs=0.06)
    held = found.held_out()
    assert {name.split(":")[0] for name in held} == {dataset.name, "other"}
    assert all(not set(batch.captions) & {"clip number 0", "else number 0"} for batch in held.values())
    assert [(row["name"], row["clips"], row["licences"]) for row in found.about()] == [
        (dataset.name, 15, {"CC0": 15}), ("other", 5, {"CC0": 5})
    ]  # fmt: skip


def test_sets_in_folders_of_one_name_are_both_checked_on(dataset, model, tmp_path, monkeypatch):
    other = encoded(tmp_path / dataset.name, model, SIZES[:5], monkeypatch, "else")
    held = mixed(model, Source(dataset), Source(other)).held_out()
    assert {name.split(":")[0] for name in held} == {dataset.name, f"{dataset.name}-2"}
    words = {caption.split()[0] for batch in held.values() for caption in batch.captions}
    assert words == {"clip", "else"}


def test_data_that_changed_is_refused(dataset, model, tmp_path, monkeypatch):
    state = mixed(model, Source(dataset)).state()
    other = encoded(tmp_path / "other", model, SIZES[:6], monkeypatch)
    with pytest.raises(ValueError, match="has changed"):
        mixed(model, Source(other)).restore(state)


def test_what_cannot_be_learned_from_says_so(model, tmp_path, monkeypatch):
    with pytest.raises(FileNotFoundError, match="data encode"):
        mixed(model, Source(tmp_path))
    with pytest.raises(ValueError, match="weight above 0"):
        Source.parse("a:0")
    assert Source.parse("runs/a:0.5") == Source(tmp_path.__class__("runs/a"), 0.5)
    empty = encoded(tmp_path / "empty", model, [], monkeypatch)
    with pytest.raises(ValueError, match="no clip to train on"):
        mixed(model, Source(empty))


def test_a_clip_gives_its_beginning():
    from skyloom.base.sizes import Ruler

    lengths = {frames: given_frames(frames, 49, Ruler()) for frames in (1, 5, 9, 13, 17, 45, 49, 121)}
    assert lengths == {1: 1, 5: 5, 9: 9, 13: 9, 17: 17, 45: 33, 49: 49, 121: 49}
    assert given_frames(121, 121, Ruler()) == 121 and given_frames(5, 1, Ruler()) == 1


def test_captions_are_mixed_long_and_short():
    words = [{"source": "probe", "style": style, "language": "en", "text": style} for style in ("tags", "sentence", "dense")]
    rng = np.random.default_rng(0)
    drawn = [pick(words, rng) for _ in range(2000)]
    assert 1860 < drawn.count("dense") < 1940 and {"tags", "sentence"} <= set(drawn)
    assert {pick(words, rng, 0.0) for _ in range(50)} == {"tags", "sentence"}
    assert {pick(words, rng, 1.0) for _ in range(50)} == {"dense"}
    assert pick(words[:1], rng) == "tags"


def test_packs_hold_whole_clips_of_all_shapes(dataset, model):
    found = mixed(model, Source(dataset), tokens=400)
    packs = Packs(found, 400, 49)
    seen, full = [], []
    for step in range(80):
        pack = packs.batch(step)
        tokens = [z.shape[1] * z.shape[2] * z.shape[3] // 4 for z in pack.clips]
        assert sum(tokens) <= 400 or len(tokens) == 1
        numbers = [round(float(z[0, 0, 0, 0]) * 127 / 5) for z in pack.clips]
        assert pack.captions == [f"clip number {number}" for number in numbers]
        seen += [tuple(z.shape[1:]) for z in pack.clips]
        full.append(sum(tokens) / 400)
    assert {(13, 6, 10), (13, 10, 6), (3, 6, 10), (1, 4, 4)} <= set(seen)  # films of 49 and 9 frames, stills
    assert np.mean(full) > 0.9 and max(len(packs.batch(step).clips) for step in range(80)) > 5


def test_batches_read_ahead_are_the_same(dataset, model):
    alone, read = mixed(model, Source(dataset)), []
    inner = mixed(model, Source(dataset))
    made = inner.batch
    inner.batch = lambda step: (read.append(step), made(step))[1]
    ahead = Ahead(inner)
    for step in (0, 1, 2, 7, 8, 1):
        assert torch.equal(ahead.batch(step).z_BCTHW, alone.batch(step).z_BCTHW)
    ahead.reader.shutdown()
    assert read == [0, 1, 2, 3, 7, 8, 9, 1, 2]  # each once, and one more than was asked for


def test_packs_go_on_from_any_step(dataset, model):
    through = Packs(mixed(model, Source(dataset)), 300, 49)
    whole = [through.batch(step).captions for step in range(300)]
    for step in (299, 150, 0):
        assert Packs(mixed(model, Source(dataset)), 300, 49).batch(step).captions == whole[step]
    assert len({tuple(captions) for captions in whole}) > 100
