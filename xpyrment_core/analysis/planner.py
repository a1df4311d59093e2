"""Plans an analysis: looks up and checks everything before any outcome is read."""

from collections.abc import Mapping, Sequence

from attrs import evolve

from xpyrment_core.analysis.covariates import CovariatePlanner
from xpyrment_core.analysis.methods import Methods, find_method, resolve
from xpyrment_core.analysis.metric_spec import MetricSpec
from xpyrment_core.analysis.plan import BALANCE, Covariate, Method, Plan, Task
from xpyrment_core.analysis.study import Study
from xpyrment_core.choices import Label
from xpyrment_core.data.labels import check_weight, resolve_arms
from xpyrment_core.data.query import ColumnType, Query, RowSet, Term, check_column
from xpyrment_core.data.reading.columns import not_numbers
from xpyrment_core.data.source import read_as, text_values
from xpyrment_core.errors import InputError, listing, nearest
from xpyrment_core.options import Options
from xpyrment_core.registry.definitions import TestDefinition
from xpyrment_core.registry.host import PluginHost


def make_plan(study: Study, options: Options) -> Plan:
    """Check a request against the study and the data's schema, and return the plan.

    Raises
    ------
    InputError
        No metrics, an unknown column, label, test, adjuster, correction or option.
    """
    # Checks that need no data come first; only text covariates and labels, below, need a scan.
    _check_metrics(study)
    schema = study.source.schema()
    covariates = _all_covariates(study, options, schema)
    _check_columns(study, schema)
    correction = None if options.correction is None else find_method(study.host, "correction", options.correction)
    methods = resolve(study, options)
    planner = CovariatePlanner(source=study.source, schema=schema, asked=options.covariates, declared=study.covariates)
    with study.engine_errors():
        tasks = tuple(_task(spec, methods[spec.name], planner, study) for spec in study.specs)
        labels = study.source.labels(study.treatment_col)
    # The labels of all rows are counted, so that variants that are not compared enter the exclusions.
    control, treatments = _arms(study, options, labels)
    _check_weights(study.weights, (control, *treatments))
    # Only compared arms are read: pooled quantities (imputed means, cuts of transformations) of one comparison
    # must not depend on arms that the caller left out.
    query = _query(study, (control, *treatments), tasks, [planner.column(name) for name in covariates])
    return Plan(
        options=options,
        control=control,
        treatments=treatments,
        labels=labels,
        tasks=tasks,
        correction=correction,
        covariates=covariates,
        query=query,
        sample_query=_sample_query(query, tasks),
        strata=query.group_cols[0] if query.group_cols else None,
    )


def _arms(study: Study, options: Options, labels: Mapping[Label | None, int]) -> tuple[Label, tuple[Label, ...]]:
    try:
        return resolve_arms(options.control, options.treatment, labels, study.treatment_col)
    except InputError as error:
        # Labels that are not as expected may come from a file that was read differently than expected.
        raise InputError(f"{error}{read_as(study.source)}") from error


def _query(study: Study, arms: tuple[Label, ...], tasks: Sequence[Task], balance: Sequence[Covariate]) -> Query:
    """Return the query of the one pass: a set of rows per metric, and one of all rows for the balance check."""
    sets = [task.row_set for task in tasks if not task.blocked]
    # Balance is about the assignment, so it uses every row: requiring an outcome could itself cause imbalance.
    if balance:
        sets.append(RowSet(BALANCE, (), tuple(term for covariate in balance for term in covariate.terms)))
    strata = () if study.strata_col is None else (study.strata_col,)
    return Query(
        treatment_col=study.treatment_col,
        arms=arms,
        row_sets=tuple(sets),
        unit_col=study.unit_col,
        group_cols=strata,
    )


def _sample_query(query: Query, tasks: Sequence[Task]) -> Query | None:
    # A second query, because unit-level values cost memory; most metrics need moments only.
    sets = tuple(task.row_set for task in tasks if task.wants_samples and not task.blocked)
    return evolve(query, row_sets=sets) if sets else None


def _check_metrics(study: Study) -> None:
    if not study.specs:
        raise InputError(
            "the experiment has no metrics: add one with experiment.register_metric('revenue', value_col='…') first."
        )


def _check_weights(weights: Mapping[Label, float] | None, arms: Sequence[Label]) -> None:
    """Check that planned weights are numbers and cover every compared variant."""
    if weights is None:
        return
    for label, weight in weights.items():
        check_weight(label, weight)
    for arm in arms:
        if arm not in weights:
            known = f"weights are given for {listing(weights)}.{nearest(arm, weights)}"
            raise InputError(f"weights: variant {arm!r} has no weight; {known}")


