"""A storyboard file, TOML or JSON -> the fields of a Request: cards at times, each a sentence, an image or both.

    size = "wide"
    seconds = 8

    [characters]
    Rusty = "a small red fox"

    [[shot]]
    at = 0
    text = "Rusty runs in the snow"

    [[shot]]
    at = 4
    until = 8
    text = "Rusty jumps over a rock at night"
    image = "card.png"
    cut = true

A card lasts until the next one unless it says otherwise, and the film ends with the last; what stands between two cards turns
one into the other. A character's name becomes its description, so that it looks the same in every shot. Images are named as
seen from the file.
"""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

from ..base.video import check_input
from ..worlds.prompt import HANZI
from .request import MOST_SHOTS, Shot, number

CARD = ("at", "until", "text", "image", "cut")
SETTINGS = ("seconds", "size", "seed", "steps", "guidance", "quality", "language", "fps", "negative", "model")
MOST_BYTES = 1_000_000


def read_storyboard(path: str | Path) -> dict[str, Any]:
    """Fields of a Request. OSError or ValueError that names the file and the card where it cannot be read."""
    check_input(path)
    if Path(path).stat().st_size > MOST_BYTES:
        raise ValueError(f"{path}: larger than a storyboard can be. Wanted TOML or JSON.")
    board = _parsed(Path(path))
    unknown = set(board) - {"shot", "characters", *SETTINGS}
    if unknown:
        known = ", ".join(("shot", "characters", *SETTINGS))
        raise ValueError(f"{path}: knows no {sorted(unknown)[0]!r}. There are: {known}.")
    cards, cast = board.get("shot", []), board.get("characters", {})
    if not isinstance(cards, list) or not cards or not all(isinstance(card, dict) for card in cards):
        raise ValueError(f"{path}: holds no shots. Begin one with [[shot]], at = 0, text = 'a fox runs'.")
    if len(cards) > MOST_SHOTS:
        raise ValueError(f"{path}: {len(cards)} shots, at most {MOST_SHOTS}. Make several films.")
    if not isinstance(cast, dict) or not all(isinstance(text, str) for text in cast.values()):
        raise ValueError(f"{path}: characters: wanted NAME = 'a description' for each.")
    fields = {key: board[key] for key in SETTINGS if key in board}
    shots = _shots(path, cards, cast, fields.get("seconds"))
    if fields.get("seconds") not in (None, shots[-1].end):
        told = f"seconds={fields['seconds']}, but the last shot ends at {shots[-1].end:g} s"
        raise ValueError(f"{path}: {told}, and the film with it. Change one of them, or leave one out.")
    return {**fields, "shots": shots}


def _parsed(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
        board = json.loads(text) if path.suffix.lower() == ".json" else tomllib.loads(text)
    except (UnicodeDecodeError, ValueError) as error:
        raise ValueError(f"{path}: not a storyboard that can be read ({error}). Wanted TOML or JSON.") from error
    if not isinstance(board, dict):
        raise ValueError(f"{path}: holds a {type(board).__name__}, wanted a table with shots.")
    return board


def _shots(path: str | Path, cards: list[dict[str, Any]], cast: dict[str, str], seconds: Any) -> tuple[Shot, ...]:
    shots = []
    for i, card in enumerate(cards):
        try:
            if unknown := set(card) - set(CARD):
                raise ValueError(f"knows no {sorted(unknown)[0]!r}. There are: {', '.join(CARD)}.")
            start = number("at", card.get("at", 0.0 if i == 0 else None), float, 0, 3600)
            after = cards[i + 1].get("at") if i + 1 < len(cards) else seconds
            end = card.get("until", after if after is not None else start + 4)
            text = named(card.get("text", ""), cast)
            image = str(Path(path).parent / card["image"]) if card.get("image") else ""
            shots.append(Shot(start, end, text, image, bool(card.get("cut", False))))
        except (ValueError, TypeError) as error:
            raise ValueError(f"{path}: shot {i + 1}: {error}") from error
    return tuple(shots)


def named(text: str, cast: dict[str, str]) -> str:
    """The text with characters described: "a small red fox" where a name first stands, "the small red fox" after that."""
    if not isinstance(text, str):
        raise ValueError(f"text={text!r}: wanted text.")
    for name, description in sorted(cast.items(), key=lambda item: -len(item[0])):
        latin = not HANZI.search(name)
        again = re.sub(r"^(an?)\s", "the ", description) if latin else re.sub(r"^[一两三四]\w", "", description)
        pattern = re.compile(rf"\b{re.escape(name)}\b" if latin else re.escape(name), re.IGNORECASE)
        text = pattern.sub(lambda _: again, pattern.sub(lambda _: description, text, count=1))  # noqa: B023
    return text
