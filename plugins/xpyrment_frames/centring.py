"""Sums of products about a shift near each arm's mean; reads again where the first shift was too far away."""

import numpy as np

from xpyrment_frames.arms import Arms
from xpyrment_frames.kernel import Floats, Grams, grams
from xpyrment_frames.layout import Layout

FAR = 100.0
"""Standard deviations between shift and mean beyond which the variance loses digits."""

WHOLE = 2.0**53
"""Up to this, float64 represents every integer."""

MOST_PASSES = 3
"""The mean of the first pass may be imprecise because of a distant shift; that of the second is not."""


def centred_grams(layout: Layout, arms: Arms) -> tuple[Grams, list[Floats], int]:
    """Return the grams, the centres subtracted from the terms, and the number of passes.

    One pass, unless the shift of some column lies far from an arm's mean; then further
    ones over the data's own values, less the arm's own means.

    Returns
    -------
    grams : list of ndarray of shape (arms, 1 + terms, 1 + terms)
    centres : list of ndarray of shape (arms, terms)
    passes : int
    """
    sums = grams(layout, arms)
    centres = [np.tile(layout.shift_of(slot_set), (arms.count, 1)) for slot_set in layout.sets]
    passes = 1
    # A corrected two-pass algorithm (Chan, Golub and LeVeque 1983): deviations are taken from the means of the pass
    # before, so that sums of squares do not cancel.
    while passes < MOST_PASSES and any(map(_far, sums)):
        # With an infinite mean as centre, all deviations of the column would be NaN.
        centres = [
            np.nan_to_num(_means(*arm_sums), posinf=0.0, neginf=0.0) for arm_sums in zip(centres, sums, strict=True)
        ]
        sums = grams(layout.unshifted(), arms, centres)
        passes += 1
    return sums, centres, passes


def _means(centre: Floats, total: Floats) -> Floats:
    with np.errstate(all="ignore"):
        return centre + total[:, 0, 1:] / total[:, :1, 0]


def _far(total: Floats) -> bool:
    with np.errstate(all="ignore"):
        # Squares about the shift are n (s^2 + (mean - shift)^2): where the second part is FAR^2 times the first, the
        # subtraction loses four of sixteen digits.
        squares = np.diagonal(total, axis1=1, axis2=2)[:, 1:]
        spread = squares - total[:, 0, 1:] ** 2 / total[:, :1, 0]
        # Integers are summed without rounding: a constant arm has a spread of exactly 0 and needs no second pass.
        exact = (spread == 0) & (squares < WHOLE) & (squares == np.round(squares))
        return bool((~exact & np.isfinite(spread) & (squares > FAR**2 * np.abs(spread))).any())
