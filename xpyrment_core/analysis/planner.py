"""Planning an analysis: everything is looked up and checked here, before any row is read."""

import math
from collections.abc import Iterable, Mapping, Sequence
from numbers import Real
from typing import Any

from attrs import evolve

from xpyrment_core.analysis.methods import Choices, find_method
from xpyrment_core.analysis.metric_spec import MetricSpec
from xpyrment_core.analysis.plan import BALANCE, Covariate, Method, Plan, Reads, Task
from xpyrment_core.analysis.study import Study
from xpyrment_core.data.labels import resolve_arms
from xpyrment_core.data.query import ColumnType, Query, RowSet, Term, check_column
from xpyrment_core.data.source import Source
from xpyrment_core.errors import InputError, listing, nearest
from xpyrment_core.options import DEFAULT_TEST, Label, Options
from xpyrment_core.stats.delta_method import ColumnMean

MAX_LEVELS = 50
"""A text covariate with more levels than this is more likely an identifier than a category."""


def make_plan(study: Study, options: Options) -> Plan:
    """Check everything an analysis needs, and return what is to be done.

    Raises
    ------
    InputError
        No metrics, an unknown column, label, test, adjuster, correction or option.
    """
    _check_metrics(study)
    source, host = study.source, study.host
    schema = source.schema()
    covariates = _all_covariates(study, options, schema)
    _check_columns(study, schema)
    correction = None if options.correction is None else find_method(host, "correction", options.correction)
    choices = Choices(study, options)
    planner = _Planner(source, schema, choices, study, options.covariates)
    with study.engine_errors():
        tasks = tuple(planner.task(spec) for spec in study.specs)
        labels = source.labels(study.treatment_col)
    control, treatments = resolve_arms(options.control, options.treatment, labels, study.treatment_col)
    arms = (control, *treatments)
    _check_weights(study.weights, arms)
    sets = [task.row_set for task in tasks if not task.blocked]
    if covariates:
        sets.append(RowSet(BALANCE, (), tuple(t for c in covariates for t in planner.covariate(c).terms)))
    query = Query(treatment_col=study.treatment_col, arms=arms, row_sets=tuple(sets), unit_col=study.unit_col)
    samples = tuple(task.row_set for task in tasks if task.wants_samples and not task.blocked)
    return Plan(
        options=options,
        control=control,
        treatments=treatments,
        labels=labels,
        tasks=tasks,
        correction=correction,
        covariates=covariates,
        query=query,
        sample_query=evolve(query, row_sets=samples) if samples else None,
    )


def _check_metrics(study: Study) -> None:
    if not study.specs:
        raise InputError(
            "the experiment has no metrics: add one with experiment.register_metric('revenue', value_col='…') first."
        )


def _check_weights(weights: Mapping[Label, float] | None, arms: Sequence[Label]) -> None:
    """Refuse planned weights that are no shares, or that leave a compared variant out."""
    if weights is None:
        return
    for label, weight in weights.items():
        if isinstance(weight, bool) or not isinstance(weight, Real) or not 0 < weight < math.inf:
            raise InputError(f"weights: the weight of {label!r} must be a positive number, got {weight!r}.")
    for arm in arms:
        if arm not in weights:
            raise InputError(f"weights: variant {arm!r} has none, given are {listing(weights)}.{nearest(arm, weights)}")


def _all_covariates(study: Study, options: Options, schema: Mapping[str, ColumnType]) -> tuple[str, ...]:
    names = tuple(dict.fromkeys((*study.covariates, *(options.covariates or ()))))
    for name in names:
        check_column("covariate", name, schema)
        if name in (study.treatment_col, study.unit_col):
            raise InputError(f"covariate {name!r} is the treatment or unit column; name a baseline measurement.")
    return names


def _check_columns(study: Study, schema: Mapping[str, ColumnType]) -> None:
    for spec in study.specs:
        for column in spec.sources:
            check_column(f"metric {spec.name!r}: column", column, schema)
            if column == study.treatment_col:
                raise InputError(f"metric {spec.name!r} reads the treatment column {column!r}; name an outcome.")
        for covariate in spec.own_covariates:
            for column in covariate.columns:
                check_column(f"metric {spec.name!r}: covariate", column, schema)
                if column in spec.sources:
                    raise InputError(
                        f"metric {spec.name!r}: covariate {column!r} is what the metric measures; "
                        f"name a column from before the experiment."
                    )


