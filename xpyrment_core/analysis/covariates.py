"""Plans the covariates of a metric: which columns adjust it, and as which terms they are read."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from attrs import field, frozen

from xpyrment_core.analysis.methods import NO_ADJUSTER, Methods
from xpyrment_core.analysis.metric_spec import MetricSpec
from xpyrment_core.analysis.plan import Covariate
from xpyrment_core.data.query import ColumnType
from xpyrment_core.data.reading.columns import check_category
from xpyrment_core.data.source import Source, text_values
from xpyrment_core.data.terms import level_terms, number_terms
from xpyrment_core.errors import InputError
from xpyrment_core.stats.delta_method import ColumnMean

MAX_LEVELS = 50
"""A text covariate with more levels than this is more likely an identifier than a category."""

Found = tuple[tuple[Covariate, ...], list[str]]
"""Covariates, and notes on those that are not used."""


@frozen(kw_only=True)
class CovariatePlanner:
    """Turns covariate columns into terms to read; looks the levels of a text column up once.

    Attributes
    ----------
    source : Source
    schema : mapping of column to type
    asked : tuple of str or None
        Covariates given to this analysis; None if the option was not given.
    declared : tuple of str
        Covariates of the experiment.
    """

    source: Source
    schema: Mapping[str, ColumnType]
    asked: Sequence[str] | None
    declared: Sequence[str]
    _known: dict[str, Covariate] = field(factory=dict, init=False)

    def of_metric(self, spec: MetricSpec, methods: Methods) -> Found:
        """Return the covariates that a metric is adjusted with.

        The union of the metric's own, or else the one that is named after its column, and of those asked for
        in this analysis; with an adjuster asked for and no list, of those of the experiment.
        """
        if methods.adjuster_asked == NO_ADJUSTER:
            return (), []
        candidates, notes = self._candidates(spec, methods.adjuster_asked)
        if not candidates:
            return (), notes
        if methods.adjuster is None:
            return (), [*notes, "not adjusted for covariates: no plugin offers a default adjuster"]
        reason = _unusable(spec, methods)
        # Named for this metric the adjuster cannot be ignored; named for all, it is for the metrics that it suits.
        if reason and methods.adjuster_named:
            raise InputError(f"metric {spec.name!r} cannot be adjusted with {methods.adjuster_asked!r}: {reason}.")
        return ((), [f"not adjusted for covariates: {reason}"]) if reason else (candidates, notes)

    def _candidates(self, spec: MetricSpec, adjuster: Any) -> Found:
        own = [self._from_metric(metric) for metric in spec.own_covariates]
        listed: Found = ((), [])
        if self.asked is not None or (adjuster is not None and not own):
            listed = self._from_list(spec, self.declared if self.asked is None else self.asked, adjuster)
        # Unrequested adjustment is limited to the pre-period of the same quantity, the case where it pays most
        # (Deng et al. 2013, WSDM); the note makes the choice visible.
        matched = None if own else _matching(spec.columns, self.declared)
        found = [] if matched is None else [self.column(matched)]
        named = matched is not None and matched not in (covariate.name for covariate in listed[0])
        covariates, notes = _unique([*own, *found, *listed[0]])
        return covariates, [*([f"covariate {matched!r} was matched by its name"] if named else []), *listed[1], *notes]

    def _from_list(self, spec: MetricSpec, names: Sequence[str], adjuster: Any) -> Found:
        # A list is for all metrics, so one that is an outcome here may be a covariate of another metric.
        covariates = tuple(self.column(name) for name in names if name not in spec.sources)
        notes = [f"covariate {name!r} is left out: the metric measures it" for name in spec.sources if name in names]
        if adjuster and not covariates:
            notes.append(f"not adjusted by {getattr(adjuster, '__name__', adjuster)}: there are no covariates")
        return covariates, notes

    def _from_metric(self, metric: Any) -> Covariate:
        # A plain mean is planned by its column, so that text becomes dummies there too.
        if len(metric.columns) == 1 and isinstance(metric, ColumnMean):
            return self.column(metric.columns[0])
        terms = tuple(term for column in metric.columns for term in number_terms(column))
        return Covariate(name=metric.name, metrics=(metric,), terms=terms)

    def column(self, column: str) -> Covariate:
        """Plan a covariate column: numbers as they are, text as one dummy per level but the largest."""
        if column not in self._known:
            self._known[column] = self._plan(column)
        return self._known[column]

    def _plan(self, column: str) -> Covariate:
        kind = self.schema[column]
        if kind in ("number", "boolean"):
            return Covariate(name=column, metrics=(ColumnMean(column),), terms=number_terms(column))
        if kind != "text":
            raise InputError(
                f"covariate {column!r} holds neither numbers nor text; turn it into a number (days since …) first."
            )
        check_category(column, text_values(self.source, column))
        # Levels are taken from all rows, so that both arms have the same columns.
        levels = {level: n for level, n in self.source.labels(column).items() if level is not None}
        if len(levels) > MAX_LEVELS:
            raise InputError(
                f"covariate {column!r} has {len(levels):,} levels, at most {MAX_LEVELS} are usable; "
                f"group the rare ones, or leave it out if it is an identifier."
            )
        # The most frequent level is the reference: its dummy is the one left out.
        ordered = sorted(levels, key=lambda level: (-levels[level], str(level)))
        terms = level_terms(column, ordered)
        dummies = tuple(ColumnMean(term.name) for term in terms[1:-1])
        return Covariate(name=column, metrics=dummies, terms=terms)


def _unusable(spec: MetricSpec, methods: Methods) -> str:
    """Return why a metric or its test cannot be adjusted; empty where it can."""
    if spec.reads == "samples":
        return f"a {spec.label} metric is not a function of means"
    test = methods.test_adjusted
    return "" if test.needs == "estimates" else f"test {test.name!r} compares {test.needs}, not adjusted estimates"


def _unique(covariates: Iterable[Covariate]) -> Found:
    """Return each covariate once, and a note for those that have no two levels to compare."""
    unique = {covariate.name: covariate for covariate in covariates}
    notes = [
        f"covariate {c.name!r} is left out: it has fewer than two levels" for c in unique.values() if not c.metrics
    ]
    return tuple(unique.values()), notes


def _matching(columns: Sequence[str], covariates: Sequence[str]) -> str | None:
    """Return the covariate that is named as the pre-period of the metric's only column."""
    if len(columns) != 1:
        return None
    names = (f"pre_{columns[0]}", f"{columns[0]}_pre", f"{columns[0]}_baseline")
    return next((name for name in names if name in covariates), None)
