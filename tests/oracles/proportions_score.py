"""Score intervals and unconditional exact tests for two proportions.

* newcombe: Newcombe (1998, Stat Med 17:873-890), method 10, from the Wilson limits.
* score: Miettinen & Nurminen (1985) for the difference and the ratio, with the variance
  factor N/(N-1) ("correction": true) or without it (Mee 1984 / Koopman 1984). The
  restricted maximum likelihood estimate is found by bisecting the score equation, not by
  the closed form of the cubic; the limits by bisecting z^2 - z_crit^2.
* z_at: that z for H0: difference = d0 (positive when p_t - p_c > d0).
* barnard / boschloo: scipy.stats, and "_brute" versions that list every table and refine
  the maximum over the nuisance parameter; Barnard uses the pooled score statistic.
* published: numbers printed in the literature, four decimals.
    python tests/oracles/proportions_score.py > tests/oracles/proportions_score.json
"""

import json
import warnings
from functools import lru_cache
from pathlib import Path

import numpy as np
from common import case, emit
from mpmath import mp, mpf, sqrt
from scipy.optimize import minimize_scalar
from scipy.stats import barnard_exact, binom, boschloo_exact, hypergeom

mp.dps = 80
Z = {0.95: sqrt(mpf(2)) * mp.erfinv(mpf("0.95")), 0.99: sqrt(mpf(2)) * mp.erfinv(mpf("0.99"))}


def bisect(f, low, high, steps=110):
    """A root of f, which changes sign between low and high."""
    sign = f(low) > 0
    for _ in range(steps):
        mid = (low + high) / 2
        if (f(mid) > 0) == sign:
            low = mid
        else:
            high = mid
    return (low + high) / 2


def wilson(x, n, z):
    p = mpf(x) / n
    centre = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z * sqrt(p * (1 - p) / n + z**2 / (4 * n * n)) / (1 + z**2 / n)
    return centre - half, centre + half


def newcombe(x1, n1, x0, n0, z):
    p1, p0 = mpf(x1) / n1, mpf(x0) / n0
    (l1, u1), (l0, u0) = wilson(x1, n1, z), wilson(x0, n0, z)
    d = p1 - p0
    return d - sqrt((p1 - l1) ** 2 + (u0 - p0) ** 2), d + sqrt((u1 - p1) ** 2 + (p0 - l0) ** 2)


def part(k, p):
    """k / p, where no count needs no probability."""
    return mpf(0) if k == 0 else k / p


def z2_difference(d, x1, n1, x0, n0, correction):
    low, high = max(mpf(0), -d), min(mpf(1), 1 - d)

    def score(p):
        return part(x1, p + d) - part(n1 - x1, 1 - p - d) + part(x0, p) - part(n0 - x0, 1 - p)

    eps = (high - low) * mpf(10) ** -36
    if high <= low:
        p = low
    elif score(low + eps) <= 0:
        p = low
    elif score(high - eps) >= 0:
        p = high
    else:
        p = bisect(score, low + eps, high - eps)
    q = p + d
    v = q * (1 - q) / n1 + p * (1 - p) / n0
    if correction:
        v = v * (n1 + n0) / (n1 + n0 - 1)
    num = mpf(x1) / n1 - mpf(x0) / n0 - d
    if v <= mpf(10) ** -34:
        return (mpf(0) if abs(num) < mpf(10) ** -16 else mpf("inf")), num
    return num**2 / v, num


def z2_ratio(r, x1, n1, x0, n0, correction):
    high = min(mpf(1), 1 / r)

    def score(p):
        return part(x1 + x0, p) - (0 if n1 == x1 else r * (n1 - x1) / (1 - r * p)) - part(n0 - x0, 1 - p)

    eps = high * mpf(10) ** -36
    if score(eps) <= 0:
        p = mpf(0)
    elif score(high - eps) >= 0:
        p = high
    else:
        p = bisect(score, eps, high - eps)
    q = r * p
    v = q * (1 - q) / n1 + r * r * p * (1 - p) / n0
    if correction:
        v = v * (n1 + n0) / (n1 + n0 - 1)
    num = mpf(x1) / n1 - r * x0 / n0
    if v <= mpf(10) ** -34:
        return mpf(0) if abs(num) < mpf(10) ** -16 else mpf("inf")
    return num**2 / v


def score_difference(x1, n1, x0, n0, z, correction):
    d = mpf(x1) / n1 - mpf(x0) / n0

    def f(v):
        return z2_difference(v, x1, n1, x0, n0, correction)[0] - z**2

    tiny = mpf(10) ** -20
    low = mpf(-1) if f(-1 + tiny) <= 0 else bisect(f, -1 + tiny, d)
    high = mpf(1) if f(1 - tiny) <= 0 else bisect(f, d, 1 - tiny)
    return low, high


def score_ratio(x1, n1, x0, n0, z, correction):
    if x1 == 0 and x0 == 0:
        return mpf(0), mpf("inf")

    def f(u):
        return z2_ratio(mp.e**u, x1, n1, x0, n0, correction) - z**2

    middle = mp.log((mpf(x1) or mpf("0.5")) / n1 / ((mpf(x0) or mpf("0.5")) / n0))
    low, high = mpf(0), mpf("inf")
    if x1:
        start = middle if x0 else next(u for u in range(40, -40, -1) if f(mpf(u)) < 0)
        low = mp.e ** bisect(f, mpf(-40), mpf(start))
    if x0:
        start = middle if x1 else next(u for u in range(-40, 40) if f(mpf(u)) < 0)
        high = mp.e ** bisect(f, mpf(start), mpf(40))
    return low, high


@lru_cache
def all_tables(n1, n0):
    return [(a, b) for a in range(n1 + 1) for b in range(n0 + 1)]


