"""Number formats of the summary, tables, reports and plots.

There are two styles. *Plain* is for the summary and the terminal: ASCII signs, ``N/A`` where there is no
value, p-values as ``0.0123*`` (four decimals and stars: `starred`). *Typeset* is for reports, plots and
sentences: a true minus sign, a dash where there is no value, p-values as ``0.0123`` or ``<0.0001``
(four decimals, and never rounded to zero: `p_value`). Tables of commands whose numbers are read by
scripts keep p-values as numbers, in `P_FORMAT`. None, NaN and infinity are missing values, except the
infinite bound of a one-sided interval.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

# The summary's texts are part of the interface: scripts compare them, so they stay ASCII.
NOT_AVAILABLE = "N/A"
DASH = "–"
SMALLEST_P = 0.0001
P_FORMAT = ".4g"

Format = str | Callable[[Any], str]
"""A format string such as ``"{:+.2%}"``, or a function of this module."""


def missing(value: Any) -> bool:
    """Say whether there is no value: None, NaN or infinite."""
    return value is None or (isinstance(value, float) and not math.isfinite(value))


def number(value: Any, form: Format, none: str = NOT_AVAILABLE) -> str:
    """Return a number in the plain style.

    Examples
    --------
    >>> number(0.0321, "{:+.2%}"), number(None, "{:.4f}")
    ('+3.21%', 'N/A')
    """
    return none if missing(value) else _text(value, form)


def significant(value: Any, signed: bool = False) -> str:
    """Return a number, typeset, with as many digits as its size asks for.

    Examples
    --------
    >>> significant(4554.8011), significant(0.10614), significant(-2.5, signed=True), significant(3e-7)
    ('4,554.8', '0.1061', '−2.500', '3e−07')
    """
    if missing(value):
        return DASH
    # Four or five significant digits between 1e-3 and 1e12, scientific notation outside.
    size = abs(value)
    if size != 0 and (size < 1e-3 or size >= 1e12):
        form = ".3g"
    else:
        form = ",.1f" if size >= 1000 else ",.3f" if size >= 1 else ".4f"
    return typeset(format(value, ("+" if signed else "") + form))


def plain_percent(value: float, decimals: int = 2, signed: bool = True) -> str:
    """Return a fraction as a percentage in the plain style; what rounds to zero has no sign.

    Examples
    --------
    >>> plain_percent(-0.283, 1), plain_percent(-1e-9, 1)
    ('-28.3%', '0.0%')
    """
    text = f"{100 * value:{'+' if signed else ''},.{decimals}f}%"
    # "-0.0%" would look like a decrease.
    zero = float(text.strip("+-%").replace(",", "")) == 0
    return text.lstrip("+-") if zero else text


def percent(value: float | None, decimals: int = 2, signed: bool = True) -> str:
    """Return a fraction as a percentage, typeset; what rounds to zero has no sign.

    Examples
    --------
    >>> percent(0.0321), percent(-30.0, 0), percent(0.4, signed=False), percent(-1e-9), percent(None)
    ('+3.21%', '−3,000%', '40.00%', '0.00%', '–')
    """
    return DASH if value is None or missing(value) else typeset(plain_percent(value, decimals, signed))


def tick_texts(ticks: Sequence[float]) -> list[str]:
    """Return ticks as percentages with no more decimals than their step needs.

    Examples
    --------
    >>> tick_texts([-0.005, 0.0, 0.005])
    ['−0.5%', '0%', '+0.5%']
    """
    # The fewest decimals at which every tick is exact to 1e-9, so that neighbouring ticks have different texts.
    decimals = next((d for d in range(8) if all(abs(round(100 * t, d) - 100 * t) < 1e-9 for t in ticks)), 8)
    return ["0%" if tick == 0 else percent(tick, decimals) for tick in ticks]


def percent_level(level: float) -> str:
    """Return a confidence level as the header of an interval.

    Examples
    --------
    >>> percent_level(0.95), percent_level(1 - 0.001)
    ('95%', '99.9%')
    """
    return f"{100 * level:.10g}%"


def interval_text(
    low: Any, high: Any, alternative: Any = "two-sided", form: Format = "{:+.2%}", none: str = NOT_AVAILABLE
) -> str:
    """Return an interval as text; the missing bound of a one-sided one is its open end.

    Examples
    --------
    >>> interval_text(0.0219, 0.0431), interval_text(0.0219, None, "greater"), interval_text(0.0219, None)
    ('[+2.19%, +4.31%]', '[+2.19%, ∞)', 'N/A')
    >>> interval_text(None, 0.0431, "less", percent)
    '(−∞, +4.31%]'
    """
    # JSON and dicts have None for an infinite bound; the alternative says whether it is the open end.
    absent = missing(low), missing(high)
    if all(absent) or (any(absent) and alternative not in ("greater", "less")):
        return none
    # A format that is a function typesets, so the infinite end does too.
    infinite = "-∞" if isinstance(form, str) else "−∞"
    left = f"({infinite}" if absent[0] else f"[{_text(low, form)}"
    return f"{left}, ∞)" if absent[1] else f"{left}, {_text(high, form)}]"


def p_value(value: float | None, none: str = DASH) -> str:
    """Return a p-value, typeset.

    Examples
    --------
    >>> p_value(0.03214), p_value(1e-9), p_value(None)
    ('0.0321', '<0.0001', '–')
    """
    if value is None or missing(value):
        return none
    return f"<{SMALLEST_P}" if value < SMALLEST_P else f"{value:.4f}"


def p_phrase(value: float) -> str:
    """Return a p-value as part of a sentence.

    Examples
    --------
    >>> p_phrase(0.03214), p_phrase(0.0)
    ('p = 0.0321', 'p < 0.0001')
    """
    text = p_value(value)
    return f"p < {text[1:]}" if text.startswith("<") else f"p = {text}"


def stars(p_value: float, alpha: float) -> str:
    """Return the significance stars; none if p is not below alpha."""
    # The thresholds are fixed by the interface; alpha only suppresses stars of results that are not significant.
    if p_value >= alpha:
        return ""
    return next((mark for mark, bound in (("***", 0.001), ("**", 0.01), ("*", 0.05)) if p_value < bound), "")


def starred(p_value: Any, alpha: float) -> str:
    """Return a p-value in the plain style, with its significance stars.

    Examples
    --------
    >>> starred(0.0321, 0.05), starred(1e-9, 0.05), starred(0.0321, 0.01)
    ('0.0321*', '0.0000***', '0.0321')
    """
    return NOT_AVAILABLE if missing(p_value) else f"{p_value:.4f}{stars(p_value, alpha)}"


def count(value: int | None) -> str:
    """Return a count, typeset, with a thousands separator.

    Examples
    --------
    >>> count(12345), count(None)
    ('12,345', '–')
    """
    return DASH if value is None else f"{value:,}"


def setting(value: Any) -> str:
    """Return a setting as words: lists by commas, tables as ``key: value``.

    Examples
    --------
    >>> setting({"control": 12000, "blue": 1180}), setting(["age", "tenure"]), setting(True)
    ('control: 12,000, blue: 1180', 'age, tenure', 'yes')
    """
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {setting(item)}" for key, item in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(setting(item) for item in value)
    if isinstance(value, bool):  # before int, of which bool is a subclass
        return "yes" if value else "no"
    return count(value) if isinstance(value, int) and abs(value) >= 10_000 else str(value)


def typeset(text: str) -> str:
    """Return a number's text with true minus signs."""
    return text.replace("-", "−")


def _text(value: Any, form: Format) -> str:
    return form.format(value) if isinstance(form, str) else form(value)
