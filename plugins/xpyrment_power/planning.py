"""Sample size, power and minimum detectable effect: each from the other two.

Power is the probability of rejecting in the direction of the effect; the far tail of a
two-sided test, where it would be rejected in the wrong direction, does not count (as in
R's ``power.t.test`` and ``power.prop.test``).
"""

from xpyrment_core import Alternative
from xpyrment_power.allocation import size_given
from xpyrment_power.design import Design, PlanTest, power_at
from xpyrment_power.solve import SampleSize, arms_of, effect_for, effect_of, size_for


def required_sample_size(
    mde: float | str,
    std: float | None = None,
    power: float = 0.8,
    alpha: float = 0.05,
    ratio: float = 1.0,
    test: PlanTest = "z",
    *,
    baseline: float | None = None,
    relative: bool = False,
    alternative: Alternative = "two-sided",
    arms: int = 1,
    covariate_correlation: float = 0.0,
    margin: float = 0.0,
    icc: float | None = None,
    cluster_size: float | None = None,
    cluster_cv: float = 0.0,
    control: int | None = None,
    total: int | None = None,
) -> SampleSize:
    """Return the units needed to detect an effect.

    With test ``"z"`` the control group needs ``(z_{1-alpha/2} + z_power)² (1 + 1/ratio) std² / mde²``
    units, rounded up, and each treatment group ``ratio`` times as many, rounded up. With test
    ``"t"`` it is the smallest control group whose power, by the noncentral t distribution,
    reaches the target. A proportion has the pooled variance under the null and the unpooled
    one under the effect.

    Parameters
    ----------
    mde : float or str
        Effect to detect: in the outcome's unit, or as a share of `baseline` when it is a text
        such as ``"2.5%"`` or `relative` is true. With a `margin` the effect that is expected,
        which may be 0.
    std : float, optional
        Standard deviation per unit. Without it the outcome is a proportion.
    power : float
        Probability of detecting the effect.
    alpha : float
        Significance level; shared equally by the treatments where there are several (Bonferroni).
    ratio : float
        Units in a treatment group for each unit in control.
    test : {"z", "t"}
        Normal approximation, or Student's t with its exact noncentral distribution (means only).
    baseline : float, optional
        Mean or proportion in control; needed for proportions and relative effects.
    relative : bool
        Whether `mde` is a share of `baseline`.
    alternative : {"two-sided", "greater", "less"}
    arms : int
        Number of treatment groups, each compared with control.
    covariate_correlation : float
        Correlation of the outcome with the covariate that will adjust it (CUPED); the variance is
        multiplied by ``1 - correlation²``.
    margin : float
        Plans for non-inferiority: to show that treatment is worse by less than `margin`.
    icc : float, optional
        Intracluster correlation, where clusters of units are randomised: the variance is multiplied by
        ``1 + ((cv² + 1) m - 1) icc`` for clusters of m units, sizes are whole clusters, and test
        ``"t"`` has the number of clusters minus 2 as degrees of freedom.
    cluster_size : float, optional
        Mean number of units in a cluster.
    cluster_cv : float
        Coefficient of variation (standard deviation over mean) of the cluster sizes.
    control : int, optional
        Units in control, where their number is fixed: the smallest treatment groups are solved for.
    total : int, optional
        Units in all arms, where their number is fixed: the allocation with the smallest treatment groups is
        solved for, the other units are in control.

    Returns
    -------
    SampleSize

    Raises
    ------
    InputError
        An argument is out of range, or no sample size would do; with `control` or `total` too small it
        names the smallest that would.

    References
    ----------
    Donner, A. and Klar, N. (2000). Design and Analysis of Cluster Randomization Trials in Health Research.
    Eldridge, S. M., Ashby, D. and Kerry, S. (2006). Sample size for cluster randomized trials: effect of
    coefficient of variation of cluster size and analysis method. International Journal of
    Epidemiology 35, 1292-1300.
    Chow, S.-C., Shao, J., Wang, H. and Lokhnygina, Y. (2017). Sample Size Calculations in
    Clinical Research, 3rd ed., chapters 3 and 4.

    Examples
    --------
    >>> size = required_sample_size(2.5, std=15)
    >>> size.control, size.treatment, size.total
    (566, 566, 1132)
    >>> required_sample_size("5%", baseline=0.1, test="z").control
    57763
    >>> required_sample_size(2.5, std=15, control=400).treatment
    963
    >>> size = required_sample_size(2.5, std=15, icc=0.02, cluster_size=20)
    >>> size.control, size.control_clusters
    (780, 39)
    """
    design = Design(
        std=std,
        baseline=baseline,
        alpha=alpha,
        ratio=ratio,
        test=test,
        alternative=alternative,
        arms=arms,
        covariate_correlation=covariate_correlation,
        margin=margin,
        icc=icc,
        cluster_size=cluster_size,
        cluster_cv=cluster_cv,
    )
    effect = effect_of(mde, design, relative)
    if control is not None or total is not None:
        return size_given(design, effect, power, control, total)
    # The sizes are solved without rounding first: n = ((z_{1-alpha/2} sqrt(V0) + z_power sqrt(V1)) / distance)².
    return size_for(design, effect, power)


