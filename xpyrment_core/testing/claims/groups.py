"""Claims on the moments per group that an engine returns next to those of the whole."""

from collections.abc import Callable, Iterator
from functools import partial, wraps
from typing import Any

import numpy as np
from attrs import evolve

from xpyrment_core.data.groups import Grouping, GroupReading
from xpyrment_core.data.labels import MAX_LABELS
from xpyrment_core.data.query import Query, Reading, RowSet, Term
from xpyrment_core.errors import InputError
from xpyrment_core.testing.claims.engines import (
    ARMS,
    FAR,
    QUERY,
    EngineSubject,
    assert_moments,
    assert_read,
    example,
)
from xpyrment_core.testing.engine_reference import Data, expected, group_rows, usable_rows
from xpyrment_core.testing.running import Check
from xpyrment_core.testing.simulation import seeded

Claim = Callable[[EngineSubject], None]


def group_checks(subject: EngineSubject, statistical: bool = True) -> Iterator[Check]:
    """Yield the checks of groups; an engine that refuses groups in clear words passes them."""
    for claim in (groups, groups_of_units, groups_of_samples, groups_apart, groups_limited):
        yield Check(claim.__name__, partial(claim, subject))


def _unless_refused(claim: Claim) -> Claim:
    """Skip a claim where the engine refuses groups with an InputError that names a group column."""

    @wraps(claim)
    def checked(subject: EngineSubject) -> None:
        try:
            subject.open(example()).moments(evolve(QUERY, group_cols=("country",)))
        except InputError as refused:
            assert "country" in str(refused), f"it refuses groups without naming the column: {refused}"
            return
        claim(subject)

    return checked


def _assert_groups(data: Data, query: Query, reading: Reading) -> None:
    assert_read(data, query, reading)
    for grouping in query.group_cols:
        assert grouping in reading.groups, f"the groups of {grouping} were not read"
        group = reading.groups[grouping]
        found = {arm: group_rows(data, query, grouping, arm) for arm in query.arms}
        levels = set().union(*(rows for rows, _ in found.values()))
        assert len(group.levels) == len(levels) and set(group.levels) == levels, (
            f"the groups of {grouping} are {group.levels}, expected {sorted(levels, key=str)}"
        )
        for arm in query.arms:
            rows_of, changed = found[arm]
            assert group.changed.units.get(arm, 0) == len(changed), (
                f"{group.changed} of {grouping}, expected {len(changed)} units of arm {arm!r}"
            )
            _assert_group(data, query, grouping, reading, arm, rows_of)


def _assert_group(data: Data, query: Query, grouping: Grouping, reading: Reading, arm: Any, rows_of: Any) -> None:
    group = reading.groups[grouping]
    for level in group.levels:
        among = rows_of.get(level, [])
        units = among if query.unit_col is None else {data[query.unit_col][i] for i in among}
        where = f"group {level} of {grouping}, arm {arm!r}"
        assert group.units[level, arm] == len(units), f"{where}: {group.units[level, arm]} units, not {len(units)}"
        for rows in query.row_sets:
            reference = expected(data, query, rows, arm, reading.shifts, among)
            key = rows.key, level, arm
            assert group.rows[key] == reference.rows, f"{where}: {group.rows[key]} rows, expected {reference.rows}"
            assert_moments(group.moments[key], reference, f"{where}, row set {rows.key!r}")
            if query.unit_col is not None:
                sums = group.sums[key]
                assert_moments(sums.per_row(), reference, f"{where}, row set {rows.key!r}, from the sums per unit")
                assert_moments(sums.about(sums.shift + 1.0).per_row(), reference, f"{where}, about another shift")


@_unless_refused
def groups(subject: EngineSubject) -> None:
    """Moments per group of one column and of two are those of the group's rows; missing is a group of its own."""
    data = example()
    query = evolve(QUERY, group_cols=("country", "member", ("country", "member"), "visits"))
    _assert_groups(data, query, subject.open(data).moments(query))


