"""The metrics that are functions of column means: mean, proportion and ratio.

Use `mean` for a number per unit (revenue, minutes, orders), `proportion` for a yes or no
per unit, and `ratio` for the ratio of two totals (clicks over impressions) whose parts
both vary between units.
"""

from xpyrment_core import MetricDefinition, hookimpl


@hookimpl
def xpyrment_metrics() -> list[MetricDefinition]:
    """Offer mean, proportion and ratio."""
    return [
        MetricDefinition(
            name="mean",
            target="xpyrment_metrics.kinds:MeanMetric",
            summary="Mean of a numeric column per unit.",
            label="Mean",
        ),
        MetricDefinition(
            name="proportion",
            target="xpyrment_metrics.kinds:ProportionMetric",
            summary="Share of units whose 0/1 column is 1.",
            label="Proportion",
            default_test="score",
            counts=True,
        ),
        MetricDefinition(
            name="ratio",
            target="xpyrment_metrics.kinds:RatioMetric",
            summary="Ratio of two column totals, such as clicks over impressions.",
            label="Ratio",
            quotient_parameters=("numerator_col", "denominator_col"),
        ),
    ]
