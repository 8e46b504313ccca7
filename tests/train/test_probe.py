"""The probe learns, resumes, travels, and reads clips into valid records. Tiny networks and procedural sprites only."""

import dataclasses
import json

import numpy as np
import pytest
import torch

from skyloom.config import Bucket, Config, ProbeConfig
from skyloom.models.probe import Probe, load_probe, looks_of, picked, save_probe, to_input
from skyloom.train import probe as trainer
from skyloom.worlds.scene import ACTIONS, CAMERAS, COLOURS, LIGHTS, PLACES, WEATHERS
from skyloom.worlds.storybook import render

TINY = ProbeConfig(
    width=16, size=64, steps=6, warmup=2, buckets=(Bucket(1, 64, 64, 8, 4), Bucket(5, 64, 64, 8, 2)),
    phases=((0, (1.0, 0.0)), (3, (0.5, 0.5))), soften=0.0,
)  # fmt: skip


@pytest.fixture(autouse=True, scope="module")
def no_art(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SKYLOOM_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setattr(trainer, "VALIDATION", {1: 4, 5: 2})
        yield


@pytest.fixture(scope="module")
def shelf(no_art, tmp_path_factory) -> trainer.Shelf:
    """Eight clips of five frames."""
    return trainer.load_pool(Config(probe=TINY), tmp_path_factory.mktemp("pool"))[0][1]


def tiny_probe() -> Probe:
    torch.manual_seed(0)
    return Probe(TINY, trainer.world_labels()).eval()


def rows(run) -> list[dict]:
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


def test_it_overfits_eight_scenes(shelf):
    batch = shelf.batch(np.arange(8), 12)
    model = tiny_probe().train()
    optimiser = trainer.Optimisers(model, 3e-3, 0.0, muon=True)
    losses = []
    for _ in range(30):
        parts = trainer.loss_parts(model, batch, to_input(batch.looks_BFHWC))
        loss = torch.stack(list(parts.values())).sum()
        loss.backward()
        optimiser.step(1.0)
        losses.append(float(loss.detach()))
    assert np.isfinite(losses).all() and losses[-1] < 0.35 * losses[0]


def test_a_rerun_resumes_to_the_same_weights(tmp_path):
    config = Config(probe=TINY)
    trainer.main(config, tmp_path / "a", check_every=6, save_every=3)
    halfway = tmp_path / "b"
    trainer.main(config, halfway, minutes=0)  # stops after its first step, with everything saved
    assert rows(halfway)[-1]["step"] == 1
    trainer.main(config, halfway, check_every=6)
    a, b = (load_probe(run) for run in (tmp_path / "a", halfway))
    assert all(torch.equal(x, y) for x, y in zip(a.state_dict().values(), b.state_dict().values(), strict=True))
    assert 0 <= rows(tmp_path / "a")[-1]["place5"] <= 1


def test_other_settings_are_refused(tmp_path):
    trainer.main(Config(probe=TINY), tmp_path, minutes=0)
    with pytest.raises(ValueError, match="other settings"):
        trainer.main(Config(probe=dataclasses.replace(TINY, lr=1.0)), tmp_path)


@pytest.mark.parametrize("shape", [(1, 64, 64, 3), (5, 48, 80, 3), (17, 256, 128, 3), (60, 64, 64, 3)])
def test_a_reading_is_a_valid_record(shape):
    probe = tiny_probe()
    frames = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    reading = probe.read(frames)
    assert reading.place in PLACES and reading.light in LIGHTS and reading.weather in WEATHERS and reading.camera in CAMERAS
    assert 1 <= len(reading.actors) <= 4 and len(reading.ranked) == 8
    for actor in reading.actors:
        assert actor.noun in probe.labels.nouns and actor.colour in ("", *COLOURS) and actor.heading in (-1, 1)
        assert 1 <= actor.count <= 4 and 1 <= len(actor.actions) <= 2 and set(actor.actions) <= set(ACTIONS)
        assert all(0 <= p <= 1 for p in actor.sure.values())
    assert probe.features(frames).shape == (48,)


def test_asked_nouns_come_back_in_order():
    probe = tiny_probe()
    frames, asked = np.zeros((5, 64, 64, 3), np.uint8), ("rabbit", "dog")
    assert tuple(actor.noun for actor in probe.read(frames, asked=asked).actors) == asked
    where = probe.locate(frames, "dog")
    assert where.shape == (3, 4, 4) and (0 <= where).all() and (where <= 1).all()
    with pytest.raises(ValueError, match="never learned 'gryphon'"):
        probe.read(frames, asked=("gryphon",))


def test_frames_that_are_no_frames_are_refused():
    with pytest.raises(ValueError, match="wanted uint8"):
        tiny_probe().read(np.zeros((5, 64, 64), np.uint8))


def test_looks_take_every_second_frame_and_the_change_around_it():
    assert picked(1).tolist() == [0] and len(picked(17)) == 9 and len(picked(49)) == 13 and len(picked(500)) <= 13
    frames = np.arange(17, dtype=np.uint8)[:, None, None, None] * np.ones((1, 64, 64, 3), np.uint8)
    looks, times = looks_of(frames, 64)
    assert looks.shape == (9, 64, 64, 5) and times[-1] == pytest.approx(16 / 12)
    assert (looks[1:-1, ..., 3] == 127).all() and (looks[1:-1, ..., 4] == 129).all() and (looks[0, ..., 3] == 128).all()


def test_a_probe_travels(tmp_path):
    probe = tiny_probe()
    save_probe(probe, tmp_path)
    again, frames = load_probe(tmp_path), np.zeros((5, 64, 64, 3), np.uint8)
    assert again.labels == probe.labels
    assert np.allclose(again.features(frames), probe.features(frames), atol=0.03)
    with pytest.raises(FileNotFoundError, match="no probe"):
        load_probe(tmp_path / "nowhere")


def test_softening_keeps_the_shape(shelf):
    batch = shelf.batch(np.arange(3), 12)
    soft = trainer.soften(batch, dataclasses.replace(TINY, soften=1.0), torch.Generator().manual_seed(0))
    assert soft.shape == (3, 3, 5, 64, 64) and torch.isfinite(soft).all()


def test_the_truth_fits_the_picture(shelf):
    truth, nouns = trainer.answers(shelf.scenes, still=False)
    stills, _ = trainer.answers(shelf.scenes, still=True)
    assert (stills["camera"] == -1).all() and (stills["action"] == -1).all() and (truth["camera"] >= 0).all()
    frames = render(shelf.scenes[0], 64, 64, 5, 12)
    assert (looks_of(frames, 64)[0] == shelf.looks[0][0]).all()
    assert trainer.world_labels().nouns[int(nouns[0, 0])] == shelf.scenes[0].actors[0].noun
