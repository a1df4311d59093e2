"""Batches row sets into shared matrix products by cost."""

from collections.abc import Sequence

from attrs import frozen

from xpyrment_frames.layout import SlotSet

COLUMN_COST = 14
"""Cost of copying a column into the buffer, in units of one product of two columns (measured)."""

GROUP_COST = 8
"""Cost of one more call per block, in the same units."""


@frozen(eq=False)
class Group:
    """Row sets whose terms are multiplied together.

    Attributes
    ----------
    slots : tuple of int
        Slots of the layout, each a row of the group's buffer (after a leading row of ones).
    members : tuple of int
        Row sets of the layout.
    """

    slots: tuple[int, ...]
    members: tuple[int, ...]


def group(sets: Sequence[SlotSet]) -> tuple[Group, ...]:
    """Merge row sets greedily while one product over the union of their columns is cheaper than two.

    Examples
    --------
    Five metrics with the same covariates share one product, metrics without do not:

    >>> from xpyrment_core.data.query import RowSet
    >>> def of(*slots):
    ...     return SlotSet(RowSet("", (), ()), (), tuple((s, False) for s in slots))
    >>> [g.slots for g in group([of(0, 8, 9), of(1, 8, 9)])]
    [(0, 8, 9, 1)]
    >>> max(len(g.slots) for g in group([of(i) for i in range(50)])) < 10
    True
    """
    # Greedy: an optimal partition is a hard problem, and a query has a few dozen row sets.
    groups: list[Group] = []
    # The widest row set first, so that narrower ones can share its columns.
    for index in sorted(range(len(sets)), key=lambda i: -len(sets[i].slots)):
        new = Group(sets[index].slots, (index,))
        for at, old in enumerate(groups):
            both = Group(tuple(dict.fromkeys(old.slots + new.slots)), (*old.members, index))
            if _cost(both) <= _cost(old) + _cost(new):
                groups[at] = both
                break
        else:
            groups.append(new)
    return tuple(groups)


def _cost(one: Group) -> int:
    # The product of `width` rows with those and a row of ones; see `xpyrment_frames.products.add_gram`.
    width = len(one.slots)
    return width * (width + 1) + COLUMN_COST * width + GROUP_COST
