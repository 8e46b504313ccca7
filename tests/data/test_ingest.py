"""Taking files in: every kind of footage is described rightly, every other file becomes a row with a reason."""

import json
import os

import footage_files as made
import numpy as np
import pytest
from PIL import Image

from skyloom.base import footage
from skyloom.data import ingest as ingest_room
from skyloom.data.catalog import Catalog
from skyloom.data.ingest import ingest
from skyloom.data.settings import IngestConfig


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "in").mkdir()
    return tmp_path / "in"


def rows_of(tmp_path, config=IngestConfig()):  # noqa: B008
    with Catalog(tmp_path / "set", write=True) as catalog:
        ingest(catalog, tmp_path / "in", config)
        return dict(catalog.rows("file"))


def shown(path, interlaced=False):
    return [picture.rgb() for picture in footage.pictures(path, interlaced=interlaced)]


def test_a_plain_film_is_described(folder):
    found = footage.probe(made.write(folder / "a.mp4", made.film(frames=24)))
    assert (found.kind, found.height, found.width, found.frames, found.fps) == ("film", 96, 160, 24, 24.0)
    assert (
        abs(found.seconds - 1) < 0.01
        and found.bits == 8
        and not (found.variable or found.interlaced or found.hdr or found.alpha)
    )


def test_a_turned_film_stands_upright(folder):
    frames = made.film(frames=6)
    found = footage.probe(made.turned(folder / "a.mp4", frames))
    assert (found.height, found.width) == (160, 96) and found.rotation in (90, 270)
    first = shown(folder / "a.mp4")[0]
    assert first.shape == (160, 96, 3)
    errors = [np.abs(first.astype(int) - np.rot90(frames[0], k).astype(int)).mean() for k in (1, 3)]
    assert min(errors) < 12 < max(errors)


def test_a_variable_rate_is_seen_and_times_are_the_files_own(folder):
    pts = [0, 40, 80, 400, 440, 480, 900, 940]
    found = footage.probe(made.write(folder / "a.mkv", made.film(frames=8), fps=25, pts=pts))
    assert found.variable and found.frames == 8
    assert [round(1000 * p.seconds) for p in footage.pictures(folder / "a.mkv")] == pts


def test_half_pictures_are_woven_into_one(folder):
    even = made.film(frames=10)
    woven = even.copy()
    woven[:-1, 1::2] = even[1:, 1::2]
    path = made.write(folder / "a.mkv", woven, codec="mpeg2video", options={"flags": "+ilme+ildct", "b": "4M", "top": "1"})
    found = footage.probe(path)
    assert found.interlaced
    assert len(shown(path, interlaced=True)) == 10


def test_half_pictures_are_seen_where_a_film_does_not_begin_with_them(folder):
    """A recording that begins with a title: some encoders mark those pictures as whole."""
    flags = {"codec": "mpeg2video", "options": {"flags": "+ilme+ildct", "b": "4M", "g": "12"}}
    title = made.write(folder / "a.ts", made.film(1, 30), codec="mpeg2video", options={"b": "4M"})
    rest = made.write(folder / "b.ts", made.film(2, 90), **flags)
    assert not footage.probe(title).interlaced and footage.probe(rest).interlaced
    (folder / "c.ts").write_bytes(title.read_bytes() + rest.read_bytes())
    assert footage.probe(folder / "c.ts").interlaced


@pytest.mark.parametrize("trc,hdr", [(16, "pq"), (18, "hlg"), (1, "")])
def test_ten_bits_and_high_range(folder, trc, hdr):
    path = made.write(
        folder / "a.mkv",
        made.film(frames=4),
        codec="libx265",
        pix_fmt="yuv420p10le",
        color_trc=trc,
        options={"x265-params": "log-level=none"},
    )
    found = footage.probe(path)
    assert (found.bits, found.hdr) == (10, hdr)
    assert shown(path)[0].dtype == np.uint8


def test_a_stream_without_a_duration(folder):
    found = footage.probe(made.write(folder / "a.h264", made.film(frames=12)))
    assert found.frames == 12 and found.kind == "film"


def test_a_broken_tail_gives_what_it_has(folder):
    path = made.write(folder / "a.mkv", made.film(frames=60), options={"g": "10"})
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert 10 < footage.probe(path).frames < 60
    count = 0
    try:
        for picture in footage.pictures(path):
            count = picture.number + 1
    except ValueError as error:
        assert "breaks off" in str(error)
    assert 10 < count < 60


@pytest.mark.parametrize("suffix", [".gif", ".webp"])
def test_transparent_animations_lie_on_white(folder, suffix):
    path = made.animation(folder / f"a{suffix}", made.film(frames=5))
    found = footage.probe(path)
    assert (found.kind, found.frames, found.alpha) == ("film", 5, True)
    assert abs(found.seconds - 0.4) < 0.01
    assert all((frame[:, :60] > 245).all() and frame[:, 90:].std() > 3 for frame in shown(path))


