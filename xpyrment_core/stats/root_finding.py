"""Root finding for a function of one variable, without importing scipy.optimize."""

from collections.abc import Callable

from xpyrment_core.errors import InputError


def zero(function: Callable[[float], float], low: float, high: float, tolerance: float = 1e-15) -> float:
    """Return a zero of a continuous function between two points where its signs differ.

    Parameters
    ----------
    function : callable
        One number in, one number out; may be infinite at the ends.
    low, high : float
    tolerance : float
        Relative tolerance; 1e-300 absolute near 0.

    Raises
    ------
    InputError
        The signs at both ends are the same.

    References
    ----------
    Chandrupatla, T. R. (1997). A new hybrid quadratic/bisection algorithm for finding the zero
    of a nonlinear function without using derivatives. Advances in Engineering Software 28,
    145-149.

    Examples
    --------
    >>> round(zero(lambda x: x * x - 2, 0.0, 2.0), 12)
    1.414213562373
    """
    a, b = low, high
    fa, fb = function(a), function(b)
    if fa == 0 or fb == 0:
        return a if fa == 0 else b
    if (fa > 0) == (fb > 0):
        raise InputError(f"a zero needs different signs at both ends, got {fa:g} at {low:g} and {fb:g} at {high:g}.")
    share = 0.5
    for _ in range(200):
        t = a + share * (b - a)
        ft = function(t)
        # a is the newest point, a and b bracket the zero, c is the previous point.
        if (ft > 0) == (fa > 0):
            c, fc = a, fa
        else:
            c, fc, b, fb = b, fb, a, fa
        a, fa = t, ft
        best = a if abs(fa) < abs(fb) else b
        slack = tolerance * abs(best) + 1e-300
        if fa == 0 or abs(b - a) <= 2 * slack:
            return best
        share = _next_share(a, b, c, fa, fb, fc)
        edge = slack / abs(b - a)
        share = min(max(share, edge), 1 - edge)
    return best


def _next_share(a: float, b: float, c: float, fa: float, fb: float, fc: float) -> float:
    """Return the next step from a to b: inverse quadratic interpolation if it is safe, else bisection."""
    xi, phi = (a - b) / (c - b), (fa - fb) / (fc - fb)
    if not phi**2 < xi or not (1 - phi) ** 2 < 1 - xi:
        return 0.5
    return fa / (fb - fa) * fc / (fb - fc) + (c - a) / (b - a) * fa / (fc - fa) * fb / (fc - fb)
