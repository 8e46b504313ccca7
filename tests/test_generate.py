"""Request -> Film with a tiny untrained model: what is refused, what is noted, and that the same request is the same film."""

import dataclasses
import json
import time

import numpy as np
import pytest
import torch

import skyloom
from skyloom import generate as room
from skyloom.base import sizes
from skyloom.base.video import read_recipe, read_video
from skyloom.generate import QUALITY, Film, Model, Request, check_memory, expected_seconds, generate, plan
from skyloom.models.bundle import tiny_bundle
from skyloom.worlds import prompt as words


@pytest.fixture(scope="module")
def bundle():
    return tiny_bundle(0)


def short(prompt="a red fox runs in the snow", **options):
    return Request(prompt, **{"seconds": 0.4, "size": "64x64", "steps": 2, **options})


def test_a_film_has_the_size_and_length_that_were_asked_for(bundle):
    for seconds, size, shape in (
        (0, "64x32", (1, 32, 64, 3)),
        (0.5, "50x70", (6, 70, 50, 3)),
        (49 / 12, "32x32", (49, 32, 32, 3)),
    ):
        film = generate(short(seconds=seconds, size=size), bundle)
        assert film.frames.shape == shape and film.frames.dtype == np.uint8
        assert film.fps == 12 and film.seconds > 0


def test_the_same_request_gives_the_same_film_and_file(bundle, tmp_path):
    first, again = generate(short(), bundle), generate(short(), bundle)
    assert np.array_equal(first.frames, again.frames)
    first.save(tmp_path / "a.mp4")
    recipe = read_recipe(tmp_path / "a.mp4")
    generate(Request.from_recipe(recipe), bundle).save(tmp_path / "b.mp4")
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()


@pytest.mark.parametrize("change", [{"seed": 1}, {"prompt": "snow"}, {"steps": 12}, {"guidance": 1.0}, {"negative": "snow"}])
def test_every_control_changes_the_film(bundle, change):
    assert not np.array_equal(generate(short(), bundle).frames, generate(short(**change), bundle).frames)


def test_quality_fills_in_steps_and_guidance(bundle):
    request = short(steps=None, quality="fast", guidance=2).resolved()
    assert (request.steps, request.guidance) == (QUALITY["fast"].steps, 2.0)
    recipe = generate(short(steps=None, quality="fast"), bundle).recipe
    assert (recipe["steps"], recipe["guidance"]) == (QUALITY["fast"].steps, QUALITY["fast"].guidance)


def test_steps_are_reported(bundle):
    seen = []
    generate(short(steps=3), bundle, lambda done, steps: seen.append((done, steps)))
    assert seen == [(0, 3), (1, 3), (2, 3), (3, 3)]


def test_several_films_are_the_single_ones(bundle):
    films = Model(bundle=bundle).generate("a fox", n=3, seed=5, seconds=0, size="32x32", steps=2)
    assert [film.recipe["seed"] for film in films] == [5, 6, 7]
    alone = generate(Request("a fox", seed=6, seconds=0, size="32x32", steps=2), bundle)
    assert np.array_equal(films[1].frames, alone.frames)
    with pytest.raises(ValueError, match="one film"):
        generate(short(n=2), bundle)


def test_the_python_front_door(bundle, monkeypatch, tmp_path):
    monkeypatch.setattr(room, "load_bundle", lambda model, lora=(): bundle)
    film = skyloom.load().generate("a fox, the camera shakes", seconds=0.3, size="32x32", steps=1)
    assert isinstance(film, Film)
    film.save(tmp_path / "fox.gif")
    assert len(read_video(tmp_path / "fox.gif")[0]) == len(film.frames)
    with pytest.raises(ValueError, match="Did you mean 'seconds'"):
        skyloom.load().generate("a fox", second=3)
    with pytest.raises(AttributeError):
        skyloom.nothing  # noqa: B018


def test_a_film_shows_itself_in_a_notebook(bundle):
    film = generate(short("<b>fox</b> & snow", seconds=0), bundle)
    page = film._repr_html_()
    assert "data:video/mp4;base64," in page and "&lt;b&gt;fox&lt;/b&gt; &amp; snow" in page and "<b>fox" not in page