def supremum(extreme, n1, n0):
    """Maximum over pi of the probability of the extreme tables."""
    a = np.array([t[0] for t in extreme])
    b = np.array([t[1] for t in extreme])

    def prob(pi):
        return float(np.sum(binom.pmf(a, n1, pi) * binom.pmf(b, n0, pi)))

    grid = np.linspace(0, 1, 2001)
    best = max(grid, key=prob)
    r = minimize_scalar(
        lambda pi: -prob(pi),
        bounds=(max(0, best - 1e-3), min(1, best + 1e-3)),
        method="bounded",
        options={"xatol": 1e-12},
    )
    return min(1.0, max(prob(best), -r.fun))


def pooled_z(a, b, n1, n0):
    pool = (a + b) / (n1 + n0)
    v = pool * (1 - pool) * (1 / n1 + 1 / n0)
    return 0.0 if v == 0 else (a / n1 - b / n0) / v**0.5


def fisher_p(a, b, n1, n0, alternative):
    """Fisher's p of treatment (a of n1) against control (b of n0)."""
    h = hypergeom(n1 + n0, a + b, n1)
    if alternative == "less":
        return float(h.cdf(a))
    if alternative == "greater":
        return float(h.sf(a - 1))
    k = np.arange(max(0, a + b - n0), min(n1, a + b) + 1)
    pmf = h.pmf(k)
    return float(min(1.0, pmf[pmf <= h.pmf(a) * (1 + 1e-12)].sum()))


def exact_tests(x1, n1, x0, n0):
    out = []
    for alternative in ("two-sided", "less", "greater"):
        slack = 1e-10
        z = {t: pooled_z(*t, n1, n0) for t in all_tables(n1, n0)}
        z0 = z[(x1, x0)]
        pick = {
            "two-sided": lambda v: abs(v) >= abs(z0) - slack,
            "less": lambda v: v <= z0 + slack,
            "greater": lambda v: v >= z0 - slack,
        }[alternative]
        barnard = supremum([t for t in z if pick(z[t])], n1, n0)
        f = {t: fisher_p(*t, n1, n0, alternative) for t in all_tables(n1, n0)}
        boschloo = supremum([t for t in f if f[t] <= f[(x1, x0)] * (1 + 1e-10)], n1, n0)
        m = [[x1, x0], [n1 - x1, n0 - x0]]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            sb = barnard_exact(m, alternative=alternative, pooled=True, n=128)
            so = boschloo_exact(m, alternative=alternative, n=128)
        out.append(
            {
                "alternative": alternative,
                "barnard_brute": barnard,
                "barnard_scipy": float(sb.pvalue),
                "boschloo_brute": boschloo,
                "boschloo_scipy": float(so.pvalue),
                "fisher": f[(x1, x0)],
            }
        )
    return out


NEWCOMBE_1998 = {
    (56, 70, 48, 80): (0.0524, 0.3339),
    (9, 10, 3, 10): (0.1705, 0.8090),
    (6, 7, 2, 7): (0.0582, 0.8062),
    (5, 56, 0, 29): (-0.0381, 0.1926),
    (0, 10, 0, 20): (-0.1611, 0.2775),
    (0, 10, 0, 10): (-0.2775, 0.2775),
    (10, 10, 0, 20): (0.6791, 1.0),
    (10, 10, 0, 10): (0.6075, 1.0),
}
# Garner (2016), Confidence intervals for the binomial proportion difference, WUSS paper 127 (SAS PROC FREQ).
MN_SAS = {
    (56, 70, 48, 80): (0.0528, 0.3382),
    (9, 10, 3, 10): (0.1700, 0.8406),
    (10, 10, 0, 20): (0.7156, 1.0),
    (84, 101, 89, 105): (-0.1191, 0.0860),
}
MEE_SAS = {
    (56, 70, 48, 80): (0.0533, 0.3377),
    (9, 10, 3, 10): (0.1821, 0.8370),
    (10, 10, 0, 20): (0.7225, 1.0),
    (84, 101, 89, 105): (-0.1188, 0.0857),
}

if __name__ == "__main__":
    cases = []
    for c in json.loads(Path(__file__).with_name("proportions.json").read_text())["cases"]:
        v = tuple(int(c["input"][k]) for k in ("x_treatment", "n_treatment", "x_control", "n_control"))
        expected = {"newcombe": [], "score_difference": [], "score_ratio": []}
        for conf, z in Z.items():
            lo, hi = newcombe(*v, z)
            expected["newcombe"].append({"conf_level": conf, "conf_low": float(lo), "conf_high": float(hi)})
            for correction in (True, False):
                for key, f in (("score_difference", score_difference), ("score_ratio", score_ratio)):
                    lo, hi = f(*v, z, correction)
                    expected[key].append(
                        {"conf_level": conf, "correction": correction, "conf_low": float(lo), "conf_high": float(hi)}
                    )
        expected["z_at"] = []
        for d0 in (-0.1, -0.02, 0.0, 0.05):
            row = {"difference": d0}
            for name, correction in (("z_corrected", True), ("z", False)):
                z2, num = z2_difference(mpf(d0), *v, correction)
                row[name] = float(sqrt(z2) * (1 if num >= 0 else -1))
            expected["z_at"].append(row)
        if v[1] + v[3] <= 160:
            expected["exact"] = exact_tests(*v)
        published = {}
        for name, source in (
            ("newcombe_1998_table_ii_method_10", NEWCOMBE_1998),
            ("miettinen_nurminen_garner_2016", MN_SAS),
            ("mee_garner_2016", MEE_SAS),
        ):
            if v in source:
                published[name] = list(source[v])
        expected["published"] = published
        cases.append(case(c["name"], c["input"], expected))
    emit("proportions_score.py", cases, ["mpmath", "scipy", "numpy"])
