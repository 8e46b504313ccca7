"""The verbs that steer, as typed: files in, files out, one clear line for every mistake."""

import io
import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest

from skyloom.base.video import read_recipe, read_video, write_video
from skyloom.cli import run
from skyloom.models.bundle import save_bundle, tiny_bundle


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tiny")
    save_bundle(tiny_bundle(0), folder)
    return str(folder)


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    """Two clips of ours, a picture, and a storyboard."""
    folder = tmp_path_factory.mktemp("given")
    ramp = np.linspace(0, 255, 20 * 64 * 64 * 3).reshape(20, 64, 64, 3).astype(np.uint8)
    write_video(folder / "a.mp4", ramp, 12, metadata={"prompt": "a red fox"})
    write_video(folder / "b.mp4", ramp[::-1], 12, metadata={"prompt": "snow"})
    write_video(folder / "card.png", ramp[:1], 12)
    write_video(folder / "small.png", ramp[:1, :32], 12)
    write_video(folder / "strip.png", np.repeat(ramp[:1, :2], 32, 2)[:, :, :512].repeat(16, 1), 12)
    (folder / "cut.mp4").write_bytes((folder / "a.mp4").read_bytes()[:300])
    (folder / "none.mp4").write_bytes(b"")
    write_video(folder / "long.mp4", ramp, 0.01)
    (folder / "cards.toml").write_text("[[shot]]\ntext = 'a fox'\n" * 200)
    board = '[characters]\nRusty = "a red fox"\n[[shot]]\ntext = "Rusty runs"\n[[shot]]\nat = 1\nuntil = 2\ntext = "snow"\n'
    (folder / "board.toml").write_text(f'size = "64x64"\nseed = 4\n{board}image = "card.png"\ncut = true\n')
    return folder


@pytest.fixture
def film(model, given, tmp_path, capsys):
    """Run a verb with the tiny model; gives (exit code, the file's frames or None, its recipe or None, standard error)."""

    def go(*words, out="out.mp4"):
        names = [str(given / word) if (given / word).is_file() else word for word in words]
        code = run([*names, "--model", model, "--steps", "1", "-o", str(tmp_path / out)])
        made = code == 0
        err = capsys.readouterr().err
        return code, read_video(tmp_path / out)[0] if made else None, read_recipe(tmp_path / out) if made else None, err

    return go


@pytest.mark.parametrize(
    "words, frames, recipe",
    [
        (("image", "a fox", "--size", "64x96"), (1, 96, 64), {"seconds": 0}),
        (("generate", "a fox", "--image", "card.png", "--seconds", "0.5"), (6, 64, 64), {"size": "64x64"}),
        (("extend", "a.mp4", "--seconds", "0.5"), (26, 64, 64), {"prompt": "a red fox", "extend": "forward"}),
        (("extend", "a.mp4", "snow", "--backward", "--seconds", "0.5"), (26, 64, 64), {"prompt": "snow", "extend": "backward"}),
        (("extend", "a.mp4", "--both", "--seconds", "0.5"), (32, 64, 64), {"extend": "both"}),
        (("loop", "a fox", "--seconds", "1", "--size", "64x64"), (12, 64, 64), {"loop": True}),
        (("loop", "--clip", "a.mp4", "--seconds", "0.3"), (24, 64, 64), {"prompt": "a red fox"}),
        (("connect", "a.mp4", "b.mp4", "--seconds", "1"), (52, 64, 64), {"prompt": "a red fox", "then": "snow"}),
        (("blend", "a.mp4", "b.mp4", "--curve", "mix"), (20, 64, 64), {"curve": "mix", "then": "snow"}),
        (("edit", "a.mp4", "snow", "--strength", "0.4"), (20, 64, 64), {"strength": 0.4}),
        (("inpaint", "a.mp4", "snow", "--mask", "0,0,32,32"), (20, 64, 64), {"mask": "0,0,32,32", "strength": 1.0}),
        (("outpaint", "a.mp4", "--size", "96x64"), (20, 64, 96), {"outpaint": True, "prompt": "a red fox"}),
        (("storyboard", "board.toml"), (24, 64, 64), {"seed": 4, "prompt": "a red fox runs snow"}),
        (
            ("generate", "--shot", "0-1s: a fox", "--shot", "cut 1-2s: snow", "--size", "64x64"),
            (24, 64, 64),
            {},
        ),
        (("generate", "a red fox", "--expand", "local", "--seconds", "0", "--size", "64x64"), (1, 64, 64), {"expand": "local"}),
    ],
)
def test_every_verb_makes_its_film(film, words, frames, recipe):
    out = "out.png" if frames[0] == 1 else "out.mp4"
    code, made, told, err = film(*words, out=out)
    assert code == 0, err
    assert made.shape == (*frames, 3)
    assert {key: told[key] for key in recipe} == recipe
    if "expand" in recipe:
        assert told["expanded"] and f"expanded: {told['expanded']}" in err