def _example_of_units() -> dict[str, list[Any]]:
    """Return rows of units with one variant and one country each, except of some."""
    data = example()
    chance = seeded("engine groups")
    user = chance.integers(0, 60, len(data["variant"])).tolist()
    data |= {"user": [f"user {u}" if i % 41 else None for i, u in enumerate(user)]}
    data["variant"] = [("control", "treatment", "other")[u % 3] if i % 31 else "other" for i, u in enumerate(user)]
    data["country"] = [None if u % 5 == 0 else ("DE", "FR")[u % 2] if i % 23 else "US" for i, u in enumerate(user)]
    data["member"] = [u % 4 == 0 for u in user]
    return data


@_unless_refused
def groups_of_samples(subject: EngineSubject) -> None:
    """Samples have the group of each row; rows of units that change it have none."""
    grouping = ("member", "country")
    for data, unit_col in ((example(), None), (_example_of_units(), "user")):
        query = evolve(QUERY, unit_col=unit_col, group_cols=(grouping,), row_sets=QUERY.row_sets[-1:])
        found = subject.open(data).samples(query)
        for arm in ARMS:
            sample = found[QUERY.row_sets[-1].key, arm]
            groups = sample.groups[grouping]
            values = [(groups.levels[c] if c >= 0 else None) for c in groups.codes]
            observed = sorted(zip(map(str, values), sample.columns["visits"].tolist(), strict=True))
            among, changed = group_rows(data, query, grouping, arm)
            wanted = [(str(level), float(data["visits"][i])) for level, rows in among.items() for i in rows]
            wanted += [
                (str(None), float(data["visits"][i]))
                for i in usable_rows(data, query, arm)
                if unit_col is not None and data[unit_col][i] in changed
            ]
            assert observed == sorted(wanted), f"the groups of the samples of arm {arm!r} differ from those of the rows"


@_unless_refused
def groups_of_units(subject: EngineSubject) -> None:
    """With repeated units the group of a unit is that of its rows; units that change it are counted and left out."""
    data = _example_of_units()
    query = evolve(QUERY, unit_col="user", group_cols=("country", "member", ("member", "country")))
    reading = subject.open(data).moments(query)
    _assert_groups(data, query, reading)
    changed = reading.groups[("country",)].changed
    assert changed.named and set(changed.named) <= set(data["user"]), f"units that change are not named: {changed}"
    assert sum(changed.rows.values()) >= 2 * changed.count, f"rows of units that change are not counted: {changed}"


@_unless_refused
def groups_apart(subject: EngineSubject) -> None:
    """The variance within a group is accurate where groups lie far apart."""
    data = example()
    place = {"DE": 0.0, "FR": FAR, "US": -FAR, None: 3 * FAR}
    noise = seeded("engine apart").standard_normal(len(data["country"]))
    data["far"] = [place[c] + float(e) for c, e in zip(data["country"], noise, strict=True)]
    rows = RowSet("far", ("far",), (Term("far", "far"),))
    query = evolve(QUERY, row_sets=(rows,), group_cols=("country",))
    group: GroupReading = subject.open(data).moments(query).groups[("country",)]
    for arm in ARMS:
        for level, among in group_rows(data, query, ("country",), arm)[0].items():
            variance = expected(data, query, rows, arm, {}, among).moments.cov[0, 0]
            observed = group.moments["far", level, arm].cov[0, 0]
            assert abs(observed / variance - 1) < 1e-5, (
                f"group {level}, arm {arm!r}: the variance is {observed!r}, expected {variance!r}"
            )


@_unless_refused
def groups_limited(subject: EngineSubject) -> None:
    """A column with too many values to be groups is refused, by name."""
    data = example(3 * MAX_LABELS)
    data["ticket"] = [f"ticket {i}" for i in np.arange(len(data["variant"])) // 2]
    try:
        subject.open(data).moments(evolve(QUERY, group_cols=("ticket",)))
    except InputError as refused:
        assert "ticket" in str(refused), f"the column is not named: {refused}"
    else:
        raise AssertionError(f"{len(set(data['ticket'])):,} groups were read")
