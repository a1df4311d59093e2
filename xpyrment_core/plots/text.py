"""The words on a plot: the numbers of a row, and names that are too long."""

import math
from collections.abc import Sequence
from functools import partial

from xpyrment_core.plots.numbers import DASH, interval_text, percent
from xpyrment_core.plots.rows import ForestRow

NO_COVARIATES = "No covariate balance diagnostics were compiled (no covariates provided)."
"""What a love plot says of an analysis without covariates."""


def row_decimals(row: ForestRow) -> int:
    """Return how many decimals a row's percentages need: two, fewer when huge, more when tiny."""
    values = [abs(100 * v) for v in (row.lift, row.low, row.high) if v is not None and math.isfinite(v)]
    reach = max(values, default=0.0)
    if reach >= 1000:
        return 0
    if reach >= 100:
        return 1
    return 2 if reach >= 0.1 or reach == 0 else min(8, 1 - math.floor(math.log10(reach)))


def lift_text(row: ForestRow) -> str:
    """Return the lift as shown beside the plot: ``"+3.21%"``."""
    return percent(row.lift, row_decimals(row))


def bounds_text(row: ForestRow) -> str:
    """Return the interval as shown beside the plot; an open end has a round bracket.

    Examples
    --------
    >>> bounds_text(ForestRow(label="a", lift=0.02, low=0.01, high=float("inf")))
    '[+1.00%, ∞)'
    """
    if row.low is None or row.high is None:
        return DASH
    # An open end is infinite in a row, for every alternative.
    return interval_text(row.low, row.high, "greater", partial(percent, decimals=row_decimals(row)), DASH)


def shorten(text: str, limit: int) -> str:
    """Return `text` with its middle left out where it is longer than `limit` characters.

    The ends are what tells long metric names apart.

    Examples
    --------
    >>> shorten("checkout_revenue_per_user_mobile_2025", 20)
    'checkout_rev…le_2025'
    """
    text = " ".join(text.split())
    if len(text) <= limit:
        return text
    tail = max(1, (limit - 1) * 2 // 5)
    return f"{text[: limit - 1 - tail]}…{text[-tail:]}"


def shorten_all(texts: Sequence[str], limit: int) -> list[str]:
    """Shorten every text, so that two different ones never look alike.

    Those that `shorten` would make equal keep the part from which on they differ.

    Examples
    --------
    >>> for text in shorten_all(["revenue_per_user_mobile_2025_q3", "revenue_per_user_tablet_2025_q3"], 20):
    ...     print(text)
    reven…r_mobile_2025…
    reven…r_tablet_2025…
    """
    alike: dict[str, set[str]] = {}
    for text in texts:
        alike.setdefault(shorten(text, limit), set()).add(" ".join(text.split()))
    return [_apart(" ".join(text.split()), alike[shorten(text, limit)], limit) for text in texts]


def _apart(text: str, group: set[str], limit: int) -> str:
    if len(group) == 1 or len(text) <= limit:
        return shorten(text, limit)
    differ = max(_common(text, other) for other in group if other != text)
    start, end = text[: limit // 4], text[max(0, differ - 2) :]
    return f"{start}…{clip(end, limit - len(start) - 1)}"


def _common(one: str, other: str) -> int:
    """Return how many letters two texts share at their beginning."""
    pairs = zip(one, other, strict=False)  # the shorter ends the comparison
    return next((index for index, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))


def clip(text: str, limit: int) -> str:
    """Return `text` with its end left out where it is longer than `limit` characters.

    Examples
    --------
    >>> clip("the control mean is 0", 12)
    'the control…'
    """
    text = " ".join(text.split())
    return text if len(text) <= limit else f"{text[: limit - 1].rstrip()}…"
