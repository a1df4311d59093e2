"""Reading all that a plan asks for, and noticing what the moments alone cannot say."""

import math
from collections.abc import Mapping
from typing import Any

from attrs import frozen

from xpyrment_core.experiment import Experiment
from xpyrment_core.plan import Plan, Task
from xpyrment_core.reading import ArmSample, Label, Reading


@frozen(kw_only=True)
class Data:
    """What was read for a plan."""

    reading: Reading
    samples: Mapping[tuple[str, Label], ArmSample]
    infinite: Mapping[tuple[str, Label], int]
    blocked: Mapping[str, str]


def read(experiment: Experiment, plan: Plan) -> Data:
    """Read all that the plan asks for.

    Raises
    ------
    EngineError
        Whatever goes wrong in the engine, as one error that names it.
    """
    source = experiment.source
    with experiment.engine_errors():
        reading = source.moments(plan.query)
        samples = {} if plan.sample_query is None else source.samples(plan.sample_query)
        columns = _infinite_columns(plan, reading)
        infinite = source.infinite(columns, plan.query.treatment_col) if columns else {}
        blocked: dict[str, str] = {}
        for task in plan.tasks:
            if getattr(task.spec.metric, "binary", False) and not task.blocked:
                blocked |= _not_binary(task, source)
    return Data(reading=reading, samples=samples, infinite=infinite, blocked=blocked)


def _infinite_columns(plan: Plan, reading: Reading) -> list[str]:
    columns: dict[str, None] = {}
    for task in plan.tasks:
        for arm in plan.arms:
            moments = reading.moments.get((task.spec.name, arm))
            for i, term in enumerate(task.row_set.terms if moments is not None and moments.n else ()):
                if moments is not None and term.kind == "value" and not math.isfinite(moments.mean[i]):
                    columns[term.column] = None
    return list(columns)


def _not_binary(task: Task, source: Any) -> dict[str, str]:
    for column in task.spec.sources:
        found = source.offending(column, (0.0, 1.0))
        if found:
            values = ", ".join(f"{value:g}" for value in found)
            return {task.spec.name: f"column {column!r} is not binary: it holds {values} beside 0 and 1"}
    return {}
