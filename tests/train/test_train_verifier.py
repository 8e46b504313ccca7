"""The verifier learns what plans of the world show and what prompts ask for, and a stopped run goes on to the same bits."""

import dataclasses

import pytest
import torch

from skyloom.base.checkpoint import load_latest, read_weights
from skyloom.generate import fingerprint
from skyloom.models.bodies import BODIES
from skyloom.models.bundle import VERIFIER, Bundle, load_bundle, save_bundle
from skyloom.models.dit import DiT
from skyloom.models.staging import Staging, scaled
from skyloom.models.text import Names, spoken_of
from skyloom.models.vae import VAE
from skyloom.models.verifier import Verifier
from skyloom.models.vocabulary import Vocabulary
from skyloom.train import staging, verifier
from skyloom.train.looks import known_nouns, names_of
from skyloom.worlds.captions import LANGUAGES, all_words
from skyloom.worlds.scene import ACTIONS, CAMERAS


@pytest.fixture(scope="module")
def model(tiny, tmp_path_factory):
    """An untrained model that knows the cast by name."""
    vocabulary = Vocabulary([w for language in LANGUAGES for w in all_words(language)], names_of(known_nouns(tiny.text.looks)))
    torch.manual_seed(0)
    stager = Staging(tiny.staging, tiny.text)
    bundle = Bundle(tiny, VAE(tiny.vae), DiT(tiny.dit, tiny.text, tiny.vae.channels, len(vocabulary)), vocabulary, stager)
    folder = tmp_path_factory.mktemp("model")
    save_bundle(bundle, folder)
    return folder


def with_verifier(config, **changes):
    return dataclasses.replace(config, verifier=dataclasses.replace(config.verifier, **changes))


def test_a_stopped_run_continues_to_the_same_bits(tiny, model, tmp_path):
    config = with_verifier(tiny, steps=4)
    whole = verifier.main(config, tmp_path / "whole", model)
    for _ in range(2):  # each stops after a step
        verifier.main(config, tmp_path / "parts", model, minutes=0)
    assert load_latest(tmp_path / "parts")["step"] == 2
    parts = verifier.main(config, tmp_path / "parts", model)
    one, other = (read_weights(folder / VERIFIER)[0] for folder in (whole, parts))
    assert one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)
    with pytest.raises(ValueError, match="other settings"):
        verifier.main(with_verifier(tiny, steps=5), tmp_path / "whole", model)
    with pytest.raises(ValueError, match="as they come"):
        verifier.main(with_verifier(tiny, depth=0), tmp_path / "no", model)
    with pytest.raises(ValueError, match="the world has 19 and 10"):
        verifier.main(with_verifier(tiny, cameras=3), tmp_path / "no", model)


def test_labels_are_what_the_records_say(tiny, model):
    bundle = load_bundle(model)
    many = dataclasses.replace(tiny, staging=dataclasses.replace(tiny.staging, batch=48))
    drawn, checked = staging.Batches(many, model), 0
    keys = [noun.key for noun in known_nouns(tiny.text.looks)]
    for step in range(8):
        batch = drawn[step]
        labels = verifier.labels_of(batch, bundle.vocabulary)
        assert [CAMERAS[k] for k in labels.camera_BC.tolist()] == [scene.camera for scene in batch.scenes]
        for b, (scene, text) in enumerate(zip(batch.scenes, batch.texts, strict=True)):
            for q, look in enumerate(bundle.vocabulary.looks(text)):
                actor = next((actor for actor in scene.actors if actor.noun == keys[look]), None)
                assert int(labels.count_BQK1[b, q]) == (min(actor.count, BODIES) if actor else 0)
                known = int(labels.action_BQA[b, q])
                if known >= 0:
                    assert ACTIONS[known] == actor.actions[0]
                    assert int(labels.second_BQA1[b, q]) == (1 + ACTIONS.index(actor.actions[1]) if actor.actions[1:] else 0)
                    checked += 1
                if int(labels.heading_BQ2[b, q]) >= 0:
                    assert int(labels.heading_BQ2[b, q]) == (actor.heading > 0)
    assert checked > 5


def test_it_learns_both_sides_and_finds_what_a_plan_shows_likelier(tiny, model):
    batch, stager = verifier.Batches(with_verifier(tiny, batch=16), model)[2], load_bundle(model).staging
    torch.manual_seed(0)
    new = Verifier(tiny.verifier, tiny.text)
    before, optimiser = verifier.validate(new, stager, [batch], tiny), torch.optim.AdamW(new.parameters(), 3e-3)
    for _ in range(150):
        verifier.claims_loss(new, stager, batch, tiny, 0).backward()
        optimiser.step()
        optimiser.zero_grad()
    assert verifier.validate(new, stager, [batch], tiny) < 0.4 * before
    words, plans = batch.plans, scaled(batch.plans.plan_BFTS1, stager)
    with torch.no_grad():
        found = []
        for b in range(len(plans)):
            one = slice(b, b + 1)
            asked = new.asked(words.text_BLE[one], words.mask_BL[one], words.slots_BL[one], words.looks_BQ[one])
            other = asked._replace(camera_BC=-asked.camera_BC, action_BQA=-asked.action_BQA)
            found.append(bool(new(plans[one], words.looks_BQ[one], asked) > new(plans[one], words.looks_BQ[one], other)))
    assert sum(found) >= 0.75 * len(found)


def test_a_word_is_known_by_the_look_that_it_names(model):
    vocabulary = load_bundle(model).vocabulary
    name = next(called for names in vocabulary.names for called in names if " " in called)
    text = f"the zyx sees a {name} and falls"
    look = vocabulary.look(name)
    marks = vocabulary.marks(text)
    assert len(marks) == len(vocabulary.encode(text)) and marks.count(look) == len(vocabulary.encode(name))
    slots = vocabulary.slots([text, ""], [[look], [look]], 6)
    assert slots.shape == (2, 6) and set(slots[0].tolist()) <= {0, -1} and (slots[1] == -1).all()


def test_words_speak_of_the_look_that_was_named_last():
    slots = torch.tensor([[-1, 0, -1, 1, 1, -1], [-1] * 6])
    assert spoken_of(slots).tolist() == [[-1, 0, 0, 1, 1, 1], [-1] * 6]
    names = Names(8)
    said = names(slots)
    assert (said[1] == 0).all() and (said[0, 0] == 0).all()
    assert torch.equal(said[0, 2], names.tables[1].weight[0]) and torch.equal(said[0, 3], said[0, 4])


def test_it_joins_the_model_of_its_run(tiny, model, tmp_path):
    verifier.main(with_verifier(tiny, steps=2), tmp_path / "run" / "verifier", model)
    save_bundle(load_bundle(model), tmp_path / "run" / "model" / "export")
    assert load_bundle(model).verifier is None
    bundle = load_bundle(tmp_path / "run")
    assert bundle.verifier is not None
    save_bundle(bundle, tmp_path / "copy")
    assert fingerprint(load_bundle(tmp_path / "copy")) == fingerprint(bundle) != fingerprint(load_bundle(model))
