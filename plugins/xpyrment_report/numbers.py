"""Numbers as a report prints them; what has no value is a dash."""

import math
from collections.abc import Mapping
from typing import Any

DASH = "–"


def number(value: Any, signed: bool = False) -> str:
    """Return a number with as many digits as its size asks for.

    Examples
    --------
    >>> number(4554.8011), number(0.10614), number(-2.5, signed=True), number(3e-7), number(None)
    ('4,554.8', '0.1061', '−2.500', '3e−07', '–')
    """
    if value is None or not math.isfinite(value):
        return DASH
    size = abs(value)
    if size != 0 and (size < 1e-3 or size >= 1e12):
        form = ".3g"
    else:
        form = ",.1f" if size >= 1000 else ",.3f" if size >= 1 else ".4f"
    return format(value, ("+" if signed else "") + form).replace("-", "−")


def percent(value: Any, signed: bool = True) -> str:
    """Return a fraction as a percentage.

    Examples
    --------
    >>> percent(0.0321), percent(-30), percent(0.4, signed=False), percent(None)
    ('+3.21%', '−3,000.00%', '40.00%', '–')
    """
    if value is None or not math.isfinite(value):
        return DASH
    return format(value, "+,.2%" if signed else ",.2%").replace("-", "−")


def p_value(value: Any) -> str:
    """Return a p-value to four digits.

    Examples
    --------
    >>> p_value(0.03214), p_value(1e-9), p_value(None)
    ('0.0321', '<0.0001', '–')
    """
    if value is None or math.isnan(value):
        return DASH
    return "<0.0001" if value < 0.0001 else f"{value:.4f}"


def count(value: Any) -> str:
    """Return a count with its thousands marked.

    Examples
    --------
    >>> count(12345), count(None)
    ('12,345', '–')
    """
    return DASH if value is None else f"{value:,}"


def plain(value: Any) -> str:
    """Return a setting as words: lists by commas, tables as ``key: value``.

    Examples
    --------
    >>> plain({"control": 1200, "blue": 1180}), plain(["age", "tenure"]), plain(True)
    ('control: 1200, blue: 1180', 'age, tenure', 'yes')
    """
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {plain(item)}" for key, item in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(plain(item) for item in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return count(value) if isinstance(value, int) and abs(value) >= 10_000 else str(value)
