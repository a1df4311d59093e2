"""Confidence sets for a ratio of two means (Fieller 1954), treatment over control.

All rho with (m_t - rho m_c)^2 <= q^2 (v_t - 2 rho c + rho^2 v_c), where v_t, v_c are the squared
standard errors of the means and c their covariance. With a = m_c^2 - q^2 v_c,
b = m_t m_c - q^2 c and f = m_t^2 - q^2 v_t this is a rho^2 - 2 b rho + f <= 0:
  interval  a > 0                    low <= rho <= high
  rays      a < 0 and b^2 > a f      rho <= low or rho >= high
  line      a < 0 and b^2 <= a f     every rho
Critical values: "z" normal; "t_pooled" Student with n_t + n_c - 2 and the pooled variance;
"t_welch_at_estimate" Student with the Satterthwaite df of m_t - r m_c at r = m_t / m_c;
"t_welch_inverted" the Satterthwaite df at each rho itself, ends by bisection.
50 digits throughout; every finite end is checked against the inequality.
    python tests/oracles/fieller.py > tests/oracles/fieller.json
"""

from fractions import Fraction

from common import case, emit
from mpmath import betainc, findroot, mp, mpf, sqrt
from scipy.stats import t as student

mp.dps = 50


def q(f):
    return mpf(f.numerator) / mpf(f.denominator)


def moments(x):
    x = [Fraction(v) for v in x]
    n, m = len(x), sum(x) / len(x)
    return n, q(m), q(sum((v - m) ** 2 for v in x) / (n - 1))


def t_upper(t, df):
    half = betainc(df / 2, mpf(1) / 2, 0, df / (df + t * t), regularized=True) / 2
    return half if t >= 0 else 1 - half


def t_crit(alpha, df):
    start = mpf(float(student.isf(float(alpha) / 2, float(df))))
    return findroot(lambda t: t_upper(t, df) - alpha / 2, (start, start * (1 + mpf(10) ** -8)), tol=mpf(10) ** -60)


def solve(mt, mc, vt, vc, c, crit):
    a, b, f = mc**2 - crit**2 * vc, mt * mc - crit**2 * c, mt**2 - crit**2 * vt
    disc = b * b - a * f
    if disc <= 0:
        assert a < 0
        return {"kind": "line", "low": "-Inf", "high": "Inf"}
    r = sorted([(b - sqrt(disc)) / a, (b + sqrt(disc)) / a])
    for x in r:
        gap = (mt - x * mc) ** 2 - crit**2 * (vt - 2 * x * c + x * x * vc)
        assert abs(gap) < mpf(10) ** -25 * (mt**2 + 1 + (x * mc) ** 2)
    return {"kind": "interval" if a > 0 else "rays", "low": float(r[0]), "high": float(r[1])}


def satterthwaite(rho, vt, nt, vc, nc):
    a, b = vt, rho**2 * vc
    return (a + b) ** 2 / (a**2 / (nt - 1) + b**2 / (nc - 1))


def inverted(mt, mc, vt, vc, nt, nc, alpha):
    """Ends of the set whose test at rho uses the df at rho; None unless it is an interval."""

    def inside(rho):
        t = abs(mt - rho * mc) / sqrt(vt + rho**2 * vc)
        return 2 * t_upper(t, satterthwaite(rho, vt, nt, vc, nc)) >= alpha

    est = mt / mc
    ends = []
    for sign in (-1, 1):
        step = sqrt(vt + est**2 * vc) / abs(mc)
        far = est
        for _ in range(80):
            far, step = far + sign * step, step * 2
            if not inside(far):
                break
        else:
            return None
        low, high = est, far
        for _ in range(160):
            mid = (low + high) / 2
            low, high = (mid, high) if inside(mid) else (low, mid)
        ends.append(float(low))
    return {"kind": "interval", "low": ends[0], "high": ends[1]}


