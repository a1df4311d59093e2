"""Historical rows as a frame in memory, and new experiments drawn from them."""

from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from xpyrment_core import (
    AnalysisResult,
    Experiment,
    InputError,
    MetricSpec,
    Options,
    PluginHost,
    Study,
    analyse,
    default_host,
)
from xpyrment_core.data.engines import find_engine
from xpyrment_core.data.frames import as_pandas, select

if TYPE_CHECKING:
    import pandas as pd

UNIT = "(simulated unit)"


@frozen(eq=False)
class History:
    """Historical rows from which experiments are drawn.

    Attributes
    ----------
    frame : DataFrame
        Only the columns that the experiment reads.
    starts : ndarray of int
        Rows are sorted by unit; unit u has rows ``starts[u]`` up to ``starts[u + 1]``.
    treatment_col, unit_col : str
        ``unit_col`` is None where every row is a unit.
    strata : ndarray of int or None
        Stratum of each unit, that of its first row; None for simple randomisation.
    """

    frame: "pd.DataFrame"
    starts: NDArray[np.int64]
    treatment_col: str
    unit_col: str | None
    strata: NDArray[np.int64] | None = None

    @property
    def units(self) -> int:
        """Number of units."""
        return len(self.starts) - 1

    def rows_of(self, units: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the rows of the units, and for each row the position of its unit in `units`."""
        sizes = np.diff(self.starts)[units]
        position = np.repeat(np.arange(len(units)), sizes)
        # Running index within each unit, without a loop over units.
        within = np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        return self.starts[units][position] + within, position

    def randomised(self, rng: np.random.Generator, units: NDArray[np.int64] | None = None) -> NDArray[np.int64]:
        """Return the units (or positions in `units`) in random order, such that each stays within its stratum.

        The places of a stratum's units are those of its units in the given order: a permutation of labels by this
        order is one within strata.
        """
        n = self.units if units is None else len(units)
        if self.strata is None:
            return rng.permutation(n)
        strata = self.strata if units is None else self.strata[units]
        order = np.empty(n, dtype=np.int64)
        order[np.argsort(strata, kind="stable")] = np.lexsort((rng.random(n), strata))
        return order


def history_of(experiment: Experiment) -> History:
    """Read the columns an experiment needs into memory.

    Raises
    ------
    InputError
        There are no metrics, no data, or a column is missing.
    """
    if not experiment.specs:
        raise InputError("the experiment has no metrics to simulate: add one with register_metric() first.")
    if experiment.data is None or experiment.treatment_col is None:
        raise InputError("the experiment has no data to simulate from: make it with setup(data, treatment_col).")
    columns = _columns(experiment)
    named = (experiment.treatment_col, experiment.unit_col, experiment.strata_col)
    identifiers = [column for column in named if column is not None]
    wanted = [("column", column) for column in columns]
    rows = select(experiment.data, wanted, identifiers=identifiers, read=experiment.read)
    frame = as_pandas(rows, [experiment.unit_col] if experiment.unit_col else [])
    unit = experiment.unit_col
    if unit is None:
        frame = frame.reset_index(drop=True)
        return _with_strata(frame, np.arange(len(frame) + 1), experiment)
    frame = frame[frame[unit].notna()].sort_values(unit, kind="stable").reset_index(drop=True)
    # Rows without a unit are left out, as in the analysis; the stable sort keeps a unit's rows in their order.
    codes = frame[unit].to_numpy()
    starts = np.flatnonzero(np.r_[True, codes[1:] != codes[:-1]]) if len(frame) else np.array([], dtype=np.int64)
    return _with_strata(frame, np.r_[starts, len(frame)].astype(np.int64), experiment)


def _with_strata(frame: "pd.DataFrame", starts: NDArray[np.int64], experiment: Experiment) -> History:
    strata = None
    if experiment.strata_col is not None:
        # Missing strata have the code -1, and are a stratum too.
        strata = frame[experiment.strata_col].factorize()[0][starts[:-1]].astype(np.int64)
    return History(frame, starts, str(experiment.treatment_col), experiment.unit_col, strata)


def _columns(experiment: Experiment) -> list[str]:
    names: list[Any] = [experiment.treatment_col, experiment.unit_col, experiment.strata_col, *experiment.covariates]
    for spec in experiment.specs:
        names += [*spec.sources, *(column for covariate in spec.own_covariates for column in covariate.columns)]
    return list(dict.fromkeys(name for name in names if name is not None))


@frozen
class Blueprint:
    """An analysis that can be repeated on other data, also in another process.

    Attributes
    ----------
    specs : tuple of MetricSpec
    treatment_col : str
    clustered : bool
        Whether rows are grouped by the simulated unit.
    covariates : tuple of str
    host : PluginHost or None
        None stands for the default host of whichever process runs it.
    strata_col : str or None
    """

    specs: tuple[MetricSpec, ...]
    treatment_col: str
    clustered: bool
    covariates: tuple[str, ...]
    host: PluginHost | None
    strata_col: str | None = None

    @classmethod
    def of(cls, experiment: Experiment) -> "Blueprint":
        """Take the blueprint of an experiment."""
        # The default host is found anew in each process, so it need not be pickled.
        host = None if experiment.plugins is default_host() else experiment.plugins
        clustered = experiment.unit_col is not None
        return cls(
            experiment.specs,
            str(experiment.treatment_col),
            clustered,
            experiment.covariates,
            host,
            experiment.strata_col,
        )

    def analyse(self, data: Any, options: Options) -> AnalysisResult:
        """Analyse other data of the same columns, without gates and observers."""
        return analyse(self.study(data), options)

    def study(self, data: Any) -> Study:
        """Return the study that other data of the same columns are."""
        host = default_host() if self.host is None else self.host
        engine = find_engine(host, data)
        return Study(
            source=engine.load()().open(data),
            engine=engine,
            host=host,
            specs=self.specs,
            treatment_col=self.treatment_col,
            unit_col=UNIT if self.clustered else None,
            covariates=self.covariates,
            strata_col=self.strata_col,
        )
