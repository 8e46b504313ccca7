"""Layouts of clips whose records are known: who is shown in which picture, what is told, and what stays as it was."""

import dataclasses

import cv2
import numpy as np
import pytest
import torch

from skyloom.config import Bucket
from skyloom.data.encode import stances_in_cells
from skyloom.data.loader import Batch, Loader
from skyloom.models.bundle import Bundle, load_bundle
from skyloom.models.dit import DiT
from skyloom.models.layout import GREY, SEEN, WAY, in_dots
from skyloom.models.places import SIDE
from skyloom.models.vae import VAE
from skyloom.models.vocabulary import Vocabulary
from skyloom.train import drawn, model
from skyloom.train.layouts import laid_of, layout_in, loop_of, shown_in
from skyloom.train.looks import known_nouns, names_of
from skyloom.worlds.art import sprite_frames
from skyloom.worlds.captions import all_words
from skyloom.worlds.nouns import core_nouns
from skyloom.worlds.sample import sample_scene
from skyloom.worlds.scene import Actor, Scene
from skyloom.worlds.storybook import cameras, render


@pytest.fixture
def bundle(tiny):
    """A model that remembers all of the cast: in few scenes of the tiny one somebody is whom it knows."""
    torch.manual_seed(0)
    everybody = known_nouns(len(core_nouns()))
    words = Vocabulary(sorted(all_words("en")), names_of(everybody))
    config = dataclasses.replace(tiny, text=dataclasses.replace(tiny.text, looks=len(everybody)))
    vae = VAE(tiny.vae)
    torch.nn.init.orthogonal_(vae.basis)
    dit = DiT(config.dit, config.text, config.vae.channels, len(words))
    dit.pictures.random_(0, 255)
    return Bundle(config, vae.eval(), dit, words)


def test_a_beat_shows_the_frames_that_the_clip_shows():
    noun = core_nouns()[0].key
    loop = sprite_frames(core_nouns()[0])
    assert shown_in(2).tolist() == [[0, 0], [0, 0], [1, 2], [3, 4]]
    shown = loop_of(noun, "", 0.0, shown_in(2) / 12)
    assert shown.shape == (4, 4, SIDE, SIDE)
    alpha = [np.mean([small(loop[f % len(loop)])[3] for f in beat], 0) / 255 for beat in ((0,), (0,), (1, 2), (3, 4))]
    assert np.allclose(shown[:, 3], alpha, atol=1e-3)
    red = loop_of(noun, "red", 0.0, shown_in(1) / 12)
    assert not np.allclose(red[0, :3], shown[0, :3]) and np.array_equal(red[0, 3], shown[0, 3])


def small(sprite: np.ndarray) -> np.ndarray:
    return cv2.resize(np.ascontiguousarray(sprite), (SIDE, SIDE), interpolation=cv2.INTER_AREA).transpose(2, 0, 1)


def test_a_layout_is_the_clip_without_its_light_and_its_place():
    """Drawn in a world of plain sprites: where a body covers a dot, layout and frame have the same colours, or nearly."""
    told, real = [], []
    for index in range(40):
        scene = sample_scene(5, index, split="train", seconds=17 / 12)
        if scene.light != "day" or len(scene.actors) > 1 or scene.weather != "clear":
            continue
        bucket = Bucket(1, 128, 128, 0, 0)
        stances = torch.from_numpy(stances_in_cells(scene, bucket, 0.5, 12, 16))
        dots = laid_of(scene, stances, 0.5, 12, (8, 8), len(core_nouns()))
        frames = torch.from_numpy(render(scene, 128, 128, 1, 12, start=0.5)).float() / 255
        frame = torch.nn.functional.avg_pool2d(frames[0].permute(2, 0, 1), 2)
        solid = dots[3, 1] > 0.99
        told.append(dots[:3, 1][:, solid] + GREY)
        real.append(frame[:, solid])
    told, real = torch.cat(told, 1), torch.cat(real, 1)
    assert told.shape[1] > 500
    assert np.corrcoef(told.flatten(), real.flatten())[0, 1] > 0.8


def test_a_layout_shows_the_pose_of_the_moment_or_what_is_remembered():
    noun = next(noun for noun in core_nouns() if len(sprite_frames(noun)) > 1)
    scene, stances = Scene(actors=(Actor(noun.key),)), torch.zeros(3, 1, 8)
    stances[..., :6] = torch.tensor([4.0, 0, 0, 0, 4, 0])
    posed, like = (laid_of(scene, stances, 0.2, 12, (4, 4), len(core_nouns()), posed=posed) for posed in (True, False))
    assert posed[:, 1:].std(1).max() > 0.01  # legs go
    assert torch.allclose(like, like[:, :1].expand_as(like), atol=1e-5)
    still = in_dots(stances[None], torch.from_numpy(loop_of(noun.key, "", 0.0, np.zeros((1, 1))))[None], (4, 4))
    assert torch.allclose(like, still[0], atol=1e-5)