def power(
    mde: float | str,
    n: int,
    std: float | None = None,
    alpha: float = 0.05,
    ratio: float = 1.0,
    test: PlanTest = "z",
    *,
    baseline: float | None = None,
    relative: bool = False,
    alternative: Alternative = "two-sided",
    arms: int = 1,
    covariate_correlation: float = 0.0,
    margin: float = 0.0,
    icc: float | None = None,
    cluster_size: float | None = None,
    cluster_cv: float = 0.0,
) -> float:
    """Return the power of an experiment with `n` units in control and ``⌈ratio n⌉`` in each treatment.

    The other parameters are those of `required_sample_size`. With clusters, the whole clusters
    among the `n` units count.

    Returns
    -------
    float
        Probability of rejecting in the direction of the effect.

    Raises
    ------
    InputError
        An argument is out of range.

    Examples
    --------
    >>> round(power(1, n=20, std=1, test="t"), 6)
    0.868953
    """
    design = Design(
        std=std,
        baseline=baseline,
        alpha=alpha,
        ratio=ratio,
        test=test,
        alternative=alternative,
        arms=arms,
        covariate_correlation=covariate_correlation,
        margin=margin,
        icc=icc,
        cluster_size=cluster_size,
        cluster_cv=cluster_cv,
    )
    return power_at(design, effect_of(mde, design, relative), *arms_of(design, n))


def minimum_detectable_effect(
    n: int,
    std: float | None = None,
    power: float = 0.8,
    alpha: float = 0.05,
    ratio: float = 1.0,
    test: PlanTest = "z",
    *,
    baseline: float | None = None,
    alternative: Alternative = "two-sided",
    arms: int = 1,
    covariate_correlation: float = 0.0,
    icc: float | None = None,
    cluster_size: float | None = None,
    cluster_cv: float = 0.0,
) -> float:
    """Return the smallest effect detected with the given power by `n` units in control.

    The other parameters are those of `required_sample_size`. With clusters, the whole clusters
    among the `n` units count.

    Returns
    -------
    float
        In the outcome's unit; negative with alternative ``"less"``. Two-sided it is an
        increase (for a proportion the smallest decrease differs a little).

    Raises
    ------
    InputError
        An argument is out of range, or no effect would be detected.

    Examples
    --------
    >>> round(minimum_detectable_effect(566, std=15), 4)
    2.4981
    """
    design = Design(
        std=std,
        baseline=baseline,
        alpha=alpha,
        ratio=ratio,
        test=test,
        alternative=alternative,
        arms=arms,
        covariate_correlation=covariate_correlation,
        icc=icc,
        cluster_size=cluster_size,
        cluster_cv=cluster_cv,
    )
    # No margin: the effect of a non-inferiority test is the expected one, not one to detect.
    return effect_for(design, n, power)
