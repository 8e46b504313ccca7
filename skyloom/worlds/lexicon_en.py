"""The English words for everything in a record, the plainest first: nouns, verbs and their forms, places, light, weather.

Keys are the labels of scene.py. `*_WORDS` are for reading as well as for writing: each wording of a label that the grammar
writes contains one of its words. `*_PHRASES` stand after a verb, `*_CLAUSES` are sentences, `*_TAGS` stand alone.
"""

import re

from .nouns import Noun

_PLACES = {  # (what goes before, the name of the place)
    "meadow": (("in a", "meadow"), ("on a", "grassy field"), ("in a", "green field")),
    "beach": (("on the", "beach"), ("on a", "sandy beach"), ("at the", "seashore")),
    "desert": (("in the", "desert"), ("among", "sand dunes"), ("in a", "sandy desert")),
    "snow": (("in the", "snow"), ("on", "snowy ground"), ("in a", "snowy field")),
    "sea": (("on the", "sea"), ("on the", "ocean"), ("on the", "open water")),
    "underwater": (("", "underwater"), ("under the", "sea"), ("on the", "sea floor"), ("", "under water")),
    "forest": (("in a", "forest"), ("in the", "woods"), ("among the", "forest trees")),
    "street": (("on a", "city street"), ("in the", "street"), ("on a", "street in town")),
    "night city": (("in a", "night city"), ("in a", "neon city"), ("in a", "city of neon lights")),
    "mountains": (("in the", "mountains"), ("on a", "mountainside"), ("high in the", "mountains")),
    "space": (("in", "space"), ("in", "outer space"), ("in the", "cosmos")),
    "kitchen table": (("on a", "kitchen table"), ("on the", "table in the kitchen"), ("on a", "dining table")),
    "stage": (("on a", "stage"), ("on a", "theatre stage"), ("on the", "stage of a theatre")),
    "road": (("on a", "road"), ("on a", "country road"), ("on a", "highway")),
    "farm": (("on a", "farm"), ("in a", "farmyard"), ("on the", "farmland")),
    "sky": (("in the", "sky"), ("high up in the", "sky"), ("up in the", "air")),
    "playground": (("at a", "playground"), ("on the", "playground"), ("in a", "play park")),
    "bedroom": (("in a", "bedroom"), ("in a", "cosy bedroom"), ("on the", "bedroom floor")),
}
PLACE_WORDS = {place: tuple(dict.fromkeys(name for _, name in ways)) for place, ways in _PLACES.items()}
PLACE_PHRASES = {place: tuple(f"{before} {name}".strip() for before, name in ways) for place, ways in _PLACES.items()}

