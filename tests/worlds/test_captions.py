"""Captions: grammatical, complete, varied, the same for the same arguments, and never outside their own vocabulary."""

import dataclasses
import re

import pytest

from skyloom.worlds import captions, grammar_en, grammar_zh, lexicon_en, lexicon_zh
from skyloom.worlds.captions import LANGUAGES, STYLES, all_words, caption, noun_words, tokens
from skyloom.worlds.nouns import load_nouns
from skyloom.worlds.sample import sample_scene
from skyloom.worlds.scene import (
    ACTIONS,
    CAMERAS,
    COLOURS,
    LIGHTS,
    PLACES,
    PROPS,
    RELATIONS,
    SIZES,
    TRAVELS,
    WEATHERS,
    Actor,
    Prop,
    Scene,
)

FOX = Scene((Actor("fox", ("run",)),), place="meadow", light="dawn", weather="rain", camera="pan left", seed=5)


@pytest.fixture(scope="module")
def scenes() -> list[Scene]:
    return [sample_scene(11, index) for index in range(500)]


def says(text: str, words) -> bool:
    """Whether the text has one of the words: whole ones in English, any in Chinese."""
    return any(re.search(rf"(?<![a-z]){re.escape(word.lower())}(?![a-z])", text) for word in words)


def place_of(text: str, words) -> list[int]:
    return [found.start() for word in words for found in re.finditer(re.escape(word), text)]


def facts(scene: Scene, language: str):
    """(what, its words) for all that a dense caption must say."""
    pick = lambda name: getattr(captions, f"{name}_WORDS")[language]  # noqa: E731
    yield scene.place, pick("PLACE")[scene.place]
    yield scene.light, pick("LIGHT")[scene.light]
    yield scene.weather, pick("WEATHER")[scene.weather]
    yield scene.camera, pick("CAMERA")[scene.camera]
    if scene.relation:
        yield scene.relation, pick("RELATION")[scene.relation]
    for prop in scene.props:
        one_and_many = pick("PROP")[prop.kind]
        yield prop.kind, one_and_many if language == "en" else one_and_many[1:]
    for actor in scene.actors:
        yield actor.noun, noun_words(load_nouns()[actor.noun], language)
        for action in actor.actions:
            yield action, pick("ACTION")[action]
            if action in TRAVELS and action == actor.actions[-1]:
                side = "right" if actor.heading > 0 else "left"
                yield side, (side,) if language == "en" else ("右" if actor.heading > 0 else "左",)
        if actor.colour:
            yield actor.colour, pick("COLOUR")[actor.colour]
        if actor.size:
            yield actor.size, pick("SIZE")[actor.size]
        if actor.count > 1:
            yield str(actor.count), pick("NUMBER")[actor.count]


@pytest.mark.parametrize("language", LANGUAGES)
def test_dense_captions_tell_every_fact(scenes, language):
    for scene in scenes:
        text = caption(scene, language, "dense").lower()
        missing = [what for what, words in facts(scene, language) if not says(text, words)]
        assert not missing, f"{missing} not in {text!r}"
        assert 2 <= text.count("." if language == "en" else "。") <= 5 or "mrs." in text


@pytest.mark.parametrize("language", LANGUAGES)
def test_actions_keep_their_order(language):
    scene = dataclasses.replace(FOX, actors=(Actor("fox", ("jump", "run"), heading=-1),))
    words = captions.ACTION_WORDS[language]
    for variant in range(60):
        text = caption(scene, language, "dense", variant)
        assert min(place_of(text, words["jump"])) < max(place_of(text, words["run"])), text


@pytest.mark.parametrize("language", LANGUAGES)
def test_all_words_is_all(scenes, language):
    known = all_words(language)
    for scene in scenes:
        for style in STYLES:
            for still in (False, True):
                text = caption(scene, language, style, still=still)
                assert set(tokens(text)) <= known, text
                assert "{" not in text and "|" not in text and "  " not in text and text == text.strip()


