"""Storyboards: cards at times, characters by name, and one clear line for everything that is none."""

import json

import pytest

from skyloom.generate.request import Shot
from skyloom.generate.storyboard import named, read_storyboard

BOARD = """
size = "wide"
seconds = 8

[characters]
Rusty = "a small red fox"
"小红" = "一只红色的狐狸"

[[shot]]
text = "Rusty runs in the snow"

[[shot]]
at = 3
until = 5
text = "rusty jumps. Rusty sleeps"
image = "card.png"
cut = true

[[shot]]
at = 6
text = "小红在森林里奔跑"
"""


def test_a_board_becomes_shots(tmp_path):
    (tmp_path / "board.toml").write_text(BOARD, encoding="utf-8")
    fields = read_storyboard(tmp_path / "board.toml")
    assert fields["size"] == "wide" and fields["seconds"] == 8
    assert fields["shots"] == (
        Shot(0, 3, "a small red fox runs in the snow"),
        Shot(3, 5, "a small red fox jumps. the small red fox sleeps", str(tmp_path / "card.png"), True),
        Shot(6, 8, "一只红色的狐狸在森林里奔跑"),
    )


def test_json_says_the_same(tmp_path):
    (tmp_path / "board.json").write_text(json.dumps({"shot": [{"text": "a fox"}, {"at": 2, "text": "snow"}]}))
    assert read_storyboard(tmp_path / "board.json")["shots"] == (Shot(0, 2, "a fox"), Shot(2, 6, "snow"))


def test_names_are_whole_words():
    assert named("Ann and Anna", {"Ann": "a cat"}) == "a cat and Anna"
    assert named("小红和小红", {"小红": "一只狐狸"}) == "一只狐狸和狐狸"


@pytest.mark.parametrize(
    "text, says",
    [
        ("nonsense", "not a storyboard that can be read"),
        ("size = 'wide'", "holds no shots"),
        ("shot = 3", "holds no shots"),
        ("colour = 'red'\n[[shot]]\ntext = 'a'", "knows no 'colour'"),
        ("[[shot]]\ntext = 'a fox'\nlength = 3", "shot 1: knows no 'length'"),
        ("[[shot]]\ntext = ''", "shot 1: shot text is empty"),
        ("[[shot]]\ntext = 'a'\n[[shot]]\ntext = 'b'", "shot 2: at=None"),
        ("[[shot]]\nat = 3\nuntil = 2\ntext = 'a'", "ends before it has begun"),
        ("seconds = 8\n[[shot]]\nuntil = 3\ntext = 'a'", "seconds=8, but the last shot ends at 3 s"),
        ("seconds = 2\n[[shot]]\nuntil = 3\ntext = 'a'", "seconds=2, but the last shot ends at 3 s"),
        ("[characters]\nRusty = 3\n[[shot]]\ntext = 'a'", "wanted NAME"),
        ("[[shot]]\ntext = 'a fox'\n" * 200, "200 shots, at most 100"),
    ],
)
def test_boards_that_cannot_be_filmed(tmp_path, text, says):
    path = tmp_path / "board.toml"
    path.write_text(text)
    with pytest.raises(ValueError, match=says) as caught:
        read_storyboard(path)
    assert str(path) in str(caught.value)


def test_files_that_are_no_boards(tmp_path):
    (tmp_path / "film.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match="not a storyboard"):
        read_storyboard(tmp_path / "film.toml")
    (tmp_path / "big.json").write_bytes(b" " * 1_000_001)
    with pytest.raises(ValueError, match="larger than a storyboard"):
        read_storyboard(tmp_path / "big.json")
    with pytest.raises(FileNotFoundError):
        read_storyboard(tmp_path / "none.toml")
