"""Sidak (single step) and Holm-Sidak (step down): statsmodels, and 50-digit mpmath.

Sidak: 1 - (1 - p)^m. Holm-Sidak: running maximum over the sorted p of 1 - (1 - p_(i))^(m-i+1).
The mpmath numbers are the truth for tiny p, where 1 - (1 - p)^m cancels in doubles.
    python tests/oracles/sidak.py > tests/oracles/sidak.json
"""

import json
from pathlib import Path

from common import case, emit
from mpmath import mp, mpf
from statsmodels.stats.multitest import multipletests

mp.dps = 400  # (1 - 1e-300) needs more than 300 digits


def sidak(p):
    m = len(p)
    return [float(1 - (1 - mpf(x)) ** m) for x in p]


def holm_sidak(p):
    m = len(p)
    out, worst = [0.0] * m, mpf(0)
    for rank, i in enumerate(sorted(range(m), key=lambda i: p[i])):
        worst = max(worst, 1 - (1 - mpf(p[i])) ** (m - rank))
        out[i] = float(worst)
    return out


def spread(p, f):
    """Apply f to the values that are not missing."""
    kept = iter(f([x for x in p if x != "NA"]))
    return ["NA" if x == "NA" else next(kept) for x in p]


if __name__ == "__main__":
    cases = []
    for c in json.loads(Path(__file__).with_name("p_adjust.json").read_text())["cases"]:
        p = c["input"]["p"]
        cases.append(
            case(
                c["name"],
                {"p": p},
                {
                    "sidak": spread(p, sidak),
                    "holm_sidak": spread(p, holm_sidak),
                    "statsmodels_sidak": spread(p, lambda q: multipletests(q, method="sidak")[1].tolist()),
                    "statsmodels_holm_sidak": spread(p, lambda q: multipletests(q, method="holm-sidak")[1].tolist()),
                },
            )
        )
    emit("sidak.py", cases, ["mpmath", "statsmodels"])
