"""What a plot backend draws: one tidy table, made once, the same for every library."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from xpyrment_core.errors import InputError
from xpyrment_core.plots.rows import ForestRow, LoveRow, Mark, PlotData, PlotKind, PowerSeries, Verdict
from xpyrment_core.plots.text import clip, percent_level

__all__ = [
    "ForestRow",
    "LoveRow",
    "Mark",
    "PlotData",
    "PlotKind",
    "PowerSeries",
    "Verdict",
    "forest_data",
    "love_data",
    "power_data",
]


def forest_data(raw_results: Sequence[Mapping[str, Any]], alpha: float = 0.05, title: str | None = None) -> PlotData:
    """Make the forest plot of an analysis from its raw results.

    Parameters
    ----------
    raw_results : sequence of mapping
        One per metric and treatment, with the keys of `AnalysisResult.raw_results`:
        ``metric_name, treatment, control, relative_lift, rel_ci_lower, rel_ci_upper,
        p_value, status, reason, correction`` and, where there are any, ``verdict, direction,
        alternative, null_lift, simultaneous_rel_ci_lower, simultaneous_rel_ci_upper``.
    alpha : float
        Significance level of the analysis.
    title : str, optional
        Instead of the usual title.

    Returns
    -------
    PlotData
        One row per result; rows of one metric are grouped where there are several treatments.

    Raises
    ------
    InputError
        There are no results.

    Examples
    --------
    >>> raw = [{"metric_name": "revenue", "relative_lift": 0.03, "rel_ci_lower": 0.01,
    ...         "rel_ci_upper": 0.05, "p_value": 0.003, "status": "ok"}]
    >>> forest_data(raw).rows[0].verdict
    'increase'
    """
    if not raw_results:
        raise InputError("there are no metric results to plot: wanted at least one.")
    treatments = list(dict.fromkeys(str(raw.get("treatment", "treatment")) for raw in raw_results))
    ordered = _metrics_together(raw_results) if len(treatments) > 1 else raw_results
    rows = tuple(_forest_row(raw, alpha, grouped=len(treatments) > 1) for raw in ordered)
    control = str(raw_results[0].get("control", "control"))
    versus = treatments[0] if len(treatments) == 1 else f"{len(treatments)} treatments"
    return PlotData(
        kind="forest",
        title=f"Relative lift, {clip(versus, 40)} vs {clip(control, 40)}" if title is None else title,
        subtitle=_forest_subtitle(raw_results, rows, alpha),
        rows=rows,
        level=1 - alpha,
        x_label=f"Relative lift over {control}",
    )


def love_data(
    smd: Mapping[str, Mapping[str, float | None]],
    threshold: float = 0.1,
    title: str = "Covariate balance",
    notes: Mapping[str, str] | None = None,
) -> PlotData:
    """Make a love plot from standardized mean differences.

    Parameters
    ----------
    smd : mapping of covariate to mapping of treatment to float or None
        None, NaN and infinities are shown as not estimable, never as balanced.
    threshold : float
        Absolute SMD from which a covariate is flagged.
    title : str
    notes : mapping of covariate to str, optional
        Why a covariate has no SMD.

    Raises
    ------
    InputError
        There are no covariates.

    Examples
    --------
    >>> [row.smd for row in love_data({"age": {"treatment": 0.12}}).rows]
    [0.12]
    """
    if not smd:
        raise InputError("there are no covariates to plot: wanted at least one.")
    rows = tuple(
        LoveRow(
            label=str(covariate),
            smd=_finite(value),
            treatment=str(treatment),
            note="" if _finite(value) is not None else (notes or {}).get(covariate, "not estimable"),
        )
        for covariate, by_treatment in smd.items()
        for treatment, value in by_treatment.items()
    )
    flagged = len({row.label for row in rows if row.smd is not None and abs(row.smd) >= threshold})
    return PlotData(
        kind="love",
        title=title,
        subtitle=f"{flagged} of {len(smd)} covariates with |SMD| ≥ {threshold:g}",
        rows=rows,
        x_label="Standardized mean difference, treatment − control",
        threshold=threshold,
    )


def power_data(
    series: Iterable[PowerSeries],
    x_label: str = "Units per variant",
    target: float = 0.8,
    marks: Iterable[Mark] = (),
    title: str = "Power",
    subtitle: str = "",
) -> PlotData:
    """Make a plot of power curves.

    Parameters
    ----------
    series : iterable of PowerSeries
    x_label : str
        What the curves run over: a sample size or an effect.
    target : float
        Power aimed at, drawn as a line.
    marks : iterable of Mark
        Points to name, such as the required sample size.
    title, subtitle : str

    Raises
    ------
    InputError
        No curve, a curve without points or with lengths that differ.

    Examples
    --------
    >>> plot = power_data([PowerSeries(label="", x=(100, 200), power=(0.5, 0.8))])
    >>> plot.threshold
    0.8
    """
    rows = tuple(series)
    if not rows:
        raise InputError("there is no power curve to plot: wanted at least one.")
    for row in rows:
        if not row.x or len(row.x) != len(row.power):
            raise InputError(
                f"power curve {row.label!r} has {len(row.x)} x and {len(row.power)} power values: "
                f"wanted as many of one as of the other, and at least one."
            )
    return PlotData(
        kind="power",
        title=title,
        subtitle=subtitle,
        rows=rows,
        x_label=x_label,
        threshold=target,
        marks=tuple(marks),
    )


def _forest_row(raw: Mapping[str, Any], alpha: float, grouped: bool) -> ForestRow:
    metric, treatment = str(raw["metric_name"]), str(raw.get("treatment", "treatment"))
    lift = _finite(raw.get("relative_lift")) if raw.get("status", "ok") == "ok" else None
    low, high = _bounds(raw, "rel_ci") if lift is not None else (None, None)
    outer_low, outer_high = _bounds(raw, "simultaneous_rel_ci") if low is not None else (None, None)
    return ForestRow(
        label=treatment if grouped else metric,
        group=metric if grouped else "",
        lift=lift,
        low=low,
        high=high,
        p_value=_finite(raw.get("p_value")),
        verdict=_verdict(raw, lift, alpha),
        outer_low=outer_low,
        outer_high=outer_high,
        margin=_finite(raw.get("null_lift")) or None,
        hint="lower is better" if raw.get("direction") == "decrease" else "",
        note="" if lift is not None else str(raw.get("reason") or "the relative lift is not estimable"),
    )


def _verdict(raw: Mapping[str, Any], lift: float | None, alpha: float) -> Verdict:
    """Return the analysis' own verdict, or for rows without one what p-value and direction say."""
    if lift is None:
        return "missing"
    known: dict[Any, Verdict] = {"better": "better", "worse": "worse", "non-inferior": "non-inferior"}
    if raw.get("verdict") is not None:
        return known.get(raw["verdict"], "neutral")
    p_value, direction = _finite(raw.get("p_value")), raw.get("direction")
    if p_value is None or p_value >= alpha or lift == 0:
        return "neutral"
    if direction is None:
        return "increase" if lift > 0 else "decrease"
    return "better" if (lift > 0) == (direction == "increase") else "worse"


