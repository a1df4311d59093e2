"""`analyze_stats`: the analysis of totals per variant, without rows."""

from collections.abc import Mapping
from typing import Any

from xpyrment_core.analysis.result import AnalysisResult
from xpyrment_core.choices import Alternative, Label, RelativeMethod
from xpyrment_core.data.reading.options import ReadOptions
from xpyrment_core.data.totals.read import METRIC, read_totals
from xpyrment_core.errors import InputError
from xpyrment_core.experiment.experiment import Experiment
from xpyrment_core.experiment.setup import setup
from xpyrment_core.options import DEFAULT_TEST
from xpyrment_core.registry.definitions import MetricDefinition
from xpyrment_core.registry.host import PluginHost


def analyze_stats(
    stats: Any,
    control: Any = "control",
    treatment: Any = None,
    alpha: float = 0.05,
    multi_test_correction: str | None = None,
    *,
    metric: str = METRIC,
    treatment_col: str = "variant",
    weights: Mapping[Label, float] | None = None,
    test: Any = DEFAULT_TEST,
    alternative: Alternative = "two-sided",
    relative_interval: RelativeMethod = "fieller",
    read: "ReadOptions | Mapping[str, Any] | None" = None,
    plugins: PluginHost | None = None,
) -> AnalysisResult:
    """Analyse totals: size, mean and standard deviation per variant, or successes and size.

    The tests, corrections, checks, plots and reports are those of an analysis of rows, and so are the numbers. Methods
    that need the values of the units (ranks, quantiles, bootstrap) or covariances (ratios, covariates) are refused.

    Parameters
    ----------
    stats : mapping, frame or path
        - of one metric: ``{"control": {"n": 900, "mean": 3.1, "sd": 1.2}, "treatment": …}``; in place of ``sd``
          ``variance`` (both with denominator n - 1) or ``std_error`` (of the mean); or ``n``, ``sum`` and
          ``sum_squares``;
        - of one proportion: ``{"control": (successes, n), "treatment": …}``, or ``{"n": …, "successes": …}``;
        - of several: ``{"revenue": {"control": …, "treatment": …, "role": "guardrail", "margin": "2%"}, …}``, with
          ``role``, ``direction`` and ``margin`` as in `Experiment.register_metric`;
        - a frame, or a table in a file, with one row per metric and variant and these names as columns;
        - the path of a JSON or TOML file that holds such a mapping.
    control : label
    treatment : label, list of labels, or None
        None means every other variant.
    alpha, multi_test_correction, test, alternative, relative_interval, plugins
        As in `run_analysis`.
    metric : str
        Name of the metric, where `stats` are of one.
    treatment_col : str
        Column of the variant in a table.
    weights : mapping of label to float, optional
        Planned shares of the variants, for the sample-ratio check.
    read : ReadOptions or mapping, optional
        How to read a file.

    Returns
    -------
    AnalysisResult

    Raises
    ------
    InputError
        A total is missing or impossible, or a method needs more than totals.

    Examples
    --------
    >>> minutes = {"control": {"n": 900, "mean": 3.1, "sd": 1.2}, "treatment": {"n": 880, "mean": 3.3, "sd": 1.3}}
    >>> result = analyze_stats(minutes)
    >>> f"{result.raw_results[0]['absolute_difference']:.2f}, p = {result.raw_results[0]['p_value']:.4f}"
    '0.20, p = 0.0008'
    >>> analyze_stats({"control": (120, 1000), "treatment": (151, 1010)}, metric="converted").summary()["p-value"][0]
    '0.0528'
    """
    experiment = experiment_of_totals(stats, treatment_col, metric, weights=weights, read=read, plugins=plugins)
    return experiment.run_analysis(
        control,
        treatment,
        alpha,
        multi_test_correction,
        test=test,
        alternative=alternative,
        relative_interval=relative_interval,
    )


def experiment_of_totals(
    stats: Any,
    treatment_col: str = "variant",
    metric: str = METRIC,
    *,
    read: "ReadOptions | Mapping[str, Any] | None" = None,
    **options: Any,
) -> Experiment:
    """Return an experiment on totals, with a metric for each that they describe.

    Parameters
    ----------
    stats, treatment_col, metric, read
        As in `analyze_stats`.
    **options
        ``weights`` and ``plugins`` of `setup`.

    Raises
    ------
    InputError
        The totals cannot be read, or are impossible.
    """
    totals = read_totals(stats, treatment_col, metric, read)
    experiment = setup(totals, totals.treatment_col, **options)
    for described in totals.metrics:
        kind = {"metric_type": _kind_of_counts(experiment.plugins)} if described.binary else {}
        experiment.register_metric(described.name, **kind, **described.role)
    return experiment


def _kind_of_counts(host: PluginHost) -> str:
    """Return the kind of metric that successes out of n are."""
    for entry in sorted(host.all("metric"), key=lambda entry: (not entry.builtin, entry.qualified)):
        if isinstance(entry.definition, MetricDefinition) and entry.definition.counts:
            return entry.qualified
    raise InputError("no plugin offers a kind of metric for successes out of n; see 'xpyrment plugins'.")
