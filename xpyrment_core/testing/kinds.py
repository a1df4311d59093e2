"""The kinds of the kit: how each makes its subject from the arguments, and its checks."""

import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from xpyrment_core.errors import InputError, unknown
from xpyrment_core.registry.definitions import (
    CommandDefinition,
    CorrectionDefinition,
    Definition,
    ExporterDefinition,
    PlotBackendDefinition,
    TestDefinition,
)
from xpyrment_core.testing.claims.adjusters import AdjusterSubject, adjuster_checks
from xpyrment_core.testing.claims.commands import CommandSubject, command_checks
from xpyrment_core.testing.claims.corrections import CorrectionSubject, correction_checks
from xpyrment_core.testing.claims.diagnostics import DiagnosticSubject, diagnostic_checks
from xpyrment_core.testing.claims.engines import EngineSubject, engine_checks
from xpyrment_core.testing.claims.exporters import ExporterSubject, exporter_checks
from xpyrment_core.testing.claims.groups import group_checks
from xpyrment_core.testing.claims.metrics import MetricSubject, metric_checks
from xpyrment_core.testing.claims.plot_backends import PlotBackendSubject, plot_backend_checks
from xpyrment_core.testing.claims.tests import test_checks
from xpyrment_core.testing.running import Check, checked_expectations
from xpyrment_core.testing.subject_of_tests import TestSubject

Expected = Mapping[str, str] | None


def _metric(metric: Any, **options: Any) -> MetricSubject:
    if inspect.isclass(metric):
        raise InputError(
            f"expected a metric, got the class {metric.__name__}; pass an instance: {metric.__name__}(name='…', …)."
        )
    return MetricSubject(metric=metric, **options)


def _test(test: Any, **options: Any) -> TestSubject:
    if isinstance(test, TestDefinition):
        # An explicit option comes last, so that it overrides the definition.
        return _test(test.load(), **{"needs": test.needs, **options})
    given: dict[str, Any] = {"needs": getattr(test, "needs", "estimates"), **options}
    return TestSubject(call=test, **given)


def _adjuster(adjuster: Any, **options: Any) -> AdjusterSubject:
    return AdjusterSubject(call=_loaded(adjuster), **options)


def _correction(correction: Any, **options: Any) -> CorrectionSubject:
    # Corrections of effects need correlated estimates, which families of p-values do not give.
    if isinstance(correction, CorrectionDefinition) and correction.needs != "p_values":
        raise InputError(f"correction {correction.name!r} works on effects; the kit checks corrections of p-values.")
    return CorrectionSubject(call=_loaded(correction), **options)


def _engine(engine: Any, **options: Any) -> EngineSubject:
    if "make" not in options:
        raise InputError("check_engine needs make=({column: cells}) -> data, such as make=pandas.DataFrame.")
    return EngineSubject(engine=_loaded(engine), make=options["make"])


def _engine_checks(subject: EngineSubject, statistical: bool) -> Iterator[Check]:
    yield from engine_checks(subject, statistical)
    yield from group_checks(subject, statistical)


def _diagnostic(diagnostic: Any, **options: Any) -> DiagnosticSubject:
    return DiagnosticSubject(call=_loaded(diagnostic), **options)


def _exporter(exporter: Any, **options: Any) -> ExporterSubject:
    given = {"suffixes": exporter.suffixes} if isinstance(exporter, ExporterDefinition) else {}
    return ExporterSubject(call=_loaded(exporter), **{**given, **options})


def _plot_backend(backend: Any, **options: Any) -> PlotBackendSubject:
    given: dict[str, Any] = {}
    if isinstance(backend, PlotBackendDefinition):
        given = {"suffixes": backend.suffixes, "save": backend.load_save()}
    return PlotBackendSubject(call=_loaded(backend), **{**given, **options})


def _command(command: Any, **options: Any) -> CommandSubject:
    given = {"summary": command.summary} if isinstance(command, CommandDefinition) else {}
    return CommandSubject(call=_loaded(command), **{**given, **options})


def _loaded(subject: Any) -> Any:
    return subject.load() if isinstance(subject, Definition) else subject


_KINDS: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "metric": (_metric, metric_checks),
    "test": (_test, test_checks),
    "adjuster": (_adjuster, adjuster_checks),
    "correction": (_correction, correction_checks),
    "diagnostic": (_diagnostic, diagnostic_checks),
    "engine": (_engine, _engine_checks),
    "plot_backend": (_plot_backend, plot_backend_checks),
    "exporter": (_exporter, exporter_checks),
    "command": (_command, command_checks),
}


def checks_for(kind: str, subject: Any, *, statistical: bool = True, **options: Any) -> list[Check]:
    """Return the checks of a kind, to be run one by one.

    Parameters
    ----------
    kind : str
        ``"metric"``, ``"test"``, ``"adjuster"``, ``"correction"``, ``"diagnostic"``, ``"engine"``,
        ``"plot_backend"``, ``"exporter"`` or ``"command"``.
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
    # Subjects are attrs classes, which raise TypeError with the name of an unknown keyword.
    except TypeError as error:
        raise InputError(f"the checks of a {kind} do not take these options: {error}.") from error


def parametrize_with_checks(kind: str, subject: Any, *, expected_failures: Expected = None, **options: Any) -> Any:
    """Make one pytest case of each check of a subject; the test function takes ``check`` and calls it.

    Parameters
    ----------
    kind, subject, **options
        As for `checks_for`.
    expected_failures : mapping of check name to reason
        Claims known not to hold for the subject; strict: if one holds after all, its case fails.

    Returns
    -------
    pytest mark
        Cases with simulations are marked ``simulation`` if pytest knows that mark.

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