def test_unknown_words_are_named_with_the_nearest(bundle):
    notes = " | ".join(generate(short("a red fxo runs 龘 in the snwo", seconds=0), bundle).notes)
    assert "'snwo', the nearest known is 'snow'" in notes
    assert "'龘', nothing known is near" in notes
    assert "'red'" not in notes
    spoken = " | ".join(generate(short("a fox runs through the snow, and she will chase her zorp", seconds=0), bundle).notes)
    assert "'zorp'" in spoken and not any(f"'{word}'" in spoken for word in ("through", "and", "she", "will", "her"))


def test_at_another_rate_things_go_as_fast_and_what_was_filmed_stays(bundle):
    slow, fast, few = (generate(short("a red fox", seconds=1, fps=fps), bundle) for fps in (12, 24, 6))
    assert (len(slow.frames), len(fast.frames), len(few.frames)) == (12, 24, 6)
    assert np.array_equal(fast.frames[::2], slow.frames) and np.array_equal(few.frames, slow.frames[::2])
    assert fast.fps == fast.recipe["fps"] == 24 and any("for 24, others are interpolated" in note for note in fast.notes)
    again = generate(Request.from_recipe(fast.recipe), bundle)
    assert np.array_equal(again.frames, fast.frames)


def test_what_was_never_trained_is_noted(bundle):
    notes = " | ".join(generate(short("fox " * 100, seconds=0, fps=24), bundle).notes)
    for part in ("size 64x64", "long prompt"):
        assert part in notes
    assert generate(short("a red fox runs", seconds=0, size="square"), bundle).notes == []


@pytest.mark.parametrize(
    "typed, read",
    [
        ("🦊", "a fox"),
        ("🦊🐧", "a fox and a penguin"),
        ("🦊️", "a fox"),
        ("a 🦊 in the ❄️ snow", "a fox in the snowflake snow"),
        ("狐狸和🐧", "狐狸和 企鹅"),
        ("🤖🇫🇷", "a robot"),
    ],
)
def test_emoji_of_the_cast_become_its_nouns(typed, read):
    assert words.emoji_to_words(words.clean(typed))[0] == read


def test_emoji_without_a_word_are_left_out_and_named(bundle):
    notes = generate(short("a fox 🇫🇷", seconds=0), bundle).notes
    assert any("🇫🇷" in note for note in notes)


@pytest.mark.parametrize(
    "typed, says",
    [
        ("", "empty"),
        (" \n\t ", "empty"),
        ("\x00\x07\u202e", "empty"),
        ("?!... ---", "has no words"),
        ("🇫🇷🇩🇪", "no word is known"),
        ("fox " * 2500, "at most 2000"),
        ("x" * 10_000, "10000 characters"),
    ],
)
def test_prompts_that_say_nothing_are_refused(typed, says):
    with pytest.raises(ValueError, match=says):
        Request(typed)


@pytest.mark.parametrize(
    "typed, kept",
    [
        ("  a\tfox\nruns ", "a fox runs"),
        ("a \x1b[31mred\x1b[0m fox\x07", "a red fox"),
        ("a\u202e fox\u200b", "a fox"),
        ("cafe\u0301 fox", "café fox"),
        ("fox \ud800", "fox"),
        ("'; DROP TABLE films; -- $(rm -rf /) <script>", "'; DROP TABLE films; -- $(rm -rf /) <script>"),
        ("a fox 一只狐狸 un renard", "a fox 一只狐狸 un renard"),
    ],
)
def test_prompts_are_cleaned_not_mangled(typed, kept):
    assert Request(typed).prompt == kept


def test_hostile_prompts_make_films(bundle):
    for typed in ("'; DROP TABLE films; -- $(rm -rf /) <script>", "../../etc/passwd %s {0} \\x00", "a fox 狐狸 🦊 ру́сский"):
        assert generate(short(typed, seconds=0), bundle).frames.shape == (1, 64, 64, 3)


@pytest.mark.parametrize(
    "field, value, says",
    [
        ("seconds", -1, "seconds=-1: wanted a number from 0 to 600"),
        ("seconds", "3", "wanted a number"),
        ("seconds", float("nan"), "wanted a number"),
        ("seed", 1.5, "wanted a whole number"),
        ("seed", -1, "wanted a whole number"),
        ("seed", True, "wanted a whole number"),
        ("steps", 0, "wanted a whole number from 1"),
        ("guidance", 31, "wanted a number from 0 to 30"),
        ("n", 0, "wanted a whole number from 1"),
        ("fps", 0, "wanted a number from 1"),
        ("quality", "god", "wanted one of fast, good, best"),
        ("language", "fr", "wanted one of auto, en, zh"),
        ("size", "squre", "Did you mean 'square'"),
        ("size", (64, 64), "wanted text"),
        ("prompt", None, "wanted text"),
        ("negative", "x" * 3000, "negative of 3000 characters"),
    ],
)
def test_requests_that_cannot_be_filmed(field, value, says):
    with pytest.raises(ValueError, match=says):
        Request(**{"prompt": "a fox", field: value})


