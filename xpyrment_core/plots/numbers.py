"""How a number looks in a summary, a table, a report and a plot."""

import math
from typing import Any


def interval_header(alpha: float) -> str:
    """Return the name of the interval's column: ``95% CI (Rel)``."""
    return f"{100 * (1 - alpha):.10g}% CI (Rel)"


def missing(value: Any) -> bool:
    """Say whether there is no value: None or NaN."""
    return value is None or (isinstance(value, float) and math.isnan(value))


def number(value: Any, form: str) -> str:
    """Return a number as text, ``N/A`` where there is none."""
    return "N/A" if missing(value) else form.format(value)


def interval_text(low: Any, high: Any, alternative: Any = "two-sided", form: str = "{:+.2%}") -> str:
    """Return an interval as text: ``[+2.19%, +4.31%]``, with an infinite end where it is one-sided."""
    if missing(low) and missing(high):
        return "N/A"
    if alternative not in ("greater", "less") and (missing(low) or missing(high)):
        return "N/A"
    left = "(-∞" if missing(low) or math.isinf(low) else f"[{form.format(low)}"
    right = "∞)" if missing(high) or math.isinf(high) else f"{form.format(high)}]"
    return f"{left}, {right}"


def stars(p_value: float, alpha: float) -> str:
    """Return the significance stars; none where p is not below alpha."""
    if p_value >= alpha:
        return ""
    return next((mark for mark, bound in (("***", 0.001), ("**", 0.01), ("*", 0.05)) if p_value < bound), "")


def starred(p_value: Any, alpha: float) -> str:
    """Return a p-value as text with its significance stars."""
    return "N/A" if missing(p_value) else f"{p_value:.4f}{stars(p_value, alpha)}"