LIGHT_WORDS = {
    "day": ("daylight", "daytime", "during the day"),
    "sunset": ("sunset", "dusk", "evening"),
    "night": ("night", "nighttime", "moonlight"),
    "overcast": ("overcast", "cloudy", "grey light"),
    "dawn": ("dawn", "sunrise", "early morning"),
}
LIGHT_PHRASES = {
    "day": ("in daylight", "in the daytime", "in bright daylight", "during the day"),
    "sunset": ("at sunset", "at dusk", "in the evening", "in the sunset glow"),
    "night": ("at night", "in the moonlight", "in the nighttime", "by moonlight"),
    "overcast": ("in grey light", "on an overcast day", "on a cloudy day"),
    "dawn": ("at dawn", "at sunrise", "in the early morning", "in the light of dawn"),
}
LIGHT_CLAUSES = {
    "day": ("it is daytime", "the scene is in daylight"),
    "sunset": ("it is sunset", "it is dusk", "it is evening"),
    "night": ("it is night", "the scene is in moonlight"),
    "overcast": ("it is an overcast day", "it is a cloudy day", "it is overcast"),
    "dawn": ("it is dawn", "it is early morning", "it is sunrise"),
}
WEATHER_WORDS = {
    "clear": ("clear", "calm", "dry"),
    "rain": ("rain", "rains", "raining", "rainy"),
    "snow": ("snows", "snowing", "snowfall", "snowflakes"),
    "leaves": ("leaves", "windy"),
    "stars": ("stars", "starry"),
}
WEATHER_TAGS = {
    "clear": ("clear", "calm", "dry"),
    "rain": ("rain", "rainy", "raining"),
    "snow": ("snowing", "snowfall", "snowflakes"),
    "leaves": ("blowing leaves", "leaves in the wind", "windy"),
    "stars": ("stars", "starry sky", "twinkling stars"),
}
WEATHER_PHRASES = {
    "rain": ("in the rain", "while it rains", "as it rains", "in rainy weather"),
    "snow": ("while it snows", "as it snows", "in a snowfall", "amid snowflakes"),
    "leaves": ("with leaves blowing past", "as leaves blow by", "among leaves in the wind", "in windy weather"),
    "stars": ("under the stars", "beneath twinkling stars", "under a starry sky"),
}
WEATHER_CLAUSES = {
    "clear": ("the weather is clear", "the weather is calm", "the weather is dry"),
    "rain": ("it is raining", "rain pours down"),
    "snow": ("it is snowing", "snowflakes come down"),
    "leaves": ("leaves blow in the wind", "the wind carries leaves past"),
    "stars": ("stars twinkle", "the stars are out"),
}
CLEAR_WATER = ("the water is clear", "the water is calm")
CLEAR_VIEW = ("the view is clear", "everything is calm")
CAMERA_TAGS = {
    "still": ("still camera", "static shot", "fixed camera"),
    "pan left": ("pan left", "panning left", "pan to the left"),
    "pan right": ("pan right", "panning right", "pan to the right"),
    "tilt up": ("tilt up", "tilting up", "upward tilt"),
    "tilt down": ("tilt down", "tilting down", "downward tilt"),
    "zoom in": ("zoom in", "zooming in", "slow zoom in"),
    "zoom out": ("zoom out", "zooming out", "slow zoom out"),
    "follow": ("tracking shot", "following shot", "camera following"),
    "orbit": ("orbit shot", "orbiting camera", "orbit"),
    "shake": ("shaky camera", "handheld shot", "camera shake"),
}
CAMERA_CLAUSES = {
    "still": ("the camera stays still", "the camera does not move", "the camera holds still"),
    "pan left": ("the camera pans left", "the camera pans to the left", "the camera moves left"),
    "pan right": ("the camera pans right", "the camera pans to the right", "the camera moves right"),
    "tilt up": ("the camera tilts up", "the camera tilts upward"),
    "tilt down": ("the camera tilts down", "the camera tilts downward"),
    "zoom in": ("the camera zooms in", "the camera slowly zooms in", "the camera moves closer"),
    "zoom out": ("the camera zooms out", "the camera slowly zooms out", "the camera pulls back"),
    "follow": ("the camera follows {the_a}", "the camera tracks {the_a}", "the camera follows along"),
    "orbit": ("the camera orbits", "the camera orbits the scene", "the camera swings around the scene"),
    "shake": ("the camera shakes", "the camera trembles", "the camera is shaky"),
}
CAMERA_WORDS = {
    camera: CAMERA_TAGS[camera] + tuple(c.removeprefix("the camera ").removesuffix(" {the_a}") for c in clauses)
    for camera, clauses in CAMERA_CLAUSES.items()
}  # "pan left", ..., "pans left", ...
COLOUR_WORDS = {
    "red": ("red", "bright red"), "orange": ("orange", "bright orange"), "yellow": ("yellow", "bright yellow"),
    "green": ("green", "bright green"), "blue": ("blue", "bright blue"), "purple": ("purple", "violet"),
    "pink": ("pink", "bright pink"),
}  # fmt: skip
SIZE_WORDS = {"small": ("small", "little", "tiny"), "big": ("big", "large", "huge")}
NUMBER_WORDS = {2: ("two", "2", "a couple of"), 3: ("three", "3"), 4: ("four", "4"), 5: ("five", "5")}
RELATION_WORDS = {
    "left of": ("to the left of", "left of", "on the left of"),
    "right of": ("to the right of", "right of", "on the right of"),
    "behind": ("behind", "just behind"),
    "in front of": ("in front of", "just in front of"),
}
DIRECTIONS = {
    1: ("to the right", "from left to right", "towards the right"),
    -1: ("to the left", "from right to left", "towards the left"),
}
PROP_WORDS = {  # one with its article, many
    "tree": ("a tree", "trees"), "bush": ("a bush", "bushes"), "rock": ("a rock", "rocks"), "flower": ("a flower", "flowers"),
    "cactus": ("a cactus", "cacti"), "fence": ("a fence", "fences"), "lamp post": ("a lamp post", "lamp posts"),
    "cloud": ("a cloud", "clouds"), "seaweed": ("a strand of seaweed", "strands of seaweed"), "crate": ("a crate", "crates"),
}  # fmt: skip
VERBS = {
    "stand": ("stand", "stand still", "stay put", "stay in place"),
    "walk": ("walk", "stroll", "wander", "walk along"),
    "run": ("run", "dash", "sprint", "race"),
    "jump": ("jump", "leap", "hop", "jump up and down"),
    "bounce": ("bounce", "bounce up and down"),
    "fall": ("fall", "drop", "fall down", "tumble down"),
    "roll": ("roll", "roll along", "roll over and over"),
    "fly": ("fly", "soar", "glide"),
    "swim": ("swim", "swim along", "paddle"),
    "drive": ("drive", "drive along", "cruise"),
    "sail": ("sail", "sail along"),
    "spin": ("spin", "spin around", "twirl", "rotate"),
    "grow": ("grow", "grow bigger", "get bigger", "get larger"),
    "shrink": ("shrink", "get smaller", "become smaller"),
    "sway": ("sway", "rock from side to side", "wobble", "sway gently"),
    "float": ("float", "hover", "drift"),
    "chase": ("chase", "pursue", "go after"),
    "meet": ("meet", "come to meet", "come up to"),
    "circle": ("circle", "circle around", "go around", "move around"),
}
_DOUBLED = {"run", "swim", "spin", "get", "hop", "drop", "jog"}


