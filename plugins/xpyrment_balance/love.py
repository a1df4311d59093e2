"""Love plot as text."""

import math
from collections.abc import Sequence

from xpyrment_balance.covariate_balance import CovariateBalance
from xpyrment_core.plots.text import NO_COVARIATES, shorten
from xpyrment_core.stats.balance import IMBALANCE, is_imbalanced

REACH = 0.5
HALF = 10  # characters on either side of zero: 0.05 each
NAME_WIDTH = 36


def love_plot(comparisons: Sequence[CovariateBalance]) -> str:
    """Return the plot: a header, one row per covariate, a legend; no wider than 80 characters.

    Love, T. E. (2004). Graphical display of covariate balance. Case Western Reserve University.
    """
    if not comparisons:
        return NO_COVARIATES
    treatments = list(dict.fromkeys(row.treatment for row in comparisons))
    width = max(len(shorten(name, NAME_WIDTH)) for row in comparisons for name, _, _ in _lines(row))
    scale = f"{'':{width}}  -0.5      0      +0.5      SMD"
    text = ["COVARIATE BALANCE LOVE PLOT", "=" * 27]
    for treatment in treatments:
        text += [f"\n{treatment}:", scale] if len(treatments) > 1 else [scale]
        chosen = (line for row in comparisons if row.treatment == treatment for line in _lines(row))
        text += [f"{shorten(name, NAME_WIDTH):{width}} [{axis(smd)}] {note}" for name, smd, note in chosen]
    return "\n".join([*text, "", _legend()])


def axis(smd: float | None) -> str:
    """Return 21 characters over [-0.5, 0.5]: ``|`` at 0, ``:`` at the thresholds, ``X`` at the SMD.

    An SMD beyond the ends is drawn at the end; without an SMD there is no ``X``.

    Examples
    --------
    >>> axis(-0.2), axis(None)
    ('------X-:-|-:--------', '--------:-|-:--------')
    """
    cells = ["-"] * (2 * HALF + 1)
    mark = round(IMBALANCE / REACH * HALF)
    cells[HALF - mark] = cells[HALF + mark] = ":"
    cells[HALF] = "|"
    if smd is not None:
        # Round half away from zero, so that the plot of -SMD is the mirror image.
        steps = math.floor(min(abs(smd), REACH) / REACH * HALF + 0.5)
        cells[HALF + int(math.copysign(steps, smd))] = "X"
    return "".join(cells)


def _lines(row: CovariateBalance) -> list[tuple[str, float | None, str]]:
    """Return the lines of a covariate: its SMD, and that of "is missing" if values are missing."""
    lines = [(row.covariate, row.smd)]
    if row.missing_smd is not None:
        lines.append((f"{row.covariate} is missing", row.missing_smd))
    return [(name, smd, _note(smd)) for name, smd in lines]


def _note(smd: float | None) -> str:
    if smd is None:
        return "not estimable"
    return f"{smd:+.4f}" + (" *" if is_imbalanced(smd) else "")


def _legend() -> str:
    return (
        f"X  standardized mean difference, treatment - control (at the edge beyond {REACH:g})\n"
        f":  threshold {IMBALANCE:g}    *  imbalance: |SMD| at the threshold or beyond"
    )