class _Planner:
    """Turns specs into tasks; keeps the levels of categorical covariates it has looked up."""

    def __init__(
        self,
        source: Source,
        schema: Mapping[str, ColumnType],
        choices: Choices,
        study: Study,
        asked: Sequence[str] | None,
    ) -> None:
        self.source, self.schema, self.choices = source, schema, choices
        self.study, self.asked = study, asked
        self._known: dict[str, Covariate] = {}

    def task(self, spec: MetricSpec) -> Task:
        """Plan one metric."""
        blocked = self._blocked(spec)
        reads: Reads = _reads(spec.metric)
        wanted = self.choices.adjuster_name(spec)
        found, notes = ((), []) if wanted == "none" else self._covariates(spec, wanted)
        test, named = self.choices.test(spec, adjusted=bool(found))
        covariates, notes = self._usable(spec, test, reads, wanted, found, notes)
        adjuster = find_method(self.choices.host, "adjuster", wanted or "cuped") if covariates else None
        if test.needs == "counts" and not getattr(spec.metric, "binary", False):
            raise InputError(
                f"test {test.name!r} counts successes, but metric {spec.name!r} is not a proportion; "
                f"name it for the proportions only: test={{'…': {test.name!r}}}."
            )
        if test.needs != "estimates" and spec.margin is not None:
            raise InputError(
                f"metric {spec.name!r} has a non-inferiority margin, which test {test.name!r} does not know; "
                f"use 'welch', 'student' or 'z' for it."
            )
        fallback = (
            find_method(self.choices.host, "test", str(DEFAULT_TEST)) if test.needs == "counts" and not named else None
        )
        terms = [Term(column, column) for column in spec.sources]
        terms += [term for covariate in covariates for term in covariate.terms]
        return Task(
            spec=spec,
            test=test,
            adjuster=adjuster,
            covariates=covariates,
            row_set=RowSet(spec.name, spec.sources, tuple(dict.fromkeys(terms))),
            reads=reads,
            fallback=fallback,
            blocked=blocked,
            notes=tuple(notes),
        )

    def _blocked(self, spec: MetricSpec) -> str:
        for column in spec.sources:
            if self.schema[column] not in ("number", "boolean"):
                return f"column {column!r} does not hold numbers"
        return ""

    def _covariates(self, spec: MetricSpec, adjuster: Any) -> tuple[tuple[Covariate, ...], list[str]]:
        own = spec.own_covariates
        if own:
            found = {covariate.name: covariate for covariate in map(self._from_metric, own)}
            return tuple(found.values()), _unused(found.values())
        if self.asked is not None or adjuster is not None:
            names = self.asked if self.asked is not None else self.study.covariates
            found = {name: self.covariate(name) for name in names if name not in spec.sources}
            outcomes = [
                f"covariate {name!r} is left out: the metric measures it" for name in spec.sources if name in names
            ]
            label = getattr(adjuster, "__name__", adjuster)
            none = [f"not adjusted by {label}: there are no covariates"] if adjuster and not found else []
            return tuple(found.values()), [*_unused(found.values()), *outcomes, *none]
        matched = _matching(spec.metric.columns, self.study.covariates)
        if matched is None:
            return (), []
        found = {matched: self.covariate(matched)}
        return tuple(found.values()), [f"covariate {matched!r} was matched by its name", *_unused(found.values())]

    def _usable(
        self,
        spec: MetricSpec,
        test: Method,
        reads: Reads,
        adjuster: Any,
        covariates: tuple[Covariate, ...],
        notes: list[str],
    ) -> tuple[tuple[Covariate, ...], list[str]]:
        """Leave the covariates out where the test or the metric cannot use them, and say so."""
        if not covariates:
            return (), notes
        if reads != "samples" and test.needs == "estimates":
            return covariates, notes
        why = (
            f"a {spec.label} metric is not a function of means"
            if reads == "samples"
            else f"test {test.name!r} compares {test.needs}, not adjusted estimates"
        )
        if isinstance(self.choices.adjusters.get(spec.name), str):
            raise InputError(f"metric {spec.name!r} cannot be adjusted with {adjuster!r}: {why}.")
        return (), [f"not adjusted for covariates: {why}"]

    def _from_metric(self, metric: Any) -> Covariate:
        if len(metric.columns) == 1 and isinstance(metric, ColumnMean):
            return self.covariate(metric.columns[0])
        terms = tuple(term for column in metric.columns for term in _numeric_terms(column))
        return Covariate(name=metric.name, metrics=(metric,), terms=terms)

    def covariate(self, column: str) -> Covariate:
        """Plan a covariate column: numbers as they are, text as one dummy per level but the largest."""
        if column not in self._known:
            self._known[column] = self._plan_covariate(column)
        return self._known[column]

    def _plan_covariate(self, column: str) -> Covariate:
        kind = self.schema[column]
        if kind in ("number", "boolean"):
            return Covariate(name=column, metrics=(ColumnMean(column),), terms=_numeric_terms(column))
        if kind != "text":
            raise InputError(
                f"covariate {column!r} holds neither numbers nor text; turn it into a number (days since …) first."
            )
        levels = {level: n for level, n in self.source.labels(column).items() if level is not None}
        if len(levels) > MAX_LEVELS:
            raise InputError(
                f"covariate {column!r} has {len(levels):,} levels, at most {MAX_LEVELS} are usable; "
                f"group the rare ones, or leave it out if it is an identifier."
            )
        ordered = sorted(levels, key=lambda level: (-levels[level], str(level)))
        terms = [Term(f"{column}={level}", column, "level", level) for level in ordered]
        dummies = tuple(ColumnMean(term.name) for term in terms[1:])
        missing = Term(f"{column} is missing", column, "missing")
        return Covariate(name=column, metrics=dummies, terms=(*terms, missing))


def _unused(covariates: Iterable[Covariate]) -> list[str]:
    """Return a note for each text covariate that has no two levels to tell apart."""
    return [f"covariate {c.name!r} is left out: it has fewer than two levels" for c in covariates if not c.metrics]


def _numeric_terms(column: str) -> tuple[Term, Term]:
    return Term(column, column, "filled"), Term(f"{column} is missing", column, "missing")


def _reads(metric: Any) -> Reads:
    if hasattr(metric, "derive"):
        return "derived"
    return "moments" if hasattr(metric, "value") else "samples"


def _matching(columns: Sequence[str], covariates: Sequence[str]) -> str | None:
    """Return the covariate that is named as the pre-period of the metric's only column."""
    if len(columns) != 1:
        return None
    names = (f"pre_{columns[0]}", f"{columns[0]}_pre", f"{columns[0]}_baseline")
    return next((name for name in names if name in covariates), None)
