"""Laws of the cast: the table is whole, its words are unambiguous in both languages, its numbers make sense.

Run: pytest tests/worlds/test_nouns.py
"""

import re
from collections import Counter
from dataclasses import replace

import pytest

from skyloom.worlds import nouns
from skyloom.worlds.nouns import CATEGORIES, Noun, core_nouns, load_nouns
from skyloom.worlds.scene import ACTIONS, COLOURS, LIGHTS, PLACES, PROPS

OWN_ACTIONS = {"walk", "run", "jump", "roll", "fly", "swim", "drive", "sail", "chase", "meet", "circle"}
INVARIANT = {"deer", "sheep", "fish", "tropical fish", "pufferfish", "jellyfish", "moose", "bison"}
CODE = re.compile(r"[0-9a-f]{2,5}(-[0-9a-f]{2,5})*")
ENGLISH = re.compile(r"[a-zñ0-9'-]+( [a-zñ0-9'-]+)*")
HANZI = re.compile(r"[一-鿿]+|T恤|OK手势")
CAST = list(load_nouns().values())


def english(noun: Noun) -> set[str]:
    return {noun.key, noun.plural, *noun.synonyms}


def chinese(noun: Noun) -> set[str]:
    return {noun.zh, *noun.zh_synonyms}


def offenders(wrong) -> list[str]:
    """Keys of the nouns that break a law; empty when it holds. A failure so names the line to mend."""
    return [noun.key for noun in CAST if wrong(noun)]


def shared(words) -> list[str]:
    """Words that more than one noun of the table claims."""
    return [word for word, holders in Counter(w for noun in CAST for w in words(noun)).items() if holders > 1]


def test_cast_is_large_and_mostly_moves():
    assert len(CAST) >= 450
    assert sum(noun.animated for noun in CAST) >= 300
    assert sum(noun.animated for noun in core_nouns()) >= 180


def test_core_is_a_named_subset_of_every_category():
    core = core_nouns()
    assert 250 <= len(core) <= 300
    assert {noun.category for noun in core} == set(CATEGORIES)


def test_core_holds_what_people_type_first():
    first = {
        "dog", "cat", "fox", "horse", "elephant", "penguin", "shark", "butterfly", "dinosaur", "dragon", "unicorn",
        "ghost", "robot", "alien", "snowman", "astronaut", "doctor", "cook", "firefighter", "dancer", "king", "car",
        "fire engine", "train", "rocket", "sailboat", "airplane", "apple", "pizza", "banana", "soccer ball", "guitar",
        "teddy bear", "balloon", "sun", "rainbow", "house", "castle", "smiley", "rose",
    }  # fmt: skip
    assert first <= {noun.key for noun in core_nouns()}


@pytest.mark.parametrize("words", [lambda n: {n.code}, english, chinese], ids=["art", "english", "chinese"])
def test_no_two_nouns_share(words):
    assert shared(words) == []


def test_words_are_clean():
    assert offenders(lambda n: not CODE.fullmatch(n.code)) == []
    assert offenders(lambda n: not all(ENGLISH.fullmatch(word) for word in english(n))) == []
    assert offenders(lambda n: not all(HANZI.fullmatch(word) for word in chinese(n))) == []
    assert offenders(lambda n: not re.fullmatch(r"[一-鿿]", n.measure)) == []
    assert offenders(lambda n: n.key in n.synonyms or n.zh in n.zh_synonyms) == []


def test_plurals_differ_except_where_english_has_none():
    assert offenders(lambda n: (n.plural == n.key) != (n.key in INVARIANT)) == []


def test_synonyms_take_their_plural_at_the_end():
    """So that captions can form "fire trucks" by rule; an inner noun ("slice of pizza") would need its own column."""
    assert offenders(lambda n: any(re.search(r" (of|with|in|and|on) ", word) for word in n.synonyms)) == []


def test_words_of_the_stage_stay_free():
    """A noun named like a place, light, prop, action or colour could not be told from it; the few that must are named here."""
    stage = {*PLACES, *LIGHTS, *PROPS, *ACTIONS, *COLOURS}
    clashes = {word for noun in CAST for word in english(noun)} & stage
    assert clashes == {"cloud", "rock", "cactus", "orange"}
    assert not {noun.key for noun in core_nouns()} & stage


def test_colour_words_never_open_a_noun_that_takes_colours():
    """An apple in green is "a green apple", so no other noun may own that name."""
    keys = {noun.key for noun in CAST}
    assert offenders(lambda n: n.tint and any(word.split()[0] in COLOURS for word in english(n))) == []
    assert [noun.key for noun in CAST if any(f"{colour} {noun.key}" in keys for colour in COLOURS)] == []


def test_enums_and_numbers():
    assert offenders(lambda n: n.category not in CATEGORIES) == []
    assert offenders(lambda n: not n.can <= OWN_ACTIONS) == []
    assert offenders(lambda n: n.facing not in (-1, 0, 1)) == []
    assert offenders(lambda n: not 0.34 <= n.size <= 0.65) == []
    assert offenders(lambda n: n.tint and n.category == "face") == []


def test_abilities_fit_the_body():
    """What sails needs the water in its art, what drives has wheels or runners, and every core animal gets about by itself."""
    assert offenders(lambda n: "sail" in n.can and n.category not in ("vehicle", "person", "weather")) == []
    assert offenders(lambda n: "drive" in n.can and n.category not in ("vehicle", "person")) == []
    movers = {"walk", "run", "jump", "fly", "swim"}
    assert offenders(lambda n: n.core and n.category == "animal" and n.key != "sloth" and not n.can & movers) == []


@pytest.mark.parametrize(
    ("key", "article"),
    [("apple", "an"), ("elephant", "an"), ("octopus", "an"), ("umbrella", "an"), ("ear of corn", "an"), ("old man", "an"),
     ("unicorn", "a"), ("dog", "a"), ("house", "a"), ("yo-yo", "a"), ("hot dog", "a"), ("t-shirt", "a")],
)  # fmt: skip
def test_article_follows_the_sound(key, article):
    assert load_nouns()[key].article == article


def test_no_key_whose_sound_belies_its_letter():
    """The article rule knows letters; words with a silent h or a spelled-out u ("hourglass", "ufo") may only be synonyms."""
    assert offenders(lambda n: n.key.startswith(("hour", "honest", "heir", "ufo", "eu", "us "))) == []


def test_loader_names_a_broken_line():
    with pytest.raises(ValueError, match="13 cells in 'fox"):
        nouns._parse("fox" + "\t" * 12)


def test_row_reads_into_the_record():
    row = "dog\t1f415\tdogs\t狗\t只\tpuppy|pup\t\tanimal\twalk|run\t0.38\t-1\t1\t1\t0"
    noun = nouns._parse(row)
    assert (noun.key, noun.synonyms, noun.zh_synonyms, noun.can) == ("dog", ("puppy", "pup"), (), {"walk", "run"})
    assert (noun.size, noun.facing, noun.tint, noun.animated, noun.core) == (0.38, -1, True, True, False)
    assert replace(noun, key="owl").article == "an"
