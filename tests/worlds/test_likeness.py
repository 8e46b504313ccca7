"""What people say and the storybook has not: the nearest that it has, said so; its own words stay as they are."""

import pytest

from skyloom.worlds.captions import caption
from skyloom.worlds.expand import read_facts, world_words
from skyloom.worlds.likeness import _likes, _rows, _table, likened
from skyloom.worlds.limits import shown
from skyloom.worlds.nouns import load_nouns
from skyloom.worlds.prompt import tongue_of
from skyloom.worlds.sample import sample_scene
from skyloom.worlds.scene import PLACES


def drawn(noun: str) -> bool:
    return load_nouns()[noun].core


def read(text: str) -> str:
    return shown(text, drawn)[0]


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("style", ["tags", "sentence", "dense"])
def test_what_the_world_says_itself_stays_as_it_is(language, style):
    for i in range(150):
        text = caption(sample_scene(31, i), language, style)
        assert shown(text, drawn) == (text, [])


@pytest.mark.parametrize(
    ("text", "instead"),
    [
        ("a donkey walks in a meadow", "a horse walks in a meadow"),
        ("a person walks on the beach", "a man walks on the beach"),
        ("a child runs", "a boy runs"),
        ("three geese swim", "three ducks swim"),
        ("two kids", "two boys"),
        ("an ox and an elk", "a cow and a deer"),
        ("Donkeys run", "Three horses run"),
        ("a volcano", "a fire"),
        ("a husky barks", "a dog stands"),
        ("a mouse eats cheese", "a mouse stands with piece of cheese"),
        ("一头驴在草地上走", "一匹马在草地上走"),
        ("两个小孩", "两个男孩"),
        ("一只鸵鸟", "一只火烈鸟"),
        ("一只熊猫在吃苹果", "一只熊猫和苹果"),
        ("飞机在城市上空", "飞机在街道上空"),
    ],
)
def test_who_has_no_picture_gives_way_to_the_nearest_who_has(text, instead):
    assert read(text) == instead
    assert not any(f.kind in ("noun", "nouns") and not drawn(f.label) for f in read_facts(read(text), tongue_of(text)))


def test_a_note_says_who_is_drawn_instead():
    assert shown("a donkey", drawn)[1] == ["donkey: not among what this model draws; a horse is drawn instead"]
    assert shown("two geese", drawn)[1] == ["geese: not among what this model draws; ducks are drawn instead"]
    assert shown("bread", drawn)[1] == []  # a loaf of it is no other thing


def test_every_noun_of_the_table_has_a_likeness_that_has_a_picture():
    for noun in load_nouns().values():
        if not noun.core:
            assert read(f"a {noun.key} spins") != f"a {noun.key} spins", noun.key
    assert all(drawn(like) for like in _likes().values())


def test_who_is_there_already_takes_no_other_part():
    text, notes = shown("a donkey chases a horse", drawn)
    first = next(fact.label for fact in read_facts(text, "en") if fact.kind == "noun")
    assert first != "horse" and load_nouns()[first].category == "animal" and len(notes) == 1


def test_a_name_that_somebody_brought_a_picture_for_stays():
    assert likened("a donkey in the park", drawn, ["donkey"])[0] == "a donkey at a playground"
    assert likened("the park dances", drawn, ["Park"])[0] == "the park sways"
    assert likened("a donkey", lambda noun: noun == "donkey") == ("a donkey", [])
    assert likened("a donkey", lambda noun: False) == ("a donkey", [])  # a model without pictures


def test_scenery_stays_where_it_is_and_is_drawn_as_an_actor_where_it_acts():
    assert read("a fox jumps over a rock") == "a fox jumps over a rock"
    assert read("the cactus dances") == "the potted plant sways"
    assert read("a cloud spins") == "a rain cloud spins"


