"""Layout of plots, the same for every plotting library: lines, axis range, ticks, colours, order.

All plot backends share these pure functions, so that two libraries show the same picture.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from statistics import median_low
from typing import Any

from attrs import frozen

from xpyrment_core.errors import InputError, unknown
from xpyrment_core.plots.numbers import p_value
from xpyrment_core.plots.rows import ForestRow, LoveRow, PlotData
from xpyrment_core.plots.text import bounds_text, lift_text, shorten_all
from xpyrment_core.stats.balance import IMBALANCE, is_imbalanced
from xpyrment_core.values.verdicts import CONCLUSIVE, MEANINGS

# Okabe & Ito (2008), Color Universal Design: distinguishable with colour-vision deficiency, and in grey by lightness.
BLUE, VERMILLION, GREEN, PURPLE, SKY, ORANGE = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00"
GREY, PALE = "#5F5F5F", "#767676"

# Only conclusive verdicts are coloured; the hollow point distinguishes the grey ones without colour.
FOREST_COLORS: Mapping[str, str] = {
    "better": BLUE,
    "worse": VERMILLION,
    "non-inferior": GREEN,
    "equivalent": SKY,
    "inconclusive": GREY,
    "not established": GREY,
    "too early": GREY,
    "withheld": GREY,
    "not estimable": PALE,
}
LOVE_COLORS: Mapping[str, str] = {"balanced": BLUE, "flagged": VERMILLION, "missing": PALE}
SERIES_COLORS: tuple[str, ...] = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY)

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


@frozen(kw_only=True)
class Line:
    """One line of a forest plot: a row, or the heading of a group of rows.

    Attributes
    ----------
    label : str
        What stands at the left, short enough.
    row : ForestRow or None
        None for a heading.
    band : bool
        Whether it is shaded: every other metric is, to lead the eye.
    """

    label: str
    row: ForestRow | None
    band: bool

    @property
    def cells(self) -> tuple[str, str, str]:
        """Lift, interval and p-value as texts; empty where there is nothing to show."""
        if self.row is None or self.row.lift is None:
            return "", "", ""
        return lift_text(self.row), bounds_text(self.row), p_value(self.row.p_value)


def forest_lines(rows: Sequence[ForestRow], limit: int) -> tuple[Line, ...]:
    """Return the lines of a forest plot, with names of at most `limit` characters.

    Examples
    --------
    >>> row = ForestRow(label="blue", group="revenue", lift=0.02, low=-0.01, high=0.05)
    >>> [line.label.strip() for line in forest_lines([row], 30)]
    ['revenue', 'blue']
    """
    lines: list[Line] = []
    group, band = "", True
    # Shorten all names together: two long names must not become the same short one.
    labels = shorten_all([row.label for row in rows], limit)
    headings = shorten_all([row.group for row in rows], limit)
    for row, label, heading in zip(rows, labels, headings, strict=True):
        if row.group != group or not row.group:
            band, group = not band, row.group
            if group:
                lines.append(Line(label=_hinted(heading, row.hint, limit), row=None, band=band))
        shown = f"   {label}" if row.group else _hinted(label, row.hint, limit)
        lines.append(Line(label=shown, row=row, band=band))
    return tuple(lines)


def _hinted(name: str, hint: str, limit: int) -> str:
    """Add the hint to a name, where there is room for names of some length at all."""
    return f"{name} ({hint})" if hint and limit > 20 else name


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
        # A row without a group is a group of its own; "\0" cannot occur in a group's name.
        groups.setdefault(row.group or f"\0{index}", []).append(row)
    ordered = sorted(groups.values(), key=lambda group: min(_sort_key(row, by) for row in group))
    return [row for group in ordered for row in sorted(group, key=lambda row: _sort_key(row, by, within=True))]


def _sort_key(row: ForestRow, by: str, within: bool = False) -> tuple[bool, Any]:
    if by == "name":
        return False, (row.label if within else row.group or row.label).casefold()
    # Ascending order for p-values, descending for lifts, hence the sign; False sorts before True.
    value = row.p_value if by == "p_value" else None if row.lift is None else -row.lift
    return row.lift is None or value is None, 0.0 if value is None else value


def forest_window(rows: Iterable[ForestRow]) -> tuple[float, float] | None:
    """Return the range of the lift axis, or None where no row has a lift.

    It holds zero and every lift and bound, except those more than `OUTLIER` times as far
    out as the median row, because one metric at +3000 % would reduce the others to points.

    Examples
    --------
    >>> row = ForestRow(label="a", lift=0.02, low=-0.01, high=0.05)
    >>> low, high = forest_window([row])
    >>> low < -0.01, high > 0.05
    (True, True)
    """
    extents = [(*_extent(row), *_extras(row)) for row in rows if row.lift is not None]
    if not extents:
        return None
    # The median of the rows' reaches is robust to the outliers that are to be cut off.
    reaches = [max(abs(value) for value in extent) for extent in extents]
    limit = OUTLIER * (median_low([reach for reach in reaches if reach > 0] or [1.0]))
    usual = [extent for extent in extents if abs(extent[0]) <= limit]
    values = [0.0, *(value for extent in usual for value in extent if abs(value) <= limit)]
    low, high = min(values), max(values)
    if low == high:  # every value is 0: an axis needs some width
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
    # Mirror the finite bound at the lift, so that a one-sided interval gets as much room as a two-sided one.
    left = 2 * lift - high if math.isinf(low) else low
    right = 2 * lift - low if math.isinf(high) else high
    return lift, left, right


def _extras(row: ForestRow) -> list[float]:
    """Return what else the axis should hold: the margin and the finite ends of the outer interval."""
    extras = (*row.margins, row.outer_low, row.outer_high)
    return [value for value in extras if value is not None and math.isfinite(value)]


def span(low: float | None, high: float | None, window: tuple[float, float]) -> Span | None:
    """Return the part of an interval inside the window; None where there is no interval.

    Examples
    --------
    >>> span(0.01, float("inf"), (-0.02, 0.04))
    Span(left=0.01, right=0.04, cut_left=False, cut_right=True)
    """
    if low is None or high is None:
        return None
    # An interval that lies outside the window collapses to its edge, where the arrow is drawn.
    left, right = max(low, window[0]), min(high, window[1])
    return Span(min(left, window[1]), max(right, window[0]), low < window[0], high > window[1])


def beyond(rows: Iterable[ForestRow], window: tuple[float, float] | None) -> bool:
    """Say whether some lift or interval goes on past the axis, so that the legend explains the arrows."""
    if window is None:
        return False
    low, high = window
    return any(
        value is not None and not low <= value <= high
        for row in rows
        if row.lift is not None
        for value in (row.lift, row.low, row.high, row.outer_low, row.outer_high)
    )


def nice_ticks(low: float, high: float, target: int = 6) -> list[float]:
    """Return about `target` round ticks within ``[low, high]``: steps of 1, 2 or 5 times a power of ten.

    Examples
    --------
    >>> nice_ticks(-0.021, 0.052)
    [-0.02, -0.01, 0.0, 0.01, 0.02, 0.03, 0.04, 0.05]
    """
    width = high - low
    scale = 10.0 ** math.floor(math.log10(width / target))
    # Heckbert (1990), "Nice numbers for graph labels": the step whose number of ticks is nearest to the target.
    step = min((factor * scale for factor in (1, 2, 5, 10)), key=lambda step: abs(width / step - target))
    # Two digits beyond the step remove the binary rounding of index * step.
    digits = max(0, 2 - math.floor(math.log10(step)))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(index * step, digits) + 0.0 for index in range(first, last + 1)]


def verdict_legend(rows: Iterable[ForestRow], colors: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return ``(verdict, words)`` of the verdicts drawn; those that look alike share an entry."""
    drawn = {row.verdict for row in rows} - {"not estimable"}
    # Verdicts with the same colour and shape are one entry: the legend explains marks, not words.
    alike: dict[tuple[str, bool], list[str]] = {}
    for verdict in MEANINGS:
        if verdict in drawn:
            alike.setdefault((colors[verdict], is_hollow(verdict)), []).append(verdict)
    return [(verdicts[0], " or ".join(verdicts)) for verdicts in alike.values()]


