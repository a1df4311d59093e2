"""The inputs of an analysis: opened data, metrics, design and plugins of an experiment."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from attrs import field, frozen

from xpyrment_core.analysis.metric_spec import MetricSpec
from xpyrment_core.choices import Label
from xpyrment_core.data.source import Source
from xpyrment_core.errors import EngineError, XpyrmentError
from xpyrment_core.registry.definitions import Registered
from xpyrment_core.registry.host import PluginHost


@frozen(kw_only=True)
class Study:
    """The facts of an experiment on which an analysis depends.

    Attributes
    ----------
    source : Source
        The opened data.
    engine : Registered
        The engine that opened them.
    host : PluginHost
        Where methods and diagnostics are looked up.
    specs : tuple of MetricSpec
        The metrics, in order.
    treatment_col : str
        Column with each row's variant.
    unit_col : str or None
        Column of the unit of randomisation; None where each row is a unit.
    covariates : tuple of str
        Baseline covariates of the experiment.
    weights : mapping of label to float, or None
        Planned shares of the variants; None for equal ones.
    strata_col : str or None
        Column of the strata within which units were randomised; None for simple randomisation.
    look : int
        1 for the first analysis of the experiment, 2 for the second.
    """

    source: Source
    engine: Registered
    host: PluginHost
    specs: tuple[MetricSpec, ...]
    treatment_col: str
    unit_col: str | None = None
    covariates: tuple[str, ...] = ()
    weights: Mapping[Label, float] | None = field(default=None)
    strata_col: str | None = None
    look: int = 1

    @contextmanager
    def engine_errors(self) -> Iterator[None]:
        """Turn any failure of the engine into an EngineError that names the engine."""
        try:
            yield
        # Our own errors already name what is wrong; wrapping them would hide the type callers catch.
        except XpyrmentError:
            raise
        except Exception as error:
            made_by = self.host.provenance(self.engine)
            raise EngineError(f"{made_by} failed while reading: {type(error).__name__}: {error}") from error
