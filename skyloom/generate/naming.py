"""What prompts say of a scene and whom they name, as far as staging needs it."""

import itertools
import re

from ..worlds.expand import read_facts
from ..worlds.prompt import tongue_of

AND = re.compile(r"\s*(and|,|、|和|与|跟)\s*(and\s)?\s*(an?|the|只|个|条|匹|头|位|辆|朵|艘|架|棵)?的?\s*")


def scenery(prompt: str) -> dict[str, str]:
    """What a prompt says of place, light, weather and camera; "" where it says nothing."""
    facts = read_facts(prompt, tongue_of(prompt))
    return {kind: next((f.label for f in facts if f.kind == kind), "") for kind in ("place", "light", "weather", "camera")}


def joined(prompt: str) -> list[tuple[str, str]]:
    """Who is named in one breath: "a man and a woman". Either both are to be there or neither."""
    tongue = tongue_of(prompt)
    named = [fact for fact in read_facts(prompt, tongue) if fact.kind in ("noun", "nouns", "number", "colour", "size")]
    nouns = [i for i, fact in enumerate(named) if fact.kind in ("noun", "nouns")]
    found = []
    for one, other in itertools.pairwise(nouns):
        rest = prompt[named[one].end : named[other].begin].lower()
        for fact in named[one + 1 : other]:
            rest = rest.replace(prompt[fact.begin : fact.end].lower(), "")
        if AND.fullmatch(rest):
            found.append((prompt[named[one].begin : named[one].end], prompt[named[other].begin : named[other].end]))
    return found


def recast(before: list[int], after: list[int]) -> list[int | None]:
    """For each look of one prompt, which of another's takes its place: itself, or else the next that is new there."""
    fresh = iter([look for look in after if look not in before])
    return [look if look in after else next(fresh, None) for look in before]
