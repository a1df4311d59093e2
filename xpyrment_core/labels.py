"""Variant labels: their order, the default control, and the one a user means."""

from collections.abc import Hashable, Iterable
from typing import Any

from xpyrment_core.errors import InputError, listing, unknown

Label = Hashable


def is_missing(label: Any) -> bool:
    """Say whether a label is None or NaN: no variant at all."""
    return label is None or label != label


def in_order(labels: Iterable[Any]) -> list[Any]:
    """Return the labels sorted; by their text where they do not compare with one another."""
    labels = list(labels)
    try:
        return sorted(labels)
    except TypeError:
        return sorted(labels, key=str)


def find_label(wanted: Any, labels: Iterable[Any], *, by_text: bool = False, what: str = "label") -> Any:
    """Return the label in the data that equals `wanted`.

    Parameters
    ----------
    wanted : object
        What the user asked for.
    labels : iterable
        Labels that exist.
    by_text : bool
        Compare as text: on a command line every label is text.
    what : str
        What the message calls it.

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
        if label == wanted and isinstance(label, bool) == isinstance(wanted, bool):
            return label
    alike = [label for label in labels if str(label) == str(wanted)]
    if alike and by_text:
        return alike[0]
    if alike:
        raise InputError(
            f"{what} {wanted!r} is of type {type(wanted).__name__}, the labels in the data are of type "
            f"{type(alike[0]).__name__}: {listing(labels)}. Did you mean {alike[0]!r}?"
        )
    raise unknown(what, wanted, labels)


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