def test_parts_of_somebody_are_no_actors():
    assert read("a fox with big eyes and ears") == "a fox with big eyes and ears"
    assert read("an ear") == "a smiley"


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("a cat in the kitchen", "kitchen table"),
        ("a cat in a garden", "meadow"),
        ("a fox in the jungle", "forest"),
        ("a fox in the big crowded city", "street"),
        ("a fox in the city at night", "night city"),
        ("a dog on the moon", "space"),
        ("ducks on a lake", "sea"),
        ("a boy in his room", "bedroom"),
        ("an eagle over snow-capped mountains", "mountains"),
        ("a snowy peak", "mountains"),
        ("a car goes up a hill", "mountains"),
        ("a chef in a restaurant kitchen", "kitchen table"),
        ("jungle, fox", "forest"),
        ("一只猫在厨房里", "kitchen table"),
        ("一只狐狸在公园里", "playground"),
        ("一条鱼在湖里游", "sea"),
        ("城市里的狗", "street"),
    ],
)
def test_places_have_other_names(text, place):
    told, notes = shown(text, drawn)
    assert [fact.label for fact in read_facts(told, tongue_of(text)) if fact.kind == "place"] == [place]
    assert any("read as" in note for note in notes)


@pytest.mark.parametrize(
    ("text", "kind", "label"),
    [
        ("snow falls on a mountain", "weather", "snow"),
        ("falling snow and a fox", "weather", "snow"),
        ("a fox in a snowstorm", "weather", "snow"),
        ("rain falls on a fox", "weather", "rain"),
        ("a fox on a stormy day", "weather", "rain"),
        ("a fox in the wind", "weather", "leaves"),
        ("a foggy street", "light", "overcast"),
        ("autumn leaves fall on a fox", "weather", "leaves"),
        ("a fox at midnight", "light", "night"),
        ("a fox at noon", "light", "day"),
        ("a fox in the morning", "light", "dawn"),
        ("the sun sets", "light", "sunset"),
        ("a close-up of a fox", "camera", "zoom in"),
        ("drone shot of a fox", "camera", "zoom out"),
        ("bird's eye view of a fox", "camera", "zoom out"),
        ("a dog follows a cat", "action", "chase"),
        ("the camera follows a dog", "camera", "follow"),
        ("a fox dances", "action", "sway"),
        ("a fox slept", "action", "stand"),
        ("a fox jumped, then ran away", "action", "run"),
        ("a train goes by", "action", "drive"),
        ("a golden fox", "colour", "yellow"),
        ("暴风雨中的船", "weather", "rain"),
        ("半夜一只猫", "light", "night"),
        ("一只红狐狸", "colour", "red"),
        ("一只猫睡觉", "action", "stand"),
        ("一只猫特写", "camera", "zoom in"),
        ("一条龙在飞，镜头跟随", "camera", "follow"),
    ],
)
def test_everyday_words_are_read_as_words_of_the_world(text, kind, label):
    facts = read_facts(read(text), tongue_of(text))
    assert (kind, label) in {(fact.kind, fact.label) for fact in facts}


def test_a_view_from_above_is_no_bird():
    assert read("bird's eye view of a car on a bridge") == "zoom out, a car on a road"


def test_what_somebody_suffers_is_not_what_they_do():
    assert read("a cat is chased by a dog") == "a cat is chased by a dog"


def test_the_table_is_about_what_the_world_does_not_say():
    assert {row[0] for row in _rows()} == {"noun", "part", "place", "action", "say"}
    assert {row[1] for row in _rows() if row[0] == "place"} == set(PLACES)
    assert {row[1] for row in _rows() if row[0] == "noun"} <= {noun.key for noun in load_nouns().values() if noun.core}
    for language in ("en", "zh"):
        for key, meanings in world_words(language).items():
            pictured = [label for kind, label in meanings if kind in ("noun", "nouns") and drawn(label)]
            like = _table().get(key)
            assert like is None or like.quiet or like.label == "chase" or not pictured, key


def test_a_noun_before_another_is_nobody():
    assert likened("a giant wave", drawn)[0] == "a huge wave" and likened("a giant walks", drawn)[0] == "an ogre walks"
