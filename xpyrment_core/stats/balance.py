"""When a covariate counts as imbalanced: the one threshold of standardized mean differences."""

IMBALANCE = 0.1
"""An absolute SMD of this much or more is an imbalance (Austin 2009)."""

ROUNDING = 1e-12
"""An SMD this close to the threshold is the threshold: 0.1 is not a binary fraction, so data
built to have an SMD of exactly 0.1 come out a few units in the last place above or below it."""


def is_imbalanced(smd: float | None, threshold: float = IMBALANCE) -> bool:
    """Say whether an SMD reaches the threshold; None and NaN do not.

    References
    ----------
    Austin, P. C. (2009). Balance diagnostics for comparing the distribution of baseline
    covariates between treatment groups in propensity-score matched samples. Statistics in
    Medicine 28(25), 3083-3107.

    Examples
    --------
    >>> is_imbalanced(-0.1), is_imbalanced(0.3 - 0.2), is_imbalanced(0.0999), is_imbalanced(None)
    (True, True, False, False)
    """
    return smd is not None and abs(smd) >= threshold - ROUNDING
