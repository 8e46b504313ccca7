"""A vision model behind an OpenAI-compatible API: one question with pictures, patiently.

Requests keep to a rate, wait as the server asks, and try again after errors that pass: 408, 409, 429, 5xx, lost connections.
"""

import http.client
import json
import os
import random
import threading
import time
import urllib.error
import urllib.request
from typing import Any

from .settings import CaptionConfig

PASSING = (408, 409, 425, 429, 500, 502, 503, 504)
LONGEST_WAIT = 60.0  # seconds
LARGEST_ANSWER = 1 << 20  # bytes


class Refused(ValueError):
    """The server will not answer this question, however often it is asked."""


class Endpoint:
    """`ask` is the one door. ValueError for an address that is none, ConnectionError where the server stays away."""

    def __init__(self, config: CaptionConfig, sleep: Any = time.sleep):
        if not config.endpoint.startswith(("http://", "https://")):
            raise ValueError(f"caption.endpoint={config.endpoint!r}: wanted an address like http://127.0.0.1:8000/v1.")
        self.config, self.sleep, self.next_at, self.lock = config, sleep, 0.0, threading.Lock()

    def ask(self, prompt: str, data_urls: list[str]) -> str:
        """The text of the answer. Refused for what cannot be answered, ConnectionError after config.tries."""
        body = json.dumps(self._question(prompt, data_urls)).encode()
        trouble = ""
        for attempt in range(self.config.tries):
            self._keep_rate()
            try:
                return self._post(body)
            except urllib.error.HTTPError as error:
                with error:
                    trouble = f"{error.code} {error.reason}"
                    if error.code in (401, 403):
                        raise ConnectionError(
                            f"{self.config.endpoint}: {trouble}. Put the key into the variable {self.config.key_variable}."
                        ) from None
                    if error.code not in PASSING:
                        raise Refused(f"the endpoint refused ({trouble})") from None
                    wait = _asked_wait(error.headers.get("Retry-After"))
            except (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError) as error:
                trouble, wait = str(getattr(error, "reason", error)), None
            if attempt + 1 < self.config.tries:
                self.sleep(wait if wait is not None else min(LONGEST_WAIT, 2.0**attempt) * random.uniform(0.5, 1.0))
        raise ConnectionError(
            f"{self.config.endpoint}: no answer after {self.config.tries} tries ({trouble}). Run again later."
        )

    def _question(self, prompt: str, data_urls: list[str]) -> dict[str, Any]:
        pictures = [{"type": "image_url", "image_url": {"url": url}} for url in data_urls]
        content = [{"type": "text", "text": prompt}, *pictures]
        return {
            "model": self.config.model,
            "messages": [{"role": "user", "content": content}],
            "max_tokens": 400,
            "temperature": 0,
        }

    def _post(self, body: bytes) -> str:
        headers = {"Content-Type": "application/json"}
        key = os.environ.get(self.config.key_variable)
        if key:
            headers["Authorization"] = f"Bearer {key}"
        url = self.config.endpoint.rstrip("/") + "/chat/completions"
        with urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=self.config.timeout) as answer:
            text = answer.read(LARGEST_ANSWER)
        try:
            said = json.loads(text)["choices"][0]["message"]["content"]
        except (ValueError, KeyError, IndexError, TypeError):
            raise Refused("the endpoint's answer is no chat completion") from None
        if not isinstance(said, str) or not said.strip():
            raise Refused("the endpoint said nothing")
        return said

    def _keep_rate(self) -> None:
        """Several threads may ask: each takes the next place, then waits for it."""
        with self.lock:
            now = time.monotonic()
            mine = max(now, self.next_at)
            self.next_at = mine + 60 / self.config.per_minute
        if mine > now:
            self.sleep(mine - now)


def _asked_wait(header: str | None) -> float | None:
    try:
        return min(LONGEST_WAIT, max(0.0, float(header))) if header else None
    except ValueError:
        return None
