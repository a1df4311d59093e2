"""Correcting families of comparisons for multiplicity, with intervals to match."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from attrs import evolve, field, frozen

from xpyrment_core.errors import NotEstimable
from xpyrment_core.outcome import Comparison, MetricResult
from xpyrment_core.plan import Method
from xpyrment_core.results import FamilyDecision, Interval, Unavailable


@frozen(kw_only=True)
class Row:
    """A result on its way: the row, and the means to ask it again at another level.

    Attributes
    ----------
    result : MetricResult
    comparison : Comparison or None
        None where the metric is not estimable.
    again : callable
        ``alpha -> Comparison``.
    """

    result: MetricResult
    comparison: Comparison | None = None
    again: Callable[[float], Comparison] = field(default=None, repr=False)


def correct(rows: Sequence[Row], correction: Method | None, alpha: float) -> list[Row]:
    """Correct each family of rows: the primary metrics apart from the secondary ones.

    Guardrails are not corrected: a decision needs every one of them to hold, and such an
    intersection-union test keeps its level without (Berger 1982, Technometrics 24(4), 295-300).
    """
    if correction is None:
        return list(rows)
    out = list(rows)
    for role in ("primary", "secondary"):
        family = [i for i, row in enumerate(out) if row.result.role == role and row.comparison is not None]
        if family:
            for i, row in zip(family, _correct_family([out[i] for i in family], correction, alpha), strict=True):
                out[i] = row
    return out


def _correct_family(rows: Sequence[Row], correction: Method, alpha: float) -> list[Row]:
    decision = decide(rows, correction, alpha)
    label = getattr(correction.definition, "interval_label", "") or correction.name
    out = []
    for i, row in enumerate(rows):
        changes: dict[str, Any] = {"p_value": float(decision.p_values[i]), "correction": correction.name}
        if decision.alphas is not None:
            changes |= _simultaneous(row, float(decision.alphas[i]), _bound(decision, i), label)
        provenance = {**row.result.provenance, "correction": correction.provenance}
        out.append(evolve(row, result=evolve(row.result, provenance=provenance, **changes)))
    return out


def decide(rows: Sequence[Row], correction: Method, alpha: float) -> FamilyDecision:
    """Return adjusted p-values of a family, and the levels of intervals that agree with them."""
    p_values = np.array([row.comparison.p_value for row in rows if row.comparison is not None])
    if getattr(correction.definition, "needs", "p_values") == "effects":
        members = [row.comparison.effect for row in rows if row.comparison is not None]
        groups = [row.result.metric_name for row in rows]
        return correction.call(members, groups, alpha)  # type: ignore[no-any-return]
    adjusted = np.asarray(correction.call(p_values), dtype=np.float64)
    intervals = getattr(correction.definition, "load_intervals", lambda: None)()
    if intervals is None:
        return FamilyDecision(p_values=adjusted)
    one_sided = [row.comparison.effect.alternative != "two-sided" for row in rows if row.comparison is not None]
    answer = intervals(p_values, alpha, np.array(one_sided))
    if isinstance(answer, FamilyDecision):
        return evolve(answer, p_values=adjusted)
    return FamilyDecision(p_values=adjusted, alphas=np.asarray(answer, dtype=np.float64))


def _bound(decision: FamilyDecision, i: int) -> bool:
    return decision.at_null is not None and bool(decision.at_null[i])


def _simultaneous(row: Row, alpha: float, at_null: bool, label: str) -> dict[str, Any]:
    """Return the interval at the row's own level, cut at the null where the correction says so."""
    again = _again(row, alpha)
    if again is None:
        return {"simultaneous_method": label}
    unbounded = Interval(-math.inf, math.inf, 1.0)
    absolute, relative = (unbounded, unbounded) if alpha == 0 else (again.effect.interval, again.relative)
    low, high = _clipped(absolute, again.null, at_null, again.effect.difference)
    lift = again.effect.difference if again.control.value > 0 else -again.effect.difference
    # An absolute margin is no fixed relative effect: there the relative interval is not cut.
    known = again.relative_null is not None or again.null == 0
    null = again.relative_null or 0.0
    rel_low, rel_high = _clipped(relative, null, at_null and known, null + lift - again.null)
    return {
        "simultaneous_ci_lower": low,
        "simultaneous_ci_upper": high,
        "simultaneous_rel_ci_lower": rel_low,
        "simultaneous_rel_ci_upper": rel_high,
        "simultaneous_method": label,
    }


def _again(row: Row, alpha: float) -> Comparison | None:
    if alpha == 0:
        return row.comparison
    try:
        return row.again(alpha) if 0 < alpha < 1 else None
    except NotEstimable:
        return None


def _clipped(
    interval: Interval | Unavailable, null: float, at_null: bool, difference: float
) -> tuple[float | None, float | None]:
    """Return the bounds; one that is cut at the null stops just short of it, since the null is rejected."""
    if not isinstance(interval, Interval):
        return None, None
    if not at_null:
        return interval.low, interval.high
    if difference > null:
        return max(interval.low, math.nextafter(null, math.inf)), interval.high
    return interval.low, min(interval.high, math.nextafter(null, -math.inf))
