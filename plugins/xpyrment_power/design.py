"""A planned comparison: its outcome, arms and test, the variance of the difference, and its power."""

import math
from numbers import Integral, Real
from typing import Any, Literal, get_args

from attrs import frozen

from xpyrment_core import Alternative, InputError, check_alpha, check_choice

PlanTest = Literal["z", "t"]
PLAN_TESTS: tuple[str, ...] = get_args(PlanTest)


def check_number(what: str, got: Any, wanted: str, low: float = -math.inf, high: float = math.inf) -> None:
    """Raise InputError unless `got` is a finite number strictly between `low` and `high`."""
    number = isinstance(got, Real) and not isinstance(got, bool)
    if not number or not math.isfinite(got) or not low < got < high:
        raise InputError(f"{what} must be {wanted}, got {got!r}.")


@frozen(kw_only=True)
class Design:
    """A comparison of one or several treatments with a control, before any data.

    Attributes
    ----------
    std, baseline, alpha, ratio, test, alternative, arms, covariate_correlation, margin, icc, cluster_size, cluster_cv
        The parameters of `xpyrment_power.planning.required_sample_size`, checked.
    """

    std: float | None = None
    baseline: float | None = None
    alpha: float = 0.05
    ratio: float = 1.0
    test: PlanTest = "z"
    alternative: Alternative = "two-sided"
    arms: int = 1
    covariate_correlation: float = 0.0
    margin: float = 0.0
    icc: float | None = None
    cluster_size: float | None = None
    cluster_cv: float = 0.0

    def __attrs_post_init__(self) -> None:
        check_alpha(self.alpha)
        check_number("ratio", self.ratio, "a positive number, such as 1 for equal arms", low=0)
        check_choice("test", self.test, PLAN_TESTS)
        check_choice("alternative", self.alternative, get_args(Alternative))
        if not isinstance(self.arms, Integral) or isinstance(self.arms, bool) or self.arms < 1:
            raise InputError(f"arms must be a whole number of treatments, at least 1, got {self.arms!r}.")
        check_number(
            "covariate correlation", self.covariate_correlation, "a number strictly between -1 and 1", low=-1, high=1
        )
        self._check_outcome()
        self._check_margin()
        self._check_clusters()

    def _check_outcome(self) -> None:
        if self.baseline is not None:
            check_number("baseline", self.baseline, "a finite number")
        if self.std is not None:
            check_number("std", self.std, "a positive number", low=0)
        elif self.baseline is None:
            raise InputError("std is missing: give std for a mean, or a baseline between 0 and 1 for a proportion.")
        elif not 0 < self.baseline < 1:
            raise InputError(
                f"without std the outcome is a proportion, and its baseline must lie between 0 and 1, "
                f"got {self.baseline:g}. For a mean, give std too."
            )
        elif self.test == "t":
            raise InputError("test 't' is for means, got a proportion (a baseline without std). Use test 'z'.")

    def _check_margin(self) -> None:
        # -5e-324 is the float just below 0, so that strictly above it means 0 or more.
        check_number("margin", self.margin, "0 or a positive number", low=-5e-324)
        if self.margin and self.alternative == "two-sided":
            raise InputError(
                "a margin needs a direction: expected alternative 'greater' (more is better) or 'less' (less is "
                "better), got 'two-sided'."
            )

    def _check_clusters(self) -> None:
        check_number("cluster cv", self.cluster_cv, "0 or a positive number", low=-5e-324)
        if self.cluster_size is None:
            if self.icc is not None or self.cluster_cv:
                raise InputError("cluster size is missing: give the mean number of units in a cluster, such as 20.")
            return
        check_number("cluster size", self.cluster_size, "a number of units, at least 1", low=1 - 1e-16)
        if self.icc is None:
            raise InputError(
                "icc is missing: give the intracluster correlation, between 0 and 1, such as 0.02; without clusters "
                "leave out the cluster size."
            )
        check_number("icc", self.icc, "a number from 0 to below 1", low=-5e-324, high=1)

    @property
    def design_effect(self) -> float:
        """Variance of a mean over that of as many independent units: 1 without clusters.

        ``1 + (m - 1) icc`` (Donner and Klar 2000, Design and Analysis of Cluster Randomization
        Trials, section 5.2); ``1 + ((cv² + 1) m - 1) icc`` with clusters of unequal sizes (Eldridge, Ashby
        and Kerry 2006, International Journal of Epidemiology 35, 1292-1300).
        """
        if self.cluster_size is None or self.icc is None:
            return 1.0
        return 1 + ((self.cluster_cv**2 + 1) * self.cluster_size - 1) * self.icc

    def draws(self, units: int) -> int:
        """Return what is randomised to have this many units at most: the units, or whole clusters."""
        return units if self.cluster_size is None else math.floor(units / self.cluster_size * (1 + 1e-12))

    def units(self, draws: int) -> int:
        """Return the units in so many clusters (rounded up), or the number itself without clusters."""
        return draws if self.cluster_size is None else math.ceil(draws * self.cluster_size * (1 - 1e-12))

    @property
    def is_proportion(self) -> bool:
        """Whether the outcome is a proportion."""
        return self.std is None

    @property
    def comparison_alpha(self) -> float:
        """Significance level of each treatment's own comparison."""
        # Bonferroni over the treatments.
        return self.alpha / self.arms

    def cut(self, df: float | None = None) -> float:
        """Return the critical value of one comparison."""
        from xpyrment_core.stats.distributions import critical  # SciPy; the command line needs this module for --help

        return critical(self.comparison_alpha, df, self.alternative)

    def distance(self, effect: float) -> float:
        """Return the distance between the effect and the null hypothesis (shifted by the margin).

        Raises
        ------
        InputError
            The effect lies inside the null hypothesis, so no sample size has power.
        """
        if self.alternative == "two-sided":
            if effect == 0:
                raise InputError("mde must not be 0: no sample size detects an effect of 0.")
            return abs(effect)
        # The null is an effect of -margin ("greater") or margin ("less"); without a margin it is 0.
        distance = self.margin + (effect if self.alternative == "greater" else -effect)
        if distance > 0:
            return distance
        side, sign = ("above", "-") if self.alternative == "greater" else ("below", "")
        limit = f"{sign}{self.margin:g}" if self.margin else "0"
        hint = f" Did you mean {-effect:g}?" if effect and not self.margin else ""
        raise InputError(f"with alternative {self.alternative!r} mde must lie {side} {limit}, got {effect:g}.{hint}")

    def noise(self, effect: float, ratio: float) -> tuple[float, float]:
        """Return the variance of the difference times the control size: under the null, and under the effect.

        With clusters the size is the number of clusters.

        For proportions they are pooled and unpooled (Fleiss, Levin and Paik 2003, Statistical
        Methods for Rates and Proportions, section 4.2; R's ``power.prop.test``); with a margin both are
        unpooled (Blackwelder 1982, Controlled Clinical Trials 3, 345-353).
        """
        # Variance that covariate adjustment leaves (Deng et al. 2013, CUPED), and that of a cluster's mean.
        remaining = (1 - self.covariate_correlation**2) * self.design_effect / (self.cluster_size or 1)
        if self.std is not None:
            # n_control * (s² / n_control + s² / n_treatment), with n_treatment = ratio * n_control.
            variance = remaining * self.std**2 * (1 + 1 / ratio)
            return variance, variance
        assert self.baseline is not None
        p, q = self.baseline, self.baseline + effect
        if not 0 < q < 1:
            raise InputError(
                f"mde takes the proportion from {p:g} to {q:g}, which must lie between 0 and 1. "
                f"A relative effect is written with a percent sign, as 5%."
            )
        unpooled = remaining * (p * (1 - p) + q * (1 - q) / ratio)
        if self.margin:
            return unpooled, unpooled
        # Pooled over the arms by their sizes, as the test's own variance estimate will be.
        mean = (p + ratio * q) / (1 + ratio)
        return remaining * mean * (1 - mean) * (1 + 1 / ratio), unpooled


