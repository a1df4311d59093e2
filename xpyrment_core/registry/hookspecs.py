"""The hooks a plugin can implement.

Definition hooks return definitions and do nothing else; gates return issues; observers
return nothing, and a failing observer is reported but never changes a number.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING

import pluggy

from xpyrment_core.registry.definitions import (
    AdjusterDefinition,
    CommandDefinition,
    CorrectionDefinition,
    DiagnosticDefinition,
    EngineDefinition,
    ExporterDefinition,
    MetricDefinition,
    PlotBackendDefinition,
    TestDefinition,
)

if TYPE_CHECKING:
    from xpyrment_core.registry.provenance import Issue

PROJECT = "xpyrment"
API_VERSION = 1

hookspec: pluggy.HookspecMarker = pluggy.HookspecMarker(PROJECT)
hookimpl: pluggy.HookimplMarker = pluggy.HookimplMarker(PROJECT)


@hookspec
def xpyrment_metrics() -> Iterable[MetricDefinition]:
    """Offer kinds of metric."""
    raise AssertionError("a specification is never called")


@hookspec
def xpyrment_tests() -> Iterable[TestDefinition]:
    """Offer tests."""
    raise AssertionError("a specification is never called")


@hookspec
def xpyrment_adjusters() -> Iterable[AdjusterDefinition]:
    """Offer covariate adjustments."""
    raise AssertionError("a specification is never called")


@hookspec
def xpyrment_corrections() -> Iterable[CorrectionDefinition]:
    """Offer multiplicity corrections."""
    raise AssertionError("a specification is never called")


@hookspec
def xpyrment_diagnostics() -> Iterable[DiagnosticDefinition]:
    """Offer checks to be made with every analysis."""
    raise AssertionError("a specification is never called")


@hookspec
def xpyrment_engines() -> Iterable[EngineDefinition]:
    """Offer data engines."""
    raise AssertionError("a specification is never called")


@hookspec
def xpyrment_plot_backends() -> Iterable[PlotBackendDefinition]:
    """Offer plotting libraries."""
    raise AssertionError("a specification is never called")


@hookspec
def xpyrment_exporters() -> Iterable[ExporterDefinition]:
    """Offer report formats."""
    raise AssertionError("a specification is never called")


@hookspec
def xpyrment_commands() -> Iterable[CommandDefinition]:
    """Offer subcommands of ``xpyrment``."""
    raise AssertionError("a specification is never called")


@hookspec
def xpyrment_check_experiment(experiment: object) -> "Iterable[Issue]":
    """Gate: look at an experiment before it is analysed; an ``"error"`` stops the analysis."""
    raise AssertionError("a specification is never called")


@hookspec
def xpyrment_before_transition(experiment: object, source: object, target: object) -> "Iterable[Issue]":
    """Gate: look at a change of state before it happens; an ``"error"`` stops it."""
    raise AssertionError("a specification is never called")


@hookspec
def xpyrment_after_transition(experiment: object, source: object, target: object) -> None:
    """Observe a change of state."""


@hookspec
def xpyrment_after_analysis(experiment: object, result: object) -> None:
    """Observe a finished analysis."""
