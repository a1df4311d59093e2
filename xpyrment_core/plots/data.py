"""What a plot backend draws: one tidy table, made once, the same for every library."""

import math
from collections.abc import Iterable, Mapping, Sequence

from xpyrment_core.errors import InputError
from xpyrment_core.plots.layout import is_flagged
from xpyrment_core.plots.numbers import missing, percent_level
from xpyrment_core.plots.rows import ForestRow, LoveRow, Mark, PlotData, PlotKind, PowerSeries
from xpyrment_core.plots.text import clip
from xpyrment_core.stats.balance import IMBALANCE
from xpyrment_core.values.metric_result import MetricResult

__all__ = [
    "ForestRow",
    "LoveRow",
    "Mark",
    "PlotData",
    "PlotKind",
    "PowerSeries",
    "forest_data",
    "love_data",
    "power_data",
]


def forest_data(results: Sequence[MetricResult], alpha: float = 0.05, title: str | None = None) -> PlotData:
    """Make the forest plot of an analysis.

    Parameters
    ----------
    results : sequence of MetricResult
        One per metric and treatment, as `AnalysisResult.results`.
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
    >>> revenue = MetricResult(metric_name="revenue", relative_lift=0.03, rel_ci_lower=0.01,
    ...                        rel_ci_upper=0.05, p_value=0.003)
    >>> forest_data([revenue]).rows[0].verdict
    'better'
    """
    if not results:
        raise InputError("there are no metric results to plot: wanted at least one.")
    treatments = list(dict.fromkeys(str(result.treatment) for result in results))
    ordered = _metrics_together(results) if len(treatments) > 1 else results
    rows = tuple(_forest_row(result, alpha, grouped=len(treatments) > 1) for result in ordered)
    control = str(results[0].control)
    versus = treatments[0] if len(treatments) == 1 else f"{len(treatments)} treatments"
    return PlotData(
        kind="forest",
        title=f"Relative lift, {clip(versus, 40)} vs {clip(control, 40)}" if title is None else title,
        subtitle=_forest_subtitle(results, rows, alpha),
        rows=rows,
        level=1 - alpha,
        x_label=f"Relative lift over {control}",
    )


def love_data(
    smd: Mapping[str, Mapping[str, float | None]],
    threshold: float = IMBALANCE,
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
    flagged = len({row.label for row in rows if is_flagged(row, threshold)})
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


def _forest_row(result: MetricResult, alpha: float, grouped: bool) -> ForestRow:
    metric, treatment = result.metric_name, str(result.treatment)
    lift = _finite(result.relative_lift) if result.status == "ok" else None
    low, high = _bounds(result.rel_ci_lower, result.rel_ci_upper, result.alternative)
    # The ends of a simultaneous interval may be open for every alternative of the test.
    outer = _bounds(result.simultaneous_rel_ci_lower, result.simultaneous_rel_ci_upper, "any")
    if lift is None:
        low = high = None
    return ForestRow(
        label=treatment if grouped else metric,
        group=metric if grouped else "",
        lift=lift,
        low=low,
        high=high,
        p_value=_finite(result.p_value),
        verdict="not estimable" if lift is None else result.judged(alpha).shown_verdict,
        outer_low=None if low is None else outer[0],
        outer_high=None if low is None else outer[1],
        margin=_finite(result.null_lift) or None,
        equivalence=result.tests_equivalence,
        hint="lower is better" if result.direction == "decrease" else "",
        note="" if lift is not None else result.reason or "the relative lift is not estimable",
    )


def _bounds(low: float | None, high: float | None, alternative: str) -> tuple[float | None, float | None]:
    """Return an interval; the missing bound of a one-sided one is its open end."""
    low, high = _finite(low), _finite(high)
    both = low is not None and high is not None
    if (low is None and high is None) or (not both and alternative == "two-sided"):
        return None, None
    return (-math.inf if low is None else low), (math.inf if high is None else high)


def _forest_subtitle(results: Sequence[MetricResult], rows: Sequence[ForestRow], alpha: float) -> str:
    corrections = sorted({result.correction for result in results if result.correction})
    wider = sorted({result.simultaneous_method for result in results if result.simultaneous_method})
    after = f", corrected by {', '.join(corrections)}" if corrections else ""
    drawn = any(row.outer_low is not None for row in rows)
    thin = f" (thin line: simultaneous, {', '.join(wider)})" if wider and drawn else ""
    same = any(row.equivalence for row in rows)
    narrow = f" ({percent_level(1 - 2 * alpha)} for equivalence)" if same else ""
    return f"{percent_level(1 - alpha)} confidence intervals{narrow}{thin}; significant: p < {alpha:g}{after}"


def _metrics_together(results: Sequence[MetricResult]) -> list[MetricResult]:
    by_metric: dict[str, list[MetricResult]] = {}
    for result in results:
        by_metric.setdefault(result.metric_name, []).append(result)
    return [result for group in by_metric.values() for result in group]


def _finite(value: float | None) -> float | None:
    return None if value is None or missing(value) else float(value)
