"""Variant labels: their order, the default control, and lookup of a given label."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

from xpyrment_core.choices import Label
from xpyrment_core.errors import InputError, listing, unknown

MAX_LABELS = 1_000
"""A column with more distinct values than this holds ids or measurements, not variants or categories."""


def is_missing(label: Any) -> bool:
    """Return whether a label is missing: None, NaN or blank text, which is how SQL and CSV write no label."""
    # NaN and NaT differ from themselves; math.isnan would reject text.
    return label is None or bool(label != label) or (isinstance(label, str) and not label.strip())


def too_many_labels(column: str, few_valued: Mapping[str, int]) -> InputError:
    """Return the error for a column with too many distinct values to be labels.

    Parameters
    ----------
    column : str
    few_valued : mapping of column to int
        Columns with few distinct values in the first rows, and their numbers.

    Examples
    --------
    >>> print(too_many_labels("user", {"variant": 2}))
    column 'user' has more than 1,000 distinct values: it looks like an identifier or a measurement, not like variants
    or categories. Columns with few values: 'variant' (2).
    """
    known = ", ".join(f"{name!r} ({count})" for name, count in sorted(few_valued.items(), key=lambda item: item[1])[:8])
    hint = f" Columns with few values: {known}." if known else ""
    return InputError(
        f"column {column!r} has more than {MAX_LABELS:,} distinct values: it looks like an identifier or a "
        f"measurement, not like variants or categories.{hint}"
    )


def check_spellings(labels: Iterable[Any], column: str, compared: Iterable[Any]) -> None:
    """Raise InputError where a compared label differs from another one in case or surrounding spaces only.

    Examples
    --------
    >>> check_spellings(["control", "Control ", "treatment"], "variant", ["control", "treatment"])
    Traceback (most recent call last):
    xpyrment_core.errors.InputError: column 'variant' has labels that differ in case or spaces only: 'Control ' and
    'control'. They are one variant written in several ways; make them the same first.
    """
    alike: dict[str, list[str]] = {}
    for label in labels:
        if isinstance(label, str):
            alike.setdefault(_folded(label), []).append(label)
    for label in compared:
        several = alike.get(_folded(label), []) if isinstance(label, str) else []
        if len(several) > 1:
            raise InputError(
                f"column {column!r} has labels that differ in case or spaces only: "
                f"{' and '.join(map(repr, sorted(several)))}. They are one variant written in several ways; "
                f"make them the same first."
            )


def _folded(label: str) -> str:
    return " ".join(label.split()).casefold()


def in_order(labels: Iterable[Any]) -> list[Any]:
    """Return the labels sorted; as text if they cannot be compared with one another."""
    labels = list(labels)
    try:
        return sorted(labels)
    except TypeError:
        # Mixed types (1 and "a") have no order of their own, but results need one that does not depend on rows.
        return sorted(labels, key=str)


def find_label(wanted: Any, labels: Iterable[Any], *, by_text: bool = False, what: str = "label") -> Any:
    """Return the label in the data that equals `wanted`.

    Parameters
    ----------
    wanted : object
        Label given by the user.
    labels : iterable
        Labels that exist.
    by_text : bool
        Compare as text: on a command line every label is text.
    what : str
        Name of the label in messages.

    Raises
    ------
    InputError
        There is no such label, or only one of another type (``"1"`` for ``1``).

    Examples
    --------
    >>> find_label("1", [0, 1], by_text=True)
    1
    """
    labels = list(labels)
    for label in labels:
        # True == 1 in Python, but a column of booleans and one of 0 and 1 are different labels.
        if label == wanted and isinstance(label, bool) == isinstance(wanted, bool):
            return label
    # "1" for 1 is most often a slip, so it is refused with a suggestion; only commands, whose words are all text,
    # convert it.
    alike = [label for label in labels if str(wanted) in _spellings(label) or label == wanted]
    if alike and by_text:
        return alike[0]
    if alike:
        raise InputError(
            f"{what} {wanted!r} is of type {type(wanted).__name__}, the labels in the data are of type "
            f"{type(alike[0]).__name__}: {listing(labels)}. Did you mean {alike[0]!r}?"
        )
    raise unknown(what, wanted, labels)


def check_weight(label: Any, weight: Any) -> float:
    """Return the planned weight of a variant as a float; 0 means that it should have no units.

    Raises
    ------
    InputError
        Not a finite number of 0 or more.

    Examples
    --------
    >>> check_weight("treatment", 0.5)
    0.5
    """
    try:
        # True would pass as the number 1, and text as the number that it spells.
        number = math.nan if isinstance(weight, bool | str) else float(weight)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not 0 <= number < math.inf:
        raise InputError(f"the weight of {label!r} must be a number, 0 or more, got {weight!r}.")
    return number


def default_control(labels: Iterable[Any]) -> Any:
    """Return the label ``control`` in any case if there is one, else the first in sorted order.

    Examples
    --------
    >>> default_control(["A", "Control", "B"]), default_control(["B", "A"])
    ('Control', 'A')
    """
    ordered = in_order(labels)
    named = [label for label in ordered if isinstance(label, str) and label.strip().casefold() == "control"]
    return (named or ordered)[0]


def _spellings(label: Any) -> tuple[str, ...]:
    # A file says "false" or "FALSE", which is read as False.
    if isinstance(label, bool):
        return (str(label), str(label).lower(), str(label).upper())
    # A column of 0 and 1 with missing values is read as 0.0 and 1.0; "1" on a command line still matches.
    return (str(label), f"{label:g}") if isinstance(label, float) else (str(label),)


def resolve_arms(
    control: Any, treatment: Any, found: Mapping[Label | None, int], column: str
) -> tuple[Label, tuple[Label, ...]]:
    """Return the control's label and those of the treatments to compare with it.

    Parameters
    ----------
    control : label
    treatment : label, list of labels, or None
        None means every other label in the data.
    found : mapping of label to int
        Rows per label in the data.
    column : str
        Name of the treatment column, for messages.

    Raises
    ------
    InputError
        A label is not in the data or is given twice, or there is only one label.

    Examples
    --------
    >>> resolve_arms("a", None, {"a": 10, "b": 9, "c": 11, None: 2}, "variant")
    ('a', ('b', 'c'))
    """
    # Rows without a label belong to no variant: they are counted as exclusions, never as a treatment.
    labels = in_order(label for label in found if not is_missing(label))
    chosen = find_label(control, labels, what=f"control, column {column!r}: label")
    if treatment is None:
        others = tuple(label for label in labels if label != chosen)
        if not others:
            raise InputError(
                f"column {column!r} has only the label {chosen!r}, the control; a comparison needs a second label."
            )
        check_spellings(labels, column, (chosen, *others))
        return chosen, others
    several = list(treatment) if isinstance(treatment, list | tuple | set | frozenset) else [treatment]
    if not several:
        raise InputError("treatment is an empty list; give at least one label, or None for all labels but the control.")
    treatments = tuple(find_label(label, labels, what=f"treatment, column {column!r}: label") for label in several)
    check_spellings(labels, column, (chosen, *treatments))
    seen = {chosen}
    for label in treatments:
        if label in seen:
            what = "is also the control" if label == chosen else "is given twice"
            raise InputError(f"treatment {label!r} {what}; give each treatment once, and none that is the control.")
        seen.add(label)
    return chosen, treatments
