"""Validators of metric parameters."""

import math
from typing import Any

from attrs import Attribute

from xpyrment_core import InputError


def is_text(metric: Any, attribute: "Attribute[Any]", value: object) -> None:
    """Raise InputError unless `value` is a name; columns that default to None may be left out."""
    if value is None and attribute.default is None:
        return
    if not isinstance(value, str) or not value:
        expected = "a name for reports" if attribute.name == "name" else "the name of a column"
        raise InputError(f"{_owner(metric, attribute)}{attribute.name} must be {expected}, got {value!r}.")


def is_number(metric: Any, attribute: "Attribute[Any]", value: object) -> None:
    """Raise InputError unless `value` is a finite number; those that default to None may be left out."""
    if value is None and attribute.default is None:
        return
    number = isinstance(value, int | float) or hasattr(value, "__float__")
    if not number or isinstance(value, bool) or not math.isfinite(float(value)):  # type: ignore[arg-type]
        raise InputError(f"{_owner(metric, attribute)}{attribute.name} must be a finite number, got {value!r}.")


def percent_hint(value: float) -> str:
    """Return a hint for shares given in percent: 0.95 for 95; empty for other values."""
    return f" Did you mean {value / 100:g}?" if 1 < value < 100 else ""


def _owner(metric: Any, attribute: "Attribute[Any]") -> str:
    return "" if attribute.name == "name" else f"metric {metric.name!r}: "
