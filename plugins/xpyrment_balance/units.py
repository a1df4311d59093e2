"""Covariate balance of opened data whose units have several rows, and the choice of the control."""

from collections.abc import Sequence

from attrs import evolve

from xpyrment_balance.covariate_balance import Label
from xpyrment_balance.result import BalanceResult
from xpyrment_core import InputError, listing
from xpyrment_core.data.frames import check_named
from xpyrment_core.data.labels import check_spellings, default_control, find_label
from xpyrment_core.data.query import Query, RowSet, Term
from xpyrment_core.data.reading.columns import check_category
from xpyrment_core.data.source import Source, text_values
from xpyrment_core.data.terms import level_terms, number_terms
from xpyrment_core.data.units import crossed

MAX_ARMS = 50
"""A column with more labels than this holds ids or measurements."""


def control_of(labels: Sequence[Label], control: Label | None, treatment_col: str) -> Label:
    """Return the label of the control among the labels of a column.

    Raises
    ------
    InputError
        There are fewer than two labels, labels that differ in spelling only, or no such label.
    """
    if len(labels) < 2:
        raise InputError(
            f"column {treatment_col!r} must hold two variants or more to compare, it holds {listing(labels)}."
        )
    if len(labels) > MAX_ARMS:
        raise InputError(
            f"column {treatment_col!r} has {len(labels):,} labels, at most {MAX_ARMS} variants are compared; is it the "
            f"column of variants?"
        )
    check_spellings(labels, treatment_col, labels)
    chosen: Label = default_control(labels) if control is None else find_label(control, labels, what="control label")
    return chosen


def balance_of_units(
    source: Source, treatment_col: str, covariates: Sequence[str], control: Label | None, id_col: str
) -> BalanceResult:
    """Return the balance of covariates whose units have several rows: their variance is between units.

    Raises
    ------
    InputError
        A column or label does not exist, or a covariate has a type that cannot be compared.
    """
    schema = source.schema()
    check_named("Group column", treatment_col, schema)
    check_named("Unit column", id_col, schema)
    for name in covariates:
        check_named("Covariate column", name, schema)
    counts = dict(source.labels(treatment_col))
    missing = counts.pop(None, 0)
    labels = tuple(counts)
    chosen = control_of(labels, control, treatment_col)
    terms = tuple(term for name in covariates for term in _terms(source, name))
    query = Query(treatment_col=treatment_col, arms=labels, row_sets=(RowSet("", (), terms),), unit_col=id_col)
    reading = source.moments(query)
    moments = {label: reading.moments["", label] for label in (chosen, *(x for x in labels if x != chosen))}
    result = BalanceResult.from_moments(moments, chosen, reading.shifts, covariates)
    note = crossed(reading.units, sum(counts.values()))
    return evolve(result, rows_without_label=missing, units=reading.units, withheld=note)


def _terms(source: Source, name: str) -> tuple[Term, ...]:
    kind = source.schema()[name]
    if kind in ("number", "boolean"):
        return number_terms(name)
    if kind != "text":
        raise InputError(
            f"covariate {name!r} holds values that are neither numbers, true/false nor text. "
            f"For a date, make a column of days since a fixed day."
        )
    check_category(name, text_values(source, name))
    return level_terms(name, (level for level in source.labels(name) if level is not None))
