"""One function per kind of plugin that runs all checks of the kind."""

from typing import Any

from xpyrment_core.testing.kinds import Expected, checks_for
from xpyrment_core.testing.running import run_checks


def check_metric(metric: Any, *, expected_failures: Expected = None, **options: Any) -> None:
    """Check a metric: contract, gradient, merged moments, degenerate data, and type I error rate.

    Parameters
    ----------
    metric : object
        An instance: ``Margin(name="margin", cost_col="cost", revenue_col="revenue")``.
    expected_failures : mapping of check name to reason, optional
    sample : callable, optional
        ``(generator, n) -> {column: values}``, if the metric does not suit the default columns, which are positive.
    conservative : bool
        Its variance may be too large; only a type I error rate above the band is a failure.
    fast : bool
        Simulate at most 2,000 experiments per shape of data, enough for gross errors.
    statistical : bool
        False leaves the simulations out.

    Raises
    ------
    AssertionError
        Some claim does not hold; the message lists all of them, with the numbers.

    Examples
    --------
    >>> from xpyrment_core.stats.delta_method import ColumnMean
    >>> check_metric(ColumnMean("minutes"), statistical=False)
    """
    run_checks(
        f"metric {getattr(metric, 'name', metric)!r}", checks_for("metric", metric, **options), expected_failures
    )


def check_test(test: Any, *, expected_failures: Expected = None, **options: Any) -> None:
    """Check a test: contract, symmetries, degenerate data, level and coverage on five shapes of data.

    Parameters
    ----------
    test : callable or TestDefinition
        ``(control, treatment, alpha, alternative) -> Effect``.
    expected_failures : mapping of check name to reason, optional
    needs : {"estimates", "counts", "samples"}, optional
        What it is called with; taken from the definition, or from its attribute ``needs``.
    conservative : bool
        Its level may be below 0.05 and its coverage above 95 %, as those of exact tests are.
    shift : bool
        Whether adding a number to all values of both arms changes nothing.
    estimand : callable, "means" or None
        What the interval covers: the difference of means, ``(control, treatment) -> effect``
        of two very large arms, or None, which leaves coverage out.
    fast, statistical : bool
        As for `check_metric`.

    Raises
    ------
    AssertionError
        Some claim does not hold; the message lists all of them, with the numbers.

    Examples
    --------
    >>> from xpyrment_core.stats.wald import wald
    >>> def z(control, treatment, alpha, alternative):
    ...     return wald(control, treatment, alpha=alpha, alternative=alternative, df=None)
    >>> check_test(z, statistical=False)
    """
    run_checks(f"test {_name(test)!r}", checks_for("test", test, **options), expected_failures)


def check_adjuster(adjuster: Any, *, expected_failures: Expected = None, **options: Any) -> None:
    """Check a covariate adjustment: symmetries, variance reduction, level and coverage.

    Parameters
    ----------
    adjuster : callable or AdjusterDefinition
        ``(control, treatment) -> (Estimate, Estimate)`` of Moments with the outcome first.
    expected_failures : mapping of check name to reason, optional
    conservative, fast, statistical : bool
        As for `check_test`.

    Raises
    ------
    AssertionError
        Some claim does not hold; the message lists all of them, with the numbers.
    """
    run_checks(f"adjuster {_name(adjuster)!r}", checks_for("adjuster", adjuster, **options), expected_failures)


def check_correction(correction: Any, *, expected_failures: Expected = None, **options: Any) -> None:
    """Check a correction of p-values: symmetries, and the error rate that it controls.

    Parameters
    ----------
    correction : callable or CorrectionDefinition
        ``(p_values) -> adjusted p-values``.
    expected_failures : mapping of check name to reason, optional
    controls : {"fwer", "fdr"} or None
        Family-wise error rate (the default), false discovery rate, or None, which leaves the
        simulation out.
    fast, statistical : bool
        As for `check_metric`.

    Raises
    ------
    AssertionError
        Some claim does not hold; the message lists all of them, with the numbers.
    """
    run_checks(f"correction {_name(correction)!r}", checks_for("correction", correction, **options), expected_failures)


def check_engine(engine: Any, *, expected_failures: Expected = None, **options: Any) -> None:
    """Check an engine against a reference implementation, with missing cells, units and infinities.

    Parameters
    ----------
    engine : class or EngineDefinition
        With ``accepts(data)`` and ``open(data)``.
    make : callable
        ``({column: list of cells}) -> data`` of the engine's kind; a missing cell is None.
    expected_failures : mapping of check name to reason, optional

    Raises
    ------
    AssertionError
        Some claim does not hold; the message lists all of them, with the numbers.
    """
    run_checks(f"engine {_name(engine)!r}", checks_for("engine", engine, **options), expected_failures)


def check_diagnostic(diagnostic: Any, *, expected_failures: Expected = None, **options: Any) -> None:
    """Check a diagnostic on several analyses: balanced, unbalanced, with units, without covariates.

    Parameters
    ----------
    diagnostic : callable or DiagnosticDefinition
        ``(CheckContext) -> CheckResult or None``.
    expected_failures : mapping of check name to reason, optional

    Raises
    ------
    AssertionError
        Some claim does not hold; the message lists all of them.

    Examples
    --------
    >>> check_diagnostic(lambda context: None)
    """
    run_checks(f"diagnostic {_name(diagnostic)!r}", checks_for("diagnostic", diagnostic, **options), expected_failures)


def check_exporter(exporter: Any, *, expected_failures: Expected = None, **options: Any) -> None:
    """Check an exporter on a plain result and on one with gaps and awkward names.

    Parameters
    ----------
    exporter : callable or ExporterDefinition
        ``(AnalysisResult) -> str or bytes``.
    expected_failures : mapping of check name to reason, optional
    suffixes : tuple of str, optional
        Suffixes it serves; taken from the definition.

    Raises
    ------
    AssertionError
        Some claim does not hold; the message lists all of them.
    """
    run_checks(f"exporter {_name(exporter)!r}", checks_for("exporter", exporter, **options), expected_failures)


def check_plot_backend(backend: Any, *, expected_failures: Expected = None, **options: Any) -> None:
    """Check a plot backend on a forest plot, a love plot and power curves.

    Parameters
    ----------
    backend : callable or PlotBackendDefinition
        ``(PlotData, **options) -> figure``.
    expected_failures : mapping of check name to reason, optional
    suffixes, save : optional
        As in `PlotBackendDefinition`; taken from the definition.

    Raises
    ------
    AssertionError
        Some claim does not hold; the message lists all of them.
    """
    run_checks(f"plot backend {_name(backend)!r}", checks_for("plot_backend", backend, **options), expected_failures)


def check_command(command: Any, *, expected_failures: Expected = None, **options: Any) -> None:
    """Check a command: its help, and with `arguments` what it returns.

    Parameters
    ----------
    command : callable, cyclopts App or CommandDefinition
    expected_failures : mapping of check name to reason, optional
    arguments : sequence of str, optional
        Arguments to run it with: ``["shop.csv", "--metric", "revenue"]``; without them it is not run.

    Raises
    ------
    AssertionError
        Some claim does not hold; the message lists all of them.
    """
    run_checks(f"command {_name(command)!r}", checks_for("command", command, **options), expected_failures)


def _name(subject: Any) -> str:
    return str(getattr(subject, "name", None) or getattr(subject, "__name__", type(subject).__name__))