def _all_covariates(study: Study, options: Options, schema: Mapping[str, ColumnType]) -> tuple[str, ...]:
    # Covariates of this call are also checked for balance, even if a metric is adjusted with others.
    names = tuple(dict.fromkeys((*study.covariates, *(options.covariates or ()))))
    for name in names:
        check_column("covariate", name, schema)
        if name in (study.treatment_col, study.unit_col):
            raise InputError(
                f"covariate {name!r} is the treatment or unit column; use a column measured before the experiment."
            )
    return names


def _check_columns(study: Study, schema: Mapping[str, ColumnType]) -> None:
    for spec in study.specs:
        for column in spec.sources:
            check_column(f"metric {spec.name!r}: column", column, schema)
            if column == study.treatment_col:
                raise InputError(f"metric {spec.name!r} reads the treatment column {column!r}; use an outcome column.")
            # Strata made of the outcome would explain all of its variance, and the effect with it.
            if column == study.strata_col:
                raise InputError(f"metric {spec.name!r} reads the column of the strata {column!r}; use another column.")
        for covariate in spec.own_covariates:
            for column in covariate.columns:
                check_column(f"metric {spec.name!r}: covariate", column, schema)
                # An outcome as its own covariate would explain all variance, and the treatment effect with it.
                if column in spec.sources:
                    raise InputError(
                        f"metric {spec.name!r}: covariate {column!r} is an outcome of the metric; "
                        f"use a column measured before the experiment."
                    )


def _task(spec: MetricSpec, methods: Methods, covariates: CovariatePlanner, study: Study) -> Task:
    """Plan one metric."""
    used, notes = covariates.of_metric(spec, methods)
    test = _with_strata(spec, methods, methods.test_adjusted if used else methods.test, study)
    _check_test(spec, test, study)
    if not used and not methods.test_named:
        notes = [*notes, *_missing_default(spec, test, study.host)]
    terms = [Term(column, column) for column in spec.sources]
    terms += [term for covariate in used for term in covariate.terms]
    return Task(
        spec=spec,
        test=test,
        adjuster=methods.adjuster if used else None,
        covariates=used,
        row_set=RowSet(spec.name, spec.sources, tuple(dict.fromkeys(terms))),
        # Rows of one unit are dependent, so a default test of counts needs a replacement; a named test is kept
        # and refused, because the caller asked for it.
        fallback=methods.general if test.needs == "counts" and not methods.test_named else None,
        blocked=_blocked(spec, covariates.schema, study),
        notes=tuple(notes),
    )


def _with_strata(spec: MetricSpec, methods: Methods, test: Method, study: Study) -> Method:
    """Return the test of an experiment with strata: only tests of estimates know them."""
    if study.strata_col is None or test.needs == "estimates" or spec.reads == "samples":
        return test
    if methods.test_named or methods.general is None:
        raise InputError(
            f"test {test.name!r} of metric {spec.name!r} compares {test.needs}, which strata_col={study.strata_col!r} "
            f"does not support; use one of these tests: {listing(_tests_of_estimates(study.host))}."
        )
    return methods.general


def _missing_default(spec: MetricSpec, test: Method, host: PluginHost) -> list[str]:
    """Return a note where the metric's own default test is not available, so that another is used."""
    own = spec.default_test
    if not own or spec.margin is not None or own in host.names("test"):
        return []
    return [f"test {own!r}, the default of this kind of metric, is not available; {test.name!r} is used instead"]


def _check_test(spec: MetricSpec, test: Method, study: Study) -> None:
    # Refused here and not as a row's reason: the caller chose the test, so the request is at fault, not the data.
    if test.needs == "counts" and not spec.binary:
        raise InputError(
            f"test {test.name!r} counts successes, but metric {spec.name!r} is not a proportion; "
            f"request it for proportions only: test={{'…': {test.name!r}}}."
        )
    if test.needs != "estimates" and spec.margin is not None:
        raise InputError(
            f"metric {spec.name!r} has a margin, which test {test.name!r} does not support; "
            f"use one of these tests: {listing(_tests_of_estimates(study.host))}."
        )


def _tests_of_estimates(host: PluginHost) -> list[str]:
    entries = (entry.definition for entry in host.all("test"))
    return sorted(d.name for d in entries if isinstance(d, TestDefinition) and d.needs == "estimates")


def _blocked(spec: MetricSpec, schema: Mapping[str, ColumnType], study: Study) -> str:
    """Return why the schema alone shows that a metric cannot be estimated; empty where it does not."""
    if study.strata_col is not None and spec.reads == "samples":
        return (
            f"{spec.label or 'this kind of metric'} is not a function of means, which strata_col={study.strata_col!r} "
            f"needs; analyse it without strata"
        )
    for column in spec.sources:
        # A reason for this metric instead of an error: the other metrics can still be analysed.
        if schema[column] not in ("number", "boolean"):
            values = text_values(study.source, column)
            return f"column {column!r} does not hold numbers" if values is None else not_numbers(column, values)
    return ""
