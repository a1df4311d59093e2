"""Medians of two arms after Price & Bonett (2001, 2002), and the Brunner-Munzel test.

The standard error of a median is (y[n-c+1] - y[c]) / (2 z) with order statistics counted from 1,
z = Phi^-1(1 - P(B <= c-1)), B ~ Binomial(n, 1/2). Two choices of c are in use:
  price_bonett  c = (n + 1)/2 - sqrt(n), rounded (Price & Bonett 2001), at least 1
  statpsych     c = n/2 - sqrt(n), rounded (R package statpsych), at least 1
Difference: d +- z sqrt(se_t^2 + se_c^2); ratio: exp(log r +- z sqrt(se_t^2/med_t^2 + se_c^2/med_c^2)).
"documented" holds what statpsych's manual prints for ci.median2.
Brunner & Munzel (2000) is scipy.stats with its sign turned: the statistic is positive when treatment
tends to larger values, "less" means that it tends to smaller ones.
    python tests/oracles/median_difference.py > tests/oracles/median_difference.json
"""

import math
from statistics import median

from common import case, emit
from scipy.stats import binom, brunnermunzel, norm


def se(x, rule):
    x, n = sorted(x), len(x)
    c = max(1, round((n + (rule == "price_bonett")) / 2 - math.sqrt(n)))
    return {"rank": c, "se": (x[n - c] - x[c - 1]) / (2 * norm.isf(binom.cdf(c - 1, n, 0.5)))}


def two(name, treatment, control, documented=None):
    mt, mc = median(treatment), median(control)
    out = {"median_treatment": mt, "median_control": mc, "difference": mt - mc, "ratio": mt / mc if mc else math.nan}
    for rule in ("price_bonett", "statpsych"):
        a, b = se(treatment, rule), se(control, rule)
        s = math.hypot(a["se"], b["se"])
        out[rule] = {"treatment": a, "control": b, "se_difference": s, "intervals": []}
        for level in (0.95, 0.99):
            z = norm.isf((1 - level) / 2)
            row = {"conf_level": level, "conf_low": mt - mc - z * s, "conf_high": mt - mc + z * s}
            if mt > 0 and mc > 0:
                sl = math.hypot(a["se"] / mt, b["se"] / mc)
                row["ratio_low"], row["ratio_high"] = mt / mc * math.exp(-z * sl), mt / mc * math.exp(z * sl)
            out[rule]["intervals"].append(row)
    out["brunner_munzel"] = []
    for alternative in ("two-sided", "less", "greater"):
        r = brunnermunzel(treatment, control, alternative=alternative)
        out["brunner_munzel"].append({"alternative": alternative, "statistic": -r.statistic, "p": r.pvalue})
    if documented:
        out["documented"] = documented
        got = out["statpsych"]
        for key, value in documented.items():
            row = got["intervals"][0]
            mine = {"se": got["se_difference"], "conf_low": row["conf_low"], "conf_high": row["conf_high"]}[key]
            assert abs(mine - value) < 1e-5, (name, key, mine, value)
    return case(name, {"treatment": treatment, "control": control}, out)


if __name__ == "__main__":
    one = [30, 20, 15, 10, 10, 60, 20, 25, 20, 30, 10, 5, 50, 40, 20, 10, 0, 20, 50]
    assert abs(se(one, "statpsych")["se"] - 4.270922) < 1e-6
    y1 = [32, 39, 26, 35, 43, 27, 40, 37, 34, 29]
    y2 = [36, 44, 47, 42, 49, 39, 46, 31, 33, 48]
    manual = [21, 21, 22.8, 32.4, 30.4, 33.9, 27.3, 26, 30.4, 15.8, 19.7, 15, 21.4]
    auto = [
        21.4,
        18.7,
        18.1,
        14.3,
        24.4,
        22.8,
        19.2,
        17.8,
        16.4,
        17.3,
        15.2,
        10.4,
        10.4,
        14.7,
        21.5,
        15.5,
        15.2,
        13.3,
        19.2,
    ]
    emit(
        "median_difference.py",
        [
            two("statpsych ci.median2", y1, y2, {"se": 4.316291, "conf_low": -16.95977, "conf_high": -0.04022524}),
            two("10 and 13 values", y2, [*y1, 49, 42, 40]),
            two("mtcars mpg manual - automatic", manual, auto),
            two("one sample of the manual against itself shifted", [v + 7.5 for v in one], one),
            two(
                "even and odd, skewed",
                [round(1.37**k, 6) for k in range(1, 25)],
                [round(1.31**k, 6) for k in range(1, 32)],
            ),
            two("ties", [0, 0, 0, 1, 1, 2, 5, 0, 3, 1, 0, 2], [0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 2, 0, 0, 0, 1]),
        ],
        ["scipy"],
    )
