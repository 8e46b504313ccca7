"""The renderer: shapes, determinism, every place, light, weather, camera and prop, without any art."""

import numpy as np
import pytest

from skyloom.worlds import art, puppets, storybook
from skyloom.worlds.backdrop import paint
from skyloom.worlds.nouns import core_nouns, load_nouns
from skyloom.worlds.scene import CAMERAS, COLOURS, LIGHTS, PLACES, PROPS, WEATHERS, Actor, Prop, Scene
from skyloom.worlds.sprites import draw_sprite


@pytest.fixture(autouse=True)
def no_art(tmp_path, monkeypatch):
    monkeypatch.setenv("SKYLOOM_CACHE", str(tmp_path))


def noun(k: int = 0) -> str:
    return core_nouns()[k].key


def scene(**fields) -> Scene:
    actor = fields.pop("actor", {})
    return Scene((Actor(noun(), **actor),), **fields)


@pytest.mark.parametrize("height, width, frames", [(64, 64, 5), (48, 80, 3), (80, 48, 1), (33, 47, 2)])
def test_any_size_and_length(height, width, frames):
    film = storybook.render(scene(camera="orbit"), height, width, frames)
    assert film.shape == (frames, height, width, 3) and film.dtype == np.uint8


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("light", LIGHTS)
def test_every_place_has_texture_in_every_light(place, light):
    frame = storybook.render(scene(place=place, light=light, seed=3), 64, 64, 1)[0]
    assert len(np.unique(frame.reshape(-1, 3), axis=0)) > 200


def test_places_and_lights_differ():
    frames = {p: storybook.render(Scene((), place=p), 48, 48, 1)[0].astype(int) for p in PLACES}
    for i, a in enumerate(PLACES):
        for b in PLACES[i + 1 :]:
            assert np.abs(frames[a] - frames[b]).mean() > 8, (a, b)
    lights = [storybook.render(Scene((), light=l), 48, 48, 1)[0].mean((0, 1)) for l in LIGHTS]
    assert min(np.abs(a - b).max() for i, a in enumerate(lights) for b in lights[i + 1 :]) > 8


def test_details_vary_with_the_seed():
    a, b = (storybook.render(Scene((), seed=s), 48, 48, 1)[0].astype(int) for s in (1, 2))
    assert np.abs(a - b).mean() > 1


def test_same_record_same_bytes():
    busy = Scene(
        (Actor(noun(), ("jump", "run"), colour="blue"), Actor(noun(1), ("spin",), 2, x=0.4, depth=0.3)), place="forest",
        weather="snow", camera="shake", props=(Prop("tree", 0.2, 0.2), Prop("flower", -0.5, 0.9)), seed=9,
    )  # fmt: skip
    first, second = storybook.render(busy, 64, 64, 6), storybook.render(busy, 64, 64, 6)
    assert np.array_equal(first, second)


def test_a_part_looks_like_the_whole():
    whole = storybook.render(scene(camera="pan left", actor={"actions": ("walk",)}), 64, 64, 13)
    part = storybook.render(scene(camera="pan left", actor={"actions": ("walk",)}), 64, 64, 1, start=1.0)
    assert np.array_equal(whole[12], part[0])


def test_look_is_the_same_at_every_resolution():
    small = storybook.render(scene(seed=4), 64, 64, 1)[0].astype(float)
    large = storybook.render(scene(seed=4), 128, 128, 1)[0].astype(float).reshape(64, 2, 64, 2, 3).mean((1, 3))
    assert np.abs(small - large).mean() < 6


@pytest.mark.parametrize("camera", CAMERAS)
def test_cameras_move_what_stands_still(camera):
    film = storybook.render(scene(camera=camera, actor={"actions": ("walk",)}), 64, 64, 13).astype(int)
    corner = np.abs(film[0, :20] - film[-1, :20]).mean()
    assert (corner == 0) if camera == "still" else (corner > 0.5)


