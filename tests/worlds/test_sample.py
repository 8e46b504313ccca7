"""Sampled scenes: the same for the same arguments, sensible, complete, and split by combination."""

import dataclasses
from collections import Counter

import pytest

from skyloom.worlds.nouns import core_nouns, load_nouns
from skyloom.worlds.sample import (
    ALLOWED,
    ANYTHING,
    HELD_OUT,
    HOMES,
    INDOORS,
    PARTNERED,
    PLACE_PROPS,
    SPLITS,
    STAYS,
    held_out,
    held_out_pairs,
    homes,
    is_held_out,
    sample_scene,
)
from skyloom.worlds.scene import ACTIONS, CAMERAS, COLOURS, LIGHTS, PLACES, PROPS, RELATIONS, SIZES, TRAVELS, WEATHERS, Scene


@pytest.fixture(scope="module")
def scenes() -> list[Scene]:
    return [sample_scene(0, index) for index in range(2500)]


def test_same_arguments_same_scene():
    for split in SPLITS:
        assert sample_scene(3, 7, split=split) == sample_scene(3, 7, split=split)
    assert len({sample_scene(seed, index) for seed in range(5) for index in range(5)}) == 25


def test_records_survive_json(scenes):
    for scene in scenes[:300]:
        assert Scene.from_json(scene.to_json()) == scene


def test_every_label_occurs(scenes):
    assert {scene.place for scene in scenes} == set(PLACES)
    assert {scene.light for scene in scenes} == set(LIGHTS)
    assert {scene.weather for scene in scenes} == set(WEATHERS)
    assert {scene.camera for scene in scenes} == set(CAMERAS)
    assert {scene.relation for scene in scenes} == set(RELATIONS)
    assert {prop.kind for scene in scenes for prop in scene.props} == set(PROPS)
    actors = [actor for scene in scenes for actor in scene.actors]
    assert {action for actor in actors for action in actor.actions} == set(ACTIONS)
    assert {actor.colour for actor in actors} == {"", *COLOURS}
    assert {actor.size for actor in actors} == set(SIZES)
    assert {actor.count for actor in actors} == {1, 2, 3, 4}


def test_shares_are_as_designed(scenes):
    n = len(scenes)
    alone = sum(len(s.actors) == 1 and s.actors[0].count == 1 for s in scenes) / n
    pairs = sum(len(s.actors) == 2 and s.actors[0].count == 1 for s in scenes) / n
    assert alone == pytest.approx(0.5, abs=0.07) and pairs == pytest.approx(0.3, abs=0.07)
    assert sum(s.weather == "clear" for s in scenes) / n == pytest.approx(0.52, abs=0.08)
    assert sum(s.camera == "still" for s in scenes) / n == pytest.approx(0.35, abs=0.05)
    solos = [s.actors[0] for s in scenes if len(s.actors) == 1 and s.actors[0].count == 1]
    assert sum(len(a.actions) == 2 for a in solos) / len(solos) == pytest.approx(0.24, abs=0.06)


def test_every_noun_leads_equally_often():
    cast = core_nouns()[:30]
    leads = Counter(sample_scene(1, index, cast=cast).actors[0].noun for index in range(90))
    assert set(leads.values()) == {3} and len(leads) == 30


def test_actions_suit_nouns_and_places(scenes):
    nouns = load_nouns()
    for scene in scenes:
        for actor in scene.actors:
            for action in actor.actions:
                assert (
                    action in nouns[actor.noun].can
                    or action in ANYTHING
                    or (action == "circle" and scene.place in ("space", "sky"))
                )
                assert action in ALLOWED[scene.place] or action in PARTNERED
                assert (actor.partner >= 0) == (action in PARTNERED)


def test_the_sky_is_sensible(scenes):
    for scene in scenes:
        if scene.place in INDOORS or scene.place == "underwater":
            assert scene.weather == "clear"
        if scene.weather == "stars":
            assert scene.light == "night" or scene.place == "space"
        assert scene.place != "space" or scene.weather in ("clear", "stars")
        assert {prop.kind for prop in scene.props} <= set(PLACE_PROPS[scene.place])


