"""Counting of claims, and Wilson's interval."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skyloom.evals.adherence import Case, compare, score, tables, wilson
from skyloom.models.probe import ActorReading, Reading
from skyloom.worlds.nouns import core_nouns
from skyloom.worlds.scene import Actor, Scene

DOG, CAT, OTHER = (noun.key for noun in core_nouns()[:3])
SCENE = Scene((Actor(DOG, ("run",), colour="blue"), Actor(CAT, ("jump",), count=2)), "beach", "dawn", "rain", "still")


def reading(**changes) -> Reading:
    """A reading that agrees with SCENE, but for the changes."""
    actors = tuple(ActorReading(a.noun, a.actions, a.count, a.colour, a.heading, {}) for a in SCENE.actors)
    ranked = ((DOG, 0.9), (CAT, 0.8), (OTHER, 0.1))
    right = Reading(actors, SCENE.place, SCENE.light, SCENE.weather, SCENE.camera, {}, ranked)
    return dataclasses.replace(right, **changes)


def test_a_right_reading_holds_every_claim():
    found = compare(SCENE, reading())
    assert all(all(held) for held in found.values())
    assert set(found) >= {"two nouns", "count", "colour", "place", "light", "weather", "camera", "action"}


def test_each_claim_is_held_against_its_own_field():
    wrong = compare(SCENE, reading(place="desert", ranked=((DOG, 0.9), (OTHER, 0.8))))
    assert wrong["place"] == [False] and wrong["two nouns"] == [False] and wrong["light"] == [True]


def test_a_still_makes_no_claim_about_motion():
    assert not {"camera", "action", "second action", "heading"} & set(compare(SCENE, reading(), still=True))


def test_who_is_chased_is_not_asked_what_it_does():
    chase = dataclasses.replace(SCENE, actors=(Actor(DOG, ("chase",), partner=1), Actor(CAT, ("run",))))
    actors = tuple(ActorReading(a.noun, a.actions, 1, "", 1, {}) for a in chase.actors)
    assert compare(chase, reading(actors=actors))["action"] == [True]


@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_interval_holds_the_rate(counts):
    hits, trials = counts
    low, high = wilson(hits, trials)
    assert 0 <= low <= hits / trials <= high <= 1


def test_the_interval_is_known():
    assert wilson(90, 100) == pytest.approx((0.8256, 0.9448), abs=1e-4)
    assert wilson(0, 0) == (0, 1)


def test_the_table_shows_rates_and_ceilings():
    value = score(9, 10) | {"relative": 0.95}
    row = {"name": "generated", "source": "generated", "split": "val", "frames": 17, "scores": {"place": value}}
    text = tables({"rows": [row]})
    assert "| generated | 90.0 (60-98, 10) |" in text and "| generated | 95.0 |" in text
    assert Case("x").ceiling == ("val", 17)
