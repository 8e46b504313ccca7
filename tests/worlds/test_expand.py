"""Short prompts told in full: every stated fact stays, what is open is filled in, in the prompt's language."""

import pytest

from skyloom.worlds.captions import caption
from skyloom.worlds.expand import _actors, colours_of, completed, expand, lost, read_facts
from skyloom.worlds.sample import sample_scene


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_fact_of_a_hundred_prompts_is_kept(language):
    dense = 0
    for i in range(100):
        short = caption(sample_scene(21, i), language, ("sentence", "tags")[i % 2])
        told = expand(short, i)
        facts = read_facts(short, language)
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
    assert completed("a fox runs", 3) == completed("a fox runs", 3)


def test_what_was_said_before_goes_on():
    full, _ = completed("the fox jumps", said=("a fox on the beach at sunset, in the rain", "the fox runs"))
    assert {("place", "beach"), ("light", "sunset"), ("weather", "rain")} <= {(f.kind, f.label) for f in read_facts(full, "en")}