def is_hollow(role: str) -> bool:
    """Say whether a legend's role is a verdict drawn with a hollow point: one that is not significant."""
    return role in MEANINGS and role not in CONCLUSIVE


def other_legend(rows: Sequence[ForestRow], window: tuple[float, float] | None) -> list[tuple[str, str]]:
    """Return the other entries of the legend: the margin and the arrows, if the plot has any."""
    kinds = {row.margin_name for row in rows if row.margin is not None}
    entries = [("margin", kinds.pop() if len(kinds) == 1 else "margin")] if kinds else []
    return entries + ([("beyond", "beyond the axis")] if beyond(rows, window) else [])


def love_reach(plot: PlotData) -> float:
    """Return how far the SMD axis goes to either side.

    It shows twice the threshold and every dot up to five times the threshold; what lies
    further out is cut off, with an arrow.
    """
    limit = plot.threshold or IMBALANCE
    shown = [abs(row.smd) for row in plot.rows if row.smd is not None and abs(row.smd) <= 5 * limit]
    return float(1.12 * max([2 * limit, *shown]))


def is_flagged(row: LoveRow, threshold: float | None) -> bool:
    """Say whether a covariate's |SMD| reaches the threshold."""
    return threshold is not None and is_imbalanced(row.smd, threshold)


def check_plot(plot: PlotData, kinds: Iterable[str]) -> None:
    """Raise InputError unless the backend draws plots of this kind."""
    if plot.kind not in kinds:
        raise unknown("plot kind", plot.kind, kinds)
    if not plot.rows:
        raise InputError(f"the {plot.kind} plot has no rows: wanted at least one.")