def from_data(name, treatment, control):
    nt, mt, st = moments(treatment)
    nc, mc, sc = moments(control)
    vt, vc = st / nt, sc / nc
    pooled = ((nt - 1) * st + (nc - 1) * sc) / (nt + nc - 2)
    out = []
    for level in ("0.95", "0.99", "0.80"):
        alpha = 1 - mpf(level)
        z = sqrt(mpf(2)) * mp.erfinv(mpf(level))
        df = satterthwaite(mt / mc, vt, nt, vc, nc)
        row = {
            "conf_level": float(level),
            "z": solve(mt, mc, vt, vc, mpf(0), z),
            "t_pooled": {
                "df": nt + nc - 2,
                **solve(mt, mc, pooled / nt, pooled / nc, mpf(0), t_crit(alpha, mpf(nt + nc - 2))),
            },
            "t_welch_at_estimate": {"df": float(df), **solve(mt, mc, vt, vc, mpf(0), t_crit(alpha, df))},
        }
        inv = inverted(mt, mc, vt, vc, nt, nc, alpha)
        if inv and row["t_welch_at_estimate"]["kind"] == "interval":
            row["t_welch_inverted"] = inv
        out.append(row)
    delta = sqrt(vt / mc**2 + mt**2 * vc / mc**4)
    return case(
        name,
        {"treatment": treatment, "control": control},
        {
            "mean_treatment": float(mt),
            "mean_control": float(mc),
            "se_treatment": float(sqrt(vt)),
            "se_control": float(sqrt(vc)),
            "ratio": float(mt / mc),
            "se_delta": float(delta),
            "sets": out,
        },
    )


def from_summary(name, mt, mc, vt, vc, c):
    a = [mpf(v) for v in (mt, mc, vt, vc, c)]
    out = []
    for level in ("0.95", "0.99", "0.80"):
        out.append({"conf_level": float(level), "z": solve(*a, sqrt(mpf(2)) * mp.erfinv(mpf(level)))})
    return case(
        name,
        {"mean_treatment": mt, "mean_control": mc, "var_mean_treatment": vt, "var_mean_control": vc, "covariance": c},
        {"ratio": float(a[0] / a[1]), "sets": out},
    )


if __name__ == "__main__":
    sleep1 = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0]
    sleep2 = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]
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
    wave = [((k * 577) % 256 - 120) / 16 for k in range(40)]
    cases = [
        from_data("mtcars mpg manual / automatic", manual, auto),
        from_data("sleep 2 / 1, denominator not significant", sleep2, sleep1),
        from_data("sleep 1 / 2", sleep1, sleep2),
        from_data("negative denominator", [-v for v in manual[:6]], [-v for v in auto]),
        from_data("negative denominator, positive numerator", manual, [-v - 1 for v in auto[:9]]),
        from_data("both near zero, whole line", [0.3, -0.9, 0.7, -0.2, 0.4], [-0.5, 0.6, 0.1, -0.3, 0.2]),
        from_data("unequal variances and sizes", [v + 30 for v in wave], [v / 8 + 25 for v in wave[:12]]),
        from_data("ratio near zero", [v / 4 for v in wave], [v / 4 + 20 for v in wave[5:30]]),
        from_data("large offset", [v + 1e6 for v in wave], [v + 1e6 - 3 for v in wave[::-1][:31]]),
        from_summary("summary interval", 11.0, 10.0, 0.25, 0.16, 0.0),
        from_summary("summary positive covariance", 11.0, 10.0, 0.25, 0.16, 0.12),
        from_summary("summary negative covariance", 11.0, 10.0, 0.25, 0.16, -0.12),
        from_summary("summary rays", 5.0, 1.0, 0.5, 0.5, 0.1),
        from_summary("summary rays, negative denominator", 5.0, -1.0, 0.5, 0.5, 0.1),
        from_summary("summary line", 0.5, 0.25, 0.5, 0.5, 0.0),
        from_summary("summary negative denominator", 3.0, -8.0, 0.5, 0.25, 0.0),
    ]
    emit("fieller.py", cases, ["mpmath", "scipy"])
