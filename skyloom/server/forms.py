"""Forms whose names carry the structure of JSON: `input_reference[image_url]`, `characters[][id]`."""

import re
from collections.abc import Iterable
from typing import Any

from .wire import ApiError

NAME = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")


def unfold(parts: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Form parts -> a tree: a, a[] (a list), a[b] (an object), a[][b] (objects by column, zipped). ApiError 400 else."""
    tree: dict[str, Any] = {}
    columns: dict[str, dict[str, list[Any]]] = {}
    for name, value in parts:
        match = NAME.fullmatch(name)
        path = re.findall(r"\[([^\[\]]*)\]", match[2]) if match else []
        if not match or len(path) > 2 or path[1:] == [""] or (len(path) == 2 and path[0]):
            raise ApiError(400, f"Part {name[:80]!r}: wanted a, a[], a[b] or a[][b].", param=name[:80], code="invalid_body")
        key = match[1]
        if path == []:
            _once(tree, key, value)
        elif path == [""]:
            _at(tree, key, list).append(value)
        elif len(path) == 1:
            _once(_at(tree, key, dict), path[0], value)
        else:
            columns.setdefault(key, {}).setdefault(path[1], []).append(value)
    for key, by_name in columns.items():
        if len({len(column) for column in by_name.values()}) > 1:
            counts = ", ".join(f"{len(column)} x {name}" for name, column in by_name.items())
            message = (
                f"{key!r}: its objects have different keys ({counts}), so a form cannot say which belongs where. Send JSON."
            )
            raise ApiError(400, message, param=key, code="ambiguous_form")
        rows = [dict(zip(by_name, row, strict=True)) for row in zip(*by_name.values(), strict=True)]
        _once(tree, key, rows)
    return tree


def _once(tree: dict[str, Any], key: str, value: Any) -> None:
    if key in tree:
        raise ApiError(400, f"Parameter {key[:80]!r} is given twice.", param=key[:80], code="invalid_body")
    tree[key] = value


def _at(tree: dict[str, Any], key: str, kind: type) -> Any:
    found = tree.setdefault(key, kind())
    if not isinstance(found, kind):
        raise ApiError(400, f"Parameter {key[:80]!r} is given in two forms.", param=key[:80], code="invalid_body")
    return found