def test_requests_travel_as_json():
    request = Request("a fox", seconds=1, seed=np.int64(3), size="wide").resolved()
    assert request.seed == 3 and request.size == "448x256"
    assert Request.from_recipe(json.loads(json.dumps(dataclasses.asdict(request)))) == request
    with pytest.raises(ValueError, match="holds no prompt"):
        Request.from_recipe({"caption": "a fox"})


def test_films_longer_than_training_say_so(bundle):
    film = generate(short(seconds=6, size="32x32"), bundle)
    assert len(film.frames) == 72 and any("longer than the 49 frames" in note for note in film.notes)


def test_a_machine_without_memory_says_so(bundle, monkeypatch):
    planned = plan(short(), bundle)
    check_memory(planned)
    monkeypatch.setattr(sizes, "free_memory", lambda: 1_000_000)
    with pytest.raises(MemoryError, match=r"5 frames at 64x64 .* 1 MB are free"):
        generate(short(), bundle)
    monkeypatch.setattr(sizes, "free_memory", lambda: 0)  # unknown
    check_memory(planned)


def test_plans_grow_with_the_film(bundle):
    small, large = plan(short(), bundle), plan(short(size="256x256", seconds=4), bundle)
    assert (small.frames, small.height, small.width) == (5, 64, 64)
    assert large.tokens == 13 * 64 and large.bytes > small.bytes
    few, many = expected_seconds(short(), bundle), expected_seconds(short(steps=200), bundle)
    assert 0 < few < many


def test_missing_models_are_named():
    with pytest.raises(FileNotFoundError, match="no model 'nowhere'"):
        generate(short(model="nowhere"))


def test_the_fingerprint_names_the_weights(bundle):
    assert room.fingerprint(bundle) == room.fingerprint(tiny_bundle(0)) != room.fingerprint(tiny_bundle(1))


def test_random_state_elsewhere_is_left_alone(bundle):
    torch.manual_seed(1)
    before = torch.get_rng_state()
    generate(short(seconds=0), bundle)
    assert torch.equal(before, torch.get_rng_state())


def test_a_short_film_takes_no_time(bundle):
    began = time.perf_counter()
    generate(short(seconds=0), bundle)
    assert time.perf_counter() - began < 5


OPEN = ("a", "fox", "runs", "in", "the", "snow", "it", "is", "daytime", "weather", "clear", "sunset", "scene")


def test_what_a_prompt_leaves_open_is_filled_in_and_told():
    bundle = tiny_bundle(words=OPEN)
    how = {"seconds": 0.3, "size": "64x64", "steps": 2}
    film = generate(Request("a fox runs in the snow", **how), bundle)
    assert "filled in: it is daytime, the weather is clear" in film.notes
    said = generate(Request("a fox runs in the snow. It is daytime. The weather is clear.", **how), bundle)
    assert len(said.notes) < len(film.notes) and np.array_equal(film.frames, said.frames)
    typed = generate(Request("a fox runs in the snow", expand="off", **how), bundle)
    assert typed.notes == said.notes and not np.array_equal(film.frames, typed.frames)
    assert typed.recipe["prompt"] == film.recipe["prompt"] == "a fox runs in the snow"


def test_a_model_without_the_words_films_prompts_as_they_stand():
    film = generate(Request("a fox runs in the snow", seconds=0, size="64x64", steps=1), tiny_bundle())
    assert not any(note.startswith("filled in") for note in film.notes)


def test_nothing_is_filled_in_where_frames_are_given(tmp_path):
    from PIL import Image

    Image.new("RGB", (64, 64), (200, 120, 40)).save(tmp_path / "evening.png")
    request = Request("a fox runs in the snow", seconds=0.3, size="64x64", steps=1, image=str(tmp_path / "evening.png"))
    assert not any(note.startswith("filled in") for note in generate(request, tiny_bundle(words=OPEN)).notes)
