"""A short prompt told in full before it is filmed: by the world's own grammar, or by a chat service at an address.

The service speaks the OpenAI-compatible protocol (POST ADDRESS/chat/completions); its key, where it wants one, comes from
SKYLOOM_CHAT_KEY and goes nowhere else.
"""

import dataclasses
import json
import os
import urllib.error
import urllib.request

from ..worlds.expand import expand as tell
from ..worlds.limits import shown
from ..worlds.nouns import load_nouns
from ..worlds.prompt import clean, emoji_to_words
from .request import AS_IT_STANDS, Request

TIMEOUT = 60  # seconds
KEY, MODEL = "SKYLOOM_CHAT_KEY", "SKYLOOM_CHAT_MODEL"
MOST_BYTES = 1_000_000
TASK = (
    "Rewrite the user's film prompt as two to four plain sentences that say who does what, where, in which light and weather, "
    "and what the camera does. Keep every fact of the prompt, add only what it leaves open, stay in its language, and answer "
    "with the sentences alone."
)


def expand(request: Request) -> Request:
    """The request with `expanded` filled in, where it asks for that and has none yet."""
    if request.expand in ("", AS_IT_STANDS) or request.expanded:
        return request
    still = request.seconds == 0
    if request.expand != "local":
        return dataclasses.replace(request, expanded=ask(request))
    text, _ = shown(emoji_to_words(request.prompt, request.language)[0], lambda noun: load_nouns()[noun].core)
    return dataclasses.replace(request, expanded=tell(text, request.seed, request.language, still))


def ask(request: Request) -> str:
    """What the chat service makes of the prompt. RuntimeError with a message to show where it does not answer."""
    address = request.expand.rstrip("/") + "/chat/completions"
    messages = [{"role": "system", "content": TASK}, {"role": "user", "content": request.prompt}]
    body = {"model": os.environ.get(MODEL, "default"), "messages": messages, "seed": request.seed % 2**31}
    headers = {"Content-Type": "application/json"}
    if key := os.environ.get(KEY):
        headers["Authorization"] = f"Bearer {key}"
    asked = urllib.request.Request(address, json.dumps(body).encode(), headers)
    try:
        with urllib.request.urlopen(asked, timeout=TIMEOUT) as answer:
            told = json.loads(answer.read(MOST_BYTES))["choices"][0]["message"]["content"]
        return clean(str(told), "expanded prompt")
    except urllib.error.HTTPError as error:
        with error:
            raise RuntimeError(f"{address}: answered {error.code} {error.reason}. Is {KEY} right, and {MODEL}?") from error
    except OSError as error:
        raise RuntimeError(f"{address}: no answer ({error}). Try --expand local.") from error
    except (ValueError, LookupError, TypeError) as error:
        raise RuntimeError(f"{address}: answered with something else than a chat completion. Try --expand local.") from error
