"""The t tests of t_test.json again, from exact rational arithmetic and 60-digit mpmath.

Means and variances are exact fractions of the stored doubles; the Welch-Satterthwaite and
pooled formulas (Welch 1947; Student 1908), the incomplete beta function for the tail and
a root search for the quantile follow at 60 digits. Where t_test.json and this file differ,
this file is right: R rounds each mean to a double before it subtracts.
    python tests/oracles/t_test_exact.py > tests/oracles/t_test_exact.json
"""

import json
from fractions import Fraction
from pathlib import Path

from common import case, emit
from mpmath import betainc, findroot, mp, mpf, sqrt
from scipy.stats import t as student

mp.dps = 60


def moments(x):
    x = [Fraction(v) for v in x]
    n = len(x)
    m = sum(x) / n
    return n, m, sum((v - m) ** 2 for v in x) / (n - 1)


def q(f):
    return mpf(f.numerator) / mpf(f.denominator)


def upper(t, df):
    """P(T > t)."""
    half = betainc(df / 2, mpf(1) / 2, 0, df / (df + t * t), regularized=True) / 2
    return half if t >= 0 else 1 - half


def quantile(p, df):
    """t with P(T > t) = p, p < 1/2."""
    start = mpf(float(student.isf(float(p), float(df))))
    return findroot(lambda t: upper(t, df) - p, (start, start * (1 + mpf(10) ** -8)), tol=mpf(10) ** -70)


def results(treatment, control):
    n1, m1, v1 = moments(treatment)
    n0, m0, v0 = moments(control)
    d = q(m1 - m0)
    out = []
    for equal_var in (False, True):
        if equal_var:
            df = mpf(n1 + n0 - 2)
            pooled = ((n1 - 1) * v1 + (n0 - 1) * v0) / (n1 + n0 - 2)
            var = pooled / n1 + pooled / n0
        else:
            a, b = v1 / n1, v0 / n0
            var = a + b
            df = q(var**2 / (a**2 / (n1 - 1) + b**2 / (n0 - 1)))
        se = sqrt(q(var))
        t = d / se
        for conf in ("0.95", "0.99"):
            alpha = 1 - mpf(conf)
            for alternative in ("two.sided", "less", "greater"):
                low, high = float("-inf"), float("inf")
                if alternative == "two.sided":
                    p = 2 * upper(abs(t), df)
                    h = quantile(alpha / 2, df) * se
                    low, high = float(d - h), float(d + h)
                else:
                    h = quantile(alpha, df) * se
                    if alternative == "less":
                        p, high = upper(-t, df), float(d + h)
                    else:
                        p, low = upper(t, df), float(d - h)
                out.append(
                    {
                        "equal_var": equal_var,
                        "alternative": alternative,
                        "conf_level": float(conf),
                        "statistic": float(t),
                        "df": float(df),
                        "p": float(p),
                        "conf_low": low,
                        "conf_high": high,
                        "se": float(se),
                    }
                )
    return {
        "n_treatment": n1,
        "n_control": n0,
        "mean_treatment": float(q(m1)),
        "mean_control": float(q(m0)),
        "difference": float(d),
        "var_treatment": float(q(v1)),
        "var_control": float(q(v0)),
        "results": out,
    }


if __name__ == "__main__":
    source = json.loads(Path(__file__).with_name("t_test.json").read_text())
    cases = []
    for c in source["cases"]:
        x = c["input"]
        # the input stays in t_test.json under the same name
        cases.append(case(c["name"], {"data": "t_test.json"}, results(x["treatment"], x["control"])))
    emit("t_test_exact.py", cases, ["mpmath", "scipy"])