def test_a_camera_follows_only_who_travels(scenes):
    for scene in scenes:
        assert scene.camera != "follow" or set(scene.actors[0].actions) & set(TRAVELS)


def test_relations_agree_with_positions(scenes):
    for scene in scenes:
        if not scene.relation:
            continue
        first, second = scene.actors
        assert {first.actions[0], second.actions[0]} <= set(STAYS)
        if scene.relation in ("left of", "right of"):
            assert (first.x < second.x) == (scene.relation == "left of") and abs(first.x - second.x) > 0.5
        else:
            assert (first.depth < second.depth) == (scene.relation == "behind") and abs(first.x - second.x) > 0.2


def test_partners_face_each_other_or_run_the_same_way(scenes):
    for scene in scenes:
        first = scene.actors[0]
        if first.actions == ("chase",):
            assert first.heading == scene.actors[1].heading and (scene.actors[1].x - first.x) * first.heading > 0
            assert scene.actors[1].actions[0] in TRAVELS
        if first.actions == ("meet",):
            assert first.heading == -scene.actors[1].heading and (scene.actors[1].x - first.x) * first.heading > 0


def test_positions_and_bodies_stay_within_bounds(scenes):
    for scene in scenes:
        assert 1 <= sum(actor.count for actor in scene.actors) <= 4
        assert all(0.35 <= actor.depth <= 0.86 and abs(actor.x) <= 0.6 for actor in scene.actors)
        assert len(scene.props) <= 5 and sum(p.depth > max(a.depth for a in scene.actors) for p in scene.props) <= 2
        assert all(0 <= prop.depth <= 1 and abs(prop.x) <= 1 for prop in scene.props)


def test_fewest_bodies_and_short_clips():
    for index in range(60):
        scene = sample_scene(2, index, max_actors=1, seconds=1.5)
        assert len(scene.actors) == 1 and scene.actors[0].count == 1 and len(scene.actors[0].actions) == 1


def test_training_never_shows_what_is_held_out(scenes):
    assert not any(is_held_out(scene) for scene in scenes)
    assert not any(is_held_out(sample_scene(0, index, split="val")) for index in range(300))
    assert all(held_out_pairs(sample_scene(0, index, split="heldout")) for index in range(300))


def test_each_noun_misses_one_place_and_one_colour():
    for noun in load_nouns():
        assert sum(held_out("place", noun, place) for place in PLACES) == 1
        assert sum(held_out("colour", noun, colour) for colour in COLOURS) == 1
    cells = [held_out("action", noun, action) for noun in load_nouns() for action in ACTIONS]
    assert sum(cells) / len(cells) == pytest.approx(1 / HELD_OUT["action"], rel=0.15)


def test_held_out_pairs_are_named():
    scene = sample_scene(0, 0)
    noun = scene.actors[0].noun
    place = next(place for place in PLACES if held_out("place", noun, place))
    colour = next(colour for colour in COLOURS if held_out("colour", noun, colour))
    actor = dataclasses.replace(scene.actors[0], colour=colour)
    assert set(held_out_pairs(dataclasses.replace(scene, actors=(actor,), place=place))) >= {(noun, place), (colour, noun)}


def test_splits_share_no_seed():
    seeds = {split: {sample_scene(0, index, split=split).seed for index in range(200)} for split in SPLITS}
    assert not seeds["train"] & seeds["val"] and not seeds["train"] & seeds["heldout"]


def test_homes_are_places():
    assert {place for places in HOMES.values() for place in places} <= set(PLACES)
    assert all(set(homes(noun)) <= set(PLACES) for noun in load_nouns().values())


@pytest.mark.parametrize("wrong", [{"split": "test"}, {"max_actors": 0}, {"max_actors": 5}, {"cast": []}])
def test_wrong_arguments_are_named(wrong):
    with pytest.raises(ValueError, match=f"{next(iter(wrong))}: got"):
        sample_scene(0, 0, **wrong)
