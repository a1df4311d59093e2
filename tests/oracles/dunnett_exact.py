"""Dunnett's test by quadrature: adjusted p, critical values and simultaneous intervals.

The correlations of Dunnett's statistics factor as l_i l_j with l_i = sqrt(n_i / (n_i + n_0)), so
  P(max |T_i| < c) = E_s E_z prod_i [Phi((l_i z + c s)/r_i) - Phi((l_i z - c s)/r_i)],  r_i = sqrt(1 - l_i^2),
with z standard normal and s = sqrt(chi^2_df / df) (Dunnett 1955). One-sided drops the second Phi.
Both expectations are Gauss-Legendre sums over pieces of their range; p is good to about 1e-12
absolute. p_scipy is scipy.stats.dunnett, a randomised sum, good to about 1e-4.
    python tests/oracles/dunnett_exact.py > tests/oracles/dunnett_exact.json
"""

import json
from pathlib import Path

import numpy as np
from common import case, emit
from scipy.optimize import brentq
from scipy.special import log_ndtr, ndtr
from scipy.stats import chi, dunnett, norm

NODES, WEIGHTS = np.polynomial.legendre.leggauss(60)


def rule(edges):
    edges = np.asarray(edges)
    mid, half = (edges[1:] + edges[:-1]) / 2, (edges[1:] - edges[:-1]) / 2
    return (mid[:, None] + half[:, None] * NODES).ravel(), (half[:, None] * WEIGHTS).ravel()


def coverage(c, lam, df, two_sided):
    """P(max |T| < c) or P(max T < c)."""
    z, wz = rule(np.linspace(-9.5, 9.5, 9))
    wz = wz * norm.pdf(z)
    low, high = chi.ppf(1e-17, df), chi.isf(1e-17, df)
    s, ws = rule(np.linspace(low, high, 9))
    ws = ws * chi.pdf(s, df)
    s = s / np.sqrt(df)
    prod = np.ones((len(s), len(z)))
    for li in lam:
        r = np.sqrt(1 - li * li)
        up = (li * z[None, :] + c * s[:, None]) / r
        if two_sided:
            down = (li * z[None, :] - c * s[:, None]) / r
            prod *= ndtr(up) - ndtr(down)
        else:
            prod *= np.exp(log_ndtr(up))
    return float(ws @ prod @ wz)


if __name__ == "__main__":
    cases = []
    for c in json.loads(Path(__file__).with_name("dunnett.json").read_text())["cases"]:
        control = np.array(c["input"]["control"], dtype=float)
        arms = {k: np.array(v, dtype=float) for k, v in c["input"]["treatments"].items()}
        groups = [control, *arms.values()]
        df = sum(len(g) for g in groups) - len(groups)
        s2 = sum(((g - g.mean()) ** 2).sum() for g in groups) / df
        est = np.array([g.mean() - control.mean() for g in arms.values()])
        se = np.array([np.sqrt(s2 * (1 / len(g) + 1 / len(control))) for g in arms.values()])
        lam = [np.sqrt(len(g) / (len(g) + len(control))) for g in arms.values()]
        t = est / se
        out = {
            "df": df,
            "sd_pooled": float(np.sqrt(s2)),
            "estimate": est,
            "se": se,
            "statistic": t,
            "lambda": [float(v) for v in lam],
        }
        for alternative in ("two.sided", "less", "greater"):
            two = alternative == "two.sided"
            x = np.abs(t) if two else (t if alternative == "greater" else -t)
            p = [max(0.0, 1 - coverage(v, lam, df, two)) for v in x]
            sc = dunnett(
                *arms.values(),
                control=control,
                rng=np.random.default_rng(1),
                alternative="two-sided" if two else alternative,
            )
            intervals = []
            for level in (0.95, 0.99):
                q = brentq(lambda v: coverage(v, lam, df, two) - level, 0, 60, xtol=1e-12)
                lo = est - q * se if alternative != "less" else np.full(len(est), -np.inf)
                hi = est + q * se if alternative != "greater" else np.full(len(est), np.inf)
                intervals.append({"conf_level": level, "critical": q, "conf_low": lo, "conf_high": hi})
            out[alternative] = {"p_adjusted": p, "p_scipy": sc.pvalue, "intervals": intervals}
        cases.append(case(c["name"], c["input"], out))
    emit("dunnett_exact.py", cases, ["numpy", "scipy"])
