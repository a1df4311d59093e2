"""How a plot is laid out, whatever library draws it: axis range, ticks, texts, colours, order.

All plot backends share these pure functions, so that two libraries show the same picture.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from statistics import median_low
from typing import Any

from attrs import frozen

from xpyrment_core.errors import InputError, unknown
from xpyrment_core.plotdata import ForestRow, LoveRow, PlotData

# Okabe & Ito (2008), Color Universal Design: told apart with any colour vision, and in grey by lightness.
BLUE, VERMILLION, GREEN, PURPLE, SKY, ORANGE = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00"
GREY, PALE = "#5F5F5F", "#767676"

FOREST_COLORS: Mapping[str, str] = {
    "better": BLUE,
    "worse": VERMILLION,
    "increase": BLUE,
    "decrease": VERMILLION,
    "neutral": GREY,
    "missing": PALE,
}
LOVE_COLORS: Mapping[str, str] = {"balanced": BLUE, "flagged": VERMILLION, "missing": PALE}
SERIES_COLORS: tuple[str, ...] = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY)

VERDICT_WORDS: Mapping[str, str] = {
    "better": "significantly better",
    "worse": "significantly worse",
    "increase": "significant increase",
    "decrease": "significant decrease",
    "neutral": "not significant",
}
SORTS = ("lift", "name", "p_value")

OUTLIER = 8.0
"""Bounds beyond this many times the median row's reach are cut off, with an arrow."""


@frozen
class Span:
    """What is drawn of one row, in axis units: ``[left, right]`` and which ends go on beyond."""

    left: float
    right: float
    cut_left: bool
    cut_right: bool


def check_options(kind: str, got: Iterable[str], valid: Sequence[str]) -> None:
    """Raise InputError for the first option that the plot does not have.

    Examples
    --------
    >>> check_options("forest", ["tilte"], ("title", "sort"))
    Traceback (most recent call last):
    xpyrment_core.errors.InputError: option of the forest plot 'tilte' is not one of: 'sort', 'title'. Did ...
    """
    for name in got:
        if name not in valid:
            raise unknown(f"option of the {kind} plot", name, valid)


def merge_colors(defaults: Mapping[str, str], given: Mapping[str, str] | None) -> dict[str, str]:
    """Return the default colours with those `given` in their place; unknown roles are refused."""
    for role in given or {}:
        if role not in defaults:
            raise unknown("colour role", role, defaults)
    return {**defaults, **(given or {})}


def sort_rows(rows: Sequence[ForestRow], by: str | None) -> list[ForestRow]:
    """Order rows; those of one group stay together, and what is not estimable comes last.

    Parameters
    ----------
    rows : sequence of ForestRow
    by : {None, "lift", "p_value", "name"}
        None keeps the order; ``"lift"`` puts the largest first. A group goes by its best row.
    """
    if by is None:
        return list(rows)
    if by not in SORTS:
        raise unknown("sort", by, SORTS)
    groups: dict[str, list[ForestRow]] = {}
    for index, row in enumerate(rows):
        groups.setdefault(row.group or f"\0{index}", []).append(row)
    ordered = sorted(groups.values(), key=lambda group: min(_sort_key(row, by) for row in group))
    return [row for group in ordered for row in sorted(group, key=lambda row: _sort_key(row, by, within=True))]


def _sort_key(row: ForestRow, by: str, within: bool = False) -> tuple[bool, Any]:
    if by == "name":
        return False, (row.label if within else row.group or row.label).casefold()
    value = row.p_value if by == "p_value" else None if row.lift is None else -row.lift
    return row.lift is None or value is None, 0.0 if value is None else value


def forest_window(rows: Iterable[ForestRow]) -> tuple[float, float] | None:
    """Return the range of the lift axis, or None where no row has a lift.

    It holds zero and every lift and bound, except those more than `OUTLIER` times as far
    out as the median row: one metric at +3000 % shall not press the others into a line.

    Examples
    --------
    >>> row = ForestRow(label="a", lift=0.02, low=-0.01, high=0.05)
    >>> low, high = forest_window([row])
    >>> low < -0.01, high > 0.05
    (True, True)
    """
    extents = [_extent(row) for row in rows if row.lift is not None]
    if not extents:
        return None
    reaches = [max(abs(value) for value in extent) for extent in extents]
    limit = OUTLIER * (median_low([reach for reach in reaches if reach > 0] or [1.0]))
    usual = [extent for extent in extents if abs(extent[0]) <= limit]
    values = [0.0, *(value for extent in usual for value in extent if abs(value) <= limit)]
    low, high = min(values), max(values)
    if low == high:
        low, high = -0.01, 0.01
    pad = 0.06 * (high - low)
    return low - pad, high + pad


