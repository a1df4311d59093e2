"""The kit's front: all checks of a kind, at once or one pytest case each."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from xpyrment_core.errors import InputError, unknown
from xpyrment_core.registry.definitions import CorrectionDefinition, Definition, TestDefinition
from xpyrment_core.testing.claims.adjusters import AdjusterSubject, adjuster_checks
from xpyrment_core.testing.claims.corrections import CorrectionSubject, correction_checks
from xpyrment_core.testing.claims.engines import EngineSubject, engine_checks
from xpyrment_core.testing.claims.metrics import MetricSubject, metric_checks
from xpyrment_core.testing.claims.tests import test_checks
from xpyrment_core.testing.running import Check, checked_expectations, run_checks
from xpyrment_core.testing.subject_of_tests import TestSubject

Expected = Mapping[str, str] | None


def _metric(metric: Any, **options: Any) -> MetricSubject:
    if inspect.isclass(metric):
        raise InputError(f"check a metric, not its class: {metric.__name__}(name='…', …), got the class.")
    return MetricSubject(metric=metric, **options)


def _test(test: Any, **options: Any) -> TestSubject:
    if isinstance(test, TestDefinition):
        return _test(test.load(), **{"needs": test.needs, **options})
    given: dict[str, Any] = {"needs": getattr(test, "needs", "estimates"), **options}
    return TestSubject(call=test, **given)


def _adjuster(adjuster: Any, **options: Any) -> AdjusterSubject:
    return AdjusterSubject(call=_loaded(adjuster), **options)


def _correction(correction: Any, **options: Any) -> CorrectionSubject:
    if isinstance(correction, CorrectionDefinition) and correction.needs != "p_values":
        raise InputError(f"correction {correction.name!r} works on effects; the kit checks corrections of p-values.")
    return CorrectionSubject(call=_loaded(correction), **options)


def _engine(engine: Any, **options: Any) -> EngineSubject:
    if "make" not in options:
        raise InputError("check_engine needs make=({column: cells}) -> data, such as make=pandas.DataFrame.")
    return EngineSubject(engine=_loaded(engine), make=options["make"])


def _loaded(subject: Any) -> Any:
    return subject.load() if isinstance(subject, Definition) else subject


_KINDS: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "metric": (_metric, metric_checks),
    "test": (_test, test_checks),
    "adjuster": (_adjuster, adjuster_checks),
    "correction": (_correction, correction_checks),
    "engine": (_engine, engine_checks),
}


def checks_for(kind: str, subject: Any, *, statistical: bool = True, **options: Any) -> list[Check]:
    """Return the checks of a kind, to be run one by one.

    Parameters
    ----------
    kind : {"metric", "test", "adjuster", "correction", "engine"}
    subject : object
        The metric, the function, or its definition.
    statistical : bool
        False leaves out the simulations of level and coverage.
    **options
        As for ``check_<kind>``.

    Raises
    ------
    InputError
        An unknown kind, or options that do not fit it.

    Examples
    --------
    >>> def bonferroni(p_values):
    ...     return (p_values * (p_values == p_values).sum()).clip(max=1.0)
    >>> [check.name for check in checks_for("correction", bonferroni, statistical=False)]
    ['contract', 'monotone', 'row_order', 'one_alone', 'missing', 'effective', 'pure']
    """
    if kind not in _KINDS:
        raise unknown("kind", kind, _KINDS)
    make, checks = _KINDS[kind]
    try:
        return list(checks(make(subject, **options), statistical))
    except TypeError as error:
        raise InputError(f"the checks of a {kind} do not take these options: {error}.") from error


def parametrize_with_checks(kind: str, subject: Any, *, expected_failures: Expected = None, **options: Any) -> Any:
    """Make one pytest case of each check of a subject; the test function takes ``check`` and calls it.

    Parameters
    ----------
    kind, subject, **options
        As for `checks_for`.
    expected_failures : mapping of check name to reason
        Claims that the subject openly does not keep: strict, so a claim kept after all fails.

    Returns
    -------
    pytest mark
        Cases with simulations are marked ``simulation`` where pytest knows that mark.

    Examples
    --------
    >>> @parametrize_with_checks("correction", lambda p: p, statistical=False)
    ... def test_my_correction(check):
    ...     check()
    """
    import pytest

    checks = checks_for(kind, subject, **options)
    expected = checked_expectations(checks, expected_failures)
    cases = []
    for check in checks:
        marks = [pytest.mark.xfail(reason=expected[check.name], strict=True)] if check.name in expected else []
        cases.append(pytest.param(check, marks=marks, id=check.name))
    return pytest.mark.parametrize("check", cases)


def check_metric(metric: Any, *, expected_failures: Expected = None, **options: Any) -> None:
    """Check a metric against everything that metrics promise.

    Parameters
    ----------
    metric : object
        An instance: ``Margin(name="margin", cost_col="cost", revenue_col="revenue")``.
    expected_failures : mapping of check name to reason, optional
    sample : callable, optional
        ``(generator, n) -> {column: values}``, where the kit's positive columns do not suit.
    conservative : bool
        Its variance may be too large; only too many false findings are an error.
    fast : bool
        Simulate at most 2,000 experiments per shape of data, where a gross error shows.
    statistical : bool
        False leaves the simulations out.

    Raises
    ------
    AssertionError
        Every claim that it does not keep, with the numbers.

    Examples
    --------
    >>> from xpyrment_core.stats.delta_method import ColumnMean
    >>> check_metric(ColumnMean("minutes"), statistical=False)
    """
    run_checks(
        f"metric {getattr(metric, 'name', metric)!r}", checks_for("metric", metric, **options), expected_failures
    )


def check_test(test: Any, *, expected_failures: Expected = None, **options: Any) -> None:
    """Check a test against everything that tests promise: level and coverage in five shapes of data included.

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
        Every claim that it does not keep, with the numbers.

    Examples
    --------
    >>> from xpyrment_core.stats.wald import wald
    >>> def z(control, treatment, alpha, alternative):
    ...     return wald(control, treatment, alpha=alpha, alternative=alternative, df=None)
    >>> check_test(z, statistical=False)
    """
    run_checks(f"test {_name(test)!r}", checks_for("test", test, **options), expected_failures)


def check_adjuster(adjuster: Any, *, expected_failures: Expected = None, **options: Any) -> None:
    """Check a covariate adjustment: its symmetries, its gain, and level and coverage of what it adjusts.

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
        Every claim that it does not keep, with the numbers.
    """
    run_checks(f"adjuster {_name(adjuster)!r}", checks_for("adjuster", adjuster, **options), expected_failures)


def check_correction(correction: Any, *, expected_failures: Expected = None, **options: Any) -> None:
    """Check a correction of p-values: its symmetries, and the error rate that it bounds.

    Parameters
    ----------
    correction : callable or CorrectionDefinition
        ``(p_values) -> adjusted p-values``.
    expected_failures : mapping of check name to reason, optional
    controls : {"fwer", "fdr"} or None
        The chance of any false finding (the default), the expected share of false ones
        among the findings, or nothing that could be simulated.
    fast, statistical : bool
        As for `check_metric`.

    Raises
    ------
    AssertionError
        Every claim that it does not keep, with the numbers.
    """
    run_checks(f"correction {_name(correction)!r}", checks_for("correction", correction, **options), expected_failures)


def check_engine(engine: Any, *, expected_failures: Expected = None, **options: Any) -> None:
    """Check that an engine finds the numbers of a plain reference: missing cells, units, infinities and all.

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
        Every claim that it does not keep, with the numbers.
    """
    run_checks(f"engine {_name(engine)!r}", checks_for("engine", engine, **options), expected_failures)


def _name(subject: Any) -> str:
    return str(getattr(subject, "name", None) or getattr(subject, "__name__", type(subject).__name__))
