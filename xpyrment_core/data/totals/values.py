"""Totals: size, mean and spread of each metric in each variant, in place of the rows they were computed from."""

import math
from collections.abc import Mapping
from typing import Any

from attrs import field, frozen

from xpyrment_core.choices import Label
from xpyrment_core.errors import InputError, listing, nearest

ROLE_KEYS = ("role", "direction", "margin")
"""Keys of a metric beside its variants: its role in the experiment, see `Experiment.register_metric`."""

_SPREADS = ("sd", "variance", "std_error")
KEYS = ("n", "mean", *_SPREADS, "sum", "sum_squares", "successes")
"""Keys of one metric in one variant."""

FORMS = "n, mean and one of sd, variance, std_error; n, sum and sum_squares; or n and successes"


@frozen
class ArmTotals:
    """Size, mean and sum of squared deviations of one metric in one variant.

    Attributes
    ----------
    n : int
        Units.
    mean : float
    m2 : float
        Sum of squared deviations from the mean: ``(n - 1) * variance``.
    binary : bool
        Whether they are successes out of n, so that tests of counts apply.
    """

    n: int
    mean: float
    m2: float
    binary: bool = False

    @classmethod
    def of(cls, given: Mapping[str, Any], where: str) -> "ArmTotals":
        """Make totals of one of the forms: n with mean and spread, with sums, or with successes.

        Parameters
        ----------
        given : mapping
            Keys of `KEYS`; values of None and NaN count as not given.
        where : str
            For messages: ``"metric 'revenue', variant 'control'"``.

        Raises
        ------
        InputError
            A key is unknown or missing, two of them say the same, or a value is impossible.

        Examples
        --------
        >>> ArmTotals.of({"n": 4, "mean": 3.0, "sd": 2.0}, "control")
        ArmTotals(n=4, mean=3.0, m2=12.0, binary=False)
        >>> ArmTotals.of({"n": 200, "successes": 50}, "control")
        ArmTotals(n=200, mean=0.25, m2=37.5, binary=True)
        """
        for key in given:
            if key not in KEYS:
                raise InputError(f"{where}: {key!r} is not a total; expected {FORMS}.{nearest(key, KEYS)}")
        values = {key: _number(value, f"{where}: {key}") for key, value in given.items() if not _absent(value)}
        if "n" not in values:
            raise InputError(f"{where}: n, the number of units, is missing; expected {FORMS}.")
        n = _count(values.pop("n"), f"{where}: n")
        if "successes" in values:
            return cls._of_successes(n, values, where)
        if "sum" in values or "sum_squares" in values:
            return cls._of_sums(n, values, where)
        return cls._of_mean(n, values, where)

    @classmethod
    def _of_successes(cls, n: int, values: dict[str, float], where: str) -> "ArmTotals":
        _check_keys(values, {"successes"}, where)
        successes = _count(values["successes"], f"{where}: successes")
        if successes > n:
            raise InputError(f"{where}: successes must be at most n, got {successes:,} of {n:,}.")
        rate = successes / n if n else 0.0
        return cls(n, rate, successes * (1.0 - rate), binary=True)

    @classmethod
    def _of_sums(cls, n: int, values: dict[str, float], where: str) -> "ArmTotals":
        _check_keys(values, {"sum", "sum_squares"}, where)
        total, squares = values["sum"], values["sum_squares"]
        if n == 0:
            return cls(0, 0.0, 0.0)
        mean = total / n
        m2 = squares - mean * total
        # sum(y^2) >= (sum y)^2 / n; below by more than rounding, the two sums are not of the same values.
        if m2 < -1e-12 * squares:
            raise InputError(
                f"{where}: sum_squares must be at least sum² / n = {mean * total:g}, got {squares:g}; it is the sum "
                f"of the squared values, not the square of the sum."
            )
        # Of 16 digits the difference keeps those in which the sums differ; with fewer than 6 the variance is noise.
        if n > 1 and 0 != m2 < 1e-10 * squares:
            raise InputError(
                f"{where}: the variance is lost in sum_squares = {squares:g}, which agrees with sum² / n in 10 digits "
                f"or more; give mean and sd, computed from deviations from the mean."
            )
        return cls(n, mean, max(m2, 0.0))

    @classmethod
    def _of_mean(cls, n: int, values: dict[str, float], where: str) -> "ArmTotals":
        spreads = [key for key in _SPREADS if key in values]
        if n < 2 and not spreads:
            # One value has no spread, and software reports it as missing.
            spreads, values = ["sd"], {**values, "sd": 0.0}
        if n == 0:
            return cls(0, 0.0, 0.0)
        if len(spreads) != 1:
            got = listing(spreads) if spreads else "none of them"
            raise InputError(f"{where}: give one of {', '.join(_SPREADS)}, got {got}.")
        _check_keys(values, {"mean", spreads[0]}, where)
        spread = values[spreads[0]]
        if spread < 0:
            raise InputError(f"{where}: {spreads[0]} must not be negative, got {spread:g}.")
        variance = {"sd": spread * spread, "variance": spread, "std_error": n * (spread * spread)}[spreads[0]]
        m2 = variance * max(n - 1, 0)
        if not math.isfinite(m2):
            raise InputError(f"{where}: {spreads[0]} = {spread:g} is too large for its square; rescale the metric.")
        return cls(n, values["mean"], m2)


