"""Sample ratio mismatch: units per variant against their planned weights."""

import math
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
from attrs import evolve

from xpyrment_core import CheckResult, InputError, PluginHost, UnitReport, listing, nearest
from xpyrment_core.data.engines import open_source
from xpyrment_core.data.frames import check_named
from xpyrment_core.data.labels import check_spellings, check_weight, in_order
from xpyrment_core.data.query import Query, RowSet
from xpyrment_core.data.reading.options import ReadOptions
from xpyrment_core.data.source import Source, read_as
from xpyrment_core.data.units import crossed, repeated_ids
from xpyrment_core.plots.numbers import p_phrase
from xpyrment_core.stats.chi_square import pearson
from xpyrment_srm.exact import SMALL, multinomial

THRESHOLD = 0.001
"""A mismatch is reported below this p-value: it stops an experiment, so false alarms must be rare."""

EQUAL = "equal weights (none were given)"
NO_UNITS = "there are no units to count"

Label = Hashable
Weights = Mapping[Any, float] | Sequence[float]


def check_srm(
    counts_or_data: Any,
    weights: Weights | None = None,
    treatment_col: str | None = None,
    *,
    id_col: str | None = None,
    read: ReadOptions | Mapping[str, Any] | None = None,
    plugins: PluginHost | None = None,
) -> CheckResult:
    """Check that the variants have as many units as planned.

    Parameters
    ----------
    counts_or_data : mapping of label to int, pandas Series, sequence of int, frame, path or list of paths
        Units per variant; or data, and `treatment_col`.
    weights : mapping of label to float, or sequence of float, optional
        Planned shares, on any scale (``{"A": 9, "B": 1}``); equal ones by default. A variant that
        is named here and has no units counts as having none. A weight of 0 means that the variant
        should have no units: those it has fail the check, and do not enter the test of the others.
    treatment_col : str, optional
        Column of variant labels of the data; rows without a label are counted and left out.
    id_col : str, optional
        Column of the unit of randomisation, where units have several rows: units are counted, and those seen in
        two variants are left out. By default each row is a unit.
    read : ReadOptions or mapping, optional
        How to read files.
    plugins : PluginHost, optional
        Where engines are looked up; the process's own host by default.

    Returns
    -------
    CheckResult
        ``passed`` is False where ``p_value < 0.001`` or a variant with weight 0 has units, and None
        where there are no units at all.
        ``statistic`` is Pearson's chi-square. ``details`` has the counts, the expected counts
        and the method: chi-square, or the exact multinomial test where some expected count is below 5.

    Raises
    ------
    InputError
        Counts that are not whole numbers, negative weights, a variant with units but without a
        planned weight, or fewer than two variants with a positive weight.

    References
    ----------
    Fabijan, A. et al. (2019). Diagnosing sample ratio mismatch in online controlled experiments.
    KDD '19, 2156-2164.

    Examples
    --------
    >>> result = check_srm({"control": 5021, "treatment": 4979})
    >>> result.passed, round(result.p_value, 4)
    (True, 0.6745)
    """
    if treatment_col is not None:
        # Units are counted by the engine that an analysis reads the data with.
        return check_source(open_source(counts_or_data, read, plugins), weights, treatment_col, id_col)
    if id_col is not None:
        raise InputError("id_col is for data; give treatment_col too, or the units per variant alone.")
    return compare(_counts(counts_or_data), weights)


def check_source(source: Source, weights: Weights | None, treatment_col: str, id_col: str | None) -> CheckResult:
    """Return the check of opened data."""
    for what, column in (("Treatment column", treatment_col), ("Unit column", id_col)):
        if column is not None:
            check_named(what, column, source.schema())
    labels = dict(source.labels(treatment_col))
    missing = labels.pop(None, 0)
    check_spellings(labels, treatment_col, labels)
    if len(labels) < 2 and not isinstance(weights, Mapping):
        raise InputError(
            f"a sample ratio needs two variants or more, column {treatment_col!r} holds {listing(labels)}."
            f"{read_as(source)} A variant without any unit is seen only when the weights name it."
        )
    if id_col is None:
        return compare(labels, weights, missing=missing, note=repeated_ids(source, treatment_col))
    # No column is required, so every row counts.
    query = Query(treatment_col=treatment_col, arms=tuple(labels), row_sets=(RowSet("", (), ()),), unit_col=id_col)
    report = source.moments(query).units or UnitReport()
    counts = {label: report.units.get(label, 0) for label in labels}
    wrong = crossed(report, sum(labels.values()))
    result = compare(counts, weights, missing=missing, units=report, note=wrong)
    # Units that fall out in large numbers say nothing about the ratio of those that stay.
    return evolve(result, passed=False) if wrong else result


