"""Restricted maximum-likelihood proportions, given their difference or ratio."""

import math
from collections.abc import Callable
from functools import partial

from xpyrment_core import Counts


def given_difference(difference: float, control: Counts, treatment: Counts) -> tuple[float, float]:
    """Return the maximum likelihood proportions with ``treatment - control = difference``.

    The root of Miettinen and Nurminen's cubic (1985). Their closed form loses half the digits for
    rare events, so it is only the start of a Newton iteration on the score function, which is
    strictly decreasing over the allowed range.

    Parameters
    ----------
    difference : float
        Strictly between -1 and 1.
    control, treatment : Counts

    Returns
    -------
    tuple of float
        Proportions of control and treatment.

    References
    ----------
    Miettinen, O. and Nurminen, M. (1985). Comparative analysis of two rates.
    Statistics in Medicine 4, 213-226.

    Examples
    --------
    >>> control, treatment = given_difference(0.1, Counts(48, 80), Counts(56, 70))
    >>> round(control, 6), round(treatment, 6)
    (0.651548, 0.751548)
    """
    if difference < 0:
        # The likelihood is symmetric in the arms, so the cubic is solved for differences from 0 to 1 only.
        treated, base = given_difference(-difference, treatment, control)
        return base, treated
    pooled = (control.successes + treatment.successes) / (control.n + treatment.n)
    if difference == 0:
        return pooled, pooled
    # The maximum is an inner zero of the score function, or lies at an end of the range [0, 1 - difference]. An end is
    # possible only where a count of 0 removes the pole of the log likelihood there.
    slope = partial(_slope, difference, control, treatment)
    if control.successes == 0 and slope(0.0)[0] <= 0:
        return 0.0, difference
    if treatment.successes == treatment.n and slope(1 - difference)[0] >= 0:
        return 1 - difference, 1.0
    base = _falling_zero(slope, 1 - difference, _closed_form(difference, control, treatment))
    return base, base + difference


def _slope(difference: float, control: Counts, treatment: Counts, p: float) -> tuple[float, float]:
    """Return the first and second derivative of the log likelihood in the control proportion."""
    value = curvature = 0.0
    for count, share in (
        (control.successes, p),
        (treatment.successes, p + difference),
        (control.successes - control.n, 1 - p),
        (treatment.successes - treatment.n, 1 - p - difference),
    ):
        if count:
            # At an end of the range a share may round to 0; there the slope is as good as infinite.
            pull = count / max(share, 1e-300)
            value += pull
            # Each term of the log likelihood is concave, with second derivative -|count| / share².
            curvature -= abs(pull / max(share, 1e-300))
    return value, curvature


def _closed_form(difference: float, control: Counts, treatment: Counts) -> float:
    """Return the root of the cubic, equation by equation as in the paper's appendix."""
    n, successes = control.n + treatment.n, control.successes + treatment.successes
    l2 = (treatment.n + 2 * control.n) * difference - n - successes
    l1 = (control.n * difference - n - 2 * control.successes) * difference + successes
    l0 = control.successes * difference * (1 - difference)
    # Here L3 = n, and the root is by trigonometry. Rounding can leave the domains of sqrt and acos, hence the limits.
    third = l2 / (3 * n)
    q = third**3 - l1 * l2 / (6 * n**2) + l0 / (2 * n)
    p = math.copysign(math.sqrt(max(third**2 - l1 / (3 * n), 0.0)), q)
    angle = (math.pi + math.acos(max(-1.0, min(1.0, q / p**3 if p else 0.0)))) / 3
    return 2 * p * math.cos(angle) - third


def _falling_zero(slope: Callable[[float], tuple[float, float]], high: float, start: float) -> float:
    """Return the zero of a decreasing function by Newton's method, bisecting if a step leaves the bracket."""
    low = 0.0
    p = start if low < start < high else (low + high) / 2
    for _ in range(200):
        value, derivative = slope(p)
        low, high = (p, high) if value > 0 else (low, p)
        new = p - value / derivative
        if not low < new < high:
            new = (low + high) / 2
        # Relative, as rates of rare events are small themselves; one more Newton step squares the error.
        if abs(new - p) <= 1e-11 * p:
            return new
        p = new
    return p


def given_ratio(ratio: float, control: Counts, treatment: Counts) -> tuple[float, float]:
    """Return the maximum likelihood proportions with ``treatment / control = ratio``.

    The smaller root of Miettinen and Nurminen's quadratic, in the form without cancellation.

    Examples
    --------
    >>> control, treatment = given_ratio(1.0, Counts(48, 80), Counts(56, 70))
    >>> round(control, 6), round(treatment, 6)
    (0.693333, 0.693333)
    """
    successes, n = control.successes + treatment.successes, control.n + treatment.n
    # Roots of n ratio p² - b p + successes = 0; the smaller one as 2 c / (b + sqrt(b² - 4 a c)).
    b = treatment.n * ratio + treatment.successes + control.n + control.successes * ratio
    base = 2 * successes / (b + math.sqrt(max(b * b - 4 * n * ratio * successes, 0.0)))
    return min(base, 1.0), min(base * ratio, 1.0)
