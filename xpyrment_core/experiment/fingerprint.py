"""Fingerprint (hash by part) of a running experiment's design: metrics, covariates, columns and weights."""

import hashlib
from collections.abc import Callable, Mapping, Sequence, Set
from typing import Any

import attrs

from xpyrment_core.errors import PhaseOrderError

DEPTH = 6
"""Maximum depth of nested objects; below it only the class enters, which ends cycles."""


def fingerprint(parts: Mapping[str, Any]) -> dict[str, str]:
    """Return a hash of each part, computed from its class and the values of its attributes.

    Examples
    --------
    >>> before = fingerprint({"covariates": ("age",)})
    >>> before == fingerprint({"covariates": ("age",)}), before == fingerprint({"covariates": ("age", "pre")})
    (True, False)
    """
    return {name: hashlib.sha256(describe(part).encode()).hexdigest() for name, part in parts.items()}


def check_unchanged(before: Mapping[str, str], parts: Mapping[str, Any], state: str) -> None:
    """Raise PhaseOrderError where a part differs from its fingerprint, was added or was removed.

    Before the experiment runs there is no fingerprint, and everything may change.
    """
    if not before:
        return
    now = fingerprint(parts)
    # One hash per part, so that the message can name what changed; their texts are not kept.
    names = [name for name in {**before, **now} if before.get(name) != now.get(name)]
    if names:
        raise PhaseOrderError(
            f"{', '.join(names)} changed after the experiment began to run; metrics and design are fixed in state "
            f"{state}, so that they cannot follow the results. Undo the change, or start a new experiment with "
            f"setup(…)."
        )


def describe(value: Any, depth: int = DEPTH) -> str:
    """Return a text that is equal for equal values and does not depend on memory addresses."""
    # The type is part of the text: 1, 1.0, True and "1" are different parameters.
    if value is None or isinstance(value, bool | int | float | complex | str | bytes):
        return f"{type(value).__name__}:{value!r}"
    if depth == 0:
        return type(value).__qualname__
    # Sorted: the order of keys and of set members is not part of the value.
    if isinstance(value, Mapping):
        return (
            "{" + ",".join(sorted(f"{describe(k, depth - 1)}={describe(v, depth - 1)}" for k, v in value.items())) + "}"
        )
    if isinstance(value, Set):
        return "{" + ",".join(sorted(describe(item, depth - 1) for item in value)) + "}"
    if isinstance(value, Sequence):
        return "[" + ",".join(describe(item, depth - 1) for item in value) + "]"
    if hasattr(value, "tolist"):  # NumPy arrays and scalars
        return describe(value.tolist(), depth - 1)
    # A function's code is part of the metric; its default `repr` would hold a memory address.
    if isinstance(value, type) or (callable(value) and hasattr(value, "__qualname__")):
        return _function(value)
    kind = f"{type(value).__module__}.{type(value).__qualname__}"
    return f"{kind}({describe(_attributes(value), depth - 1)})"


def _function(value: Callable[..., Any]) -> str:
    # Constants that are code objects (nested functions) have an address in their text, so they are left out.
    code = getattr(value, "__code__", None)
    body = (
        ""
        if code is None
        else f"{code.co_code.hex()}{code.co_consts!r}"
        if _plain(code.co_consts)
        else code.co_code.hex()
    )
    return f"{value.__module__}.{value.__qualname__}#{body}"


def _plain(constants: Sequence[Any]) -> bool:
    return not any(hasattr(constant, "co_code") for constant in constants)


def _attributes(value: Any) -> dict[str, Any]:
    """Return the attributes of an object: attrs fields, slots and instance dictionary."""
    # All three, because a class may mix attrs fields, slots and a dictionary along its bases.
    names = [field.name for field in attrs.fields(type(value))] if attrs.has(type(value)) else []
    slots = [name for cls in type(value).__mro__ for name in getattr(cls, "__slots__", ()) if isinstance(name, str)]
    known = [*names, *(name for name in slots if not name.startswith("__")), *getattr(value, "__dict__", {})]
    return {name: getattr(value, name) for name in dict.fromkeys(known) if hasattr(value, name)}