def compare(
    counts: Mapping[Any, int],
    weights: Weights | None,
    *,
    missing: int = 0,
    others: Mapping[Any, int] | None = None,
    units: UnitReport | None = None,
    note: str = "",
) -> CheckResult:
    """Return the check of validated counts.

    Parameters
    ----------
    counts : mapping of label to int
    weights : mapping or sequence, optional
    missing : int
        Rows without a label.
    others : mapping of label to int, optional
        Units of labels outside the comparison, to be reported.
    units : UnitReport, optional
        How rows were grouped by unit.
    note : str
        What is to be said before the finding.
    """
    shares = _shares(counts, weights)
    planned = "the planned weights" if weights is not None else EQUAL
    # A variant that should have no units has no expected count to be tested against: any unit is a fault.
    labels = in_order(label for label, share in shares.items() if share > 0)
    leaked = {str(label): n for label, n in counts.items() if n and not shares.get(label, 0)}
    observed = np.array([counts.get(label, 0) for label in labels], dtype=np.int64)
    share = np.array([shares[label] for label in labels])
    total = int(observed.sum())
    details: dict[str, Any] = {
        "observed": {str(label): int(n) for label, n in zip(labels, observed, strict=True)},
        "expected": {str(label): float(w * total) for label, w in zip(labels, share, strict=True)},
        "weights": {str(label): float(w) for label, w in zip(labels, share, strict=True)},
        "threshold": THRESHOLD,
        "rows_without_label": missing,
        "units_of_weight_0": leaked,
        "not_compared": {str(label): n for label, n in (others or {}).items()},
        "units_in_two_arms": 0 if units is None else units.in_two_arms,
        "rows_in_two_arms": 0 if units is None else sum(units.rows_in_two_arms.values()),
        "rows_without_unit": 0 if units is None else sum(units.rows_without_unit.values()),
        "note": note,
    }
    if total == 0:
        passed = False if leaked else None
        message = _before(details) + _leak(details) + NO_UNITS
        return CheckResult(name="sample_ratio", passed=passed, message=message, details=details)
    # k - 1 degrees of freedom: the shares are planned, not estimated from the counts.
    statistic, p_value = pearson(observed.astype(float), share * total, df=len(labels) - 1)
    method = "chi-square"
    if (share * total).min() < SMALL:
        # The statistic stays Pearson's, as a distance to report; only its reference distribution is not valid here.
        p_value, method = multinomial(observed, share)
    return CheckResult(
        name="sample_ratio",
        passed=p_value >= THRESHOLD and not leaked,
        statistic=statistic,
        p_value=p_value,
        message=_message(p_value, details, planned),
        details=details | {"df": len(labels) - 1, "method": method},
    )


def _message(p_value: float, details: Mapping[str, Any], planned: str) -> str:
    seen = _listed(details["observed"])
    if p_value >= THRESHOLD:
        message = f"units agree with {planned}: {seen} ({p_phrase(p_value)})"
    else:
        hint = "; if another ratio was planned, give its weights" if planned == EQUAL else ""
        message = (
            f"sample ratio mismatch: {seen}, where {planned} expect {_listed(details['expected'])} "
            f"({p_phrase(p_value)}); find the cause in assignment or logging before reading any effect{hint}"
        )
    others = details["not_compared"]
    return _before(details) + _leak(details) + message + (f"; not compared: {_listed(others)}" if others else "")


def _before(details: Mapping[str, Any]) -> str:
    return f"{details['note']}; " if details["note"] else ""


def _leak(details: Mapping[str, Any]) -> str:
    leaked = details["units_of_weight_0"]
    return f"units in a variant of planned weight 0: {_listed(leaked)}; " if leaked else ""


def _listed(units: Mapping[str, float]) -> str:
    return ", ".join(f"{label}: {n:,.0f}" for label, n in units.items())


def _counts(counts_or_data: Any) -> dict[Any, int]:
    """Return units per label."""
    if getattr(counts_or_data, "ndim", 0) == 1 and hasattr(counts_or_data, "to_dict"):
        counts_or_data = counts_or_data.to_dict()  # a pandas Series, as value_counts() returns
    if isinstance(counts_or_data, Mapping):
        return {label: _whole(label, n) for label, n in counts_or_data.items()}
    if isinstance(counts_or_data, Sequence | np.ndarray) and not isinstance(counts_or_data, str | bytes):
        return {f"arm {i}": _whole(f"arm {i}", n) for i, n in enumerate(counts_or_data, start=1)}
    raise InputError(
        f"counts must be {{label: units}} or a list of units, got {type(counts_or_data).__name__}. "
        f"For data, name the column of variants with treatment_col."
    )


def _whole(label: Any, count: Any) -> int:
    try:
        if not isinstance(count, bool | str) and count >= 0 and count == math.floor(count):
            return int(count)
    except (TypeError, ValueError, OverflowError):
        pass
    raise InputError(f"units of {label!r} must be a whole number, 0 or more, got {count!r}.")


def _shares(counts: Mapping[Any, int], weights: Weights | None) -> dict[Any, float]:
    """Return the planned share of every variant, adding up to 1."""
    if weights is None:
        named: dict[Any, float] = dict.fromkeys(counts, 1.0)
    elif isinstance(weights, Mapping):
        named = {label: check_weight(label, weight) for label, weight in weights.items()}
        _check_planned(counts, named)
    else:
        named = _in_sequence(counts, weights)
    expected = [label for label, weight in named.items() if weight > 0]
    if len(expected) < 2:
        raise InputError(
            f"a sample ratio needs two variants or more, got {listing(expected)}. A variant without any unit "
            f"is seen only when the weights name it."
        )
    # Scaled by the largest first: weights near the ends of the float range then still add up.
    largest = max(named.values())
    total = math.fsum(weight / largest for weight in named.values())
    return {label: weight / largest / total for label, weight in named.items()}


def _check_planned(counts: Mapping[Any, int], weights: Mapping[Any, float]) -> None:
    for label, units in counts.items():
        if label in weights or not units:
            continue
        # Labels that differ in type only, such as 0 and '0', are the usual mistake.
        alike = [w for w in weights if str(w) == str(label)]
        hint = f" Write {label!r}, as in the data, for {alike[0]!r}." if alike else nearest(label, weights)
        raise InputError(
            f"variant {label!r} has units but no planned weight; weights are for {listing(weights)}.{hint}"
        )


def _in_sequence(counts: Mapping[Any, int], weights: Sequence[float]) -> dict[Any, float]:
    if len(weights) != len(counts):
        raise InputError(
            f"{len(weights)} weights for {len(counts)} variants: give one each, in the order {listing(counts)}, "
            f"or name them: {{label: weight}}."
        )
    return {label: check_weight(label, weight) for label, weight in zip(counts, weights, strict=True)}
