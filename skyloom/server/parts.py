"""Who plays a film's parts: pictures of a call's own and of characters, under the words that prompts have for them."""

from typing import TYPE_CHECKING

from ..generate.casting import check_spoken
from ..generate.request import LONGEST_NAME
from ..models.vocabulary import Vocabulary
from ..worlds.expand import read_facts
from ..worlds.prompt import emoji_to_words, tongue_of
from . import catalog, uploads
from .media import PART
from .uploads import PICTURES
from .wire import ApiError, Part

if TYPE_CHECKING:
    from .characters import Company
    from .orders import Order, Orders
    from .records import Character


def add(orders: "Orders", order: "Order", parts: list[Part]) -> None:
    """The pictures that a call brings. ApiError 400 for one in which nothing stands out from its ground."""
    for part in parts:
        facts = uploads.picture_of(part.image, "cast", orders.settings, PICTURES, "part")
        orders.moderator.check_pictures(facts.pictures, "cast")
        if not facts.part:
            raise _unfit(f"The picture of {part.name!r}: {facts.unfit}")
        _put(order, part.name, f"part-{_count(order)}.{facts.suffix}", facts.data)


def add_company(orders: "Orders", order: "Order", company: "Company") -> None:
    """The characters that have a picture to play with; of two that go by one word the first does."""
    taken: dict[str, str] = {}
    for character in company.characters:
        word = company.words.get(character.id)
        if word is None:
            continue
        if first := taken.get(word.casefold()):
            order.notes.append(f"{first!r} and {character.name!r} are both {word!r}: it looks like the first")
            continue
        taken[word.casefold()] = character.name
        _put(order, word, f"part-{_count(order)}.png", orders.media.path(character.id, PART).read_bytes())


def word_of(character: "Character") -> str:
    """What prompts call a character that plays itself: the noun of its description, else its name; "" where too long."""
    text = character.description
    nouns = (fact for fact in read_facts(text, tongue_of(text)) if fact.kind == "noun")
    noun = next(nouns, None)
    word = text[noun.begin : noun.end] if noun else character.name
    return word if len(word) <= LONGEST_NAME else ""


def check(orders: "Orders", order: "Order") -> None:
    """ApiError 400 for a part that no prompt speaks of, and for a model that remembers no pictures."""
    cast = order.options.get("cast", [])
    if not cast:
        return
    model, config = orders.model(order.model)
    if not config.text.looks:
        raise _unfit(f"The model {config.name!r} remembers no pictures, and nobody can take their place.")
    known = Vocabulary.load(catalog.folder_of(model) / "vocabulary.json")
    known = Vocabulary(known.words, [*known.names, *((name,) for name, _ in cast if known.look(name) is None)])
    prompts = [order.options["prompt"], order.options.get("then", ""), *(s["text"] for s in order.options.get("shots", ()))]
    read = [emoji_to_words(prompt, order.options.get("language", "auto"))[0] for prompt in prompts if prompt]
    try:
        check_spoken(cast, read, known)
    except ValueError as error:
        raise _unfit(str(error)) from None


def _count(order: "Order") -> int:
    return len(order.options.get("cast", ()))


def _put(order: "Order", word: str, name: str, data: bytes) -> None:
    number = _count(order)
    order.options["cast"] = [*order.options.get("cast", ()), [word, ""]]
    order.files[f"cast.{number}"] = (name, data)
    order.titles[f"cast.{number}"] = word


def _unfit(message: str) -> ApiError:
    return ApiError(400, message, param="cast", code="invalid_value")
