"""Totals from mappings, and from tables with one row per metric and variant."""

from collections.abc import Iterable, Mapping
from typing import Any

from xpyrment_core.choices import Label
from xpyrment_core.data.labels import is_missing
from xpyrment_core.data.totals.values import FORMS, KEYS, ROLE_KEYS, ArmTotals, MetricTotals, Totals
from xpyrment_core.errors import InputError, listing, nearest

SHAPE = (
    "{variant: {'n': …, 'mean': …, 'sd': …}}, {variant: (successes, n)}, or one of these per metric: "
    "{metric: {variant: …}}"
)


def totals_of(stats: Mapping[Any, Any], metric: str, **names: str) -> Totals:
    """Return totals from a mapping of variants, or of metrics to variants.

    Parameters
    ----------
    stats : mapping
        ``{variant: {"n": …, "mean": …, "sd": …}}``, ``{variant: (successes, n)}``, or several metrics:
        ``{metric: {variant: …, "role": …, "direction": …, "margin": …}}``.
    metric : str
        Name of the metric where `stats` is of one.
    **names : str
        ``treatment_col`` and ``name`` of `Totals`.

    Raises
    ------
    InputError
        The mapping has neither of these shapes, or a total is impossible.

    Examples
    --------
    >>> totals = totals_of({"control": (12, 100), "treatment": (19, 102)}, "converted")
    >>> totals.metrics[0].binary, totals.units
    (True, {'control': 100, 'treatment': 102})
    """
    if not isinstance(stats, Mapping) or not stats:
        raise InputError(f"totals must be a mapping {SHAPE}; got {stats!r:.80}.")
    several = all(isinstance(value, Mapping) and _has_arms(value) for value in stats.values())
    metrics = dict(stats) if several else {metric: stats}
    return Totals(tuple(_metric(name, arms) for name, arms in metrics.items()), **names)


def _has_arms(value: Mapping[Any, Any]) -> bool:
    return any(isinstance(inner, Mapping | tuple | list) for inner in value.values())


def _metric(name: Any, given: Mapping[Any, Any]) -> MetricTotals:
    if not isinstance(name, str) or not name.strip():
        raise InputError(f"the name of a metric must be a non-empty string, got {name!r}.")
    arms: dict[Label, ArmTotals] = {}
    role: dict[str, Any] = {}
    for key, value in given.items():
        if isinstance(value, Mapping | tuple | list):
            where = f"metric {name!r}, variant {key!r}"
            arms[key] = ArmTotals.of(_totals(value, where), where)
        elif key in ROLE_KEYS:
            role[key] = value
        else:
            raise InputError(
                f"metric {name!r}: {key!r} must be a variant with its totals, or one of {', '.join(ROLE_KEYS)}; got "
                f"{value!r:.80}. Expected {SHAPE}."
            )
    return MetricTotals(name, arms, role)


def _totals(value: Any, where: str) -> Mapping[str, Any]:
    if isinstance(value, Mapping):
        return value
    if len(value) != 2:
        raise InputError(f"{where}: a pair must be (successes, n), got {tuple(value)!r:.80}.")
    return {"successes": value[0], "n": value[1]}


def totals_of_rows(
    rows: Iterable[Mapping[str, Any]], columns: Iterable[str], metric: str, *, treatment_col: str, name: str
) -> Totals:
    """Return totals from rows of one metric and variant each.

    Parameters
    ----------
    rows : iterable of mapping
        By column: the variant, ``metric`` (optional), the totals and the role of the metric.
    columns : iterable of str
        All columns, for messages.
    metric : str
        Name of the metric where there is no such column.
    treatment_col : str
        Column of the variant.
    name : str
        Where the rows come from, for messages.

    Raises
    ------
    InputError
        A column is missing or unknown, two rows are of the same metric and variant, or the rows of a metric
        contradict each other about its role.
    """
    known = (treatment_col, "metric", *KEYS, *ROLE_KEYS)
    if treatment_col not in columns:
        raise InputError(
            f"{name} has no column {treatment_col!r} of variants, only {listing(columns)}; expected one row per metric "
            f"and variant with {FORMS}."
        )
    for column in columns:
        if column not in known:
            raise InputError(
                f"{name}: column {column!r} is not known; expected {treatment_col}, metric, {', '.join(KEYS)}, "
                f"{', '.join(ROLE_KEYS)}.{nearest(column, known)}"
            )
    arms: dict[str, dict[Label, ArmTotals]] = {}
    roles: dict[str, dict[str, Any]] = {}
    for row in rows:
        owner, label = _text(row.get("metric")) or metric, row[treatment_col]
        where = f"metric {owner!r}, variant {label!r}"
        if is_missing(label):
            raise InputError(f"{name}: a row of metric {owner!r} has no variant; fill in column {treatment_col!r}.")
        if label in arms.setdefault(owner, {}):
            raise InputError(f"{where}: two rows of {name} have its totals; one is expected.")
        arms[owner][label] = ArmTotals.of({key: row[key] for key in KEYS if key in row}, where)
        _add_role(roles.setdefault(owner, {}), {key: _text(row.get(key)) for key in ROLE_KEYS}, owner)
    return Totals(tuple(MetricTotals(owner, arms[owner], roles[owner]) for owner in arms), treatment_col, name)


def _text(value: Any) -> str:
    # A margin column of numbers is read as numbers; a missing cell as None or NaN.
    return "" if value is None or value != value else str(value).strip()


def _add_role(known: dict[str, Any], given: Mapping[str, str], metric: str) -> None:
    # The role may be said in each row of a metric or in one of them.
    for key, text in given.items():
        if text and known.setdefault(key, text) != text:
            raise InputError(f"metric {metric!r} has two values of {key}: {known[key]!r} and {text!r}; give one.")