def treatment_size(control: int, ratio: float) -> int:
    """Return ``⌈ratio * control⌉``, up to the rounding of a ratio such as 0.1.

    Examples
    --------
    >>> treatment_size(189, 2), treatment_size(30, 0.1)
    (378, 3)
    """
    return max(1, math.ceil(ratio * control * (1 - 1e-12)))


def power_at(design: Design, effect: float, control: int, treatment: int) -> float:
    """Return the probability of rejecting in the direction of the effect, with these many units (or clusters)."""
    if design.test == "z":
        from xpyrment_core.stats.distributions import upper_tail

        return upper_tail(threshold(design, effect, control, treatment))
    from xpyrment_core.stats.power import noncentral_upper

    _, truth = design.noise(effect, treatment / control)
    df = control + treatment - 2
    return noncentral_upper(design.cut(df), df, design.distance(effect) * math.sqrt(control / truth))


def threshold(design: Design, effect: float, control: int, treatment: int) -> float:
    """Return the z value that a standard normal must exceed for the z test to reject: lower is more power."""
    # The ratio of the whole sizes, which rounding makes differ a little from the planned one.
    ratio = treatment / control
    null, truth = design.noise(effect, ratio)
    shift = design.distance(effect) * math.sqrt(control)
    # P(Z > (z_alpha sqrt(V0) - distance sqrt(n)) / sqrt(V1)): the threshold is set under the null, and the estimate
    # varies as under the effect. For means both variances are equal.
    return (design.cut() * math.sqrt(null) - shift) / math.sqrt(truth)
