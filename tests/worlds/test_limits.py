"""What is more than a scene holds becomes the most that it holds, and what cannot be is said."""

import pytest

from skyloom.worlds.expand import completed, read_facts
from skyloom.worlds.limits import limited, shown, undenied
from skyloom.worlds.nouns import load_nouns


def drawn(noun: str) -> bool:
    return load_nouns()[noun].core


@pytest.mark.parametrize(
    ("text", "held"),
    [
        ("five penguins", "four penguins"),
        ("100 small ducks swim", "four small ducks swim"),
        ("Many red balloons", "Four red balloons"),
        ("a flock of birds flies by", "four birds flies by"),
        ("a school of fish", "four fish"),
        ("three cats and two dogs", "three cats and a dog"),
        ("a cat and five owls", "a cat and three owls"),
        ("two cats and two big owls", "two cats and a big owl"),
        ("foxes run", "three foxes run"),
        ("some foxes", "three foxes"),
        ("cats and dogs", "three cats and a dog"),
        ("六只企鹅", "四只企鹅"),
        ("一群企鹅在雪地里走", "四只企鹅在雪地里走"),
        ("很多红色的气球", "四个红色的气球"),
        ("六只猫和三只狗", "三只猫和一只狗"),
    ],
)
def test_a_scene_holds_four_bodies_and_of_two_kinds_one_in_numbers(text, held):
    told, notes = shown(text, drawn)
    assert told == held and notes
    assert limited(told, drawn)[1] == []


@pytest.mark.parametrize(
    "text", ["four penguins", "two cats run. The cats jump.", "three cats and a dog", "a fox", "两只猫", "a sheep"]
)
def test_what_a_scene_holds_stays(text):
    assert shown(text, drawn) == (text, [])


def test_a_third_kind_is_said_to_be_missing():
    text, notes = shown("a fox, a rabbit and a bear", drawn)
    assert text == "a fox, a rabbit and a bear"
    assert notes == ["fox, rabbit, bear: a scene of this model holds two kinds at most; bear may be missing"]


def test_notes_say_what_was_asked_and_what_is_read():
    assert shown("five penguins", drawn)[1] == ["five penguins: more than a scene of this model holds; read as 'four penguins'"]
    assert shown("foxes run", drawn)[1] == ["foxes: how many is not said; read as 'three foxes'"]


@pytest.mark.parametrize(
    ("text", "left", "gone"),
    [
        ("a cat no dog", "a cat", "no dog"),
        ("a cat, but no dogs, at night", "a cat, at night", "but no dogs"),
        ("a cat without a dog or birds runs", "a cat runs", "without a dog or birds"),
        ("a meadow without trees", "a meadow", "without trees"),
        ("a street with no rain", "a street", "with no rain"),
        ("一只猫，没有狗", "一只猫", "没有狗"),
        ("没有人的街道", "街道", "没有人"),
    ],
)
def test_what_is_denied_is_not_drawn(text, left, gone):
    assert undenied(text) == (left, [f"{gone}: left out, since whatever is named is drawn"])


@pytest.mark.parametrize("text", ["a cat with no name", "nobody", "no", "there is nothing in the meadow", "没有尾巴的猫"])
def test_what_is_denied_and_could_not_be_drawn_stays(text):
    assert undenied(text) == (text, [])


@pytest.mark.parametrize("text", ["a black cat runs", "a white horse", "a big brown dog", "一匹白色的马", "一只灰狼"])
def test_colours_that_nobody_is_painted_in_are_said(text):
    notes = shown(text, drawn)[1]
    assert len(notes) == 1 and ("no colour" in notes[0] or "a cat is drawn instead" in notes[0])


def test_colours_in_names_and_lights_are_none():
    assert shown("a great white shark and a black-eyed dog", drawn)[1] == []
    assert shown("白天的一只猫", drawn)[1] == []


@pytest.mark.parametrize(("text", "place"), [("a cat in a cauldron", "in a cauldron"), ("一只猫在魑魅里", "在魑魅里")])
def test_a_place_that_nobody_knows_is_said(text, place):
    assert shown(text, drawn)[1] == [f"{place}: no place that this model knows; try another, for example 'in a forest'"]
    assert shown(f"{text}, in a forest" if "cat" in text else f"{text}，在森林里", drawn)[1] == []


@pytest.mark.parametrize("text", ["a cat in a hat", "a fox in the rain", "a fox in the light of dawn", "foxes in a row"])
def test_what_is_no_place_is_not_said_to_be_one(text):
    assert not any("no place" in note for note in shown(text, drawn)[1])


def test_the_place_that_is_filled_in_never_contradicts_one_that_is_named():
    for text in ("a cat in the kitchen", "a fox in a garden", "a dog on the moon", "一只狐狸在公园里"):
        full, _ = completed(shown(text, drawn)[0], 5)
        places = [fact for fact in read_facts(full, "zh" if "狐" in text else "en") if fact.kind == "place"]
        assert len(places) == 1
