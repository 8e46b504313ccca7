"""Captions that say what is sure: facts are counted as they are stated, and nothing is said of what is left open."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from skyloom.data.caption import scene_of
from skyloom.evals import captions
from skyloom.models.probe import ActorReading, Reading
from skyloom.worlds.captions import LANGUAGES, STYLES, caption
from skyloom.worlds.lexicon_en import DIRECTIONS
from skyloom.worlds.sample import sample_scene
from skyloom.worlds.scene import Actor, Scene

FOX = Actor("fox", ("run",), 2, "red", heading=-1)
TRUTH = Scene((FOX, Actor("cat", ("jump",))), "snow", "night", "rain", "pan left")


def test_the_truth_is_right_about_itself():
    found = captions.facts(TRUTH, TRUTH)
    assert all(all(right) for right in found.values())
    assert {fact: len(right) for fact, right in found.items()} == {
        "noun": 2, "count": 2, "colour": 1, "action": 2, "heading": 1, "place": 1, "light": 1, "weather": 1, "camera": 1
    }  # fmt: skip


def test_facts_about_an_actor_that_is_not_there_are_wrong():
    found = captions.facts(Scene((replace(FOX, noun="wolf"),), "snow", "day", "rain", ""), TRUTH)
    assert not any(found["noun"] + found["count"] + found["colour"] + found["action"] + found["heading"] + found["light"])
    assert found["place"] == found["weather"] == [True] and "camera" not in found


def test_what_the_probe_is_unsure_of_is_left_open():
    sure = {"noun": 0.9, "action": 0.5, "colour": 0.9, "heading": 0.3}
    reading = Reading(
        (ActorReading("fox", ("run", "jump"), 1, "red", -1, sure), ActorReading("cat", ("walk",), 1, "", 1, {"noun": 0.6})),
        "snow", "night", "rain", "orbit", {"camera": 0.4}, (),
    )  # fmt: skip
    told = scene_of(reading, 4.0)
    assert told.actors == (replace(told.actors[0], noun="fox", actions=(), colour="red", heading=0),) and told.camera == ""
    everything = scene_of(reading, 4.0, 0.0)
    assert len(everything.actors) == 2 and everything.camera == "orbit" and everything.actors[0].actions == ("run", "jump")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("style", STYLES)
def test_nothing_is_said_of_what_is_open(language, style):
    """Words for any scene with all of it open: the same whatever was left out, and no direction."""
    for index in range(40):
        scene = sample_scene(5, index, split="val", seconds=4.0)
        bare = tuple(replace(actor, actions=(), heading=0, partner=-1) for actor in scene.actors)
        said = caption(replace(scene, actors=bare, camera="", relation=""), language, style)
        turned = tuple(replace(actor, x=0.5) for actor in bare)
        assert said and said == caption(replace(scene, actors=turned, camera="", relation=""), language, style)
        assert "{" not in said and "  " not in said
        walking = tuple(replace(actor, actions=("walk",), heading=0, partner=-1) for actor in scene.actors)
        text = caption(replace(scene, actors=walking, camera="", relation=""), language, style).lower()
        assert text and (language == "zh" or not any(way in text for ways in DIRECTIONS.values() for way in ways))


def test_a_probe_that_knows_all_tells_all():
    def read(frames, fps):
        actors = tuple(ActorReading(a.noun, a.actions, a.count, a.colour, a.heading, {}) for a in bench.now.actors)
        return Reading(actors, bench.now.place, bench.now.light, bench.now.weather, bench.now.camera, {}, ())

    def real(scene, frames):
        bench.now = scene

    bench = SimpleNamespace(n=6, seed=3, probe=SimpleNamespace(read=read), real=real, say=lambda *words: None)
    result = captions.main(bench, (captions.Case("all"),))
    [row] = result["rows"]
    assert row["all"]["rate"] == 1.0 and row["share"] > 0.8
    assert "100.0" in captions.tables(result)
