"""Reads the moments and samples of a plan, and looks for infinite and non-binary values."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from attrs import evolve, frozen

from xpyrment_core.analysis.plan import Plan, Task
from xpyrment_core.analysis.study import Study
from xpyrment_core.choices import Label
from xpyrment_core.data.query import Reading, RowSet, Term
from xpyrment_core.data.reading.columns import not_numbers
from xpyrment_core.data.source import Source, text_values
from xpyrment_core.errors import InputError
from xpyrment_core.values.samples import ArmSample


@frozen(kw_only=True)
class Data:
    """The data read for a plan.

    Attributes
    ----------
    reading : Reading
    samples : mapping of (metric, arm) to ArmSample
    infinite : mapping of (column, arm) to int
        Infinite values in columns whose mean is not finite.
    blocked : mapping of metric to str
        Why the values of a metric do not allow an estimate.
    """

    reading: Reading
    samples: Mapping[tuple[str, Label], ArmSample]
    infinite: Mapping[tuple[str, Label], int]
    blocked: Mapping[str, str]


def read(study: Study, plan: Plan) -> Data:
    """Read all that the plan asks for.

    Raises
    ------
    EngineError
        Any failure of the engine, as one error that names it.
    """
    source = study.source
    with study.engine_errors():
        reading = source.moments(plan.query)
        samples = {} if plan.sample_query is None else source.samples(plan.sample_query)
        known = plan.strata in reading.groups and all(plan.strata in sample.groups for sample in samples.values())
        if plan.strata is not None and not known:
            # An engine that does not know groups ignores them.
            raise InputError(
                f"{study.host.provenance(study.engine)} does not read groups, which strata_col={study.strata_col!r} "
                f"needs; give the data as a frame or as files, or leave strata_col out."
            )
        # Infinite values show in the mean, so they are counted, by another pass, only where a mean is not finite.
        columns = _infinite_columns(plan, reading)
        infinite = source.infinite(columns, plan.query.treatment_col) if columns else {}
        blocked = _not_readable(plan, source, columns)
        for task in plan.tasks:
            if task.spec.binary and not task.blocked and task.spec.name not in blocked:
                blocked |= _not_binary(plan, task, source)
    return Data(reading=reading, samples=samples, infinite=infinite, blocked=blocked)


def _not_readable(plan: Plan, source: Source, columns: Sequence[str]) -> dict[str, str]:
    """Return per metric which text of a column of numbers is not a number; it was read as infinite."""
    found = {column: text_values(source, column) for column in columns}
    reasons = {column: not_numbers(column, values) for column, values in found.items() if values is not None}
    return {task.spec.name: reasons[column] for task in plan.tasks for column in task.spec.sources if column in reasons}


def _infinite_columns(plan: Plan, reading: Reading) -> list[str]:
    columns: dict[str, None] = {}
    for task in plan.tasks:
        for arm in plan.arms:
            moments = reading.moments.get((task.spec.name, arm))
            for i, term in enumerate(task.row_set.terms if moments is not None and moments.n else ()):
                # Covariate terms are skipped: an infinite covariate is left out of the adjustment, with a note.
                if moments is not None and term.kind == "value" and not math.isfinite(moments.mean[i]):
                    columns[term.column] = None
    return list(columns)


def _not_binary(plan: Plan, task: Task, source: Any) -> dict[str, str]:
    for column in task.spec.sources:
        outside = source.values_outside(column, (0.0, 1.0))
        if outside and set(plan.labels) - set(plan.arms):
            # The values may all belong to variants that are not compared; those must not block the metric.
            outside = _values_outside_in_arms(plan, column, source)
        if outside:
            values = ", ".join(f"{value:g}" for value in outside)
            return {task.spec.name: f"column {column!r} is not binary: it holds {values} beside 0 and 1"}
    return {}


def _values_outside_in_arms(plan: Plan, column: str, source: Any, limit: int = 5) -> tuple[float, ...]:
    rows = RowSet(column, (column,), (Term(column, column),))
    samples = source.samples(evolve(plan.query, row_sets=(rows,), unit_col=None))
    values = {float(v) for arm in plan.arms for v in np.unique(samples[column, arm].columns[column])}
    return tuple(sorted(values - {0.0, 1.0})[:limit])