@pytest.mark.parametrize("weather", WEATHERS[1:])
def test_weather_shows_and_moves(weather):
    clear = storybook.render(Scene((), light="night"), 64, 64, 2).astype(int)
    film = storybook.render(Scene((), light="night", weather=weather), 64, 64, 2).astype(int)
    assert np.abs(film - clear).mean() > 0.05
    assert not np.array_equal(film[0], film[1])


@pytest.mark.parametrize("kind", PROPS)
def test_props_show_and_hide_the_actor(kind):
    bare = storybook.render(scene(), 64, 64, 1)[0]
    behind = storybook.render(scene(props=(Prop(kind, 0.5, 0.3),)), 64, 64, 1)[0]
    assert (bare != behind).any()
    _, mask = storybook.render(scene(), 64, 64, 1, masks=True)
    _, hidden = storybook.render(scene(props=(Prop(kind, 0.0, 0.7),)), 64, 64, 1, masks=True)
    assert hidden.sum() < mask.sum() or kind == "cloud"


def test_masks_cover_the_actors_only():
    film, mask = storybook.render(scene(), 64, 64, 3, masks=True)
    empty = storybook.render(Scene(()), 64, 64, 3)
    assert mask.shape == (3, 64, 64) and mask.dtype == np.uint8 and mask.max() == 255
    assert 0.02 < (mask > 128).mean() < 0.5
    solid = mask > 200
    assert (np.abs(film[solid].astype(int) - empty[solid]).max(-1) > 4).mean() > 0.9
    assert np.array_equal(storybook.render(scene(), 64, 64, 3), film)


def test_night_darkens_actors():
    day, night = (
        draw[0][draw[1] > 250].mean()
        for draw in (storybook.render(scene(light=l), 64, 64, 1, masks=True) for l in ("day", "night"))
    )
    assert night < 0.85 * day


@pytest.mark.parametrize("colour", COLOURS)
def test_colour_changes_hue_and_keeps_alpha(colour):
    sprite = draw_sprite("fox", 64)[0]
    painted = puppets.recolour(sprite, puppets.HUES[colour])
    assert np.array_equal(painted[..., 3], sprite[..., 3])
    vivid = np.ptp(painted[..., :3].astype(int), axis=-1) > 60
    assert vivid.sum() > 50
    wanted, got = np.array(puppets.HUES[colour]), painted[vivid][:, :3].mean(0)
    assert np.argmax(got) == np.argmax(wanted) and np.argmin(got) == np.argmin(wanted)


def test_mirrored_to_its_heading():
    facing = next(n.key for n in load_nouns().values() if n.facing)
    left, right = (Scene((Actor(facing, heading=h),), place="sky") for h in (-1, 1))
    masks = [storybook.render(s, 64, 64, 1, masks=True)[1][0] for s in (left, right)]
    assert np.abs(masks[0][:, ::-1].astype(int) - masks[1]).mean() < 12


@pytest.mark.parametrize("size", [(0, 64, 1, 12), (64, -2, 1, 12), (64, 64, 0, 12), (64, 64, 1, 0)])
def test_sizes_must_be_positive(size):
    height, width, frames, fps = size
    with pytest.raises(ValueError, match="more than 0"):
        storybook.render(scene(), height, width, frames, fps)


def test_unknown_nouns_get_a_suggestion():
    with pytest.raises(ValueError, match="no noun 'foks', did you mean 'fox'"):
        puppets.resolve("foks")
    with pytest.raises(ValueError, match="no noun 'qqqqq'"):
        puppets.resolve("qqqqq")


def test_layers_are_premultiplied():
    for place in PLACES:
        drop = paint(place, "sunset", "clear", 1, 64, 64, 0.1, 0.1)
        for layer in (drop.mid, drop.ground, drop.front):
            if layer is not None and place != "night city":  # neon adds light
                assert (layer.pixels[..., :3] <= layer.pixels[..., 3:].astype(int) + 1).all(), place


def test_drawn_sprites_are_distinct_animated_and_premultiplied():
    fox, cat = draw_sprite("fox", 64), draw_sprite("cat", 64)
    assert fox.shape == (12, 64, 64, 4) and not np.array_equal(fox, cat)
    assert not np.array_equal(fox[0], fox[3])
    assert (fox[..., :3] <= fox[..., 3:]).all()