@pytest.mark.parametrize("language", LANGUAGES)
def test_same_arguments_same_caption(scenes, language):
    for style in STYLES:
        once, again = ([caption(scene, language, style, 3) for scene in scenes[:50]] for _ in range(2))
        assert once == again
        assert len({caption(FOX, language, style, variant) for variant in range(50)}) > 20


def shape(text: str, language: str) -> str:
    """The caption with its words for things replaced by letters: what is left is the shape of the sentence."""
    lexicon = {"en": lexicon_en, "zh": lexicon_zh}[language]
    tables = [
        ("N", noun_words(load_nouns()["fox"], language)),
        ("P", lexicon.PLACE_PHRASES["meadow"] + lexicon.PLACE_WORDS["meadow"]),
        ("L", lexicon.LIGHT_CLAUSES["dawn"] + lexicon.LIGHT_PHRASES["dawn"] + getattr(lexicon, "LIGHT_OF", {}).get("dawn", ())),
        ("W", lexicon.WEATHER_CLAUSES["rain"] + lexicon.WEATHER_PHRASES["rain"]),
        ("C", lexicon.CAMERA_CLAUSES["pan left"] + lexicon.CAMERA_TAGS["pan left"]),
        ("D", lexicon.DIRECTIONS[1]),
        ("V", lexicon.ACTION_WORDS["run"]),
    ]
    text = text.lower().strip(".。").replace("an n", "a n")
    for letter, word in sorted(((letter, word) for letter, ws in tables for word in ws), key=lambda pair: -len(pair[1])):
        text = text.replace(word, letter)
    return text


@pytest.mark.parametrize("language", LANGUAGES)
def test_there_are_many_shapes(language):
    assert len({shape(caption(FOX, language, "sentence", variant), language) for variant in range(1500)}) >= 25
    grammar = {"en": grammar_en, "zh": grammar_zh}[language]
    assert len(set(grammar._SENTENCES["solo"])) >= 25


def test_a_and_an(scenes):
    like_consonant = ("uni", "use", "ufo", "uk", "eu", "one ")
    for scene in scenes:
        for style in ("sentence", "dense"):
            for article, word in re.findall(r"\b(an?) ([a-z]+ ?)", caption(scene, "en", style).lower()):
                vowel = (word[0] in "aeiou" and not word.startswith(like_consonant)) or word.startswith("hour")
                assert (article == "an") == vowel, f"{article} {word}"


def test_verbs_agree_with_numbers():
    third = {form.split()[0] for phrase in lexicon_en.VERBS["walk"] for form in lexicon_en.FORMS[phrase][1:2]} | {"is"}
    base = {phrase.split()[0] for phrase in lexicon_en.VERBS["walk"]} | {"are"}
    for count, wrong in ((1, base), (3, third)):
        scene = dataclasses.replace(FOX, actors=(Actor("penguin", ("walk",), count),))
        name = "penguins" if count > 1 else "penguin"
        for variant in range(300):
            text = caption(scene, "en", "sentence" if variant % 2 else "dense", variant).lower()
            if "watch" not in text:
                assert not re.search(rf"{name} (that )?({'|'.join(wrong)})\b", text), text
            assert not re.search(rf"there ({'is' if count > 1 else 'are'}) (three|3|a) ?\w* ?penguin", text), text
            assert count > 1 or not re.search(r"\bpenguins\b", text)


@pytest.mark.parametrize("one, many", [
    ("fox", "foxes"), ("lady", "ladies"), ("policeman", "policemen"), ("bowl of rice", "bowls of rice"),
    ("goldfish", "goldfish"), ("donkey", "donkeys"), ("pool table", "pool tables"),
    ("calf", "calves"), ("hero", "heroes"), ("spacecraft", "spacecraft"),
])  # fmt: skip
def test_plurals(one, many):
    assert lexicon_en.plural(one) == many