def test_stills_are_films_of_one_picture(folder):
    image = Image.fromarray(made.film(frames=1)[0])
    image.save(folder / "a.png")
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    image.save(folder / "b.jpg", exif=exif)
    assert footage.probe(folder / "a.png").kind == "still"
    found = footage.probe(folder / "b.jpg")
    assert (found.height, found.width) == (160, 96)
    assert shown(folder / "b.jpg")[0].shape == (160, 96, 3)


def test_animations_that_break_off_anywhere_say_so(folder):
    """Pillow has many errors for them."""
    whole = made.animation(folder / "a.gif", made.film(frames=3, size=(16, 16)), alpha=False).read_bytes()
    kinds = set()
    for end in range(16, len(whole), 3):
        (folder / "b.gif").write_bytes(whole[:end])
        try:
            kinds.add(footage.probe(folder / "b.gif").kind)
        except ValueError as error:
            kinds.add(str(error).partition(" (")[0])
    assert {"film", "a picture that cannot be read"} <= kinds


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_grey_of_sixteen_bits_keeps_its_levels(folder, name):
    levels = np.linspace(0, 65535, 64 * 64).reshape(64, 64).astype(np.uint16)
    Image.fromarray(levels).save(folder / name)
    [picture] = shown(folder / name)
    assert np.abs(picture[..., 0].astype(int) - levels // 257).max() <= 1


def test_sound_alone_says_so(folder, tmp_path):
    made.sound(folder / "a.m4a")
    assert rows_of(tmp_path)["a.m4a"]["dropped"] == "only sound, no picture"


def test_words_come_from_beside_the_file_and_from_the_manifest(folder, tmp_path):
    for name in ("a.png", "b.png", "c.png"):
        Image.fromarray(made.film(ord(name[0]), 1)[0]).save(folder / name)
    (folder / "a.txt").write_text(" a hill \n")
    (folder / "b.png.json").write_text(json.dumps({"license": "CC0", "consent": "yes", "width": 1, "mood": "calm"}))
    (folder / "manifest.csv").write_text("file,licence,source\nc.png,MIT,archive\nb.png,GPL,\n")
    rows = rows_of(tmp_path)
    assert rows["a.png"]["caption"] == "a hill"
    assert (rows["b.png"]["licence"], rows["b.png"]["mood"], rows["b.png"]["width"]) == ("CC0", "calm", 160)
    assert (rows["c.png"]["licence"], rows["c.png"]["source"]) == ("MIT", "archive")


def test_a_manifest_holds_captions_of_several_lines(folder, tmp_path):
    for name in ("a.png", "b.png"):
        Image.fromarray(made.film(ord(name[0]), 1)[0]).save(folder / name)
    text = "one\u2028two\x0bthree"
    rows = [{"file": "a.png", "caption": text}, {"file": "b.png", "caption": "half \ud83d of a fox"}]
    (folder / "manifest.jsonl").write_text("\n".join(json.dumps(row, ensure_ascii="\ud83d" in row["caption"]) for row in rows))
    found = rows_of(tmp_path)
    assert found["a.png"]["caption"] == text and found["b.png"]["caption"] == "half \ufffd of a fox"
    (folder / "manifest.jsonl").unlink()
    (folder / "manifest.csv").write_text('file,caption\na.png,"one\ntwo"\n')
    assert rows_of(tmp_path)["a.png"]["caption"] == "one\ntwo"


def test_the_data_set_may_lie_among_the_footage(folder):
    Image.fromarray(made.film(1, 1)[0]).save(folder / "a.png")
    for _ in range(2):
        with Catalog(folder / "made" / "set", write=True) as catalog:
            ingest(catalog, folder, IngestConfig())
            assert [name for name, _ in catalog.rows("file")] == ["a.png"]
    with Catalog(folder, write=True) as catalog, pytest.raises(ValueError, match="holds the data set itself"):
        ingest(catalog, folder, IngestConfig())


def test_two_files_never_share_a_name(folder, tmp_path):
    image = made.write(tmp_path / "a.mp4", made.film(frames=4)).read_bytes()
    with open(os.fsencode(folder) + b"/\xff.mp4", "wb") as file:
        file.write(image)
    (folder / r"\xff.mp4").write_bytes(image + b"x")
    assert set(rows_of(tmp_path)) == {r"\xff.mp4", r"\\xff.mp4"}


def test_a_large_file_has_more_time(folder, tmp_path, monkeypatch):
    given = {}
    monkeypatch.setattr(ingest_room.workers, "each", lambda work, jobs, seconds, **_: given.update(seconds) or [])
    (folder / "small.mp4").write_bytes(b"x")
    with open(folder / "large.mp4", "wb") as file:
        file.truncate(20_000_000_000)
    rows_of(tmp_path)
    assert given["small.mp4"] == pytest.approx(60, abs=0.1) and given["large.mp4"] == 60 + 2000


def test_what_may_not_be_used_is_dropped_with_its_reason(folder, tmp_path):
    for name, words in (
        ("a", {"licence": "CC0", "consent": "yes"}),
        ("b", {"licence": "all rights"}),
        ("c", {"consent": "no"}),
    ):
        Image.fromarray(made.film(ord(name), 1)[0]).save(folder / f"{name}.png")
        (folder / f"{name}.json").write_text(json.dumps(words))
    why = {name: row["dropped"] for name, row in rows_of(tmp_path, IngestConfig(licences=("CC0",))).items()}
    assert why["a.png"] == "" and "licence: all rights" in why["b.png"] and why["c.png"] == "consent: no"


def test_the_same_bytes_are_taken_once(folder, tmp_path):
    made.write(folder / "b.mp4", made.film(frames=3))
    (folder / "deep").mkdir()
    (folder / "deep" / "a.mp4").write_bytes((folder / "b.mp4").read_bytes())
    rows = rows_of(tmp_path)
    assert rows["b.mp4"]["dropped"] == "" and rows["deep/a.mp4"]["dropped"] == "copy of b.mp4"
    (folder / "b.mp4").unlink()
    assert {name: row["dropped"] for name, row in rows_of(tmp_path).items()} == {"deep/a.mp4": ""}


def test_only_what_changed_is_read_again(folder, tmp_path):
    for seed in range(3):
        Image.fromarray(made.film(seed, 1)[0]).save(folder / f"{seed}.png")
    with Catalog(tmp_path / "set", write=True) as catalog:
        assert ingest(catalog, folder, IngestConfig()) == 3
        before = list(catalog.rows("file"))
        assert ingest(catalog, folder, IngestConfig()) == 0
        assert list(catalog.rows("file")) == before
        (folder / "1.json").write_text('{"licence": "CC0"}')
        assert ingest(catalog, folder, IngestConfig()) == 1


def test_a_folder_is_one_runs_alone(tmp_path):
    with Catalog(tmp_path / "set", write=True):
        with pytest.raises(RuntimeError, match="another run"):
            Catalog(tmp_path / "set", write=True)
        Catalog(tmp_path / "set").db.close()
    with pytest.raises(FileNotFoundError, match="no data set there"):
        Catalog(tmp_path / "elsewhere")


def test_hostile_files_are_rows_with_reasons(folder, tmp_path):
    good = made.write(folder / "good.mp4", made.film(frames=8)).read_bytes()
    secret = tmp_path / "secret.mp4"
    made.write(secret, made.film(9, frames=8))
    rng = np.random.default_rng(0)
    (folder / "empty.mp4").write_bytes(b"")
    (folder / "noise.mkv").write_bytes(rng.bytes(4000))
    (folder / "cut.mp4").write_bytes(good[:300])
    (folder / "renamed.gif").write_bytes(good + b"x")
    (folder / "list.m3u8").write_text(f"#EXTM3U\n#EXTINF:1,\n{secret}\n")
    (folder / "list.mp4").write_text(f"ffconcat version 1.0\nfile '{secret}'\n")
    (folder / "new\nline 🎬.mp4").write_bytes(good + b"y")
    (folder / "--help; rm -rf $HOME.mp4").write_bytes(good + b"z")
    os.symlink(secret, folder / "link.mp4")
    os.symlink(folder / "nowhere", folder / "dangling.mp4")
    os.symlink(tmp_path, folder / "up")
    os.mkfifo(folder / "pipe.mp4")
    with open(os.fsencode(folder) + b"/\xff\xfe.mp4", "wb") as file:
        file.write(good + b"w")
    bomb = Image.new("1", (30000, 30000))
    bomb.save(folder / "bomb.png")
    why = {name: row["dropped"] for name, row in rows_of(tmp_path, IngestConfig(seconds_to_read=60)).items()}
    assert why.pop("good.mp4") == "" and why.pop("renamed.gif") == "" and why.pop("new\nline 🎬.mp4") == ""
    assert why.pop("--help; rm -rf $HOME.mp4") == "" and why.pop("\\xff\\xfe.mp4") == ""
    assert why == {
        "empty.mp4": "is empty", "link.mp4": "is a link out of the folder", "up": "is a link out of the folder",
        "dangling.mp4": why["dangling.mp4"], "pipe.mp4": "is a pipe, socket or device, not a file",
        **{name: why[name] for name in ("noise.mkv", "cut.mp4", "list.m3u8", "list.mp4", "bomb.png")},
    }  # fmt: skip
    assert all(why.values())
    assert "pixels" in why["bomb.png"] and "not footage" in why["list.m3u8"] and "not footage" in why["list.mp4"]