def _bounds(raw: Mapping[str, Any], key: str) -> tuple[float | None, float | None]:
    """Return an interval; the missing bound of a one-sided one is its open end."""
    low, high = _number(raw.get(f"{key}_lower")), _number(raw.get(f"{key}_upper"))
    both = low is not None and high is not None
    if (low is None and high is None) or (not both and raw.get("alternative") == "two-sided"):
        return None, None
    return (-math.inf if low is None else low), (math.inf if high is None else high)


def _forest_subtitle(raw_results: Sequence[Mapping[str, Any]], rows: Sequence[ForestRow], alpha: float) -> str:
    corrections = sorted({str(raw["correction"]) for raw in raw_results if raw.get("correction")})
    wider = sorted({str(raw["simultaneous_method"]) for raw in raw_results if raw.get("simultaneous_method")})
    after = f", corrected by {', '.join(corrections)}" if corrections else ""
    drawn = any(row.outer_low is not None for row in rows)
    thin = f" (thin line: simultaneous, {', '.join(wider)})" if wider and drawn else ""
    return f"{percent_level(1 - alpha)} confidence intervals{thin}; significant: p < {alpha:g}{after}"


def _metrics_together(raw_results: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    by_metric: dict[str, list[Mapping[str, Any]]] = {}
    for raw in raw_results:
        by_metric.setdefault(str(raw["metric_name"]), []).append(raw)
    return [raw for group in by_metric.values() for raw in group]


def _number(value: Any) -> float | None:
    return None if value is None or math.isnan(value) else float(value)


def _finite(value: Any) -> float | None:
    number = _number(value)
    return None if number is None or math.isinf(number) else number