def test_verb_forms():
    assert lexicon_en.FORMS["dash"] == ("dash", "dashes", "dashing")
    assert lexicon_en.FORMS["fly"] == ("fly", "flies", "flying")
    assert lexicon_en.FORMS["get bigger"] == ("get bigger", "gets bigger", "getting bigger")
    assert lexicon_en.FORMS["stay put"] == ("stay put", "stays put", "staying put")
    assert lexicon_en.FORMS["circle"] == ("circle", "circles", "circling")


def test_chinese_counts_with_measure_words():
    noun = load_nouns()["fire engine"]
    scene = Scene((Actor("fire engine", ("drive",), 2, "red"),), place="road")
    for variant in range(40):
        text = caption(scene, "zh", "dense", variant)
        assert re.search(f"[两2]{noun.measure}(红色|红)", text), text


@pytest.mark.parametrize("lexicon", [lexicon_en, lexicon_zh])
def test_every_label_has_words(lexicon):
    tables = [
        ("PLACE", PLACES), ("LIGHT", LIGHTS), ("WEATHER", WEATHERS), ("CAMERA", CAMERAS), ("ACTION", ACTIONS),
        ("COLOUR", COLOURS), ("SIZE", [size for size in SIZES if size]), ("RELATION", RELATIONS[1:]), ("PROP", PROPS),
    ]  # fmt: skip
    for name, labels in tables:
        assert set(getattr(lexicon, f"{name}_WORDS")) == set(labels)
    assert set(lexicon.VERBS) == set(ACTIONS)


@pytest.mark.parametrize("lexicon", [lexicon_en, lexicon_zh])
@pytest.mark.parametrize("name", ["LIGHT", "WEATHER", "CAMERA"])
def test_wordings_hold_a_word_of_their_label_and_of_no_other(lexicon, name):
    words = getattr(lexicon, f"{name}_WORDS")
    for kind in ("PHRASES", "CLAUSES", "TAGS", "OF"):
        for label, wordings in getattr(lexicon, f"{name}_{kind}", {}).items():
            for wording in wordings:
                said = {other for other, ws in words.items() if says(wording.lower(), ws)}
                assert said == {label}, f"{wording!r} says {said}, wanted {label}"


@pytest.mark.parametrize("language", LANGUAGES)
def test_stills_tell_of_no_camera_and_no_sequel(scenes, language):
    moves = "camera" if language == "en" else "镜头"
    two = dataclasses.replace(FOX, actors=(Actor("fox", ("jump", "run")),))
    for scene in [*scenes[:150], two]:
        if any("camera" in actor.noun for actor in scene.actors):
            continue
        for style in STYLES:
            text = caption(scene, language, style, still=True).lower()
            assert moves not in text and not says(text, ("then", "然后", "接着", "之后")), text
            assert scene is not two or not says(text, captions.ACTION_WORDS[language]["run"]), text


@pytest.mark.parametrize("language", LANGUAGES)
def test_any_company_can_be_described(language):
    """Records made by hand may hold more than the sampler draws."""
    actors = (Actor("fox", ("chase",), partner=2), Actor("penguin", ("fly",), 2), Actor("car", ("drive",)))
    scene = Scene(actors, props=tuple(Prop("tree", 0.1 * i, 0.2) for i in range(7)))
    for style in STYLES:
        for variant in range(20):
            text = caption(scene, language, style, variant).lower()
            assert all(says(text, noun_words(load_nouns()[actor.noun], language)) for actor in actors), text
    assert "7" in caption(scene, language, "dense")


@pytest.mark.parametrize("wrong", [{"language": "fr"}, {"style": "poem"}])
def test_wrong_arguments_are_named(wrong):
    with pytest.raises(ValueError, match=f"{next(iter(wrong))}: got"):
        caption(FOX, **wrong)
    with pytest.raises(ValueError, match="language: got"):
        all_words("fr")
    with pytest.raises(ValueError, match="noun: got 'quux'"):
        caption(Scene((Actor("quux"),)))