def test_variations_come_from_the_recipe(film, model, tmp_path):
    code, first, _, _ = film("generate", "a fox", "--seconds", "0.3", "--size", "64x64")
    assert code == 0
    file = str(tmp_path / "out.mp4")
    assert run(["generate", "--like", file, "--vary", "0.5", "--n", "2", "-o", str(tmp_path / "v.mp4")]) == 0
    recipe = read_recipe(tmp_path / "v-2.mp4")
    assert (recipe["seeds"], recipe["seed"], recipe["vary"], recipe["prompt"]) == ([[0, 0.0]], 2, 0.5, "a fox")
    assert not np.array_equal(read_video(tmp_path / "v-1.mp4")[0], first)
    assert run(["show", str(tmp_path / "v-1.mp4"), "--rerun", "-o", str(tmp_path / "again.mp4")]) == 0
    assert (tmp_path / "again.mp4").read_bytes() == (tmp_path / "v-1.mp4").read_bytes()
    assert run(["generate", "--like", file, "--seed", "0", "-o", file]) == 2


def test_a_variation_is_changed_by_what_is_told(film, tmp_path):
    assert film("generate", "a fox", "--seconds", "0.3", "--size", "64x64", "--quality", "fast")[0] == 0
    file, out = str(tmp_path / "out.mp4"), str(tmp_path / "v.mp4")
    told = ["a cat", "--seconds", "0.5", "--size", "96x64", "--quality", "best", "--guidance", "1"]
    assert run(["generate", *told, "--like", file, "-o", out]) == 0
    recipe = read_recipe(out)
    assert (recipe["prompt"], recipe["seconds"], recipe["size"]) == ("a cat", 0.5, "96x64")
    assert (recipe["steps"], recipe["guidance"], recipe["vary"], recipe["seeds"]) == (24, 1, 0.3, [[0, 0.0]])
    assert read_video(out)[0].shape == (6, 64, 96, 3)


def test_what_a_board_says_counts_only_where_no_option_does(film, given, tmp_path):
    board = "fps = 8\nquality = 'best'\nsize = '64x64'\n[[shot]]\nuntil = 1\ntext = 'a fox'"
    (tmp_path / "fast.toml").write_text(board)
    assert film("storyboard", str(tmp_path / "fast.toml"))[2]["fps"] == 8
    recipe = film("storyboard", str(tmp_path / "fast.toml"), "--quality", "good", "--fps", "12")[2]
    assert (recipe["quality"], recipe["fps"], recipe["size"]) == ("good", 12, "64x64")


def test_previews_are_pictures_of_what_takes_shape(model, tmp_path, monkeypatch):
    shown, written = tmp_path / "shown.png", []
    replace = os.replace
    monkeypatch.setattr(os, "replace", lambda a, b: (written.append(Path(b).name), replace(a, b)))
    words = ["generate", "a fox", "--seconds", "0.5", "--size", "64x64", "--steps", "3", "--model", model]
    assert run([*words, "--preview", str(shown), "-o", str(tmp_path / "fox.mp4")]) == 0
    assert written == ["shown.png"] * 3 + ["fox.mp4"] and sorted(os.listdir(tmp_path)) == ["fox.mp4", "shown.png"]
    picture = read_video(shown)[0]
    assert picture.shape[0] == 1 and picture.std() > 1
    assert run([*words, "--preview", str(tmp_path / "shown.jpg"), "-o", str(tmp_path / "other.mp4")]) == 2
    assert not (tmp_path / "other.mp4").exists()