def _extent(row: ForestRow) -> tuple[float, ...]:
    """Return the lift and its finite bounds; an open end counts as far as the closed one."""
    lift, low, high = row.lift or 0.0, row.low, row.high
    if low is None or high is None:
        return (lift,)
    if math.isinf(low) and math.isinf(high):
        return (lift,)
    left = 2 * lift - high if math.isinf(low) else low
    right = 2 * lift - low if math.isinf(high) else high
    return lift, left, right


def span(row: ForestRow, window: tuple[float, float]) -> Span | None:
    """Return the part of a row's interval inside the window; None where it has no interval."""
    if row.low is None or row.high is None:
        return None
    left, right = max(row.low, window[0]), min(row.high, window[1])
    return Span(min(left, window[1]), max(right, window[0]), row.low < window[0], row.high > window[1])


def nice_ticks(low: float, high: float, target: int = 6) -> list[float]:
    """Return about `target` round ticks within ``[low, high]``: steps of 1, 2 or 5 times a power of ten.

    Examples
    --------
    >>> nice_ticks(-0.021, 0.052)
    [-0.02, -0.01, 0.0, 0.01, 0.02, 0.03, 0.04, 0.05]
    """
    width = high - low
    scale = 10.0 ** math.floor(math.log10(width / target))
    step = min((factor * scale for factor in (1, 2, 5, 10)), key=lambda step: abs(width / step - target))
    digits = max(0, 2 - math.floor(math.log10(step)))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(index * step, digits) + 0.0 for index in range(first, last + 1)]


def tick_texts(ticks: Sequence[float]) -> list[str]:
    """Return ticks as percentages with no more decimals than their step needs.

    Examples
    --------
    >>> tick_texts([-0.005, 0.0, 0.005])
    ['−0.5%', '0%', '+0.5%']
    """
    decimals = next((d for d in range(8) if all(abs(round(100 * t, d) - 100 * t) < 1e-9 for t in ticks)), 8)
    return ["0%" if tick == 0 else percent(tick, decimals) for tick in ticks]


def percent(value: float | None, decimals: int = 2) -> str:
    """Return a fraction as a signed percentage, with a true minus sign.

    Examples
    --------
    >>> percent(0.0321), percent(-30.0, 0), percent(float("inf"))
    ('+3.21%', '−3,000%', '+∞')
    """
    if value is None:
        return "–"
    if math.isinf(value):
        return "+∞" if value > 0 else "−∞"
    text = f"{100 * value:+,.{decimals}f}%"
    if float(text.strip("+-%").replace(",", "")) == 0:
        text = text[1:]
    return text.replace("-", "−")


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


def interval_text(row: ForestRow) -> str:
    """Return the interval as shown beside the plot; an open end has a round bracket.

    Examples
    --------
    >>> interval_text(ForestRow(label="a", lift=0.02, low=0.01, high=float("inf")))
    '[+1.00%, +∞)'
    """
    if row.low is None or row.high is None:
        return "–"
    decimals = row_decimals(row)
    opening, closing = "(" if math.isinf(row.low) else "[", ")" if math.isinf(row.high) else "]"
    return f"{opening}{percent(row.low, decimals)}, {percent(row.high, decimals)}{closing}"


def p_text(p_value: float | None) -> str:
    """Return a p-value as shown beside the plot.

    Examples
    --------
    >>> p_text(0.03214), p_text(1e-12), p_text(None)
    ('0.032', '<0.001', '–')
    """
    if p_value is None:
        return "–"
    return "<0.001" if p_value < 0.001 else f"{p_value:.3f}"


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


def verdict_legend(rows: Iterable[ForestRow], colors: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return ``(verdict, words)`` of the verdicts present; those of one colour share an entry."""
    present = {row.verdict for row in rows}
    by_color: dict[str, list[str]] = {}
    for verdict in VERDICT_WORDS:
        if verdict in present:
            by_color.setdefault(f"{colors[verdict]} {verdict == 'neutral'}", []).append(verdict)
    return [(verdicts[0], " or ".join(VERDICT_WORDS[v] for v in verdicts)) for verdicts in by_color.values()]


def love_reach(plot: PlotData) -> float:
    """Return how far the SMD axis goes to either side: beyond the threshold and every dot up to 1."""
    values = [abs(row.smd) for row in plot.rows if row.smd is not None]
    widest = max([value for value in values if value <= 1] or [0.0])
    beyond = 1.0 if any(value > 1 for value in values) else 0.0
    return 1.12 * max(widest, beyond, 2 * (plot.threshold or 0.1))


def is_flagged(row: LoveRow, threshold: float | None) -> bool:
    """Say whether a covariate's |SMD| reaches the threshold."""
    return row.smd is not None and threshold is not None and abs(row.smd) >= threshold


def check_plot(plot: PlotData, kinds: Iterable[str]) -> None:
    """Raise InputError unless the backend draws plots of this kind."""
    if plot.kind not in kinds:
        raise unknown("plot kind", plot.kind, kinds)
    if not plot.rows:
        raise InputError(f"the {plot.kind} plot has no rows: wanted at least one.")
