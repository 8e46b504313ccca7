"""Prompt expansion: every fact of a short prompt is kept, and films show what it states at least as well."""

from ...worlds.captions import caption
from ...worlds.expand import expand, in_the_picture, lost, read_facts
from ...worlds.sample import sample_scene
from ...worlds.scene import Scene
from ..clips import FPS, STREAM, Bench
from .case import Outcome, Values, film, scene_of
from .measures import claims

LANGUAGES = ("en", "zh")
PROMPTS = 200  # short prompts, half of them in each language
FRAMES = 17
STATED = ("noun", "place", "light", "weather", "action")  # kinds of facts that the probe can judge


def facts_kept(bench: Bench, i: int) -> Outcome:
    """Whether the expansion of prompt number `i` still states all that it stated."""
    language = LANGUAGES[i % 2]
    short = short_prompt(sample_scene(STREAM + bench.seed, i // 2), i // 2, language)
    kept = not lost(in_the_picture(short, language), expand(short, bench.seed + i), language)
    return Outcome({f"every fact kept, {language}": float(kept)})


def gain(bench: Bench, i: int) -> Outcome:
    """The stated facts as they show in a film of the short prompt, and in one of the expanded one: the same seed."""
    scene, language = scene_of(bench, i, FRAMES), LANGUAGES[i % 2]
    short = short_prompt(scene, i, language)
    stated = tuple(name for name in STATED if name in {fact.kind.rstrip("s") for fact in read_facts(short, language)})
    found: Values = {}
    shown = []
    for name, way in (("short prompt", ""), ("expanded", "local")):
        made = film(bench, "expand", i, prompt=short, expand=way, seconds=FRAMES / FPS)
        found |= {f"stated facts, {name}": list(claims(bench, scene, made, stated).values())}
        shown.append(made)
    real = list(claims(bench, scene, bench.real(scene, FRAMES), stated).values())
    return Outcome(found, {name: real for name in found}, tuple(shown))


def short_prompt(scene: Scene, i: int, language: str) -> str:
    return caption(scene, language, ("sentence", "tags")[i % 2])