def third(verb: str) -> str:
    if verb.endswith(("s", "x", "ch", "sh", "o")):
        return verb + "es"
    return verb[:-1] + "ies" if verb.endswith("y") and verb[-2] not in "aeiou" else verb + "s"


def _ing(verb: str) -> str:
    if verb in _DOUBLED:
        return verb + verb[-1] + "ing"
    return (verb[:-1] if verb.endswith("e") and not verb.endswith("ee") else verb) + "ing"


def _forms(phrase: str) -> tuple[str, str, str]:
    head, _, rest = phrase.partition(" ")
    return phrase, f"{third(head)} {rest}".strip(), f"{_ing(head)} {rest}".strip()


FORMS = {phrase: _forms(phrase) for phrases in VERBS.values() for phrase in phrases}
ACTION_WORDS = {action: tuple(form for phrase in phrases for form in FORMS[phrase]) for action, phrases in VERBS.items()}


_LIKE_YOU = re.compile("uni(?![dnm])|use|uk|eu|one|ewe|ufo|ute")  # a vowel to the eye, not to the ear


def article(word: str) -> str:
    """'a' or 'an' before the word, by its sound."""
    word = word.lower()
    if word.startswith(("hour", "honest", "heir", "x-")):
        return "an"
    return "an" if word[0] in "aeiou" and not _LIKE_YOU.match(word) else "a"


_PLURALS = {
    "man": "men", "child": "children", "person": "people", "mouse": "mice", "goose": "geese", "foot": "feet", "tooth": "teeth",
    "leaf": "leaves", "wolf": "wolves", "calf": "calves", "knife": "knives", "loaf": "loaves", "elf": "elves",
    "scarf": "scarves", "potato": "potatoes", "tomato": "tomatoes", "hero": "heroes", "cactus": "cacti",
}  # fmt: skip
_UNCHANGED = ("fish", "sheep", "deer", "moose", "bison", "shrimp", "craft", "squid", "glasses", "pants", "jeans")


def plural(name: str) -> str:
    """The plural of a noun phrase: its last word changes, or the one before 'of'."""
    if " of " in name:
        head, _, tail = name.partition(" of ")
        return f"{plural(head)} of {tail}"
    before, _, word = name.rpartition(" ")
    if word.endswith(_UNCHANGED):
        return name
    irregular = "man" if word.endswith("man") and word != "human" else word
    if irregular in _PLURALS:
        many = word[: -len(irregular)] + _PLURALS[irregular]
    elif word.endswith("y") and word[-2] not in "aeiou":
        many = word[:-1] + "ies"
    else:
        many = word + ("es" if word.endswith(("s", "x", "z", "ch", "sh")) else "s")
    return f"{before} {many}".strip()


def countable(name: str) -> bool:
    """Whether `plural` surely gets the name right."""
    return len(name.split()) < 3 and not name.endswith(("s", "ing")) and " of " not in f" {name} "


def names(noun: Noun, many: bool = False) -> tuple[str, ...]:
    """What the noun is called, its key or plural first."""
    if not many:
        return (noun.key, *noun.synonyms)
    return (noun.plural, *(plural(name) for name in noun.synonyms if countable(name)))
