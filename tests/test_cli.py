"""The command line: exit codes, one clear line for every mistake, whole files or none, films that can be made again."""

import contextlib
import json
import os
import pty
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

import skyloom
from skyloom.base.video import read_recipe, read_video
from skyloom.cli import films, run
from skyloom.generate import Request
from skyloom.models.bundle import save_bundle, tiny_bundle

ROOT = Path(skyloom.__file__).parent.parent
SHORT = ["--seconds", "0.3", "--size", "64x64", "--steps", "2"]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tiny")
    save_bundle(tiny_bundle(0), folder)
    return str(folder)


@pytest.fixture
def film(model):
    """Run `skyloom generate` with the tiny model."""
    return lambda *arguments: run(["generate", *arguments, *SHORT, "--model", model])


def process(*arguments, **options):
    """A real `python -m skyloom`; text in and out unless told otherwise."""
    options = {"text": True, "capture_output": True, **options}
    return subprocess.run([sys.executable, "-m", "skyloom", *arguments], cwd=ROOT, **options)


def test_a_prompt_becomes_a_file(film, tmp_path, capsys):
    assert film("a red fox runs", "-o", str(tmp_path / "fox.mp4")) == 0
    frames, fps = read_video(tmp_path / "fox.mp4")
    assert frames.shape == (4, 64, 64, 3) and fps == 12
    out, err = capsys.readouterr()
    assert re.fullmatch(r".*fox.mp4: 0.33 s of film in \d+\.\d+ s \(\d+\.\d+ film seconds per second\)\n", out)
    assert "size 64x64" in err
    assert os.listdir(tmp_path) == ["fox.mp4"]


@pytest.mark.parametrize("suffix", ["webm", "gif", "png"])
def test_other_suffixes(film, tmp_path, suffix):
    assert film("a fox", "-o", str(tmp_path / f"fox.{suffix}")) == 0
    assert read_recipe(tmp_path / f"fox.{suffix}")["prompt"] == "a fox"


def test_words_need_no_quotes_and_chinese_works(film, tmp_path):
    assert film("一只", "红狐狸", "-o", str(tmp_path / "fox.png")) == 0
    assert read_recipe(tmp_path / "fox.png")["prompt"] == "一只 红狐狸"


def test_json_is_a_line_a_film(film, tmp_path, capsys):
    assert film("a fox", "-o", str(tmp_path / "f.png"), "--n", "2", "--seed", "4", "--json") == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [Path(row["file"]).name for row in rows] == ["f-1.png", "f-2.png"]
    assert [row["recipe"]["seed"] for row in rows] == [4, 5]
    for row in rows:
        assert row["film_seconds"] > 0 and row["wall_seconds"] > 0 and row["film_seconds_per_second"] > 0 and row["notes"]


def test_unknown_words_go_to_standard_error(film, tmp_path, capsys):
    assert film("a foxx in the snow", "-o", str(tmp_path / "f.png")) == 0
    assert "skyloom: note: unknown word 'foxx', the nearest known is 'fox'" in capsys.readouterr().err


def test_show_prints_the_recipe_and_makes_the_same_bytes(film, tmp_path, capsys):
    first, again = tmp_path / "a.mp4", tmp_path / "b.mp4"
    assert film("a fox 狐狸", "-o", str(first), "--seed", "9") == 0
    capsys.readouterr()
    assert run(["show", str(first)]) == 0
    recipe = json.loads(capsys.readouterr().out)
    assert (recipe["prompt"], recipe["seed"], recipe["steps"]) == ("a fox 狐狸", 9, 2)
    assert run(["show", str(first), "--rerun", "-o", str(again)]) == 0
    assert first.read_bytes() == again.read_bytes()


def test_show_says_when_bytes_may_differ(film, tmp_path, capsys, model):
    assert film("a fox", "-o", str(tmp_path / "a.png")) == 0
    save_bundle(tiny_bundle(1), Path(model))
    try:
        from skyloom.generate import load_bundle

        load_bundle.cache_clear()
        assert run(["show", str(tmp_path / "a.png"), "--rerun", "-o", str(tmp_path / "b.png")]) == 0
        assert "bytes may differ" in capsys.readouterr().err
    finally:
        save_bundle(tiny_bundle(0), Path(model))
        load_bundle.cache_clear()


def test_standard_input_and_output_are_pipes(model, tmp_path):
    done = process("generate", "-", "-o", "-", *SHORT, "--model", model, input=b"a fox\nin the snow\n", text=False)
    assert done.returncode == 0 and b"film seconds per second" in done.stderr
    assert b"\x1b" not in done.stderr and b"/2" not in done.stderr  # no bar without a terminal
    (tmp_path / "piped.mp4").write_bytes(done.stdout)
    assert len(read_video(tmp_path / "piped.mp4")[0]) == 4
    assert read_recipe(tmp_path / "piped.mp4")["prompt"] == "a fox in the snow"