def test_no_art_is_said_clearly(monkeypatch):
    assert not art.has_art() and art.missing_art()
    monkeypatch.setattr(art.shutil, "which", lambda name: None)
    with pytest.raises(RuntimeError, match="npm was not found"):
        art.fetch_art(progress=lambda line: None)


def test_trimmed_sprites_stand_on_the_lower_edge():
    picture = np.zeros((2, 40, 60, 4), np.uint8)
    picture[0, 10:20, 5:25] = (200, 100, 50, 255)
    frames = art.as_sprite(picture)
    assert frames.shape == (2, art.SIDE, art.SIDE, 4)
    assert (frames[0, -20, :, 3] > 200).mean() > 0.8 and (frames[0, :20, :, 3] == 0).all()


def test_half_a_download_is_noticed(tmp_path):
    home = tmp_path / "npm/node_modules/@lobehub/fluent-emoji-anim-1/assets"
    home.mkdir(parents=True)
    (home / "1f98a.webp").write_bytes(b"RIFF")
    assert art.missing_art()["@lobehub/fluent-emoji-anim-1"] == art.FILES["1"] - 1
    assert not art.has_art()
    assert storybook.render(scene(), 32, 32, 1).shape == (1, 32, 32, 3)


def test_damaged_pictures_are_replaced_and_a_full_cache_is_kept(tmp_path, monkeypatch):
    calls = []

    def install(home, progress):
        calls.append(home)
        for part, count in art.FILES.items():
            folder = home / f"node_modules/@lobehub/fluent-emoji-anim-{part}/assets"
            folder.mkdir(parents=True, exist_ok=True)
            for k in range(count):
                if not (folder / f"{part}{k:04x}.webp").exists():
                    (folder / f"{part}{k:04x}.webp").write_bytes(b"a picture")

    monkeypatch.setattr(art, "FILES", {"1": 2, "2": 3})
    monkeypatch.setattr(art, "_install", install)
    monkeypatch.setattr(art, "_opens", lambda file: file.read_bytes() == b"a picture")
    art.fetch_art(progress=lambda line: None)
    art.fetch_art(progress=lambda line: None)
    assert len(calls) == 1 and art.has_art()
    (tmp_path / "npm/node_modules/@lobehub/fluent-emoji-anim-1/assets/10001.webp").write_bytes(b"half")
    art.fetch_art(progress=lambda line: None)
    assert len(calls) == 2 and not art.unreadable_art()


def test_a_cache_that_cannot_be_written_costs_only_time(tmp_path, monkeypatch):
    monkeypatch.setattr(art.os, "replace", lambda a, b: (_ for _ in ()).throw(OSError("disk full")))
    art._save(tmp_path / "sprites" / "x.npy", np.zeros((1, 4, 4, 4), np.uint8))
    assert list((tmp_path / "sprites").iterdir()) == []


def test_the_camera_is_told_as_it_moves():
    times = np.linspace(0, 4, 5)
    told = {
        move: storybook.cameras(scene(actor={"actions": ("walk",)}, seconds=4.0, camera=move), 96, 128, times)
        for move in ("still", "pan left", "pan right", "tilt down", "zoom in", "follow", "orbit")
    }
    still = told["still"]
    assert still.shape == (5, 5) and not still[:, :4].any() and 0.3 < still[0, 4] < 0.8 and (still[:, 4] == still[0, 4]).all()
    assert (np.diff(told["pan right"][:, 0]) > 0).all() and np.allclose(told["pan left"], told["pan right"] * [-1, 1, 1, 1, 1])
    assert (np.diff(told["tilt down"][:, 1]) > 0).all() and (np.diff(told["zoom in"][:, 2]) > 0).all()
    assert (np.diff(told["follow"][:, 0]) > 0).all() and (told["orbit"][:, 3] > 0).all()  # the actor walks to the right