def _check_keys(values: Mapping[str, float], needed: set[str], where: str) -> None:
    missing, extra = sorted(needed - set(values)), sorted(set(values) - needed)
    if missing or extra:
        problem = f"{', '.join(missing)} is missing" if missing else f"{', '.join(extra)} beside {listing(needed)}"
        raise InputError(f"{where}: {problem}; expected {FORMS}.")


def _absent(value: Any) -> bool:
    return value is None or type(value).__name__ == "NAType" or (isinstance(value, float) and math.isnan(value))


def _number(value: Any, what: str) -> float:
    try:
        number = math.nan if isinstance(value, bool | str | bytes) else float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise InputError(f"{what} must be a finite number, got {value!r}.")
    return number


def _count(value: float, what: str) -> int:
    if value < 0 or not value.is_integer():
        raise InputError(f"{what} must be a whole number of units, got {value:g}.")
    return int(value)


@frozen
class MetricTotals:
    """Totals of one metric in every variant, and its role.

    Attributes
    ----------
    name : str
    arms : mapping of label to ArmTotals
    role : mapping of str to object
        ``role``, ``direction`` and ``margin``, where they are given.
    """

    name: str
    arms: Mapping[Label, ArmTotals]
    role: Mapping[str, Any] = field(factory=dict)

    def __attrs_post_init__(self) -> None:
        kinds = {arm.binary for arm in self.arms.values() if arm.n}
        if len(kinds) > 1:
            raise InputError(
                f"metric {self.name!r} has successes in one variant and a mean in another; give the same totals of "
                f"both."
            )

    @property
    def binary(self) -> bool:
        """Whether the totals are successes out of n."""
        return any(arm.binary for arm in self.arms.values())


@frozen(eq=False)
class Totals:
    """Totals of the metrics of an experiment, one or several.

    Attributes
    ----------
    metrics : tuple of MetricTotals
    treatment_col : str
        Name of the variants' column in messages and results.
    name : str
        Where they come from, for messages.
    """

    metrics: tuple[MetricTotals, ...]
    treatment_col: str = "variant"
    name: str = "the totals"

    def __attrs_post_init__(self) -> None:
        if not self.metrics:
            raise InputError(f"{self.name} holds no metric; expected {FORMS} per variant.")
        names = [metric.name for metric in self.metrics]
        if self.treatment_col in names:
            raise InputError(f"{self.name}: {self.treatment_col!r} names the variants; give the metric another name.")
        if len(set(names)) < len(names):
            raise InputError(f"{self.name}: duplicate metric name {max(names, key=names.count)!r}.")

    @property
    def units(self) -> dict[Label, int]:
        """Units per variant: the most that any metric has; units that another metric lacks are missing outcomes."""
        units: dict[Label, int] = {}
        for metric in self.metrics:
            for label, arm in metric.arms.items():
                units[label] = max(units.get(label, 0), arm.n)
        return units
