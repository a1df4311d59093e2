"""The parts of xpyrment that are timed: one reading by the frames engine, and a whole analysis."""

from collections.abc import Sequence
from typing import Any

import xpyrment as xp
from xpyrment_core.data.query import Query, Reading, RowSet, Term
from xpyrment_frames.engine import FrameSource


def one_row_set(metrics: Sequence[str], arms: Sequence[Any]) -> Query:
    """Return the query of the cross-products of all metrics on their common rows."""
    terms = tuple(Term(name, name) for name in metrics)
    return Query(treatment_col="variant", arms=tuple(arms), row_sets=(RowSet("all", tuple(metrics), terms),))


def read(frame: Any, query: Query) -> Reading:
    """Open a frame, count its labels and read its moments, as every analysis does."""
    # A new source each time: it caches the labels, which an analysis has to count.
    source = FrameSource(frame)
    source.labels(query.treatment_col)
    return source.moments(query)


def analyse(frame: Any, metrics: Sequence[str], control: Any, treatment: Any, covariates: Sequence[str] = ()) -> Any:
    """Set up an experiment and analyse it."""
    experiment = xp.setup(frame, treatment_col="variant", covariates=list(covariates) or None)
    for name in metrics:
        experiment.register_metric(name)
    options = {"covariates": list(covariates)} if covariates else {}
    return experiment.run_analysis(control=control, treatment=treatment, **options)