def test_a_rerun_says_when_what_was_given_has_changed(film, given, tmp_path, capsys):
    clip = tmp_path / "clip.mp4"
    clip.write_bytes((given / "a.mp4").read_bytes())
    assert film("extend", str(clip), "--seconds", "0.3")[0] == 0
    clip.write_bytes((given / "b.mp4").read_bytes())
    assert run(["show", str(tmp_path / "out.mp4"), "--rerun", "-o", str(tmp_path / "again.mp4")]) == 0
    assert "clip.mp4 has changed since the film was made" in capsys.readouterr().err


def test_a_stream_can_be_played_meanwhile(model, tmp_path, monkeypatch):
    pieces = []

    class Pipe(io.RawIOBase):
        def writable(self):
            return True

        def write(self, data):
            pieces.append(bytes(data))
            return len(data)

    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(Pipe(), write_through=True))
    words = ["generate", "a fox", "--seconds", "6", "--size", "32x32", "--steps", "1", "--model", model, "-o", "-"]
    assert run(words) == 0
    data = b"".join(pieces)
    assert data.count(b"moof") >= 5 and data.index(b"moov") < data.index(b"moof")  # pieces of a second, the index first
    (tmp_path / "stream.mp4").write_bytes(data)
    assert len(read_video(tmp_path / "stream.mp4")[0]) == 72 and read_recipe(tmp_path / "stream.mp4")["prompt"] == "a fox"


@pytest.mark.parametrize(
    "words, says",
    [
        (("extend", "nowhere.mp4"), "nowhere.mp4: there is no such file"),
        (("edit", "a.mp4", "snow", "--strength", "7"), "strength=7.0: wanted subtle, mild, strong or a number from 0 to 1"),
        (("edit", "a.mp4", "snow", "--strength", "wild"), "strength='wild'"),
        (("inpaint", "a.mp4", "snow", "--mask", "60,60,30,30"), "reaches outside"),
        (("inpaint", "a.mp4", "snow"), "--mask"),
        (("inpaint", "a.mp4", "snow", "--mask", "small.png"), "a mask of 64x32"),
        (("generate", "a fox", "--image", "strip.png", "--size", "64x64"), "of which 64x64 would show 6 %"),
        (("generate", "a fox", "--image", "card.png", "--size", "9000x64"), "outside 32..1024 pixels"),
        (("extend", "cut.mp4", "snow"), "cut.mp4: not a film or picture that can be read"),
        (("edit", "none.mp4", "snow"), "none.mp4: not a film or picture that can be read"),
        (("extend", "long.mp4", "snow"), "33 min 20 s long, at most 120 s can be given"),
        (("storyboard", "cards.toml"), "200 shots, at most 100"),
        (("generate", "a fox", "--at", "soon:card.png"), "wanted SECOND:FILE"),
        (("generate", "--shot", "0-2s: a", "--shot", "1-3s: b"), "overlap"),
        (("generate", "a fox", "--shot", "0-2s: a cat"), "the shots say what happens, and so does a prompt"),
        (("generate", "--shot", "0-2s: a cat", "--seconds", "5"), "seconds=5: but the film ends with its last shot, at 2 s"),
        (("generate", "a fox", "--vary", "0.9"), "vary=0.9: needs a film to vary. Name it: --like film.mp4"),
        (("generate", "a fox", "--preview", "new.jpg"), "cannot write .jpg"),
        (("generate", "a fox", "--preview", "new.mp4"), "preview new.mp4: wanted a .png"),
        (("generate", "--like", "card.png"), "holds no recipe"),
        (("loop", "a fox", "--seconds", "9"), "a loop lasts up to 4"),
        (("outpaint", "a.mp4", "--size", "64x64"), "has the shape of"),
        (("storyboard", "card.png"), "not a storyboard that can be read"),
        (("generate", "a fox", "--expand", "http://127.0.0.1:9"), "no answer"),
    ],
)
def test_mistakes_are_one_line(film, words, says):
    code, made, _, err = film(*words)
    assert code in (1, 2) and made is None
    assert says in err and err.startswith("skyloom: ") and err.count("\n") == 1


def test_json_tells_what_was_given(model, given, tmp_path, capsys):
    assert run(["extend", str(given / "a.mp4"), "--seconds", "0.2", "--steps", "1", "--model", model, "--json",
                "-o", str(tmp_path / "o.mp4")]) == 0  # fmt: skip
    [row] = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    [used] = row["recipe"]["inputs"].values()
    assert len(used["sha256"]) == 64 and used["recipe"] == {"prompt": "a red fox"}