def test_who_is_not_remembered_is_left_out():
    first, second = core_nouns()[:2]
    stances = torch.zeros(1, 3, 8)
    stances[..., :6] = torch.tensor([2.0, 0, 0, 0, 2, 0])
    stances[..., 7] = torch.tensor([1.0, -1.0, -1.0])
    scene = Scene(actors=(Actor(first.key), Actor(second.key)))
    assert laid_of(scene, stances, 0, 12, (4, 4), 1).abs().max() == 0
    assert laid_of(scene, stances, 0, 12, (4, 4), 2)[3].max() > 0.9


def test_what_is_made_while_drawing_is_what_records_say(tiny, bundle):
    buckets = tuple(dataclasses.replace(bucket, clips=40) for bucket in tiny.model.buckets if not bucket.window)
    learned = dataclasses.replace(tiny.model, buckets=buckets, phases=((0, (0.5, 0.5)),))
    config = dataclasses.replace(bundle.config, model=learned)
    stock = drawn.Stock(config, bundle.vae, bundle.vocabulary, 1)
    films = next(iter(drawn.Clips(config, bundle.vocabulary)))
    scenes = [scene for scene, *_ in stock.dataset().films(buckets[1], 0, config.fps)]
    stock.take(films)
    shelf, some = stock.shelves[1], torch.arange(5)
    kept = shelf.laid[some].float() / drawn.INT8, shelf.covered[some].float() / 255
    clips = shelf.z[some].float(), shelf.cover[some], shelf.stances[some]
    known = Batch(*clips, scenes[:5], [], "5", None, shelf.cameras[some], starts=[0.0] * 5)
    posed = shelf.posed[some]
    assert 0 < shelf.posed[: len(scenes)].mean() < 1
    said = layout_in(bundle, known, slice(0, 5), torch.ones(5), None, posed)
    assert torch.equal(said[:, 10, 0, 0, 0], posed)
    assert torch.allclose(said[:, :8], kept[0], atol=1 / drawn.INT8)
    assert torch.allclose(said[:, 8:9], kept[1], atol=0.01)
    assert said[:, 8].max() > 0.5  # somebody is there
    times = np.array([0, 2.5]) / config.fps
    assert np.allclose(shelf.cameras[0].numpy(), cameras(scenes[0], 64, 64, times))


def test_windows_know_no_camera_and_other_clips_that_of_their_scene(tiny, encoded):
    window, still, film = (
        Loader(encoded, dataclasses.replace(tiny.model, phases=((0, tuple(float(i == k) for i in range(3))),)), torch.ones(8))
        for k in range(3)
    )
    assert window.batch(0).cameras_BT5 is None
    batch = film.batch(0)
    assert np.allclose(batch.cameras_BT5[0], cameras(batch.scenes[0], 64, 64, np.array([0, 2.5]) / 12), atol=1e-6)
    assert still.batch(0).cameras_BT5.shape == (8, 1, 5)


def test_a_window_is_shown_its_pictures_and_no_camera(tiny, encoded, bundle):
    only = dataclasses.replace(tiny.model, phases=((0, (1.0, 0.0, 0.0)),))
    batch = Loader(encoded, only, torch.ones(8)).batch(0)
    layout = layout_in(bundle, batch, slice(0, 8), torch.ones(8))
    assert layout.shape[3:] == (2, 2) and layout[:, 8].max() > 0.5
    assert layout[:, -SEEN - WAY :].abs().max() == 0


def test_clips_without_records_have_no_layout(bundle):
    nobody = Batch(torch.zeros(1, 8, 1, 4, 4), torch.zeros(1, 1, 4, 4), torch.zeros(1, 1, 0, 8), [], ["a fox"], "1")
    assert layout_in(bundle, nobody, slice(0, 1), torch.ones(1)) is None


def test_the_prompts_encoder_stays_and_guidance_comes_late(tiny, encoded, tokenizer_run, tmp_path, monkeypatch):
    tokenizer = tokenizer_run / "export" / "vae.safetensors"
    how = dataclasses.replace(tiny.model, steps=4, guidance=2.0, guided_after=0.5, keep_text=True)
    config = dataclasses.replace(tiny, model=how)
    guided, learn = [], model.learned_guidance
    monkeypatch.setattr(model, "learned_guidance", lambda *a: (guided.append(1), learn(*a))[1])
    first = model.main(dataclasses.replace(config, model=dataclasses.replace(how, steps=1)), tmp_path / "a", encoded, tokenizer)
    assert not guided
    second = model.main(config, tmp_path / "b", encoded, tokenizer, init=first)
    assert len(guided) == 2
    old, new = (load_bundle(folder).dit.state_dict() for folder in (first, second))
    assert all(torch.equal(old[name], new[name]) for name in old if name.startswith("text."))
    assert not torch.equal(old["layout_in.weight"], new["layout_in.weight"])
