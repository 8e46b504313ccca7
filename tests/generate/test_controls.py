"""Every control with a tiny untrained model: what is given stays, lengths are as asked, bad input is one clear line."""

import dataclasses
import itertools
import json
from unittest import mock

import numpy as np
import pytest
import torch

from skyloom import generate as room
from skyloom.base.video import read_recipe, read_video, write_video
from skyloom.generate import Request, Shot, controls, cost, generate, relit, sampling, shoot, takes
from skyloom.models.bundle import tiny_bundle

FPS = 12


@pytest.fixture(scope="module")
def bundle():
    return tiny_bundle(0)


def moving(frames=24, height=64, width=64, phase=0.0):
    """A smooth pattern that moves."""
    t, y, x = np.mgrid[:frames, :height, :width]
    parts = 128 + 90 * np.sin((x + 3 * t) / 15 + phase), 128 + 90 * np.cos((y - 2 * t) / 12), (x + y) * 255 / (height + width)
    return np.stack(parts, -1).clip(0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A clip of ours, a foreign one, pictures, masks, and files that are none."""
    folder = tmp_path_factory.mktemp("given")
    write_video(folder / "ours.mp4", moving(), FPS, metadata={"prompt": "a red fox"})
    write_video(folder / "foreign.mp4", moving(30, phase=2.0), FPS)
    write_video(folder / "first.png", moving(1, 90, 120), FPS)
    write_video(folder / "last.png", moving(1, 64, 64, 1.0), FPS)
    mask = np.zeros((1, 64, 64, 3), np.uint8)
    mask[:, :, 40:] = 255
    write_video(folder / "mask.png", mask, FPS)
    write_video(folder / "black.png", mask * 0, FPS)
    masks = np.zeros((24, 64, 64, 3), np.uint8)
    masks[12:, :32] = 255
    write_video(folder / "masks.mp4", masks, FPS)
    write_video(folder / "other.png", mask[:, :32], FPS)
    (folder / "broken.mp4").write_bytes((folder / "ours.mp4").read_bytes()[:300])
    (folder / "empty.mp4").write_bytes(b"")
    write_video(folder / "hours.mp4", np.zeros((10, 32, 32, 3), np.uint8), 0.05)
    return folder


def ask(files, prompt="a red fox runs", **options):
    """A short request; names of files become their paths."""
    named = {key: str(files / value) if isinstance(value, str) and "." in value else value for key, value in options.items()}
    return Request(prompt, **{"steps": 2, "seconds": 0.5, **named})


def script_of(request, bundle):
    settled = takes.settle(request).resolved()
    return controls.write_script(settled, cost.ruler_of(bundle), cost.window_of(bundle))


def filmed(request, bundle, take=None, on_preview=None):
    """The latents of the one take of a request, as sampled."""
    request = takes.settle(request).resolved()
    script = script_of(request, bundle)
    take = take or script.takes[0]
    cells = script.height // 16, script.width // 16
    noise = sampling.Noise(request, bundle.config.vae.channels, cells)
    stage = sampling.Stage(request, bundle, noise, cost.window_of(bundle), lambda a, b: None, on_preview, 1)
    seen, sample = [], sampling._sample

    def listening(*what):
        seen.append(sample(*what))
        return seen[-1]

    with mock.patch.object(sampling, "_sample", listening):
        list(sampling.films(take, stage))
    return take, torch.cat(seen, 2)


def encoded(frames, bundle):
    video = torch.from_numpy(frames.copy()).permute(3, 0, 1, 2)[None].float() / 127.5 - 1
    return bundle.vae.encode(video)


def test_an_image_becomes_the_first_frame_and_is_never_stretched(files, bundle):
    request = ask(files, image="first.png", seconds=1)
    film = generate(request, bundle)
    assert film.frames.shape == (12, 90, 120, 3)  # its own size
    take, z = filmed(request, bundle)
    given = encoded(take.given[:1], bundle)
    assert torch.allclose(z[:, :, :1], given, atol=1e-5) and not torch.allclose(z[:, :, 1:2], given, atol=0.1)
    assert np.array_equal(take.given[0, 3:93, 4:124], read_video(files / "first.png")[0][0])
    assert np.abs(film.frames[0].astype(int) - take.given[0, 3:93, 4:124]).max() <= 1  # to the pixel
    square = script_of(dataclasses.replace(request, size="64x64"), bundle).takes[0].given[0]
    picture = read_video(files / "first.png", size=(64, 64))[0][0]
    assert np.abs(square.astype(int) - picture).mean() < 4  # covered and cut


def test_images_at_the_end_and_between(files, bundle):
    take, z = filmed(ask(files, image="first.png", last="last.png", size="64x64", seconds=2), bundle)
    given = encoded(take.given, bundle)
    assert torch.allclose(z[:, :, [0, -1]], given[:, :, [0, -1]], atol=1e-5)
    assert (take.levels[1:-4] == 1).all() and (take.levels[-4:] == 0).all()
    path = str(files / "last.png")
    between = script_of(ask(files, images=((0.0, path), (1.0, path)), size="64x64", seconds=2), bundle).takes[0]
    assert np.flatnonzero(between.levels[:, 0, 0] == 0).tolist() == [0, 9, 10, 11, 12]


def test_extending_keeps_the_clip(files, bundle):
    clip = read_video(files / "ours.mp4")[0]
    ahead = generate(ask(files, "", clip="ours.mp4", extend="forward"), bundle)
    assert len(ahead.frames) == 24 + 6 and np.array_equal(ahead.frames[:7], clip[:7])
    assert ahead.recipe["prompt"] == "a red fox" and ahead.recipe["inputs"][str(files / "ours.mp4")]["recipe"]["prompt"]
    back = generate(ask(files, clip="ours.mp4", extend="backward"), bundle)
    assert len(back.frames) == 6 + 24 and np.array_equal(back.frames[-8:], clip[-8:])
    both = generate(ask(files, clip="ours.mp4", extend="both"), bundle)
    assert len(both.frames) == 6 + 24 + 6
    take, z = filmed(ask(files, clip="ours.mp4", extend="backward"), bundle)
    assert torch.allclose(z[:, :, -4:], encoded(take.given, bundle)[:, :, -4:], atol=1e-5)


def test_extending_hands_over_gradually(files, bundle):
    take = script_of(ask(files, clip="ours.mp4", extend="forward"), bundle).takes[0]
    share = take.paste[:, 0, 0, 0]
    assert (np.diff(share[:17]) < 0).all() and share[16] == 0 and (share[17:] == 0).all() and share[0] > 0.9
    take = script_of(ask(files, clip="ours.mp4", extend="backward"), bundle).takes[0]
    share = take.paste[:, 0, 0, 0]
    assert share[9] == 0 and (np.diff(share[9:]) > 0).all() and share[-1] > 0.9  # 9: the first given frame


@pytest.mark.parametrize("way, seconds, length", [("backward", 8, 96 + 24), ("both", 4, 48 + 24 + 48)])
def test_a_clip_goes_backward_by_more_than_a_window(files, bundle, way, seconds, length):
    """Each piece is filmed after the one that it leads into, from what that begins with."""
    clip, request = read_video(files / "ours.mp4")[0], ask(files, clip="ours.mp4", extend=way, seconds=seconds, steps=1)
    pieces, filmed = [], room._filmed

    def listening(take, stage):
        pieces.append((take, list(filmed(take, stage))))
        return iter(pieces[-1][1])

    with mock.patch.object(room, "_filmed", listening):
        film = generate(request, bundle)
    assert len(film.frames) == length == script_of(request, bundle).frames
    back = [(take, drawn) for take, drawn in pieces if take.levels[0, 0, 0] == 1]
    assert len(back) == -(-seconds * FPS // 33)
    assert all(len(sampling.windows_of(take, cost.window_of(bundle))) == 1 for take, _ in back)
    for (_, after), (take, drawn) in itertools.pairwise(back):
        assert take.leads == 16 and np.array_equal(take.given[-16:], after[:16])
        assert np.abs(drawn[-1].astype(int) - after[15]).mean() < np.abs(drawn[-16].astype(int) - after[0]).mean()
    assert np.array_equal(film.frames[0], back[-1][1][0])
    if way == "backward":
        assert np.array_equal(film.frames[-8:], clip[-8:])
    assert np.array_equal(generate(Request.from_recipe(film.recipe), bundle).frames, film.frames)


def test_extending_again_chains_the_recipes(files, bundle, tmp_path):
    path = str(files / "ours.mp4")
    for i in range(3):
        film = generate(ask(files, clip=path, extend="forward", seconds=0.3), bundle)
        path = str(tmp_path / f"{i}.mp4")
        film.save(path)
    depth, recipe = 0, read_recipe(path)
    while "inputs" in recipe:
        recipe, depth = next(iter(recipe["inputs"].values()))["recipe"], depth + 1
    assert depth == 3 and len(read_video(path)[0]) == 24 + 3 * 4


def test_a_still_can_be_extended(files, bundle):
    assert len(generate(ask(files, clip="last.png", extend="forward"), bundle).frames) == 7
    back = generate(ask(files, clip="last.png", extend="backward"), bundle)
    assert len(back.frames) == 7


def test_a_loop_has_no_seam_to_speak_of(bundle):
    free = dataclasses.replace(bundle, staging=None)  # whose untrained plans jump across the picture
    film = generate(Request("a fox", seconds=1, size="64x64", steps=4, loop=True), free)
    assert film.frames.shape == (12, 64, 64, 3)
    steps = np.abs(np.diff(film.frames.astype(int), axis=0)).mean((1, 2, 3))
    seam = np.abs(film.frames[0].astype(int) - film.frames[-1]).mean()
    assert seam <= steps.max() * 1.2
    _, z = filmed(Request("a fox", seconds=1, size="64x64", steps=4, loop=True), bundle)
    assert z.shape[2] == 3  # the ring alone


def test_a_clip_closes_into_a_loop(files, bundle):
    clip = read_video(files / "ours.mp4")[0]
    film = generate(ask(files, clip="ours.mp4", loop=True), bundle)
    assert len(film.frames) == 24 + 8  # six frames of bridge are two chunks
    assert np.array_equal(film.frames[:7], clip[8:15])  # begins where the clip's own first frames end


def test_one_clip_becomes_another(files, bundle):
    request = ask(files, clip="ours.mp4", to="foreign.mp4", then="snow", seconds=1)
    script = script_of(request, bundle)
    film = generate(request, bundle)
    assert len(film.frames) == 24 + 12 + 30
    assert np.array_equal(film.frames[:15], read_video(files / "ours.mp4")[0][:15])
    assert np.array_equal(film.frames[-22:], read_video(files / "foreign.mp4")[0][-22:])
    [take] = script.takes
    assert take.prompts == ("a red fox runs", "snow")
    assert take.weights[1, 0] == 0 and take.weights[1, -1] == 1 and (np.diff(take.weights[1]) >= 0).all()
    bridge = np.flatnonzero(take.levels[:, 0, 0] > 0)  # one clip fades into the other, drawn anew where both are seen
    assert len(bridge) == 12 and not take.steady
    middle = bridge[len(bridge) // 2 - 1 : len(bridge) // 2 + 1]
    assert take.levels[middle].min() > 0.98 * controls.BRIDGED and take.levels[bridge[[0, -1]]].max() < 0.6
    before, after = (take.given[at].astype(float) for at in (bridge[0] - 1, bridge[-1] + 1))
    assert np.abs(take.given[middle].mean(0) - (before + after) / 2).max() <= 1
    alone = script_of(ask(files, "snow", clip="ours.mp4", to="foreign.mp4", then="snow", seconds=1), bundle).takes[0]
    assert alone.steady and (alone.levels[bridge] == 1).all()  # who stays the same moves from one clip into the other
    _, z = filmed(request, bundle)
    assert torch.allclose(z[:, :, [0, 1, 2, -2, -1]], encoded(take.given, bundle)[:, :, [0, 1, 2, -2, -1]], atol=1e-5)


@pytest.mark.parametrize("seconds", [1, 4, 4.5, 5, 6, 7.4, 20])
def test_the_last_window_of_a_bridge_sees_the_second_clip_from_afar(files, bundle, tmp_path, seconds):
    """What leads up to the second clip is drawn by a window that sees it, not by one that ends just before."""
    write_video(tmp_path / "long.mp4", moving(60), FPS, metadata={"prompt": "a red fox"})
    request = Request("a red fox", seconds=seconds, clip=str(tmp_path / "long.mp4"), to=str(files / "foreign.mp4"), then="snow")
    script = script_of(request, bundle)
    [take] = script.takes
    begin, end = sampling.windows_of(take, cost.window_of(bundle))[-1]
    assert end - begin >= 8 and (take.levels[-8:] == 0).all() and (take.levels[-32:-8] > 0).any()
    assert np.flatnonzero(take.levels[:, 0, 0] > 0)[-1] == take.frames - 9
    clip, kept = read_video(tmp_path / "long.mp4")[0], len(script.parts[0])
    assert np.array_equal(take.given[: 60 - kept], clip[kept:]) and script.frames == 60 + -(-seconds * FPS // 4) * 4 + 30


def test_a_blend_follows_its_curve(files, bundle):
    both = {"clip": "ours.mp4", "to": "foreign.mp4", "then": "snow"}
    assert len(generate(ask(files, **both, curve="transition", seconds=1), bundle).frames) == 24 + 30 - 12
    assert len(generate(ask(files, **both, curve="mix"), bundle).frames) == 24
    take = script_of(ask(files, **both, curve="0:0, 1:1"), bundle).takes[0]
    levels = take.levels[:, 0, 0]
    assert levels[0] == 0 and levels[12] == 0 and levels[6] == pytest.approx(controls.LIFT)
    assert np.array_equal(take.given[0], read_video(files / "ours.mp4")[0][0])
    assert np.array_equal(take.given[12], read_video(files / "foreign.mp4")[0][12])


def test_a_curve_that_outlasts_the_clips_is_told(files, bundle):
    notes = script_of(ask(files, clip="ours.mp4", to="foreign.mp4", then="snow", curve="0:0, 1:1, 9:0"), bundle).notes
    assert "curve: goes on to 9 s, but the shorter clip ends at 2 s: its rest is left out" in notes
    notes = script_of(ask(files, clip="ours.mp4", to="foreign.mp4", then="snow", curve="0:0, 2:1"), bundle).notes
    assert not any("curve" in note for note in notes)


def test_an_edit_changes_more_with_more_strength(files, bundle):
    clip = encoded(np.concatenate([moving(24), moving(24)[-1:]]), bundle)
    far = []
    for strength in (0.0, 0.03, 0.1, "subtle"):
        _, z = filmed(ask(files, "snow", clip="ours.mp4", strength=strength, seconds=60), bundle)
        far.append(float((z - clip).abs().mean()))
    assert far == sorted(far) and far[0] < far[1] < far[3]
    film = generate(ask(files, "snow", clip="ours.mp4", strength="mild", seconds=1), bundle)
    assert len(film.frames) == 12 and any("its first 1 s of 2" in note for note in film.notes)


def test_an_edit_knows_what_its_clip_shows(files, bundle):
    [take] = script_of(ask(files, "snow", clip="ours.mp4", strength="subtle"), bundle).takes
    assert take.was == "a red fox" and take.relit == pytest.approx(0.6)
    [take] = script_of(ask(files, "snow", clip="foreign.mp4", strength="strong"), bundle).takes
    assert take.was == "" and take.relit == 1
    [take] = script_of(ask(files, "snow", clip="ours.mp4", strength=0.5, mask="40,0,24,64"), bundle).takes
    assert take.relit == 0  # beside what stays a new light would be a patch
    write_video(files / "emoji.mp4", moving(), FPS, metadata={"prompt": "🦊 runs"})
    request = takes.settle(ask(files, "snow", clip="emoji.mp4", strength=0.5)).resolved()
    script, _ = room._in_its_words(script_of(request, bundle), request, bundle)
    assert script.takes[0].was == "fox runs"  # as the model reads it


def test_an_edit_takes_over_the_light_of_its_prompt(files, bundle):
    _, clip = filmed(ask(files, "a red fox", clip="ours.mp4", strength=0.5), bundle)
    light = relit.expected(["snow", "a red fox"], clip, bundle, 0)
    away = relit.difference("snow", "a red fox", clip, bundle, 0)
    assert away.shape == (1, clip.shape[1], 1, *clip.shape[3:]) and torch.allclose(away, light[:1] - light[1:], atol=1e-5)
    assert relit.difference("snow", "snow", clip, bundle, 0).abs().max() == 0
    moved = clip + relit.difference("snow", "", clip, bundle, 0)
    rows = lambda z: z[:, : relit.LARGE].mean((2, 4))  # noqa: E731
    assert torch.allclose(rows(moved), rows(relit.expected(["snow"], clip, bundle, 0)), atol=1e-4)
    assert torch.allclose(moved - moved.mean((2, 4), keepdim=True), clip - clip.mean((2, 4), keepdim=True), atol=1e-4)


def test_what_the_mask_leaves_out_stays(files, bundle):
    clip = read_video(files / "ours.mp4")[0]
    for mask in ("mask.png", "40,0,24,64"):
        film = generate(ask(files, "snow", clip="ours.mp4", seconds=60, mask=mask), bundle)
        assert np.array_equal(film.frames[:, :, :24], clip[:, :, :24])
        assert np.abs(film.frames[:, :, 44:].astype(int) - clip[:, :, 44:]).mean() > 2
    request = ask(files, "snow", clip="ours.mp4", mask="masks.mp4", seconds=60)
    film = generate(request, bundle)
    assert np.abs(film.frames[:11].astype(int) - clip[:11]).max() <= 2  # unmasked until the twelfth frame
    take, z = filmed(request, bundle)
    given = encoded(take.given, bundle)
    assert torch.allclose(z[:, :, 0], given[:, :, 0], atol=1e-5)
    assert not torch.allclose(z[:, :, -1, :2], given[:, :, -1, :2], atol=0.1)


def test_a_mask_leaves_room_for_who_comes(files, bundle):
    ask_for = lambda **more: script_of(ask(files, "a cat", clip="ours.mp4", **more), bundle).takes[0]  # noqa: E731
    take = ask_for(mask="8,16,32,24", strength=1.0)
    assert take.room == (16 / 64, 8 / 64, 40 / 64, 40 / 64) and take.was == "a red fox"
    assert ask_for(mask="masks.mp4", strength=1.0, seconds=2).room == ()  # it does not stay where it is
    assert ask_for(mask="8,16,32,24", strength=0.5).room == ()  # what is there is kept
    assert ask_for(outpaint=True, size="96x64").room == ()


def test_a_wider_film_around_the_clip(files, bundle):
    clip = read_video(files / "ours.mp4")[0]
    film = generate(ask(files, "snow", clip="ours.mp4", outpaint=True, size="128x64", seconds=60), bundle)
    assert film.frames.shape == (24, 64, 128, 3)
    assert np.array_equal(film.frames[:, :, 52:76], clip[:, :, 20:44])
    assert np.abs(film.frames[:, :, 4:20].astype(int) - clip[:, :, :1]).mean() > 2  # painted, not drawn out


def test_shots_follow_each_other(files, bundle):
    shots = ("0-1s: a fox runs", "2-3s: snow", "3-4s: a red fox")
    request = Request("", shots=shots, size="64x64", steps=2)
    [take] = script_of(request, bundle).takes
    weights = take.weights
    assert takes.settle(request).prompt == "a fox runs snow a red fox" and takes.settle(request).frames == 48
    assert (weights[0, :12] == 1).all() and weights[0, 18] == pytest.approx(0.5) and (weights[1, 24:36] == 1).all()
    assert (weights[2, 37:] == 1).all() and np.allclose(weights.sum(0), 1)
    film = generate(request, bundle)
    assert len(film.frames) == 48
    again = Request.from_recipe(json.loads(json.dumps(film.recipe)))
    assert again.shots[0] == Shot(0, 1, "a fox runs") and np.array_equal(generate(again, bundle).frames, film.frames)


def test_cuts_begin_anew_and_cards_bring_pictures(files, bundle):
    picture = str(files / "last.png")
    shots = (Shot(0, 1, "a fox"), Shot(1, 2, "snow", image=picture, cut=True))
    script = script_of(Request("", seconds=2, shots=shots, size="64x64", steps=2), bundle)
    first, second = script.takes
    assert (first.keep, second.keep) == ((0, 12), (0, 12)) and first.given is None and (second.levels[:1] == 0).all()
    assert first.prompts == ("a fox",) and second.prompts == ("snow",)


def test_prompts_are_mixed_frame_by_frame(bundle):
    """Where one prompt counts alone, the velocity is the one of that prompt."""
    weights = np.repeat(np.array([[1.0, 0.5, 0.0], [0.0, 0.5, 1.0]], np.float32), [1, 4, 4], 1)
    take = takes.Take(("a fox", "snow"), weights, takes.flat(9, 1.0), (0, 9))
    request = Request("a fox", steps=1, guidance=1.0)
    stage = sampling.Stage(request, bundle, sampling.Noise(request, 4, (4, 4)), 13, lambda a, b: None, None, 1)
    z, t = torch.randn(1, 4, 3, 4, 4), torch.full((1, 3, 1, 1), 0.7)
    with torch.inference_mode():
        mixed = sampling.velocity_of(take, sampling.prompt_weights(take, 0, 3), stage)(z, t)
        fox, snow = (bundle.dit(z, t, *bundle.read([text])) for text in ("a fox", "snow"))
    assert torch.allclose(mixed[:, :, 0], fox[:, :, 0], atol=3e-2) and torch.allclose(mixed[:, :, 2], snow[:, :, 2], atol=3e-2)
    assert not torch.allclose(fox[:, :, 0], snow[:, :, 0], atol=1e-2)


def test_long_films_come_window_after_window(bundle):
    request = Request("a red fox runs", seconds=8, size="32x32", steps=1)
    reel = shoot(request, bundle)
    assert reel.count == 96 and any("window after window" in note for note in reel.notes)
    assert len(list(reel)) == 96
    take, z = filmed(request, bundle)
    assert sampling.windows_of(take, 13) == [(0, 13), (13, 21), (21, 25)]
    assert z.shape[2] == 13 + (5 + 8) + (5 + 4)  # what goes on sees the anchor and four of the window before
    for window in (1, 2, 3, 5):  # however short, each goes on by something
        ends = [end for _, end in sampling.windows_of(take, window)]
        assert ends[-1] == 25 and all(a < b for a, b in itertools.pairwise(ends))
    short = dataclasses.replace(request, seconds=49 / 12)
    assert torch.equal(filmed(short, bundle)[1], z[:, :, :13])  # the beginning does not know how long it will go on


def test_a_longer_film_asks_for_no_more_memory_at_once(bundle):
    minute, ten = (room.plan(Request("a fox", seconds=s, size="64x64"), bundle) for s in (60, 600))
    assert minute.bytes == ten.bytes and minute.film * 9 < ten.film
    assert minute.window == 13 * 4 and ten.tokens > 9 * minute.tokens


def test_filming_begins_with_the_first_frame(bundle):
    seen = []
    reel = shoot(Request("a fox", seconds=8, size="32x32", steps=2), bundle, lambda done, of: seen.append((done, of)))
    assert seen == []
    next(reel.frames)
    assert seen[0] == (0, 6) and seen[-1] == (2, 6)  # three windows of two steps
    assert not torch.is_inference_mode_enabled()
    list(reel)
    assert seen[-1] == (6, 6)


def test_a_variation_lies_between(bundle):
    first = generate(Request("a fox", seconds=0.3, size="64x64", steps=2, seed=5), bundle)
    base = Request.from_recipe(first.recipe)
    far = []
    for vary in (0.0, 0.3, 0.7, 1.0):
        film = generate(base.like(vary, 9), bundle)
        far.append(np.abs(film.frames.astype(int) - first.frames).mean())
    assert far[0] == 0 and far == sorted(far)
    other = generate(Request("a fox", seconds=0.3, size="64x64", steps=2, seed=9), bundle)
    assert np.array_equal(film.frames, other.frames)
    again = base.like(0.3, 9).like(0.2, 11)
    assert again.seeds == ((5, 0.0), (9, 0.3)) and again.vary == 0.2
    noise = sampling.Noise(again, 4, (8, 8)).draw(3)
    assert 0.9 < float(noise.std()) < 1.1 and noise.shape == (1, 4, 3, 8, 8)
    varied = room.Model(bundle=bundle).vary(first, 0.3, 9)
    assert np.array_equal(varied.frames, generate(base.like(0.3, 9), bundle).frames)


def test_previews_show_what_takes_shape(bundle):
    seen = []
    film = generate(Request("a fox", seconds=1, size="128x64", steps=3), bundle, on_preview=seen.append)
    assert len(seen) == 3 and seen[0].shape == (4, 64, 128, 3) and seen[0].dtype == np.uint8
    assert len(film.frames) == 12
    large = []
    generate(Request("a fox", seconds=0, size="128x128", steps=1), bundle, on_preview=large.append)
    assert large[0].shape == (1, 64, 64, 3)


def test_the_interval_of_guidance_counts(bundle):
    one, other = (generate(Request("a fox", seconds=0, size="64x64", steps=3, interval=i), bundle) for i in ((0, 1), (0, 0.2)))
    assert not np.array_equal(one.frames, other.frames)


def test_foreign_clips_are_named_as_such(files, bundle):
    notes = generate(ask(files, clip="foreign.mp4", extend="forward", seconds=0.2), bundle).notes
    assert any("not filmed by Skyloom" in note for note in notes)
    assert not any(
        "not filmed" in n for n in generate(ask(files, clip="ours.mp4", extend="forward", seconds=0.2), bundle).notes
    )


def test_what_was_changed_in_a_clip_is_told(files, bundle, tmp_path):
    write_video(tmp_path / "fast.mp4", moving(24), 24, metadata={"prompt": "a fox"})
    reel = shoot(ask(files, clip=str(tmp_path / "fast.mp4"), extend="forward", seconds=0.2), bundle)
    assert reel.count == 12 + 2 and any("24 fps became 12" in note for note in reel.notes)


def test_sizes_far_beyond_training_are_honest(bundle):
    notes = " ".join(shoot(Request("a fox", size="1024x1024", seconds=0), bundle).notes)
    assert "16.0 times the largest area" in notes


@pytest.mark.parametrize(
    "options, says",
    [
        ({"strength": 0.5}, "strength: needs a clip"),
        ({"clip": "ours.mp4"}, "say what becomes of it"),
        ({"clip": "ours.mp4", "strength": 7}, "strength=7: wanted subtle, mild, strong or a number from 0 to 1"),
        ({"clip": "ours.mp4", "strength": "wild"}, "strength='wild'"),
        ({"clip": "ours.mp4", "extend": "sideways"}, "extend='sideways': wanted one of forward, backward, both"),
        ({"clip": "ours.mp4", "extend": "forward", "loop": True}, "extend and loop: one at a time"),
        ({"clip": "ours.mp4", "outpaint": True}, "outpaint: needs the new size"),
        ({"clip": "ours.mp4", "extend": "forward", "image": "first.png"}, "goes with neither clip nor loop"),
        ({"clip": "ours.mp4", "to": "foreign.mp4", "curve": "1:2"}, "curve='1:2': wanted transition"),
        ({"curve": "mix"}, "curve: blends the clip with another"),
        ({"shots": ("0-2s: a", "1-3s: b")}, "overlap"),
        ({"shots": ("soon: a fox",)}, "wanted FROM-TOs: TEXT"),
        ({"shots": ("2-1s: a fox",)}, "ends before it has begun"),
        ({"shots": tuple(f"{i}-{i + 1}s: a fox" for i in range(200))}, "200 shots: at most 100"),
        ({"shots": "0-2s: a fox"}, "wanted a list"),
        ({"shots": ({"start": 0, "text": "a fox"},)}, "wanted start, end, text"),
        ({"images": ((1,),)}, "is no pair"),
        ({"images": ((-1, "x.png"),)}, "wanted a number from 0"),
        ({"vary": 0.3}, "needs a film to vary"),
        ({"interval": (0.5, 0.1)}, "lower noise level first"),
        ({"expand": "please"}, "wanted 'local', 'off', or the address"),
        ({"seconds": 601}, "from 0 to 600"),
    ],
)
def test_controls_that_do_not_fit_are_refused_at_once(files, options, says):
    with pytest.raises(ValueError, match=says):
        ask(files, **options)


@pytest.mark.parametrize(
    "options, says",
    [
        ({"clip": "nowhere.mp4", "extend": "forward"}, "no such file"),
        ({"clip": "broken.mp4", "extend": "forward"}, r"broken.mp4: .*Is the file whole\?"),
        ({"clip": "empty.mp4", "strength": 0.5}, r"empty.mp4: .*Is the file whole\?"),
        ({"clip": "hours.mp4", "extend": "forward"}, "3 min 20 s long, at most 120 s"),
        ({"clip": "ours.mp4", "mask": "other.png"}, "a mask of 64x32, but .* is 64x64"),
        ({"clip": "ours.mp4", "mask": "black.png"}, "has no white in it"),
        ({"clip": "ours.mp4", "mask": "60,0,24,64"}, "reaches outside"),
        ({"clip": "ours.mp4", "outpaint": True, "size": "128x128"}, "has the shape of"),
        ({"clip": "ours.mp4", "extend": "backward", "seconds": 0}, "seconds=0: adds nothing to the clip"),
        ({"prompt": "", "clip": "foreign.mp4", "strength": 0.5}, "holds no recipe with a prompt"),
        ({"image": "first.png", "seconds": 0}, "a still that is given"),
        ({"clip": "first.png", "loop": True}, "too short to loop"),
        ({"clip": "first.png", "extend": "both"}, "too short to extend both ways"),
        ({"loop": True, "seconds": 10}, "a loop lasts up to 4"),
    ],
)
def test_files_that_cannot_be_filmed_are_named_before_any_sampling(files, bundle, options, says, monkeypatch):
    monkeypatch.setattr(sampling, "_sample", lambda *_: pytest.fail("sampling began"))
    with pytest.raises((ValueError, OSError), match=says) as caught:
        shoot(ask(files, **options), bundle)
    assert "\n" not in str(caught.value)


def test_images_too_close_together_or_too_late(files, bundle):
    path = str(files / "last.png")
    with pytest.raises(ValueError, match=r"wanted 0.33 s between pictures"):
        shoot(ask(files, images=((0.9, path), (1.0, path)), seconds=2), bundle)
    with pytest.raises(ValueError, match="but the film ends at 1 s"):
        shoot(ask(files, images=((1.5, path),), seconds=1), bundle)


def test_a_strength_is_a_share_of_what_is_coarse():
    """Half of the brightness, which deviates by 8 where noise has 1, is lost at level 8 / 9."""
    levels = [controls.lifted_to(strength) for strength in (0.0, 0.5, 1.0)]
    assert levels == pytest.approx([0, 8 / 9, 1])
