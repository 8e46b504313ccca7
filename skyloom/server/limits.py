"""What a caller has left, as headers: in the words of the OpenAI API, and in those of the IETF's draft (RateLimit)."""

import math
import time

from .settings import DAY, Settings
from .store import Store

WAIT = 30  # seconds after which a full queue is worth another try


def headers(settings: Settings, store: Store, owner: str, daily: int | None) -> dict[str, str]:
    """Of the limits that hold for the owner: how many jobs, how many are left, seconds until that is more.

    The queue's share of each key always holds, a quota in 24 hours where the key has one; x-ratelimit-* speak of the nearer.
    """
    waiting, today, oldest = store.usage(owner)
    limits = [("waiting", settings.max_waiting_per_key, waiting, float(WAIT))]
    if daily is not None:
        limits.append(("day", daily, today, DAY if oldest is None else oldest + DAY - time.time()))
    left = {name: max(0, most - used) for name, most, used, _ in limits}
    name, most, _, reset = min(limits, key=lambda limit: left[limit[0]])
    return {
        "x-ratelimit-limit-requests": str(most),
        "x-ratelimit-remaining-requests": str(left[name]),
        "x-ratelimit-reset-requests": f"{max(1, math.ceil(reset))}s",
        "RateLimit-Policy": ", ".join(f'"{each}";q={limit}' for each, limit, _, _ in limits),
        "RateLimit": ", ".join(f'"{each}";r={left[each]};t={max(1, math.ceil(t))}' for each, _, _, t in limits),
    }
