"""Metrics written as text: ``revenue``, ``converted:proportion``, ``ctr=clicks/impressions``."""

from typing import Any

from xpyrment_core.errors import InputError

GRAMMAR = "[NAME=]COLUMN[:KIND[,option=value…]] or [NAME=]NUMERATOR/DENOMINATOR"


def parse_metric(text: str) -> dict[str, Any]:
    """Return the arguments of `Experiment.register_metric` that a metric's text stands for.

    Raises
    ------
    InputError
        The text does not follow the grammar.

    Examples
    --------
    >>> parse_metric("converted:proportion")
    {'name': 'converted', 'metric_type': 'proportion', 'value_col': 'converted'}
    >>> parse_metric("ctr=clicks/impressions")
    {'name': 'ctr', 'metric_type': 'ratio', 'numerator_col': 'clicks', 'denominator_col': 'impressions'}
    >>> parse_metric("p90=latency:quantile,q=0.9")
    {'name': 'p90', 'metric_type': 'quantile', 'value_col': 'latency', 'q': 0.9}
    """
    body, _, options = text.partition(",")
    body, colon, kind = body.strip().partition(":")
    name, equals, source = body.partition("=")
    if not equals:
        name, source = "", body
    name, source, kind = name.strip(), source.strip(), kind.strip()
    if not source or (equals and not name) or (colon and not kind):
        raise InputError(f"metric {text!r} is not understood; wanted {GRAMMAR}.")
    parsed = dict(_option(text, part) for part in options.split(",") if part.strip())
    if "/" in source and kind in ("", "ratio"):
        above, _, below = (part.strip() for part in source.partition("/"))
        if not above or not below or "/" in below:
            raise InputError(f"metric {text!r} is not understood; a ratio is NUMERATOR/DENOMINATOR.")
        columns: dict[str, Any] = {"numerator_col": above, "denominator_col": below}
        return {"name": name or f"{above}/{below}", "metric_type": "ratio", **columns, **parsed}
    return {"name": name or source, "metric_type": kind or "mean", "value_col": source, **parsed}


def _option(text: str, part: str) -> tuple[str, Any]:
    key, equals, value = (piece.strip() for piece in part.partition("="))
    if not equals or not key or not value:
        raise InputError(f"metric {text!r}: option {part.strip()!r} is not understood; wanted name=value.")
    return key, _number(value)


def _number(value: str) -> Any:
    for read in (int, float):
        try:
            return read(value)
        except ValueError:
            continue
    return {"true": True, "false": False}.get(value.lower(), value)
