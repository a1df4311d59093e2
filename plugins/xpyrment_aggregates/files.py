"""File format of aggregates: versioned JSON with exact floats."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

import numpy as np

from xpyrment_aggregates.aggregate import Aggregate, StoredSet
from xpyrment_core import InputError, Label, Moments, UnitReport
from xpyrment_core.data.query import ColumnType, Term

KIND = "xpyrment moments"
SCHEMA_VERSION = 1

Json = dict[str, Any]


def write(aggregate: Aggregate) -> str:
    """Return an aggregate as JSON text."""
    document = {
        "kind": KIND,
        "schema_version": SCHEMA_VERSION,
        "treatment_col": aggregate.treatment_col,
        "unit_col": aggregate.unit_col,
        "origin": dict(aggregate.origin),
        "columns": dict(aggregate.columns),
        "binary": sorted(aggregate.binary),
        "levels": {column: _pairs(counts) for column, counts in aggregate.levels.items()},
        "shifts": dict(aggregate.shifts),
        "infinite": [[column, label, count] for (column, label), count in aggregate.infinite.items()],
        "units": None if aggregate.units is None else _written_units(aggregate.units),
        "sets": [_written_set(stored) for stored in aggregate.sets],
    }
    # json writes the shortest text that reads back as the same float, so files are exact. NaN and infinities are not
    # JSON: `_number` has written them as text.
    return json.dumps(document, indent=1, allow_nan=False, ensure_ascii=False) + "\n"


def read(path: str) -> Aggregate:
    """Return the aggregate in a file.

    Raises
    ------
    InputError
        The file does not exist, is not a moments file, or has a later version.
    """
    if Path(path).exists() and not Path(path).is_file():  # reading a pipe would wait for ever
        raise InputError(f"'{path}' is not a regular file; give the path of a file of moments.")
    try:
        document = json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError(f"moments file not found at '{path}'.") from error
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"'{path}' cannot be read as a file of moments: {error}.") from error
    if not isinstance(document, dict) or document.get("kind") != KIND:
        raise InputError(f"'{path}' is not a file of moments; make one with 'xpyrment aggregate'.")
    # A later version may have changed the meaning of a field, which no check would notice.
    version = document.get("schema_version")
    if version != SCHEMA_VERSION:
        raise InputError(
            f"'{path}' has version {version!r} of the file of moments, this xpyrment reads version {SCHEMA_VERSION}; "
            f"update xpyrment, or aggregate again."
        )
    try:
        return _aggregate(document, path)
    # With the right header, a missing or malformed field means that the file was cut off or edited.
    except (AttributeError, IndexError, KeyError, OverflowError, TypeError, ValueError) as error:
        raise InputError(
            f"'{path}' is damaged: {type(error).__name__}: {error}. Write it again with 'xpyrment aggregate'."
        ) from error


def _aggregate(document: Json, path: str) -> Aggregate:
    _check_types(document)
    return Aggregate(
        treatment_col=document["treatment_col"],
        unit_col=document["unit_col"],
        origin=document["origin"],
        columns=document["columns"],
        binary=frozenset(document["binary"]),
        levels={column: _mapping(pairs) for column, pairs in document["levels"].items()},
        shifts=document["shifts"],
        infinite={(column, label): count for column, label, count in document["infinite"]},
        units=None if document["units"] is None else _read_units(document["units"]),
        sets=tuple(_read_set(stored) for stored in document["sets"]),
        name=path,
    )


def _check_types(document: Json) -> None:
    """Raise ValueError where a field that is used as it stands has another type."""
    fields = {
        "treatment_col": isinstance(document["treatment_col"], str),
        "unit_col": isinstance(document["unit_col"], str | None),
        "origin": _texts(document["origin"]),
        "columns": _texts(document["columns"]) and {*document["columns"].values()} <= {*get_args(ColumnType)},
        "shifts": all(_is_number(value) for value in document["shifts"].values()),
        "binary": all(isinstance(name, str) for name in document["binary"]),
    }
    wrong = [name for name, right in fields.items() if not right]
    if wrong:
        raise ValueError(f"{', '.join(wrong)} cannot be {', '.join(repr(document[name])[:40] for name in wrong)}")
    if document["treatment_col"] not in document["levels"]:
        raise ValueError("there are no counts of the treatment column")


def _texts(mapping: Any) -> bool:
    return isinstance(mapping, dict) and all(isinstance(value, str) for value in mapping.values())


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _label(value: Any) -> Any:
    """Return a label; raise ValueError if it is none."""
    if isinstance(value, list | dict) or (isinstance(value, float) and not math.isfinite(value)):
        raise ValueError(f"{value!r} is not a label")
    return value


def _count(value: Any) -> int:
    """Return a count; raise ValueError if it is none."""
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**63:
        raise ValueError(f"{value!r} is not a count")
    return value


def _pairs(counts: Mapping[Label | None, int]) -> list[list[Any]]:
    """Return a mapping as pairs, because JSON would convert its keys to text."""
    return [[label, count] for label, count in counts.items()]


def _mapping(pairs: list[list[Any]]) -> dict[Any, int]:
    return {_label(label): _count(count) for label, count in pairs}


def _written_units(units: UnitReport) -> Json:
    return {
        "units": _pairs(units.units),
        "repeated": units.repeated,
        "in_two_arms": units.in_two_arms,
        "rows_in_two_arms": _pairs(units.rows_in_two_arms),
        "rows_without_unit": _pairs(units.rows_without_unit),
    }


def _read_units(units: Json) -> UnitReport:
    return UnitReport(
        units=_mapping(units["units"]),
        repeated=bool(units["repeated"]),
        in_two_arms=_count(units["in_two_arms"]),
        rows_in_two_arms=_mapping(units["rows_in_two_arms"]),
        rows_without_unit=_mapping(units["rows_without_unit"]),
    )


def _written_set(stored: StoredSet) -> Json:
    return {
        "required": sorted(stored.required),
        "terms": [[t.name, t.column, t.kind, t.level] for t in stored.terms],
        "arms": [
            {
                "label": label,
                "rows": stored.rows[label],
                "n": moments.n,
                "mean": [_number(v) for v in moments.mean.tolist()],
                "m2": [_number(v) for v in moments.m2[np.triu_indices(len(moments.columns))].tolist()],
            }
            for label, moments in stored.moments.items()
        ],
    }


def _read_set(stored: Json) -> StoredSet:
    terms = tuple(Term(*map(_label, term)) for term in stored["terms"])
    moments = {arm["label"]: _read_moments(arm, terms) for arm in stored["arms"]}
    rows = {arm["label"]: _count(arm["rows"]) for arm in stored["arms"]}
    return StoredSet(frozenset(stored["required"]), terms, moments, rows)


def _read_moments(arm: Json, terms: tuple[Term, ...]) -> Moments:
    k = len(terms)
    # The matrix is symmetric; only its upper triangle is stored.
    m2 = np.zeros((k, k))
    upper = np.triu_indices(k)
    m2[upper] = [float(v) for v in arm["m2"]]
    m2.T[upper] = m2[upper]
    return Moments(tuple(t.name for t in terms), _count(arm["n"]), [float(v) for v in arm["mean"]], m2)


def _number(value: float) -> float | str:
    """Return a float, or text that `float` reads for infinities and NaN, which JSON lacks."""
    return value if math.isfinite(value) else str(value)
