"""Corrects families of comparisons for multiplicity, with simultaneous intervals that agree."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from attrs import evolve, field, frozen

from xpyrment_core.analysis.compare import disagreement
from xpyrment_core.analysis.methods import find_method
from xpyrment_core.analysis.plan import Comparison, Method
from xpyrment_core.errors import InputError, NotEstimable, PluginError, XpyrmentError
from xpyrment_core.registry.host import PluginHost, default_host
from xpyrment_core.values.estimates import FamilyDecision, Interval, Unavailable
from xpyrment_core.values.metric_result import MetricResult


@frozen(kw_only=True)
class PendingResult:
    """A result before correction, with a function that repeats its comparison at another level.

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


def correct(rows: Sequence[PendingResult], correction: Method | None, alpha: float) -> list[PendingResult]:
    """Correct each family of rows: the primary metrics apart from the secondary ones.

    Guardrails are not corrected: a decision needs every one of them to hold, and such an
    intersection-union test has level alpha without correction (Berger 1982, Technometrics 24(4), 295-300).
    """
    if correction is None:
        return list(rows)
    out = list(rows)
    # A not estimable comparison tests no hypothesis, so it does not enter the size of its family.
    for role in ("primary", "secondary"):
        family = [i for i, row in enumerate(out) if row.result.role == role and row.comparison is not None]
        if family:
            for i, row in zip(family, _correct_family([out[i] for i in family], correction, alpha), strict=True):
                out[i] = row
    return out


def _correct_family(rows: Sequence[PendingResult], correction: Method, alpha: float) -> list[PendingResult]:
    decision = _decided(rows, correction, alpha)
    label = correction.correction.interval_label or correction.name
    out = []
    for i, row in enumerate(rows):
        changes: dict[str, Any] = {"p_value": float(decision.p_values[i]), "correction": correction.name}
        if decision.alphas is not None:
            changes |= _simultaneous(row, decision, i, label, alpha)
        provenance = {**row.result.provenance, "correction": correction.provenance}
        out.append(evolve(row, result=evolve(row.result, provenance=provenance, **changes)))
    return out


def _decided(rows: Sequence[PendingResult], correction: Method, alpha: float) -> FamilyDecision:
    """Call the correction, and check that it returns one p-value in [0, 1] per row."""
    try:
        decision = decide(rows, correction, alpha)
    except XpyrmentError:
        raise
    except Exception as error:
        raise PluginError(f"{correction.provenance} failed: {type(error).__name__}: {error}") from error
    adjusted = np.asarray(decision.p_values)
    if adjusted.shape != (len(rows),) or not ((adjusted >= 0) & (adjusted <= 1)).all():
        raise PluginError(
            f"{correction.provenance} gave {np.array2string(adjusted, threshold=6)} for a family of {len(rows)} "
            f"p-values; expected one per comparison, each between 0 and 1."
        )
    return decision


def decide(rows: Sequence[PendingResult], correction: Method, alpha: float) -> FamilyDecision:
    """Return adjusted p-values of a family, and the levels of intervals that agree with them."""
    p_values = np.array([row.comparison.p_value for row in rows if row.comparison is not None])
    # Dunnett's procedure and the like need the correlation of the treatments that share a control.
    if correction.correction.needs == "effects":
        members = [row.comparison.effect for row in rows if row.comparison is not None]
        groups = [row.result.metric_name for row in rows]
        return correction.call(members, groups, alpha)  # type: ignore[no-any-return]
    adjusted = np.asarray(correction.call(p_values), dtype=np.float64)
    intervals = correction.correction.load_intervals()
    if intervals is None:
        return FamilyDecision(p_values=adjusted)
    # A one-sided p-value belongs to an interval with one finite bound, which gets the whole error.
    one_sided = [row.comparison.effect.alternative != "two-sided" for row in rows if row.comparison is not None]
    levels = intervals(p_values, alpha, np.array(one_sided))
    if isinstance(levels, FamilyDecision):
        return evolve(levels, p_values=adjusted)
    return FamilyDecision(p_values=adjusted, alphas=np.asarray(levels, dtype=np.float64))


