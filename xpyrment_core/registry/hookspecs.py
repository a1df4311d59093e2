"""The hooks a plugin can implement.

Definition hooks return definitions and have no side effects; gates return issues; observers
return nothing, and a failing observer is reported but never changes a number.
"""

# mypy: disable-error-code="empty-body"

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

# The registry is the lowest layer: importing these at run time would be an import cycle, and slow start-up.
if TYPE_CHECKING:
    from xpyrment_core.analysis.result import AnalysisResult
    from xpyrment_core.experiment.experiment import Experiment
    from xpyrment_core.experiment.state import ExperimentState
    from xpyrment_core.registry.provenance import Issue
    from xpyrment_core.values.analysis_plan import AnalysisPlan

PROJECT = "xpyrment"
# Raise it only for a change that breaks existing plugins; a new hook or a new argument of a hook does not.
API_VERSION = 1

hookspec: pluggy.HookspecMarker = pluggy.HookspecMarker(PROJECT)
hookimpl: pluggy.HookimplMarker = pluggy.HookimplMarker(PROJECT)


@hookspec
def xpyrment_metrics() -> Iterable[MetricDefinition]:
    """Offer kinds of metric."""


@hookspec
def xpyrment_tests() -> Iterable[TestDefinition]:
    """Offer tests."""


@hookspec
def xpyrment_adjusters() -> Iterable[AdjusterDefinition]:
    """Offer covariate adjustments."""


@hookspec
def xpyrment_corrections() -> Iterable[CorrectionDefinition]:
    """Offer multiplicity corrections."""


@hookspec
def xpyrment_diagnostics() -> Iterable[DiagnosticDefinition]:
    """Offer checks to be made with every analysis."""


@hookspec
def xpyrment_engines() -> Iterable[EngineDefinition]:
    """Offer data engines."""


@hookspec
def xpyrment_plot_backends() -> Iterable[PlotBackendDefinition]:
    """Offer plotting libraries."""


@hookspec
def xpyrment_exporters() -> Iterable[ExporterDefinition]:
    """Offer report formats."""


@hookspec
def xpyrment_commands() -> Iterable[CommandDefinition]:
    """Offer subcommands of ``xpyrment``."""


@hookspec
def xpyrment_check_experiment(experiment: "Experiment", plan: "AnalysisPlan") -> "Iterable[Issue]":
    """Gate: inspect an experiment and its plan before an analysis; an ``"error"`` stops it.

    No row has been read. An implementation declares only the arguments it uses, by name.
    """


@hookspec
def xpyrment_before_transition(
    experiment: "Experiment", source: "ExperimentState", target: "ExperimentState", plan: "AnalysisPlan | None"
) -> "Iterable[Issue]":
    """Gate: inspect a change of state before it happens; an ``"error"`` stops it.

    `plan` is None where the state changes outside an analysis.
    """


@hookspec
def xpyrment_after_transition(experiment: "Experiment", source: "ExperimentState", target: "ExperimentState") -> None:
    """Observe a change of state."""


@hookspec
def xpyrment_after_analysis(experiment: "Experiment", result: "AnalysisResult") -> None:
    """Observe a finished analysis."""
