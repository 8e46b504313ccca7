"""Short prompts told in full: every stated fact stays, what is open is filled in, in the prompt's language."""

import random
import re

import pytest

from skyloom.worlds import captions, lexicon_en, lexicon_zh
from skyloom.worlds.captions import caption
from skyloom.worlds.expand import _actors, _scene, colours_of, completed, expand, in_the_picture, lost, read_facts
from skyloom.worlds.nouns import load_nouns
from skyloom.worlds.sample import sample_scene
from skyloom.worlds.scene import Scene

SAID = ("place", "light", "weather", "camera")


def says(text: str, words: tuple[str, ...], language: str) -> bool:
    """Whether a text holds one of the words: read without the functions that are tested."""
    if language == "zh":
        return any(word in text for word in words)
    return any(re.search(rf"(?<![a-z]){re.escape(word)}(?![a-z])", text.lower()) for word in words)


def words_of(kind: str, label: str, language: str) -> tuple[str, ...]:
    """Words that say a label and no other of its kind ("sea" is the end of "under the sea", too)."""
    table = getattr(captions, f"{kind.upper()}_WORDS")[language]
    others = {word for other, words in table.items() if other != label for word in words}
    return tuple(word for word in table[label] if word not in others)


def stated(text: str, scene: Scene, kind: str, language: str) -> bool:
    """Whether a text says what kind of place, light, weather or camera a record has; a night city says nothing of the light."""
    dark = kind == "light" and scene.place == "night city"
    return not dark and says(text, words_of(kind, getattr(scene, kind), language), language)


def names_of(noun: str, many: bool, language: str) -> tuple[str, ...]:
    row = load_nouns()[noun]
    return lexicon_zh.names(row) if language == "zh" else lexicon_en.names(row, many=many)


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("style", ["tags", "sentence"])
def test_what_a_short_caption_says_of_its_record_the_expansion_says_too(language, style):
    for i in range(150):
        scene = sample_scene(8100, i)
        short = caption(scene, language, style)
        told = expand(short, i)
        for kind in SAID:
            said = stated(short, scene, kind, language)
            table = getattr(captions, f"{kind.upper()}_WORDS")[language]
            assert not said or says(told, table[getattr(scene, kind)], language), f"{short!r} -> {told!r}"
            others = [words_of(kind, label, language) for label in table if label != getattr(scene, kind)]
            if said and kind in ("light", "camera") and scene.place != "night city":
                assert not any(says(told, words, language) for words in others), f"{short!r} -> {told!r}"
        for actor in scene.actors:
            names = names_of(actor.noun, actor.count > 1, language)
            assert not says(short, names, language) or says(told, names, language), f"{short!r} -> {told!r}"


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("style", ["tags", "sentence"])
def test_where_a_caption_is_understood_it_is_as_its_record_has_it(language, style):
    understood = 0
    for i in range(200):
        record = sample_scene(8200, i)
        short = caption(record, language, style)
        if (scene := _scene(short, in_the_picture(short, language), language, random.Random(i))) is None:
            continue
        understood += 1
        assert [actor.noun for actor in scene.actors] == [actor.noun for actor in record.actors], short
        for told, true in zip(scene.actors, record.actors, strict=True):
            assert told.count == true.count, short
            colour = words_of("colour", true.colour, language) if true.colour else ()
            assert told.colour == true.colour or not says(short, colour, language), short
            own = f"{captions.SIZE_WORDS[language][true.size][0]}" if true.size else ""
            assert language == "zh" or told.size == true.size or not own or not says(short, (own,), language), short
        said = [act for act in record.actors[0].actions if says(short, captions.ACTION_WORDS[language][act], language)]
        assert list(scene.actors[0].actions[: len(said)]) == said, short
        for kind in SAID:
            assert getattr(scene, kind) == getattr(record, kind) or not stated(short, record, kind, language), short
    assert understood > 60


def test_hanzi_fall_into_the_words_that_are_meant():
    labels = lambda text: {(fact.kind, fact.label) for fact in read_facts(text, "zh")}  # noqa: E731
    assert labels("小鸡蛋") == {("size", "small"), ("noun", "egg")}
    assert labels("大海狮") == {("size", "big"), ("noun", "seal")}
    assert labels("大白天") == {("light", "day")}
    assert labels("高山，落叶") == {("place", "mountains"), ("weather", "leaves")}
    assert labels("小鸡") == {("noun", "chick")}


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_fact_of_a_hundred_prompts_is_kept(language):
    dense = 0
    for i in range(100):
        short = caption(sample_scene(21, i), language, ("sentence", "tags")[i % 2])
        told = expand(short, i)
        facts = in_the_picture(short, language)
        assert facts and not lost(facts, told, language), f"{short!r} -> {told!r}"
        kinds = {fact.kind for fact in read_facts(told, language)}
        assert {"place", "light"} <= kinds and len(told) > len(short) / 2
        dense += short.rstrip(".。").lower() not in told.lower()
    assert dense > 40  # many are understood and told anew


def test_what_is_open_is_filled_in():
    told = expand("a red fox")
    kinds = {fact.kind for fact in read_facts(told, "en")}
    assert {"noun", "colour", "action", "place", "light", "weather", "camera"} <= kinds
    assert expand("a red fox", 1) != told == expand("a red fox")
    assert "camera" not in expand("a red fox", still=True)
    chinese = expand("一只红色的狐狸")
    assert {"noun", "colour", "action", "place", "light"} <= {fact.kind for fact in read_facts(chinese, "zh")}
    assert expand("🦊").lower() == expand("a fox").lower()