@pytest.mark.parametrize(
    "arguments, says",
    [
        (["generate"], "prompt is empty"),
        (["generate", "   "], "prompt is empty"),
        (["generate", "x" * 10_000], "prompt of 10000 characters: at most 2000"),
        (["generate", "🇫🇷"], "say in words what to film"),
        (["generate", "a fox", "--size", "1x1"], "width 1 is outside 32..1024"),
        (["generate", "a fox", "--size", "squre"], "Did you mean 'square'"),
        (["generate", "a fox", "--seconds", "-2"], "seconds=-2.0: wanted a number from 0 to 600"),
        (["generate", "a fox", "--seconds", "soon"], 'unable to convert "soon"'),
        (["generate", "a fox", "--qualty", "fast"], "Did you mean --quality?"),
        (["generate", "a fox", "--quality", "bst"], 'Choose from: "fast", "good", "best"'),
        (["generate", "a fox", "-o", "film.avi"], "cannot write .avi. Known: .mp4, .webm, .gif, .png"),
        (["generate", "a fox", "-o", "no/such/folder/film.mp4"], "mkdir -p no/such/folder"),
        (["generate", "a fox", "-o", "-", "--json"], "goes with neither --json nor --n"),
        (["generate", "a fox", "-o"], "requires an argument"),
        (["generate", "a fox", "--model", "nowhere"], "no model 'nowhere'"),
        (["gnerate", "a fox"], 'Did you mean "generate"'),
        (["show", "nowhere.mp4"], "no such file"),
        (["show", "README.md"], "not a film that can be read"),
        (["world", "show", "--n", "0", "-o", "world"], "n=0: wanted 1 to 400"),
        (["train", "tokenizer", "tokenizer.stepz=1"], "Did you mean 'steps'"),
        (["train", "tokenizer", "tokenizer.steps"], "wanted path=value"),
        (["train", "model", "--preset", "huge"], "wanted one of storybook, storybook-gpu, tiny"),
        (["train", "encode", "--preset", "tiny", "--run", "nowhere"], "Run `skyloom train tokenizer` first"),
        (["export", "--run", "nowhere"], "no trained model there"),
        (["eval", "adherense"], "Did you mean 'adherence'"),
    ],
)
def test_mistakes_get_one_clear_line(arguments, says, capsys, monkeypatch):
    monkeypatch.chdir(ROOT)
    assert run(arguments) == 2
    out, err = capsys.readouterr()
    assert says in err and err.startswith("skyloom: ") and err.count("\n") == 1 and out == ""


def test_where_an_error_came_from_can_be_asked(monkeypatch):
    monkeypatch.setenv("SKYLOOM_DEBUG", "1")
    with pytest.raises(FileNotFoundError, match="no such file"):
        run(["show", "nowhere.mp4"])


def test_too_little_memory_is_a_failure(film, tmp_path, monkeypatch, capsys):
    from skyloom.base import sizes

    monkeypatch.setattr(sizes, "free_memory", lambda: 1000)
    assert film("a fox", "-o", str(tmp_path / "f.mp4")) == 1
    assert "of memory, but" in capsys.readouterr().err and os.listdir(tmp_path) == []


