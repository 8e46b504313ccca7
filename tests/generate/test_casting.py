"""A cast of one's own: pictures in place of those that the model remembers, or beside them."""

import dataclasses
import threading

import numpy as np
import pytest
import torch
from PIL import Image

from skyloom.generate import Request, generate, understand
from skyloom.generate.casting import read_sprite
from skyloom.generate.painting import as_told, natural, painted
from skyloom.generate.together import Joint
from skyloom.models.bundle import tiny_bundle
from skyloom.models.looks import remembered, with_cast

pytestmark = pytest.mark.usefixtures("float32")

QUICK = {"seconds": 0, "size": "64x64", "steps": 2}


@pytest.fixture
def disc(tmp_path):
    """A red disc on a transparent ground, 60 pixels in a picture of 120 x 80."""
    y, x = np.mgrid[:80, :120]
    inside = (x - 60) ** 2 + (y - 40) ** 2 < 900
    picture = np.zeros((80, 120, 4), np.uint8)
    picture[inside] = 220, 30, 20, 255
    Image.fromarray(picture).save(tmp_path / "disc.png")
    return tmp_path / "disc.png"


def test_a_picture_is_cut_out_and_stands_on_the_lower_edge(disc, tmp_path):
    sprite = read_sprite(str(disc))
    side = len(sprite)
    assert sprite.shape == (side, side, 4) and sprite.dtype == np.uint8
    assert sprite[side // 2, side // 2].tolist() == [220, 30, 20, 255] and not sprite[0, 0].any()
    assert sprite[-8:, side // 2, 3].max() > 200  # it reaches the ground
    Image.open(disc).convert("RGBA").save(tmp_path / "plain.webp", lossless=True)
    plain = Image.new("RGB", (120, 80), (240, 240, 235))
    plain.paste(Image.open(disc), mask=Image.open(disc).getchannel("A"))
    plain.save(tmp_path / "plain.jpg", quality=95)
    for name in ("plain.webp", "plain.jpg"):  # a plain ground is taken away
        other = read_sprite(str(tmp_path / name))
        assert np.abs(other[..., 3].astype(int) - sprite[..., 3]).mean() < 12


@pytest.mark.parametrize("what", ["missing", "words", "empty", "full", "clear"])
def test_pictures_that_will_not_do_are_named(what, tmp_path):
    path = tmp_path / "it.png"
    if what == "words":
        path.write_text("not a picture")
    elif what == "empty":
        path.write_bytes(b"")
    elif what in ("full", "clear"):
        Image.new("RGBA", (40, 40), (9, 9, 9, 255 if what == "full" else 0)).save(path)
    with pytest.raises((OSError, ValueError), match=r"it\.png"):
        read_sprite(str(path))


def test_the_cast_is_seen_and_the_model_stays_as_it_was(disc):
    bundle = tiny_bundle()
    before = {name: value.clone() for name, value in bundle.dit.state_dict().items()}
    sprite = read_sprite(str(disc))
    changed = with_cast(bundle, [("fox", sprite), ("Rusty", sprite)])
    assert changed.vocabulary.look("foxes") == 0 and changed.vocabulary.look("rusty") == 2
    looks, pictures = remembered(sprite[None], bundle.vae)
    for at in (0, 2):
        assert torch.equal(changed.dit.looks[at], looks[0]) and torch.equal(changed.dit.pictures[at], pictures[0])
    assert torch.equal(changed.dit.looks[1], bundle.dit.looks[1])
    assert all(torch.equal(value, bundle.dit.state_dict()[name]) for name, value in before.items())
    assert bundle.vocabulary.look("rusty") is None
    assert changed.dit.patch_in.weight is bundle.dit.patch_in.weight  # nothing is held twice


def test_a_film_has_its_cast_and_remembers_it(disc):
    bundle = tiny_bundle()
    plain = generate(Request("Rusty runs in the snow", **QUICK), bundle)
    made = generate(Request("Rusty runs in the snow", cast=[("Rusty", str(disc))], **QUICK), bundle)
    assert not np.array_equal(plain.frames, made.frames)
    assert made.recipe["cast"] == (("Rusty", str(disc)),) and made.recipe["weights"] == plain.recipe["weights"]
    assert len(made.recipe["inputs"][str(disc)]["sha256"]) == 64
    assert any("rusty" in note for note in plain.notes) and not any("rusty" in note for note in made.notes)
    again = generate(Request.from_recipe(made.recipe), bundle)
    assert np.array_equal(made.frames, again.frames)
    assert understand("Rusty runs", Request("x"), bundle)[1]  # the model itself has never heard of it


@pytest.mark.parametrize(
    ("cast", "wanted"),
    [
        ([("dragon", "DISC")], "does not speak of 'dragon'"),
        ([("", "DISC")], "no name"),
        (["fox"], "no pair"),
        ([("fox", "DISC"), ("Fox", "DISC")], "each once"),
        ([(f"fox {i}", "DISC") for i in range(5)], "at most 4"),
        ([("fox", "nowhere.png")], "nowhere.png"),
        ([("fox", 3)], "str|path"),
    ],
)
def test_a_cast_that_cannot_play_is_refused(cast, wanted, disc):
    named = [part if isinstance(part, str) else (part[0], str(disc) if part[1] == "DISC" else part[1]) for part in cast]
    with pytest.raises((OSError, ValueError, TypeError), match=wanted):
        generate(Request("a fox runs", cast=named, **QUICK), tiny_bundle())


def test_a_model_without_memory_says_so(disc):
    bundle = tiny_bundle()
    bundle.config = dataclasses.replace(bundle.config, text=dataclasses.replace(bundle.config.text, looks=0))
    with pytest.raises(ValueError, match="remembers no pictures"):
        with_cast(bundle, [("fox", read_sprite(str(disc)))])


def test_a_colour_in_the_prompt_paints_the_picture(disc):
    bundle = tiny_bundle()
    before = bundle.dit.pictures.clone()
    blue = painted(bundle, {0: "blue"})
    assert torch.equal(bundle.dit.pictures, before) and torch.equal(blue.dit.pictures[1], before[1])
    red, green, sky, alpha = blue.dit.pictures[0].float().mean((1, 2)).tolist()
    assert sky > 2 * red and sky > green and alpha == 255 and not torch.equal(blue.dit.looks[0], bundle.dit.looks[0])
    assert painted(bundle, {0: "red"}) is bundle  # it is red by nature
    assert natural(np.full((4, 4, 4), (90, 95, 90, 255), np.uint8)) == ""
    ask = lambda prompt, model=bundle, **more: generate(Request(prompt, **QUICK, **more), model).frames  # noqa: E731
    twice = ask("a blue fox", blue).astype(int)  # to paint it blue once more changes next to nothing
    assert np.abs(ask("a blue fox") - twice).max() <= 3 < np.abs(ask("a red fox") - twice).max()
    plain = dataclasses.replace(bundle, config=dataclasses.replace(bundle.config, laid_above=1.0))
    assert not np.array_equal(ask("a blue fox", dataclasses.replace(blue, config=plain.config)), ask("a blue fox", plain))
    cast = (("fox", str(disc)),)
    own = with_cast(plain, [("fox", read_sprite(str(disc)))])
    assert np.array_equal(ask("a blue fox", plain, cast=cast), ask("a blue fox", own))  # who is given keeps their colours


def test_films_of_several_colours_go_together():
    bundle = tiny_bundle()
    requests = [Request(prompt, **QUICK, seed=i) for i, prompt in enumerate(("a blue fox", "a green fox in the snow", "a fox"))]
    joint, alone = Joint(3), [generate(request, bundle).frames.astype(int) for request in requests]
    found = {}

    def one(i):
        with joint.lane():
            found[i] = generate(requests[i], joint.of(bundle)).frames

    threads = [threading.Thread(target=one, args=(i,)) for i in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert max(np.abs(found[i] - alone[i]).max() for i in range(3)) <= 1
    assert joint.calls == requests[0].resolved().steps


def test_a_red_fox_is_a_fox_and_not_one_that_was_painted():
    bundle = tiny_bundle()
    assert as_told(bundle, ["a red fox in the snow"]) is bundle
    assert as_told(bundle, ["a blue fox in the snow"]) is not bundle