@pytest.mark.parametrize(
    "text", ["a red fox with a silver hat dances", "no rain on the meadow", "foxes run", "a fox, a cat and a dog", "sfumato"]
)
def test_what_the_grammar_does_not_know_stays_word_for_word(text):
    told = expand(text)
    assert told.lower().startswith(text.lower()) and len(told) > len(text) + 10


def test_facts_have_a_kind_and_a_label():
    found = {
        (fact.kind, fact.label) for fact in read_facts("two small red foxes run to the left of an orange cat at night", "en")
    }
    wanted = {("number", "2"), ("size", "small"), ("colour", "red"), ("nouns", "fox"), ("action", "run")}
    assert found == wanted | {("relation", "left of"), ("colour", "orange"), ("noun", "cat"), ("light", "night")}
    assert ("noun", "tangerine") in {(fact.kind, fact.label) for fact in read_facts("an orange rolls", "en")}
    assert {fact.kind for fact in read_facts("a fox amid snowflakes", "en")} == {"noun", "weather"}


def test_who_does_what():
    def cast(text, language="en"):
        actors = _actors(read_facts(text, language), language)
        return actors and [(a.noun, a.count, a.colour, a.actions, a.partner) for a in actors]

    assert cast("a red fox and a cat run") == [("fox", 1, "red", ("run",), -1), ("cat", 1, "", ("run",), -1)]
    assert cast("a fox chases two blue cats") == [("fox", 1, "", ("chase",), 1), ("cat", 2, "blue", (), -1)]
    assert cast("a fox runs, then jumps") == [("fox", 1, "", ("run", "jump"), -1)]
    assert cast("dress, fox, spinning, floating") is None  # whose are they?
    assert cast("三只狐狸在森林里奔跑", "zh") == [("fox", 3, "", ("run",), -1)]


def test_a_lost_fact_is_seen():
    facts = read_facts("a red fox at night", "en")
    assert lost(facts, "a red fox at night in the snow", "en") == []
    assert [fact.kind for fact in lost(facts, "a blue fox", "en")] == ["colour", "light"]


@pytest.mark.parametrize(
    ("text", "language", "colours"),
    [
        ("a small blue fox runs in the green meadow", "en", {"fox": "blue"}),
        ("two pink dogs chase a green dragon", "en", {"dog": "pink", "dragon": "green"}),
        ("an orange cat beside an orange", "en", {"cat": "orange"}),
        ("a red fox and a blue fox", "en", {}),
        ("a red fox; the fox sleeps", "en", {"fox": "red"}),
        ("一只蓝色的狐狸在草地上奔跑", "zh", {"fox": "blue"}),
    ],
)
def test_colours_belong_to_the_noun_that_follows(text, language, colours):
    assert colours_of(text, language) == colours


@pytest.mark.parametrize(
    ("prompt", "more"),
    [
        ("a tractor drives on the meadow", "it is daytime, the weather is clear"),
        ("a rocket flies through space", "it is night"),
        ("a whale swims under water.", "it is daytime"),
        ("a cat on a beach at sunset, in the rain", ""),
        ("a cat on a stage", "it is daytime"),
        ("一只猫在草地上跳跃", "现在是白天，天气晴朗"),
        ("justice for all", ""),
    ],
)
def test_open_light_and_weather_are_those_of_a_fine_day(prompt, more):
    full, added = completed(prompt)
    assert added == more
    assert full == prompt if not more else full.lower().startswith(prompt.rstrip(".").lower())
    facts = {(fact.kind, fact.label) for fact in read_facts(full, "zh" if "猫" in prompt and "cat" not in prompt else "en")}
    assert not more or {kind for kind, _ in facts} >= {"place", "light"}


def places(prompt: str) -> set[str]:
    texts = (completed(prompt, seed)[0] for seed in range(60))
    return {fact.label for text in texts for fact in read_facts(text, "en") if fact.kind == "place"}


def test_an_open_place_is_a_home_of_who_is_there_and_changes_with_the_seed():
    assert places("a whale swims") == {"sea", "underwater"}
    assert places("a train") == {"street", "road", "night city"}
    assert places("a cat") == {"meadow", "forest", "farm", "mountains", "snow", "desert"}
    assert places("a chef cooks a pizza") <= {"street", "playground", "beach", "farm"}  # who lives is out of doors
    assert places("a cat swims") == {"sea", "underwater"}  # what it does counts for more
    assert places("a ship falls at night") == {"sea"}
    assert not {"night city", "space"} & places("a car at sunset")
    assert not {"kitchen table", "bedroom"} & places("a guitar in the rain")
    assert places("it is night") and not {"bedroom", "stage"} & places("it is raining")
    assert places("a cactus") == {"desert"}  # scenery alone stands where it grows
    assert completed("a fox runs", 3) == completed("a fox runs", 3)


def test_expansions_of_open_places_are_at_home_too():
    for prompt, home in (("a whale", {"sea", "underwater"}), ("a silvery train", {"street", "road", "night city"})):
        told = (expand(prompt, seed) for seed in range(20))
        assert {f.label for text in told for f in read_facts(text, "en") if f.kind == "place"} <= home


def test_what_was_said_before_goes_on():
    full, _ = completed("the fox jumps", said=("a fox on the beach at sunset, in the rain", "the fox runs"))
    assert {("place", "beach"), ("light", "sunset"), ("weather", "rain")} <= {(f.kind, f.label) for f in read_facts(full, "en")}


def test_where_nothing_is_left_of_a_prompt_the_scene_is_told_all_the_same():
    """ "no dog" is a prompt without words, once what is not there is left out."""
    told = expand("")
    assert told[0].isupper() and {"place", "light", "weather", "camera"} <= {fact.kind for fact in read_facts(told, "en")}
