"""The states of an experiment and the moves between them."""

from enum import Enum

from xpyrment_core.errors import PhaseOrderError


class ExperimentState(Enum):
    """The phase of an experiment; it moves forward only."""

    CREATED = "created"
    PLANNED = "planned"
    DESIGNED = "designed"
    RUNNING = "running"
    ANALYZED = "analyzed"
    REPORTED = "reported"


S = ExperimentState

MOVES: dict[ExperimentState, frozenset[ExperimentState]] = {
    # Metrics or data may come first: both orders occur, on paper and on existing data.
    S.CREATED: frozenset({S.PLANNED, S.DESIGNED}),
    S.PLANNED: frozenset({S.DESIGNED}),
    S.DESIGNED: frozenset({S.RUNNING}),
    # Never back to DESIGNED: metrics chosen after seeing outcomes invalidate the error rates.
    S.RUNNING: frozenset({S.ANALYZED}),
    S.ANALYZED: frozenset({S.ANALYZED, S.REPORTED}),
    # A reported result is final; another look would need a correction for repeated testing.
    S.REPORTED: frozenset(),
}
"""All moves. ANALYZED to ANALYZED is another look, with fixed metrics."""

OPEN = frozenset({S.CREATED, S.PLANNED, S.DESIGNED})
"""States in which metrics and covariates may still be added."""

ANALYZABLE = frozenset({S.DESIGNED, S.RUNNING, S.ANALYZED})
"""States from which an analysis may start."""

_DESIGN_IT = "give it data and an assignment first: experiment.design(data, treatment_col=…), or use setup(…)"
_NEXT_STEP = {
    S.CREATED: _DESIGN_IT,
    S.PLANNED: _DESIGN_IT,
    S.DESIGNED: "it can take metrics and covariates, or be analysed",
    S.RUNNING: "finish it with run_analysis()",
    S.ANALYZED: "analyse it again with run_analysis(), or start a new experiment with setup(…) to change it",
    S.REPORTED: "start a new experiment with setup(…)",
}


def check_move(source: ExperimentState, target: ExperimentState) -> None:
    """Raise PhaseOrderError unless the move is in the table."""
    if target not in MOVES[source]:
        allowed = ", ".join(sorted(state.name for state in MOVES[source])) or "no other state"
        raise PhaseOrderError(
            f"an experiment cannot go from {source.name} to {target.name}; from {source.name} it can go to {allowed}. "
            f"To go on, {_NEXT_STEP[source]}."
        )


def check_open(state: ExperimentState, call: str) -> None:
    """Raise PhaseOrderError when metrics and covariates are frozen."""
    if state not in OPEN:
        raise PhaseOrderError(
            f"{call} is not possible in state {state.name}: metrics and covariates are fixed once the experiment runs, "
            f"so that they cannot follow the results. To go on, {_NEXT_STEP[state]}."
        )


def check_analyzable(state: ExperimentState) -> None:
    """Raise PhaseOrderError when an analysis cannot start."""
    if state not in ANALYZABLE:
        raise PhaseOrderError(f"run_analysis() is not possible in state {state.name}; to go on, {_NEXT_STEP[state]}.")
