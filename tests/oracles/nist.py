"""NIST Statistical Reference Datasets (public domain): data, exact results, certified values.

"expected" is computed here in exact rational arithmetic from the decimal data (square roots
at 60 digits), "certified" is what NIST prints. The program stops when a certified value
differs from the exact one by more than its last printed digit, so a slip of memory or of
the data cannot survive.
    python tests/oracles/nist.py > tests/oracles/nist.json
"""

import csv
from fractions import Fraction
from pathlib import Path

from common import case, emit
from mpmath import mp, mpf

mp.dps = 60
DATA = Path(__file__).parent / "data" / "nist"


def q(f):
    return mpf(f.numerator) / mpf(f.denominator)


def root(f):
    return float(mp.sqrt(q(f)))


def column(name):
    with open(DATA / f"{name}.csv", newline="") as f:
        rows = list(csv.DictReader(f))
    return {k: [r[k] for r in rows] for k in rows[0]}


def univariate(name):
    text = column(name)["y"]
    y = [Fraction(v) for v in text]
    n = len(y)
    m = sum(y) / n
    ss = sum((v - m) ** 2 for v in y)
    lag = sum((a - m) * (b - m) for a, b in zip(y, y[1:])) / ss
    return {"y": [float(v) for v in text]}, {
        "n": n,
        "mean": float(q(m)),
        "sd": root(ss / (n - 1)),
        "lag1": float(q(lag)),
    }


def anova(name):
    c = column(name)
    groups = {}
    for g, v in zip(c["group"], c["y"]):
        groups.setdefault(g, []).append(Fraction(v))
    n = len(c["y"])
    grand = sum(sum(v) for v in groups.values()) / n
    means = {g: sum(v) / len(v) for g, v in groups.items()}
    between = sum(len(v) * (means[g] - grand) ** 2 for g, v in groups.items())
    within = sum((x - means[g]) ** 2 for g, v in groups.items() for x in v)
    d1, d2 = len(groups) - 1, n - len(groups)
    f = (between / d1) / (within / d2)
    return (
        {"group": [int(g) for g in c["group"]], "y": [float(v) for v in c["y"]]},
        {
            "df_between": d1,
            "df_within": d2,
            "ss_between": float(q(between)),
            "ss_within": float(q(within)),
            "F": float(q(f)),
            "r_squared": float(q(between / (between + within))),
            "sd_residual": root(within / d2),
        },
    )


def invert(a):
    k = len(a)
    m = [row[:] + [Fraction(int(i == j)) for j in range(k)] for i, row in enumerate(a)]
    for i in range(k):
        pivot = next(r for r in range(i, k) if m[r][i])
        m[i], m[pivot] = m[pivot], m[i]
        d = m[i][i]
        m[i] = [v / d for v in m[i]]
        for r in range(k):
            if r != i and m[r][i]:
                f = m[r][i]
                m[r] = [v - f * w for v, w in zip(m[r], m[i])]
    return [row[k:] for row in m]


def regression(name, degree=None, intercept=True):
    c = column(name)
    y = [Fraction(v) for v in c["y"]]
    if degree:
        x = [[Fraction(v) ** p for p in range(degree + 1)] for v in c["x1"]]
    else:
        keys = sorted(k for k in c if k != "y")
        x = [([Fraction(1)] if intercept else []) + [Fraction(c[k][i]) for k in keys] for i in range(len(y))]
    n, k = len(x), len(x[0])
    xtx = [[sum(r[i] * r[j] for r in x) for j in range(k)] for i in range(k)]
    xty = [sum(r[i] * v for r, v in zip(x, y)) for i in range(k)]
    inv = invert(xtx)
    b = [sum(inv[i][j] * xty[j] for j in range(k)) for i in range(k)]
    rss = sum((v - sum(bj * rj for bj, rj in zip(b, r))) ** 2 for r, v in zip(x, y))
    m = sum(y) / n if intercept else Fraction(0)
    tss = sum((v - m) ** 2 for v in y)
    s2 = rss / (n - k)
    inputs = {"y": [float(v) for v in c["y"]]}
    inputs.update({key: [float(v) for v in c[key]] for key in sorted(c) if key != "y"})
    inputs.update({"degree": degree or 1, "intercept": intercept})
    return inputs, {
        "coef": [float(q(v)) for v in b],
        "se": [root(s2 * inv[i][i]) for i in range(k)],
        "sd_residual": root(s2),
        "df_residual": n - k,
        "rss": float(q(rss)),
        "r_squared": float(q(1 - rss / tss)),
    }


