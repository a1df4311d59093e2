"""Parses metrics written as text: ``revenue``, ``converted:proportion``, ``ctr=clicks/impressions``."""

import re
from collections.abc import Collection
from typing import Any

from xpyrment_core.errors import InputError
from xpyrment_core.registry.definitions import MetricDefinition
from xpyrment_core.registry.host import PluginHost, default_host

GRAMMAR = "[NAME=]COLUMN[:KIND[,option=value…]] or [NAME=]NUMERATOR/DENOMINATOR"


def parse_metric(text: str, host: PluginHost | None = None, columns: Collection[str] = ()) -> dict[str, Any]:
    """Parse the text of a metric into arguments of `Experiment.register_metric`.

    The definition of a kind determines which parameter takes the column, and which kind a quotient is. A text that
    is the name of a column means that column, also where it contains signs of the grammar; within a metric such a
    name is written in double quotes: ``"rev:usd":proportion``.

    Raises
    ------
    InputError
        The text does not follow the grammar.

    Examples
    --------
    >>> parse_metric("converted:proportion")
    {'name': 'converted', 'metric_type': 'proportion', 'value_col': 'converted'}
    >>> parse_metric("revenue")
    {'name': 'revenue', 'value_col': 'revenue'}
    >>> parse_metric("ctr=clicks/impressions")
    {'name': 'ctr', 'metric_type': 'ratio', 'numerator_col': 'clicks', 'denominator_col': 'impressions'}
    >>> parse_metric("p90=latency:quantile,q=0.9")
    {'name': 'p90', 'metric_type': 'quantile', 'value_col': 'latency', 'q': 0.9}
    """
    if text in columns:
        return {"name": text, "value_col": text}
    # Names in quotes are hidden while the signs between the parts are looked for.
    hidden, names = _hidden(text)
    # Options are split off first: their values may contain the signs that separate name, column and kind.
    body, _, options = hidden.partition(",")
    body, colon, kind = body.strip().partition(":")
    name, equals, source = body.partition("=")
    if not equals:
        name, source = "", body
    name, source, kind = _shown(name, names), source.strip(), kind.strip()
    if not source or (equals and not name) or (colon and not kind):
        raise InputError(f"metric {text!r} is not understood; expected {GRAMMAR}.")
    parsed = dict(_option(text, part) for part in options.split(",") if part.strip())
    definition = _definition(host or default_host(), kind, quotient="/" in source)
    if definition is not None and definition.quotient_parameters is not None and "/" in source:
        above, _, below = (part.strip() for part in source.partition("/"))
        if not above or not below or "/" in below:
            raise InputError(f"metric {text!r} is not understood; a ratio is NUMERATOR/DENOMINATOR.")
        above, below = _shown(above, names), _shown(below, names)
        both = dict(zip(definition.quotient_parameters, (above, below), strict=True))
        return {"name": name or f"{above}/{below}", "metric_type": kind or definition.name, **both, **parsed}
    source = _shown(source, names)
    column = "value_col" if definition is None else definition.name_parameter
    return {"name": name or source, **({"metric_type": kind} if kind else {}), column: source, **parsed}


def _hidden(text: str) -> tuple[str, list[str]]:
    """Return the text with each name in double quotes replaced by a mark, and the names."""
    names: list[str] = []

    def hide(match: re.Match[str]) -> str:
        names.append(match[1].replace('""', '"'))
        return f"\0{len(names) - 1}\0"

    return re.sub(r'"((?:[^"]|"")+)"', hide, text), names


def _shown(text: str, names: list[str]) -> str:
    return re.sub("\0(\\d+)\0", lambda match: names[int(match[1])], text).strip()


def _definition(host: PluginHost, kind: str, quotient: bool) -> MetricDefinition | None:
    """Return the definition of the kind; of the first kind that is a quotient where none is named."""
    # Built-in kinds first, so that a third-party plugin does not change the meaning of an existing command.
    entries = sorted(host.all("metric"), key=lambda entry: (not entry.builtin, entry.qualified))
    for entry in entries:
        definition = entry.definition
        named = kind in (definition.name, entry.qualified, *definition.aliases)
        fits = named if kind else quotient and getattr(definition, "quotient_parameters", None)
        if fits and isinstance(definition, MetricDefinition):
            return definition
    return None


def _option(text: str, part: str) -> tuple[str, Any]:
    key, equals, value = (piece.strip() for piece in part.partition("="))
    if not equals or not key or not value:
        raise InputError(f"metric {text!r}: option {part.strip()!r} is not understood; expected name=value.")
    return key, _number(value)


def _number(value: str) -> Any:
    # int before float: a parameter that counts (n=3) must not become 3.0.
    for read in (int, float):
        try:
            return read(value)
        except ValueError:
            continue
    return {"true": True, "false": False}.get(value.lower(), value)
