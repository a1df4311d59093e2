"""The words that options, definitions and metrics choose from, as Literal types, and their check."""

from collections.abc import Hashable
from typing import Literal, get_args

from xpyrment_core.errors import unknown

Alternative = Literal["two-sided", "greater", "less"]
RelativeMethod = Literal["fieller", "delta", "log"]
Direction = Literal["increase", "decrease"]
Role = Literal["primary", "secondary", "guardrail"]
Needs = Literal["estimates", "counts", "samples"]
Format = Literal["table", "json", "markdown", "csv"]

ALTERNATIVES: tuple[str, ...] = get_args(Alternative)
RELATIVE_METHODS: tuple[str, ...] = get_args(RelativeMethod)
DIRECTIONS: tuple[str, ...] = get_args(Direction)
ROLES: tuple[str, ...] = get_args(Role)
FORMATS: tuple[str, ...] = get_args(Format)

Label = Hashable
"""A variant's label: any hashable value that the treatment column holds."""


def check_choice(what: str, got: object, choices: tuple[str, ...]) -> None:
    """Raise InputError unless `got` is one of `choices`."""
    if not isinstance(got, str) or got not in choices:
        raise unknown(what, got, choices)
