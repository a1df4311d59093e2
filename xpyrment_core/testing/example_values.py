"""Example contexts, results and plots, for the checks of diagnostics, exporters and plot backends."""

from collections.abc import Iterator
from typing import Any

from xpyrment_core.analysis.result import AnalysisResult
from xpyrment_core.plots.data import Mark, PlotData, PowerSeries, forest_data, love_data, power_data
from xpyrment_core.registry.provenance import Issue, Provenance
from xpyrment_core.testing.simulation import seeded
from xpyrment_core.values.checks import CheckContext, CheckResult
from xpyrment_core.values.exclusions import ArmLedger, Exclusions, UnitReport
from xpyrment_core.values.metric_result import MetricResult
from xpyrment_core.values.moments import Moments

AWKWARD = '<b>minutes</b> | a, "b" – μ'
"""A metric's name with what HTML, Markdown and CSV each have to escape."""


def contexts() -> Iterator[tuple[str, CheckContext]]:
    """Yield the contexts of several analyses, each with its name."""
    # Without covariates, exclusions or units: all that a check may rely on.
    yield "plain", CheckContext(counts={"control": 1000, "treatment": 1010}, treatments=("treatment",))
    yield "covariates", _with_covariates({"control": 200, "treatment": 190})
    yield "three arms", _with_covariates({"control": 300, "a": 310, "b": 290})
    yield (
        "lopsided",
        CheckContext(
            # Fails a sample-ratio and a missingness check, so that their messages are checked too.
            counts={"control": 5000, "treatment": 100},
            rows_missing_label=7,
            weights={"control": 0.5, "treatment": 0.5},
            treatments=("treatment",),
            exclusions={("revenue", "treatment"): _exclusions(missing=2000)},
        ),
    )
    # Ratios and chi-square statistics divide by a count, which is 0 here.
    yield "empty arm", CheckContext(counts={"control": 10, "treatment": 0}, treatments=("treatment",))
    yield "units", _with_units()


def _with_units() -> CheckContext:
    return CheckContext(
        counts={"control": 50, "treatment": 48},
        treatments=("treatment",),
        exclusions={("revenue", "treatment"): _exclusions()},
        units=UnitReport(
            units={"control": 50, "treatment": 48},
            repeated=True,
            in_two_arms=2,
            rows_in_two_arms={"control": 3, "treatment": 4},
            rows_without_unit={"control": 1, "treatment": 0},
        ),
    )


def _with_covariates(counts: dict[Any, int]) -> CheckContext:
    generator = seeded("covariates")
    names = ("age", "age is missing")
    balance = {
        label: Moments.of({names[0]: generator.normal(40, 9, n), names[1]: (generator.random(n) < 0.1).astype(float)})
        for label, n in counts.items()
    }
    control, *treatments = counts
    return CheckContext(
        counts=counts,
        control=control,
        treatments=tuple(treatments),
        balance=balance,
        shifts={"age": 40.0},
        covariates=("age",),
        exclusions={("revenue", label): _exclusions() for label in treatments},
    )


def _exclusions(missing: int = 3) -> Exclusions:
    arm = ArmLedger(rows_in=5000, missing_outcome=2, used=4998, units=4998)
    other = ArmLedger(rows_in=5000, missing_outcome=missing, used=5000 - missing, units=5000 - missing)
    return Exclusions(rows_in=10_000, control=arm, treatment=other)


def plain_result() -> AnalysisResult:
    """Return a result in which every row is estimable."""
    return _result([_row("revenue", "treatment", 0.02)])


def difficult_result() -> AnalysisResult:
    """Return a result with two treatments, a name to escape, a not estimable row, a failed check and an issue."""
    rows = [_row(name, arm, lift) for name in ("revenue", AWKWARD) for arm, lift in (("b", 0.02), ("c", -0.01))]
    gap = MetricResult(
        metric_name="ratio", metric_type="Ratio", control="control", treatment="b", test="welch",
        status="not_estimable", reason="the denominator is 0 in every row",
    )  # fmt: skip
    check = CheckResult(name="sample_ratio", passed=False, p_value=1e-9, message="the arms are lopsided")
    unknown = CheckResult(name="balance", passed=None, message="there are no covariates")
    return _result([*rows, gap], [check, unknown], [Issue("a house rule was violated", source="acme")])


def _row(name: str, treatment: str, lift: float) -> MetricResult:
    difference = 10 * lift
    return MetricResult(
        metric_name=name, metric_type="Mean", control="control", treatment=treatment, test="welch",
        control_mean=10.0, treatment_mean=10.0 + difference, control_var=4.0, treatment_var=4.0,
        control_n=4998, treatment_n=4997, absolute_difference=difference, relative_lift=lift,
        p_value=0.03, p_value_raw=0.03, ci_lower=difference - 0.1, ci_upper=difference + 0.1,
        rel_ci_lower=lift - 0.01, rel_ci_upper=lift + 0.01, std_error=0.05, statistic=2.0, df=9000.0,
        power=0.6, mde=0.2, relative_interval="fieller", null_difference=0.0, null_lift=0.0,
        verdict="better" if lift > 0 else "worse", exclusions=_exclusions(),
        provenance={"test": Provenance("test", "welch", "ttests", "xpyrment", "0.1.0")},
    )  # fmt: skip


def _result(rows: list[MetricResult], checks: Any = (), issues: Any = ()) -> AnalysisResult:
    metadata = {
        "control": "control", "treatments": list(dict.fromkeys(row.treatment for row in rows)), "alpha": 0.05,
        "correction": None, "alternative": "two-sided", "relative_interval": "fieller", "treatment_col": "variant",
        "unit_col": None, "covariates": [], "metrics": list(dict.fromkeys(row.metric_name for row in rows)),
        "look": 1, "engine": "engine frames/frames (xpyrment 0.1.0)", "passes": 1,
        "rows": {"control": 5000, "treatment": 5000}, "rows_missing_label": 0, "units_in_two_arms": 0,
    }  # fmt: skip
    return AnalysisResult(rows, 0.05, checks=checks, issues=issues, metadata=metadata)


def plots() -> Iterator[PlotData]:
    """Yield one plot of every kind, and a forest plot with gaps."""
    yield forest_data(plain_result().results)
    yield forest_data(difficult_result().results)
    yield love_data({"age": {"treatment": 0.03}, "country=DE": {"treatment": -0.2}, "constant": {"treatment": None}})
    curve = PowerSeries(label="", x=(100.0, 200.0, 400.0), power=(0.3, 0.55, 0.85))
    yield power_data([curve], marks=[Mark(372.0, 0.8, "372 per arm")])