CERTIFIED = {
    "PiDigits": {"mean": 4.53480000000000, "sd": 2.86733906028871, "lag1": -0.00355099287237972},
    "Lottery": {"mean": 518.958715596330, "sd": 291.699727470969, "lag1": -0.120948622967393},
    "Lew": {"mean": -177.435000000000, "sd": 277.332168044316, "lag1": -0.307304800605679},
    "Mavro": {"mean": 2.00185600000000, "sd": 0.000429123454003053, "lag1": 0.937989183438248},
    "Michelso": {"mean": 299.852400000000, "sd": 0.0790105478190518, "lag1": 0.535199668621283},
    "NumAcc1": {"mean": 10000002.0, "sd": 1.0, "lag1": -0.5},
    "NumAcc2": {"mean": 1.2, "sd": 0.1, "lag1": -0.999},
    "NumAcc3": {"mean": 1000000.2, "sd": 0.1, "lag1": -0.999},
    "NumAcc4": {"mean": 10000000.2, "sd": 0.1, "lag1": -0.999},
    "SiRstv": {"F": 1.18046237440255},
    "SmLs01": {"F": 21.0},
    "SmLs04": {"F": 21.0},
    "SmLs07": {"F": 21.0},
    "AtmWtAg": {"F": 15.9467335677930},
    "Norris": {
        "coef": [-0.262323073774029, 1.00211681802045],
        "se": [0.232818234301152, 0.429796848199937e-03],
        "sd_residual": 0.884796396144373,
        "r_squared": 0.999993745883712,
    },
    "Pontius": {
        "coef": [0.673565789473684e-03, 0.732059160401003e-06, -0.316081871345029e-14],
        "se": [0.107938612033077e-03, 0.157817399981659e-09, 0.486652849992036e-16],
        "sd_residual": 0.205177424076185e-03,
        "r_squared": 0.999999900178537,
    },
    "NoInt1": {
        "coef": [2.07438016528926],
        "se": [0.165289256198347e-01],
        "sd_residual": 3.56753034006338,
        "r_squared": 0.999365492298663,
    },
    "NoInt2": {
        "coef": [0.727272727272727],
        "se": [0.420827318078432e-01],
        "sd_residual": 0.369274472937998,
        "r_squared": 0.993348115299335,
    },
    "Filip": {
        "coef": [
            -1467.48961422980,
            -2772.17959193342,
            -2316.37108160893,
            -1127.97394098372,
            -354.478233703349,
            -75.1242017393757,
            -10.8753180355343,
            -1.06221498588947,
            -0.670191154593408e-01,
            -0.246781078275479e-02,
            -0.402962525080404e-04,
        ],
        "se": [
            298.084530995537,
            559.779865474950,
            466.477572127796,
            227.204274477751,
            71.6478660875927,
            15.2897178747400,
            2.23691159816033,
            0.221624321934227,
            0.142363763154724e-01,
            0.535617408889821e-03,
            0.896632837373868e-05,
        ],
        "sd_residual": 0.334801051324544e-02,
        "r_squared": 0.996727416185620,
    },
    "Longley": {
        "coef": [
            -3482258.63459582,
            15.0618722713733,
            -0.358191792925910e-01,
            -2.02022980381683,
            -1.03322686717359,
            -0.511041056535807e-01,
            1829.15146461355,
        ],
        "se": [
            890420.383607373,
            84.9149257747669,
            0.334910077722432e-01,
            0.488399681651699,
            0.214274163161675,
            0.226073200069370,
            455.478499142212,
        ],
        "sd_residual": 304.854073561965,
        "r_squared": 0.995479004577296,
    },
    "Wampler1": {"coef": [1.0] * 6, "se": [0.0] * 6, "sd_residual": 0.0, "r_squared": 1.0},
    "Wampler2": {
        "coef": [1.0, 0.1, 0.01, 0.001, 0.0001, 0.00001],
        "se": [0.0] * 6,
        "sd_residual": 0.0,
        "r_squared": 1.0,
    },
    "Wampler3": {
        "coef": [1.0] * 6,
        "se": [
            2152.32624678170,
            2363.55173469681,
            779.343524331583,
            101.475507550350,
            5.64566512170752,
            0.112324854679312,
        ],
        "sd_residual": 2360.14502379268,
        "r_squared": 0.999995559025820,
    },
    "Wampler4": {
        "coef": [1.0] * 6,
        "se": [
            215232.624678170,
            236355.173469681,
            77934.3524331583,
            10147.5507550350,
            564.566512170752,
            11.2324854679312,
        ],
        "sd_residual": 236014.502379268,
        "r_squared": 0.957478440825662,
    },
    "Wampler5": {
        "coef": [1.0] * 6,
        "se": [
            21523262.4678170,
            23635517.3469681,
            7793435.24331583,
            1014755.07550350,
            56456.6512170752,
            1123.24854679312,
        ],
        "sd_residual": 23601450.2379268,
        "r_squared": 0.224668921574940e-02,
    },
}


def agree(a, b):
    return abs(a - b) <= 1.0e-14 * abs(b) * 5


if __name__ == "__main__":
    cases = []
    for name, certified in CERTIFIED.items():
        if "lag1" in certified:
            kind, (inputs, expected) = "univariate", univariate(name)
        elif "F" in certified:
            kind, (inputs, expected) = "anova", anova(name)
        else:
            degree = {"Pontius": 2, "Filip": 10}.get(name, 5 if name.startswith("Wampler") else None)
            kind, (inputs, expected) = "regression", regression(name, degree, not name.startswith("NoInt"))
        for key, value in certified.items():
            got = expected[key]
            pairs = zip(got, value) if isinstance(value, list) else [(got, value)]
            for a, b in pairs:
                if not agree(a, b):
                    raise SystemExit(f"{name} {key}: exact {a!r}, certified {b!r}")
        cases.append(case(name, {"kind": kind, **inputs}, {**expected, "certified": certified}))
    emit(
        "nist.py",
        cases,
        ["mpmath"],
        [
            "kind is univariate, anova (group, y) or regression. A regression with degree > 1 is a polynomial in x1.",
            "expected comes from the decimal data; the doubles in input are their nearest neighbours, which moves the last digits of NumAcc2-4's sd.",
            "lag1 is the lag-1 autocorrelation; r_squared of NoInt1 and NoInt2 is about zero, not about the mean.",
        ],
    )
