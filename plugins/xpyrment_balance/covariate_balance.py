"""Balance of one covariate between one treatment and control, from summaries of both."""

import math
from collections.abc import Hashable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
from attrs import field, frozen

from xpyrment_balance.smd import smd, smd_categorical, smd_shares
from xpyrment_core import Estimate, NotEstimable
from xpyrment_core.stats.balance import is_imbalanced
from xpyrment_core.stats.chi_square import expected_if_independent, pearson
from xpyrment_core.stats.wald import satterthwaite, wald

Kind = Literal["numeric", "binary", "categorical"]
Label = Hashable

# The SMD inverts a matrix of levels x levels; a column with more is usually an identifier.
MAX_LEVELS = 1000


@frozen(kw_only=True)
class Numbers:
    """A numeric or binary covariate in one variant.

    Attributes
    ----------
    n : float
        Units with a value.
    mean, variance : float
        Over those; the variance has divisor ``n - 1``.
    missing : float
        Units without a value.
    infinite : int
        Units whose value is infinite.
    """

    n: float
    mean: float = math.nan
    variance: float = math.nan
    missing: float = 0
    infinite: int = 0


@frozen(kw_only=True)
class Levels:
    """A categorical covariate in one variant: units per level, and those without a value."""

    counts: Mapping[str, float]
    missing: float = 0

    @property
    def n(self) -> float:
        """Units with a value."""
        return sum(self.counts.values())


@frozen(kw_only=True)
class LevelBalance:
    """One level of a categorical covariate.

    Attributes
    ----------
    level : str
    share_control, share_treatment : float
        Among the units with a value.
    smd : float or None
        Of the level's indicator.
    """

    level: str
    share_control: float
    share_treatment: float
    smd: float | None


@frozen(kw_only=True)
class CovariateBalance:
    """One covariate in one treatment, against control.

    Attributes
    ----------
    covariate : str
    kind : {"numeric", "binary", "categorical"}
    treatment : label
    n_control, n_treatment, missing_control, missing_treatment : int
        Units with and without a value.
    mean_control, mean_treatment, variance_control, variance_treatment : float or None
        None for a categorical covariate.
    smd : float or None
        Treatment minus control; not negative for a categorical covariate, infinite where the
        variants have nothing in common, None where it is not estimable (see `reason`).
    variance_ratio : float or None
        ``s_T^2 / s_C^2``; between 0.5 and 2 is usual (Rubin 2001).
    ks, ks_p_value : float or None
        Kolmogorov-Smirnov, for numeric covariates if the values are available.
    p_value : float or None
        Welch's t-test (numeric) or Pearson's chi-square (binary, categorical).
    missing_smd, missing_p_value : float or None
        The same two of the indicator "is missing"; None if no value is missing.
    levels : tuple of LevelBalance
    """

    covariate: str
    kind: Kind
    treatment: Label
    n_control: int = 0
    n_treatment: int = 0
    missing_control: int = 0
    missing_treatment: int = 0
    mean_control: float | None = None
    mean_treatment: float | None = None
    variance_control: float | None = None
    variance_treatment: float | None = None
    smd: float | None = None
    variance_ratio: float | None = None
    ks: float | None = None
    ks_p_value: float | None = None
    p_value: float | None = None
    missing_smd: float | None = None
    missing_p_value: float | None = None
    reason: str = ""
    levels: tuple[LevelBalance, ...] = field(default=(), repr=False)

    @property
    def flags(self) -> tuple[tuple[str, float], ...]:
        """Names and SMDs out of balance: of the covariate itself, of ``"<covariate> is missing"``."""
        named = ((self.covariate, self.smd), (f"{self.covariate} is missing", self.missing_smd))
        return tuple((name, value) for name, value in named if value is not None and is_imbalanced(value))

    @property
    def balanced(self) -> bool:
        """Whether it has an SMD and nothing is flagged."""
        return self.smd is not None and not self.flags

    @property
    def badness(self) -> float:
        """Maximum absolute SMD, infinite if not estimable; the treatment with the maximum is the worst.

        Rounded, so that of two treatments with equal imbalance the first is chosen despite rounding.
        """
        return math.inf if self.smd is None else round(max(abs(self.smd), abs(self.missing_smd or 0.0)), 9)


def compare_numbers(
    covariate: str,
    arms: tuple[Label, Label],
    control: Numbers,
    treatment: Numbers,
    *,
    binary: bool = False,
    ks: tuple[float, float] | None = None,
) -> CovariateBalance:
    """Compare a numeric or binary covariate of the two arms named: control, treatment."""
    facts: dict[str, Any] = {}
    # In this order: what was computed before a refusal, such as means without an SMD, is reported.
    try:
        _check_usable(arms, control, treatment)
        facts = _moments(control, treatment)
        facts["smd"] = smd(control.mean, control.variance, treatment.mean, treatment.variance)
        facts["p_value"] = _binary_p(control, treatment) if binary else _welch_p(control, treatment)
    except NotEstimable as error:
        facts["reason"] = error.reason
    else:
        if ks is not None:
            facts["ks"], facts["ks_p_value"] = ks
        if math.isinf(facts["smd"]):
            facts["reason"] = "each variant holds a constant of its own, so the SMD is infinite"
    kind: Kind = "binary" if binary else "numeric"
    return CovariateBalance(covariate=covariate, kind=kind, treatment=arms[1], **_missing(control, treatment), **facts)


