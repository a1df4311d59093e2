"""The passes over a database that answer a request."""

from typing import Any

from attrs import evolve

from xpyrment_core.data.groups import NAMED, GroupReading, passes_of
from xpyrment_core.data.pushdown.database import Answer, Database, Request, read_answer, second_pass
from xpyrment_core.data.pushdown.groups import far_groups, read_groups
from xpyrment_core.data.query import Query

MAX_PASSES = 3
"""One pass; another for values that were missing unexpectedly; another for centres far from the mean."""


def answered(database: Database, request: Request) -> Answer:
    """Send a request; repeat it for unreliable sums, and for groups that do not fit into the first pass."""
    first, *others = _by_pass(request)
    answer, settled = _settled(database, first)
    for other in others:
        # The whole is known from the first pass; of the others only the groups count.
        part = _sent(database, evolve(settled, query=other.query))
        answer = evolve(answer, groups={**answer.groups, **part.groups}, passes=answer.passes + part.passes)
    for again in far_groups(settled, answer.groups):
        part = _sent(database, again)
        answer = answer.updated(Answer(groups=part.groups, passes=part.passes))
    return evolve(answer, groups={key: _named(database, request.query, group) for key, group in answer.groups.items()})


def _settled(database: Database, request: Request) -> tuple[Answer, Request]:
    """Send a request until its sums are reliable; return the answer, and the request with its centres and masks."""
    whole, settled, again = Answer(), request, request
    # Bounded, so that data that change between passes cannot loop; the last answer is then used.
    while again is not None and whole.passes < MAX_PASSES:
        part = _sent(database, again)
        whole = whole.updated(part)
        plan = evolve(request.plan, may_be_missing=again.plan.may_be_missing)
        settled = evolve(request, plan=plan, centres=again.centres)
        again = second_pass(again, part.moments)  # type: ignore[assignment]
    return whole, settled


def _sent(database: Database, request: Request) -> Answer:
    read = read_groups if request.group_columns else read_answer
    with database.errors():
        return read(request, database.sums(request))


def _by_pass(request: Request) -> list[Request]:
    query = request.query
    if not query.group_cols:
        return [request]
    sizes = {column: len(values) for column, values in request.levels.items()}
    passes = passes_of(query.group_cols, sizes, len(query.arms))
    return [evolve(request, query=evolve(query, group_cols=several)) for several in passes]


def _named(database: Database, query: Query, group: GroupReading) -> GroupReading:
    """Name some of the units that change their group, if any do."""
    if not group.changed.count:
        return group
    find: Any = database.changed_units  # type: ignore[attr-defined]
    with database.errors():
        named = tuple(str(unit) for unit in find(query, group.columns, NAMED))
    return evolve(group, changed=evolve(group.changed, named=named))
