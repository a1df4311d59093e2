"""The lifecycle of an experiment: its state, and the history of transitions and analyses."""

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from attrs import frozen

from xpyrment_core.experiment.state import ExperimentState, check_move
from xpyrment_core.registry.host import PluginHost
from xpyrment_core.registry.provenance import Issue
from xpyrment_core.values.analysis_plan import AnalysisPlan


@frozen
class HistoryEntry:
    """One transition or analysis of an experiment.

    Attributes
    ----------
    what : str
        ``"transition"`` or ``"analysis"``.
    when : str
        UTC time, ISO 8601.
    details : dict
        The states of a transition, or the options of an analysis.
    """

    what: str
    when: str
    details: dict[str, Any]


class Lifecycle:
    """State and history of one experiment; every change of state is recorded and passes the gates."""

    def __init__(self) -> None:
        self.state = ExperimentState.CREATED
        self.history: tuple[HistoryEntry, ...] = ()
        # Fingerprint of the design, from RUNNING on; empty before, when everything may change.
        self.fixed: dict[str, str] = {}

    @property
    def looks(self) -> int:
        """The number of finished analyses."""
        return sum(entry.what == "analysis" for entry in self.history)

    def move(
        self, experiment: Any, target: ExperimentState, host: PluginHost, plan: AnalysisPlan | None = None
    ) -> list[Issue]:
        """Move to another state if the table of moves and the plugins' gates allow it."""
        source = self.state
        # The table first: gates need not know which moves exist.
        check_move(source, target)
        facts = {"experiment": experiment, "source": source, "target": target}
        issues = host.gate("xpyrment_before_transition", **facts, plan=plan)
        self.state = target
        self.record("transition", source=source.name, target=target.name)
        # Observers see the new state, and cannot stop the move.
        host.observe("xpyrment_after_transition", **facts)
        return issues

    def record(self, what: str, **details: Any) -> None:
        """Add an entry to the history."""
        now = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
        # A new tuple, so that a history returned earlier does not change.
        self.history = (*self.history, HistoryEntry(what, now, details))

    @contextmanager
    def undone_on_failure(self) -> Iterator[None]:
        """Restore the state, the history and the fingerprint if the block raises."""
        before = self.state, self.history, self.fixed
        try:
            yield
        # KeyboardInterrupt too: an interrupted read of a large table is not a look.
        except BaseException:
            self.state, self.history, self.fixed = before
            raise
