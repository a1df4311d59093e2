"""Raw results as an analysis gives them, from the usual to the extreme, for the tests of every plot backend."""

from typing import Any

from xpyrment_core import MetricResult

SIMULTANEOUS = {
    "simultaneous_method": "Holm-compatible",
    "simultaneous_rel_ci_lower": 0.016,
    "simultaneous_rel_ci_upper": 0.044,
}
GUARDRAIL = {"direction": "decrease", "null_lift": 0.02, "alternative": "less", "rel_ci_lower": None}
REASON = "the control mean is 0, so that a relative effect does not exist"


def raw(name: str, lift: float | None, half: float = 0.01, **more: Any) -> MetricResult:
    """One result with an interval of ``lift`` plus or minus ``half``; not estimable without a lift."""
    numbers: dict[str, Any] = {"relative_lift": lift, "rel_ci_lower": None, "rel_ci_upper": None, "p_value": None}
    if lift is None:
        return made({"metric_name": name, **numbers, "status": "not_estimable", "reason": REASON, **more})
    p_value = 0.5 if abs(lift) <= half else 0.01
    numbers |= {"rel_ci_lower": lift - half, "rel_ci_upper": lift + half, "p_value": p_value}
    return made({"metric_name": name, **numbers, "status": "ok", "reason": None, "alternative": "two-sided", **more})


def made(numbers: dict[str, Any]) -> MetricResult:
    return MetricResult.from_raw(numbers)


def many(count: int) -> list[MetricResult]:
    return [raw(f"metric_number_{i}", 0.004 * ((i * 7) % 11 - 5), 0.005 + 0.001 * (i % 9)) for i in range(count)]


CASES: dict[str, list[MetricResult]] = {
    "one": [raw("revenue", 0.032, 0.021)],
    "five": [
        raw("revenue", 0.032, 0.021),
        raw("orders", 0.01, 0.02),
        raw("converted", -0.04, 0.02),
        raw("page_load_ms", -0.02, 0.01, direction="decrease", verdict="better"),
        raw("ctr", None),
    ],
    "thirty": many(30),
    "two hundred": many(200),
    "extremes": [
        raw("lifetime_value", 30.0, 15.0),
        raw("tiny", 0.0001, 0.00004),
        raw("revenue", 0.021, 0.015),
        raw("orders", -0.034, 0.02),
        raw("churned", -0.99, 0.4),
        raw("wide", 0.02, 2.0),
        raw("nothing moved", 0.0, 0.0),
        raw("refunds", None),
    ],
    "nothing estimable": [raw("revenue", None), raw("orders", None, reason="")],
    "one-sided": [
        raw("revenue", 0.02, 0.01, rel_ci_upper=None, alternative="greater"),
        raw("latency", -0.02, 0.01, rel_ci_lower=None, alternative="less"),
    ],
    "long names": [
        raw("checkout_revenue_per_active_user_mobile_web_winsorised_p99_2025_q3", 0.03),
        raw("checkout_revenue_per_active_user_desktop_winsorised_p99_2025_q3", -0.03, 0.05),
        raw("cost $a vs $b_x^2 <b>&amp;\nnew line", 0.01, 0.02),
    ],
    "several treatments": [
        raw(metric, lift, 0.02, treatment=treatment)
        for treatment, shift in (("blue", 0.0), ("green", 0.02), ("a rather long name of a variant", -0.01))
        for metric, lift in (("revenue", 0.01 + shift), ("orders", 0.03 - shift))
    ],
    "guardrails": [
        raw("revenue", 0.03, verdict="better", correction="holm", **SIMULTANEOUS),
        raw("latency", 0.004, verdict="non-inferior", **GUARDRAIL),
        raw("errors", 0.012, verdict="not established", **GUARDRAIL),
    ],
}