def compare_levels(covariate: str, arms: tuple[Label, Label], control: Levels, treatment: Levels) -> CovariateBalance:
    """Compare a categorical covariate of the two arms named: control, treatment."""
    names = sorted({name for arm in (control, treatment) for name, count in arm.counts.items() if count > 0})
    c, t = ([arm.counts.get(name, 0.0) for name in names] for arm in (control, treatment))
    facts: dict[str, Any] = {}
    try:
        _check_usable(arms, control, treatment, least=1)
        if len(names) > MAX_LEVELS:
            raise NotEstimable(f"it has {len(names):,} levels; group them into {MAX_LEVELS:,} at most")
        facts["levels"] = tuple(_level(name, *pair) for name, *pair in zip(names, _shares(c), _shares(t), strict=True))
        facts["smd"] = smd_categorical(c, t)
        facts["p_value"] = _independence_p(c, t)
    except NotEstimable as error:
        facts["reason"] = error.reason
    else:
        if math.isinf(facts["smd"]):
            facts["reason"] = "no level occurs in both variants, so the SMD is infinite"
    counts = _missing(control, treatment)
    return CovariateBalance(covariate=covariate, kind="categorical", treatment=arms[1], **counts, **facts)


def _check_usable(arms: tuple[Label, Label], *summaries: Any, least: int = 2) -> None:
    for name, arm in zip(arms, summaries, strict=True):
        if getattr(arm, "infinite", 0):
            raise NotEstimable(f"{arm.infinite:,} infinite value{'s' * (arm.infinite > 1)} in {name!r}")
        if round(arm.n) == 0:
            raise NotEstimable(f"no values in {name!r}")
        if arm.n < least:
            raise NotEstimable(f"only one value in {name!r}, a variance needs two")


def _moments(control: Numbers, treatment: Numbers) -> dict[str, Any]:
    values = {
        "mean_control": control.mean,
        "mean_treatment": treatment.mean,
        "variance_control": control.variance,
        "variance_treatment": treatment.variance,
        "variance_ratio": treatment.variance / control.variance if control.variance > 0 else math.nan,
    }
    return {name: value if math.isfinite(value) else None for name, value in values.items()}


def _welch_p(control: Numbers, treatment: Numbers) -> float | None:
    # Where units have several rows, units with a value are a fraction of all units, not a whole number.
    arms = [
        Estimate(value=arm.mean, n=round(arm.n), unit_variance=arm.variance, leverage=1 / arm.n, df=arm.n - 1)
        for arm in (control, treatment)
    ]
    try:
        return wald(*arms, alpha=0.05, alternative="two-sided", df=satterthwaite(*arms)).p_value
    except NotEstimable:  # both variants are constant
        return None


def _binary_p(control: Numbers, treatment: Numbers) -> float | None:
    return _independence_p(*([arm.n * (1 - arm.mean), arm.n * arm.mean] for arm in (control, treatment)))


def _independence_p(control: Sequence[float], treatment: Sequence[float]) -> float | None:
    """Return the p-value of Pearson's test that two rows of counts have the same distribution."""
    table = np.array([control, treatment], dtype=float)
    # Levels that do not occur do not count as degrees of freedom.
    table = table[:, table.sum(axis=0) > 0]
    if table.shape[1] < 2 or (table.sum(axis=1) == 0).any():
        return None
    return pearson(table, expected_if_independent(table), df=table.shape[1] - 1)[1]


def _shares(counts: list[float]) -> list[float]:
    total = sum(counts)
    return [count / total for count in counts]


def _level(name: str, control: float, treatment: float) -> LevelBalance:
    value = smd_shares(control, treatment)
    return LevelBalance(level=name, share_control=control, share_treatment=treatment, smd=value)


def _missing(control: Numbers | Levels, treatment: Numbers | Levels) -> dict[str, Any]:
    """Return counts of missing values, and the balance of the indicator "is missing"."""
    facts: dict[str, Any] = {
        "n_control": round(control.n),
        "n_treatment": round(treatment.n),
        "missing_control": round(control.missing),
        "missing_treatment": round(treatment.missing),
    }
    total = [arm.n + arm.missing for arm in (control, treatment)]
    if control.missing + treatment.missing == 0 or min(total) < 2:
        return facts
    # Sample variances of the indicator "is missing", with divisor n - 1.
    shares = [arm.missing / units for arm, units in zip((control, treatment), total, strict=True)]
    spread = [q * (1 - q) * units / (units - 1) for q, units in zip(shares, total, strict=True)]
    try:
        facts["missing_smd"] = smd(shares[0], spread[0], shares[1], spread[1])
        facts["missing_p_value"] = _independence_p(*([arm.n, arm.missing] for arm in (control, treatment)))
    except NotEstimable:  # missing everywhere, which `reason` of the covariate already says
        pass
    return facts