def test_formats_that_hold_all_frames_must_find_room_for_them(model, tmp_path, monkeypatch, capsys):
    from skyloom.base import sizes
    from skyloom.generate import load_bundle, plan
    from skyloom.generate.cost import PROCESS_BYTES

    words = ["generate", "a fox", "--seconds", "6", "--size", "32x32", "--steps", "1", "--model", model]
    planned = plan(Request("a fox", 6.0, "32x32", steps=1, model=model), load_bundle(model))
    monkeypatch.setattr(sizes, "free_memory", lambda: planned.bytes - PROCESS_BYTES + planned.film // 2)
    assert run([*words, "-o", str(tmp_path / "f.gif")]) == 1 and "of memory, but" in capsys.readouterr().err
    assert run([*words, "-o", str(tmp_path / "f.png")]) == 1
    assert run([*words, "-o", str(tmp_path / "f.mp4")]) == 0


def test_long_waits_are_announced_once(film, tmp_path, monkeypatch, capsys):
    from skyloom.generate import cost

    assert film("a foxx", "-o", str(tmp_path / "f.png")) == 0
    assert "on this machine" not in capsys.readouterr().err
    monkeypatch.setattr(cost, "seconds_of", lambda *_: 930.0)
    assert film("a foxx", "--n", "2", "-o", str(tmp_path / "f.png")) == 0
    err = capsys.readouterr().err
    assert "skyloom: note: takes about 31 min 0 s on this machine; Ctrl-C stops it" in err
    assert err.count("unknown word") == 1  # the same for both films, so said once


def test_every_film_has_its_own_notes(model, tmp_path, capsys):
    words = ["a red fox on a stage", "a foxx"]
    requests = [Request(prompt, 0.3, "64x64", steps=1, model=model) for prompt in words]
    films.make(requests, [str(tmp_path / "a.png"), str(tmp_path / "b.png")], False)
    err = capsys.readouterr().err
    assert "unknown word 'foxx'" in err and err.count("size 64x64 is not one of those trained on") == 1


def test_a_terminal_gets_a_bar_and_ctrl_c_leaves_nothing(model, tmp_path):
    """On a terminal the bar shows; stopped in the middle, the program ends with 130 and without a file."""
    ours, theirs = pty.openpty()
    arguments = ["generate", "a fox", "-o", str(tmp_path / "fox.mp4"), "--steps", "1000", "--model", model]
    child = subprocess.Popen(
        [sys.executable, "-m", "skyloom", *arguments], cwd=ROOT, stdout=subprocess.PIPE, stderr=theirs,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "100"},
    )  # fmt: skip
    os.close(theirs)
    seen, shown = bytearray(), threading.Event()

    def look():  # all the time, as a terminal does: a program whose terminal does not read is held up
        while True:
            try:
                more = os.read(ours, 4096)
            except OSError:  # the terminal is gone with its program
                return
            if not more:
                return
            seen.extend(more)
            if b"/1000" in seen:
                shown.set()

    looking = threading.Thread(target=look)
    looking.start()
    shown.wait(120)
    for _ in range(6):  # who is not heard, in the middle of an import, presses the keys again
        child.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(15)
            break
    assert child.wait(15) == 130
    looking.join(15)
    os.close(ours)
    assert child.stdout is not None and child.stdout.read() == b""
    child.stdout.close()
    assert b"fox.mp4" in seen and b"skyloom: stopped" in seen and b"Traceback" not in seen
    assert os.listdir(tmp_path) == []


def test_a_closed_pipe_is_no_accident(model):
    reader, writer = os.pipe()
    os.close(reader)
    done = process("show", "--help", capture_output=False, stdout=writer, stderr=subprocess.PIPE)
    os.close(writer)
    assert "Traceback" not in done.stderr


def test_help_is_quick():
    began = time.perf_counter()
    done = process("--help")
    assert done.returncode == 0 and "generate" in done.stdout
    assert time.perf_counter() - began < 10  # 0.1 s on an idle machine; tests share theirs


def test_plans_say_what_it_takes(model, capsys):
    assert run(["plan", "generate", "a fox", "--model", model]) == 0
    out = capsys.readouterr().out
    assert "49 at 256x256, 832 tokens" in out and "memory" in out and "time" in out
    assert run(["plan", "train", "--preset", "tiny", "model.steps=7"]) == 0
    out = capsys.readouterr().out
    assert "7, " in out and "model: time" in out and "tokenizer: weights" in out


def test_world_show_draws_scenes_with_their_words(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("SKYLOOM_CACHE", str(tmp_path / "no art here"))
    out = tmp_path / "world"
    assert run(["world", "show", "--n", "2", "--seconds", "0.5", "--size", "64x64", "-o", str(out)]) == 0
    assert capsys.readouterr().out.strip() == str(out / "sheet.png")
    assert sorted(os.listdir(out)) == ["00.mp4", "01.mp4", "captions.txt", "scenes.jsonl", "sheet.png"]
    assert len(read_video(out / "00.mp4")[0]) == 6
    assert len((out / "scenes.jsonl").read_text().splitlines()) == 2
    assert read_recipe(out / "00.mp4")["caption"] in (out / "captions.txt").read_text()


def test_world_fetch_without_npm_says_what_to_install(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("SKYLOOM_CACHE", str(tmp_path))
    monkeypatch.setenv("PATH", "")
    assert run(["world", "fetch"]) == 1
    assert "Node.js" in capsys.readouterr().err


def test_a_run_becomes_a_model_with_a_card(tmp_path, capsys):
    home = tmp_path / "run"
    save_bundle(tiny_bundle(0), home / "model" / "export")
    (home / "model" / "metrics.jsonl").write_text('{"step": 20, "val1x64x64": 0.5}\n')
    assert run(["export", "--run", str(home), "--to", str(tmp_path / "out")]) == 0
    card = (tmp_path / "out" / "README.md").read_text()
    assert "license: apache-2.0" in card and "20 steps" in card and "| 1x64x64 | 0.5 |" in card
    assert run(["generate", "a fox", *SHORT, "--model", str(tmp_path / "out"), "-o", str(tmp_path / "f.png")]) == 0
