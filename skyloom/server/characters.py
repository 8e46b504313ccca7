"""Characters: a name that stands, in prompts, for how somebody looks.

The model takes words and pictures, and knows nobody by heart. So a character is a description, put in place of its name, and a
picture of it. A picture of one thing on an empty ground plays the part (`cast` of a Request); any other can be the film's first
frame. The description is the caller's, or the actor that the prompt inside an
uploaded film speaks of; a clip from elsewhere has none, and then the picture is all there is.
"""

import dataclasses
import errno
import os
import re
from typing import Any

from ..generate.storyboard import named
from ..worlds.expand import Fact, read_facts
from ..worlds.nouns import Noun, load_nouns
from ..worlds.prompt import HANZI, tongue_of
from . import parts, uploads
from .auth import Caller
from .calls import fingerprint
from .media import FILM, PART, PORTRAIT, Media
from .moderation import Moderator
from .records import Character, ConflictError, Job
from .settings import Settings
from .store import Store
from .tables import new_id
from .uploads import CLIPS, PICTURES, Facts
from .wire import ApiError, Cast, CharacterCreate, Upload

MOST = 2  # in one film
LOOKS = ("colour", "size", "number")  # facts that belong to the noun behind them


class Characters:
    """Makes, finds and removes characters, and puts them into prompts."""

    def __init__(self, settings: Settings, store: Store, media: Media, moderator: Moderator):
        self.settings, self.store, self.media, self.moderator = settings, store, media, moderator

    def create(self, call: CharacterCreate, source: Job | None, caller: Caller, idempotency: str | None = None) -> Character:
        """One from an upload, or from a finished film of this server. ApiError 400 where it cannot be read or named so."""
        told = fingerprint(call)
        try:
            made = self.store.repeated_character(caller.owner, idempotency, told) if idempotency else None
            return made or self._make(call, source, caller, idempotency, told)
        except ConflictError as error:
            raise ApiError(409, str(error), code="idempotency_conflict") from None

    def _make(self, call: CharacterCreate, source: Job | None, caller: Caller, idempotency: str | None, told: str) -> Character:
        name = " ".join(call.name.split())
        if not re.search(r"[^\W_]", name):
            raise ApiError(400, "'name' has no letter in it.", param="name", code="invalid_value")
        self.moderator.check_prompt(name, "name")
        facts = self._looked_at(call, source)
        self.moderator.check_pictures(facts.pictures, "video")
        words = call.description or actor_of(source.prompt if source else facts.prompt)
        if words:
            self.moderator.check_prompt(words, "description")
        character = Character(caller.owner, name, " ".join(words.split()), new_id("char"))
        kept = False
        try:
            self.media.put(character.id, PORTRAIT, facts.pictures[0])
            if facts.part and facts.alone:
                self.media.put(character.id, PART, facts.part)
            added = self.store.add_character(character, idempotency, told)
            kept = added.id == character.id
            return added
        except OSError as error:
            raise ApiError(
                503, f"The picture cannot be stored: {os.strerror(error.errno or errno.EIO)}.", code="disk_full", wait=60
            ) from None
        finally:
            if not kept:
                self.media.drop(character.id)

    def _looked_at(self, call: CharacterCreate, source: Job | None) -> Facts:
        """The clip, decoded once; the frame in its middle comes along."""
        if isinstance(call.video, Upload):
            return uploads.examine(call.video.data, CLIPS + PICTURES, "video", self.settings, wanted="part")
        if source is None or source.status != "completed":
            raise ApiError(400, "Only a completed video can show a character.", param="video", code="video_not_ready")
        return uploads.examine(self.media.path(source.id, FILM).read_bytes(), CLIPS, "video", self.settings, wanted=1)

    def find(self, id: str, caller: Caller, param: str = "id", status: int = 404) -> Character:
        found = self.store.character(id)
        if found is None or caller.sees not in (None, found.owner):
            raise ApiError(status, f"No character with the id {id[:80]!r}.", param=param, code="not_found")
        return found

    def shown(self, character: Character) -> dict[str, Any]:
        """As the API shows it."""
        about = {"id": character.id, "name": character.name, "created_at": int(character.created)}
        plays = self.media.path(character.id, PART).is_file()
        return about | {"description": character.description, "plays": plays}

    def delete(self, character: Character) -> None:
        self.store.delete_character(character.id)
        self.media.drop(character.id)

    def cast(self, wanted: list[Cast], caller: Caller) -> "Company":
        """The characters of a film. ApiError 400 for one that is not there, and for two of the same name."""
        found = [self.find(item.id, caller, "characters", 400) for item in wanted]
        if len({character.name.casefold() for character in found}) < len(found):
            raise ApiError(400, "Two of the characters have the same name.", param="characters", code="invalid_value")
        asked = [c for c, item in zip(found, wanted, strict=True) if item.frame]
        if len(asked) > 1:
            raise ApiError(400, "Only one character can give the first frame.", param="characters", code="invalid_value")
        words = {c.id: word for c in found if self.media.path(c.id, PART).is_file() and (word := parts.word_of(c))}
        quiet = [
            c for c, item in zip(found, wanted, strict=True) if item.frame is None and not c.description and c.id not in words
        ]
        return Company(tuple(found), asked[0] if asked else None, quiet[0] if len(quiet) == 1 else None, words)


@dataclasses.dataclass(frozen=True)
class Company:
    """The characters of one film, and whose picture begins it: because the caller says so, or for want of a description."""

    characters: tuple[Character, ...]
    asked: Character | None = None
    alone: Character | None = None
    words: dict[str, str] = dataclasses.field(default_factory=dict)  # id -> what prompts call one whose picture plays

    def told(self, text: str) -> str:
        """The text with a description in place of each name that has one."""
        return named(text, {c.name: c.description for c in self.characters if c.description and self.words.get(c.id) != c.name})

    def check(self, *texts: str) -> None:
        """ApiError 400 where a character is named in none of the texts."""
        for character in self.characters:
            name = re.escape(character.name)
            pattern = name if HANZI.search(character.name) else rf"(?<!\w){name}(?!\w)"
            if not any(re.search(pattern, text, re.IGNORECASE) for text in texts):
                message = f"The prompt does not name the character {character.name!r}."
                raise ApiError(400, message, param="characters", code="character_not_named")


def actor_of(prompt: str) -> str:
    """The actor that a prompt speaks of first: "a small red fox" of "at night a small red fox runs". "" where none is known."""
    language = tongue_of(prompt)
    facts = read_facts(prompt, language)
    at = next((i for i, fact in enumerate(facts) if fact.kind == "noun"), None)
    if at is None:
        return ""
    first = at
    while first and facts[first - 1].kind in LOOKS and not _apart(prompt, facts[first - 1], facts[first]):
        first -= 1
    looks = prompt[facts[first].begin : facts[at].end].strip()
    return _with_article(looks, load_nouns()[facts[at].label], language)


def _apart(prompt: str, one: Fact, other: Fact) -> bool:
    """Whether something stands between two facts that does not join them."""
    between = prompt[one.end : other.begin].strip(" ,、的")
    return bool(between) and not re.fullmatch(r"and|[只个辆头条匹位架艘]", between)


def _with_article(looks: str, noun: Noun, language: str) -> str:
    if language == "zh":
        bare = re.sub(r"^[一1]\w", "", looks) if looks.startswith(("一", "1")) else looks
        return f"一{noun.measure}{bare}"
    bare = re.sub(r"^(an?|the|one)\s+", "", looks, flags=re.IGNORECASE)
    return f"{'an' if bare[:1].lower() in 'aeiou' else 'a'} {bare}"
