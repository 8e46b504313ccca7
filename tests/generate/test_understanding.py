"""A prompt as the model reads it: in words of the world, with a note on each that gave way; the recipe keeps what was typed."""

import pytest

from skyloom.generate import Request, generate, understand
from skyloom.generate.expansion import expand
from skyloom.models.bundle import tiny_bundle
from skyloom.worlds.expand import read_facts


@pytest.fixture(scope="module")
def bundle():
    return tiny_bundle(words=("a", "fox", "runs", "in", "the", "snow", "forest"))


def read(prompt, bundle, **more):
    return understand(prompt, Request(prompt, **more), bundle)


def test_who_has_no_picture_is_another_and_places_have_other_names(bundle):
    assert read("a donkey in the jungle", bundle) == (
        "a fox in a forest",  # the one animal that this small model knows
        [
            "donkey: not among what this model draws; a fox is drawn instead",
            "in the jungle: not in this model's world; read as 'in a forest'",
        ],
    )


def test_who_was_brought_along_plays_herself(bundle, tmp_path):
    cast = (("donkey", str(tmp_path / "d.png")),)
    assert read("a donkey in the jungle", bundle, cast=cast)[0] == "a donkey in a forest"


def test_a_prompt_that_is_to_stand_as_it_is_does(bundle):
    prompt, notes = read("a donkey in the snow", bundle, expand="off")
    assert prompt == "a donkey in the snow"
    assert "donkey: not among what this model draws; a fox is drawn instead, but not with expand=off" in notes


def test_words_that_say_nothing_to_draw_are_not_named(bundle):
    assert not any("unknown" in note for note in read("a fox runs away, 4k", bundle)[1])
    assert read("a zorp and a blick", bundle)[1] == ["unknown words 'zorp', 'blick', nothing known is near"]


def test_the_recipe_keeps_the_prompt_and_the_film_is_that_of_the_likeness(bundle):
    typed = generate(Request("a donkey in the snow", seconds=0, steps=1, size="64x64"), bundle)
    alike = generate(Request("a fox in the snow", seconds=0, steps=1, size="64x64"), bundle)
    assert typed.recipe["prompt"] == "a donkey in the snow"
    assert "donkey: not among what this model draws; a fox is drawn instead" in typed.notes
    assert (typed.frames == alike.frames).all()


def test_what_is_expanded_is_what_a_scene_can_hold_and_the_notes_stay(bundle):
    told = expand(Request("a fox in the jungle", expand="local", seconds=0)).expanded
    assert ("place", "forest") in {(fact.kind, fact.label) for fact in read_facts(told, "en")} and "jungle" not in told
    film = generate(Request("a fox in the jungle", expand="local", seconds=0, steps=1, size="64x64"), bundle)
    assert any("in the jungle: not in this model's world" in note for note in film.notes)