def _simultaneous(row: PendingResult, decision: FamilyDecision, i: int, label: str, alpha: float) -> dict[str, Any]:
    """Return the simultaneous interval of a row, clipped at the null if the correction decides so."""
    # Stepwise procedures have intervals whose end towards the null has another level than the far one
    # (Strassburger and Bretz 2008, Statistics in Medicine 27(24), 4914-4927).
    near = _bounds(row, float(decision.alphas[i]))
    far = near if decision.far_alphas is None else _bounds(row, float(decision.far_alphas[i]))
    at = row.comparison
    if near is None or far is None or at is None:
        return {"simultaneous_method": label}
    cut = decision.at_null is not None and bool(decision.at_null[i])
    above = at.effect.difference > at.null
    low, high = _joined(near[0], far[0], at.null, above, cut)
    # With an absolute margin the relative null is unknown, so the relative interval is not clipped.
    known = at.relative_null is not None or at.null == 0
    # The lift is over |control|, so that it lies on the same side as the difference.
    rel_low, rel_high = _joined(near[1], far[1], at.relative_null or 0.0, above, cut and known)
    notes = [*row.result.notes]
    if isinstance(near[1], Interval) and not at.null:
        excludes = Interval(_end(rel_low, -math.inf), _end(rel_high, math.inf), 0.0).excludes(0.0)
        significant = bool(decision.p_values[i] < alpha)
        notes += disagreement(near[1].method, excludes, significant, f"{label} interval of the lift")
    # The smallest number beyond the null stands for an end that is open there.
    is_open = cut and (low == math.nextafter(at.null, math.inf) or high == math.nextafter(at.null, -math.inf))
    return {
        "simultaneous_ci_lower": low,
        "simultaneous_ci_upper": high,
        "simultaneous_rel_ci_lower": rel_low,
        "simultaneous_rel_ci_upper": rel_high,
        "simultaneous_method": label,
        "notes": tuple(notes),
        "extra": {**row.result.extra, **({"simultaneous_open_at": at.null} if is_open else {})},
    }


def _end(bound: float | None, infinite: float) -> float:
    return infinite if bound is None else bound


LINE = Interval(-math.inf, math.inf, 1.0)


def _bounds(row: PendingResult, alpha: float) -> tuple[Interval | Unavailable, Interval | Unavailable] | None:
    """Return the absolute and the relative interval at level ``1 - alpha``."""
    # Level 1: a stepwise procedure gives no information about this end.
    if alpha == 0:
        return LINE, LINE
    try:
        again = row.again(alpha) if 0 < alpha < 1 else None
    except NotEstimable:
        return None
    return None if again is None else (again.effect.interval, again.relative)


def _joined(
    near: Interval | Unavailable, far: Interval | Unavailable, null: float, above: bool, cut: bool
) -> tuple[float | None, float | None]:
    """Return the bounds of an interval whose end towards the null comes from `near`, clipped at the null if `cut`."""
    if not isinstance(near, Interval):
        return None, None
    beyond = far if isinstance(far, Interval) else LINE
    low, high = (near.low, beyond.high) if above else (beyond.low, near.high)
    if cut and above:
        # Open interval: a rejected null is excluded by the smallest possible amount, so that p and interval agree.
        low = max(low, math.nextafter(null, math.inf))
    elif cut:
        high = min(high, math.nextafter(null, -math.inf))
    return low, high


def adjust_p_values(p_values: Sequence[float | None], method: str, plugins: PluginHost | None = None) -> list[float]:
    """Adjust a family of p-values for multiplicity.

    Parameters
    ----------
    p_values : sequence of float
        NaN and None pass through as NaN, and do not count in the family's size.
    method : str
        Any correction of p-values that a plugin offers: ``"holm"``, ``"fdr_bh"`` …
    plugins : PluginHost, optional

    Returns
    -------
    list of float

    Raises
    ------
    InputError
        An unknown method, one that needs more than p-values, or a p-value outside [0, 1].

    Examples
    --------
    >>> adjust_p_values([0.01, 0.04, 0.03], "holm")
    [0.03, 0.06, 0.06]
    """
    import numpy as np

    correction = find_method(plugins or default_host(), "correction", method)
    if correction.correction.needs != "p_values":
        raise InputError(f"correction {method!r} needs effects, not p-values alone; use it in run_analysis().")
    try:
        values = np.array([math.nan if p is None else float(p) for p in p_values], dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"p-values must be numbers, None or NaN, got {p_values!r}.") from error
    outside = values[(values < 0) | (values > 1)]
    if outside.size:
        raise InputError(f"p-values must lie between 0 and 1, got {float(outside[0])!r}.")
    return [float(p) for p in correction.call(values)]
