"""Covariate balance from moments, without reading the data again."""

import math
from collections.abc import Iterable, Mapping

from xpyrment_balance.covariate_balance import CovariateBalance, Label, Levels, Numbers, compare_levels, compare_numbers
from xpyrment_core import InputError, Moments
from xpyrment_core.stats.wald import ROUNDING

OTHER = "(other)"
ROUNDED_COUNT = 1e-10
"""A count below this share of the units is rounding error of a mean."""


def balance_from_moments(
    control: Moments,
    treatment: Moments,
    shifts: Mapping[str, float] | None = None,
    covariates: Iterable[str] | None = None,
    *,
    arms: tuple[Label, Label] = ("control", "treatment"),
) -> tuple[CovariateBalance, ...]:
    """Compare covariates of a treatment with control from their moments.

    Parameters
    ----------
    control, treatment : Moments
        Over all units of each variant. A numeric covariate ``x`` has a column ``x``, its missing
        values replaced by its shift, and ``x is missing`` where some are; a categorical one has a
        column ``c=LEVEL`` per level, and may have ``c is missing``. Units in no level and not
        missing form one additional level.
    shifts : mapping of str to float, optional
        Value imputed for missing ones, per covariate.
    covariates : iterable of str, optional
        Covariates to compare, in this order; by default all that have moments.
    arms : (control label, treatment label)

    Returns
    -------
    tuple of CovariateBalance
        Mean and variance are those of the observed values, exactly. There is no
        Kolmogorov-Smirnov statistic: it needs the values.

    Raises
    ------
    InputError
        The moments have different columns, or none for a covariate.

    Examples
    --------
    >>> c, t = (Moments.of({"age": values}) for values in ([30, 31, 35, 40], [29, 33, 36, 41]))
    >>> round(balance_from_moments(c, t)[0].smd, 4)
    0.156
    """
    if control.columns != treatment.columns:
        raise InputError(f"the arms' moments have different columns: {control.columns} and {treatment.columns}.")
    names = _covariates(control.columns) if covariates is None else list(covariates)
    return tuple(_compare(name, control, treatment, shifts or {}, arms) for name in names)


def _covariates(columns: tuple[str, ...]) -> list[str]:
    stems = (column.removesuffix(" is missing").split("=")[0] for column in columns)
    return list(dict.fromkeys(stems))


def _compare(
    name: str, control: Moments, treatment: Moments, shifts: Mapping[str, float], arms: tuple[Label, Label]
) -> CovariateBalance:
    if name in control.columns:
        shift = shifts.get(name, 0.0)
        c, t = (_numbers(name, arm, shift) for arm in (control, treatment))
        return compare_numbers(name, arms, c, t, binary=_is_binary(c, shift) and _is_binary(t, shift))
    levels = [column for column in control.columns if column.startswith(f"{name}=")]
    if not levels:
        raise InputError(f"covariate {name!r} has no moments among the columns {control.columns}.")
    return compare_levels(name, arms, _levels(name, levels, control), _levels(name, levels, treatment))


def _numbers(name: str, arm: Moments, shift: float) -> Numbers:
    """Return mean and variance of the observed values: imputed ones all equal the shift, and are removed exactly."""
    missing = _missing_share(name, arm)
    observed = arm.n * (1 - missing)
    if arm.n == 0 or observed < 0.5:
        return Numbers(n=0, missing=arm.n)
    at = arm.columns.index(name)
    filled, m2 = float(arm.mean[at]), float(arm.m2[at, at])
    if not math.isfinite(filled):
        return Numbers(n=observed, mean=filled, missing=arm.n * missing)
    # Mean of the observed rows; imputed rows contribute 0 about the shift.
    mean = shift + (filled - shift) / (1 - missing) if missing else filled
    # Between-group part of the sum of squares: observed rows against the imputed ones.
    within = m2 - observed * missing * (mean - shift) ** 2
    if within <= max(ROUNDING * m2 * bool(missing), arm.n * (ROUNDING * mean) ** 2):
        within = 0.0  # a constant; its spread is rounding error
    variance = within / (observed - 1) if observed > 1 else math.nan
    return Numbers(n=observed, mean=mean, variance=variance, missing=arm.n * missing)


def _missing_share(name: str, arm: Moments) -> float:
    column = f"{name} is missing"
    return float(arm.mean[arm.columns.index(column)]) if column in arm.columns and arm.n else 0.0


def _is_binary(arm: Numbers, shift: float) -> bool:
    """Return whether all values can be 0 and 1: then their variance is that of a proportion."""
    if arm.n <= 1 or not 0 <= arm.mean <= 1:
        return False
    # 0 and 1 have the sum of squares n p (1 - p); other values between 0 and 1 have a smaller one.
    # A proportion of 0 or 1 has a variance of rounding error, which is relative to the covariate's own unit.
    rounding = 1e-12 * max(arm.mean, abs(shift))
    return math.isclose(arm.variance * (arm.n - 1), arm.n * arm.mean * (1 - arm.mean), rel_tol=1e-9, abs_tol=rounding)


def _levels(name: str, columns: list[str], arm: Moments) -> Levels:
    missing = arm.n * _missing_share(name, arm)
    counts = {c.removeprefix(f"{name}="): arm.n * float(arm.mean[arm.columns.index(c)]) for c in columns if arm.n}
    counts[OTHER] = arm.n - missing - sum(counts.values())
    # Counts are recovered from means, so a level of rounding error is dropped.
    return Levels(counts={level: n for level, n in counts.items() if n > ROUNDED_COUNT * arm.n}, missing=missing)
