"""Capped, winsorised and log means, quantiles and the Mann-Whitney test, for outcomes with long tails.

Use `capped` or `winsorized` where a few units spend most of the money, `log` where
effects multiply, `quantile` and `median` for latencies and waiting times, and the test
`mannwhitney` to ask whether a unit of treatment tends to have more than one of control.
"""

from xpyrment_core import MetricDefinition, TestDefinition, hookimpl


@hookimpl
def xpyrment_metrics() -> list[MetricDefinition]:
    """Offer capped, winsorized, log, quantile and median."""
    return [
        MetricDefinition(
            name="capped",
            target="xpyrment_robust.derived:CappedMetric",
            summary="Mean of a column with values beyond a fixed cap set to the cap.",
            label="Capped mean",
        ),
        MetricDefinition(
            name="winsorized",
            target="xpyrment_robust.derived:WinsorizedMetric",
            summary="Mean of a column capped at quantiles of both variants together.",
            label="Winsorized mean",
            aliases=("winsorised",),
        ),
        MetricDefinition(
            name="log",
            target="xpyrment_robust.derived:LogMetric",
            summary="Mean of the logarithm of a column; its lift is that of the geometric mean.",
            label="Log mean",
        ),
        MetricDefinition(
            name="quantile",
            target="xpyrment_robust.quantile:QuantileMetric",
            summary="Quantile of a column per variant, such as the 95th percentile of latency.",
            label="Quantile",
            default_test="z",
        ),
        MetricDefinition(
            name="median",
            target="xpyrment_robust.quantile:MedianMetric",
            summary="Median of a column per variant.",
            label="Median",
            default_test="z",
        ),
    ]


@hookimpl
def xpyrment_tests() -> list[TestDefinition]:
    """Offer mannwhitney."""
    return [
        TestDefinition(
            name="mannwhitney",
            target="xpyrment_robust.ranks:mannwhitney",
            summary="Rank test of one column; the effect is P(treatment > control) - 1/2.",
            aliases=("wilcoxon",),
            needs="samples",
            clustered=True,
        ),
    ]
