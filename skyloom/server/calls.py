"""What is done with a checked call before it becomes a job: files in place of ids, and what tells a repeat from another."""

import hashlib
import json
from collections.abc import Callable
from typing import Any

from .wire import ById, Call, Reference, Upload


def with_files(value: Any, read: Callable[[str, str], Upload], param: str = "") -> Any:
    """A call with files in place of references by id; `read` makes one of id and parameter."""
    if isinstance(value, Reference):
        return read(value.file_id, param) if value.file_id else value
    if isinstance(value, list):
        return [with_files(each, read, param) for each in value]
    if isinstance(value, Call):
        fields = {name: with_files(getattr(value, name), read, param or name) for name in type(value).model_fields}
        return value.model_copy(update=fields)
    return value


def fingerprint(call: Call, about: str | None = None) -> str:
    """Of a call, to tell a repeat from another one with the same idempotency key; `about`: what its path names."""
    plain = lambda value: hashlib.sha256(value.data).hexdigest() if isinstance(value, Upload) else str(value)  # noqa: E731
    tree = {name: getattr(call, name) for name in type(call).model_fields}
    plain_value = lambda value: value.model_dump() if isinstance(value, Reference | ById) else value  # noqa: E731
    tree = {name: plain_value(value) for name, value in tree.items()}
    told = [type(call).__name__, tree] if about is None else [type(call).__name__, tree, about]
    return hashlib.sha256(json.dumps(told, sort_keys=True, default=plain).encode()).hexdigest()
