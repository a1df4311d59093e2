"""Checks that the numbers of a row agree: p-value, statistic, intervals, effect and lift.

They hold for every method of xpyrment; a plugin's method may break them, and its row then carries an issue that names
the plugin.
"""

import math
from collections.abc import Iterable

from xpyrment_core.analysis.compare import APPROXIMATE
from xpyrment_core.registry.provenance import Issue
from xpyrment_core.stats.distributions import p_value
from xpyrment_core.values.metric_result import EQUIVALENCE, MetricResult

NEAR = 1e-6
"""Relative rounding within which a number may lie on either side of a bound."""


def disagreements(rows: Iterable[MetricResult], alpha: float, statistic_tests: frozenset[str]) -> list[Issue]:
    """Return an issue for each row whose numbers contradict each other.

    Parameters
    ----------
    rows : iterable of MetricResult
    alpha : float
    statistic_tests : frozenset of str
        Names of the tests whose statistic is compared with a t or normal distribution.
    """
    issues = []
    for row in rows:
        found = [] if row.status != "ok" else _contradictions(row, alpha, row.test in statistic_tests)
        made = row.provenance.get("test")
        # The correction is named where only its p-value is wrong.
        for problem, kind in found:
            owner = row.provenance.get(kind, made)
            issues.append(
                Issue(
                    f"{owner or row.test}: the numbers of metric {row.metric_name!r} ({row.treatment}) contradict "
                    f"each other: {problem}",
                    source=owner.plugin if owner else "",
                )
            )
    return issues


def _contradictions(row: MetricResult, alpha: float, has_statistic: bool) -> list[tuple[str, str]]:
    found = [*_effect_problems(row), *_interval_problems(row, alpha)]
    if has_statistic:
        found += _statistic_problems(row)
    problems = [(problem, "test") for problem in found]
    if row.p_value is not None and row.p_value_raw is not None and row.p_value < row.p_value_raw * (1 - NEAR):
        problems.append((f"the corrected p-value {row.p_value:.4g} is below {row.p_value_raw:.4g}", "correction"))
    return problems


def _effect_problems(row: MetricResult) -> list[str]:
    found = []
    pairs = (
        ("difference", row.absolute_difference, row.ci_lower, row.ci_upper),
        ("lift", row.relative_lift, row.rel_ci_lower, row.rel_ci_upper),
    )
    for what, value, low, high in pairs:
        if value is not None and not _inside(value, low, high):
            found.append(f"the {what} {value:.4g} is outside its interval {_shown(low, high)}")
    lift, difference = row.relative_lift, row.absolute_difference
    if lift and difference and math.isfinite(lift) and (lift > 0) != (difference > 0):
        found.append(f"the lift {lift:.4g} and the difference {difference:.4g} differ in sign")
    return found


def _interval_problems(row: MetricResult, alpha: float) -> list[str]:
    p, found = row.p_value_raw, []
    if p is None or abs(p - alpha) <= NEAR * alpha:
        return []
    for low, high, null, exact in (
        (row.ci_lower, row.ci_upper, row.null_difference, True),
        (row.rel_ci_lower, row.rel_ci_upper, row.null_lift, row.relative_interval not in APPROXIMATE),
    ):
        if null is None or not exact or (low is None and high is None) or _touches(null, low, high):
            continue
        excludes = (low is not None and low > null) or (high is not None and high < null)
        if excludes != (p < alpha):
            found.append(f"p = {p:.4g} and the interval {_shown(low, high)} lead to different conclusions")
    return found


def _statistic_problems(row: MetricResult) -> list[str]:
    # The p-value of a two-sided margin is the larger of two, and the statistic that of its bound.
    if row.statistic is None or row.p_value_raw is None or row.alternative == EQUIVALENCE:
        return []
    expected = p_value(row.statistic, row.df, row.alternative)  # type: ignore[arg-type]
    # Far in the tail two computations of one p-value share few digits.
    if math.isclose(expected, row.p_value_raw, rel_tol=1e-4, abs_tol=1e-12):
        return []
    df = "" if row.df is None else f" with {row.df:.4g} degrees of freedom"
    return [f"the statistic {row.statistic:.4g}{df} has p = {expected:.4g}, not {row.p_value_raw:.4g}"]


def _slack(value: float, bound: float) -> float:
    return NEAR * max(abs(value), abs(bound))


def _inside(value: float, low: float | None, high: float | None) -> bool:
    above = low is None or value >= low - _slack(value, low)
    return above and (high is None or value <= high + _slack(value, high))


def _touches(null: float, low: float | None, high: float | None) -> bool:
    # A bound at 0 has no scale of its own: the width of the interval gives it.
    width = abs((high if high is not None else null) - (low if low is not None else null))
    return any(bound is not None and 0 < abs(bound - null) <= NEAR * width for bound in (low, high))


def _shown(low: float | None, high: float | None) -> str:
    return f"[{'-∞' if low is None else f'{low:.4g}'}, {'∞' if high is None else f'{high:.4g}'}]"
