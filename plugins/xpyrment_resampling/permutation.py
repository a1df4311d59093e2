"""Permutation test of two variants with a studentised statistic."""

import math
from typing import Any, ClassVar

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from xpyrment_core import Alternative, ArmSample, Effect, Estimate, Interval, NotEstimable, Unavailable
from xpyrment_resampling.bootstrap import observe
from xpyrment_resampling.effects import accepted_ends, mapped, relative_set
from xpyrment_resampling.inversion import allowed, critical_values, margin, p_value, studentised, too_few
from xpyrment_resampling.moves import Move, find_moves
from xpyrment_resampling.options import ResamplingOptions
from xpyrment_resampling.relabelling import Permuted, relabel
from xpyrment_resampling.statistics import statistics
from xpyrment_resampling.units import centre_of, totals, unit_sums

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]


@frozen
class Permutation(ResamplingOptions):
    """A permutation test; call it, register it under a name of your own, or pass it as ``test=``.

    Attributes
    ----------
    replicates : int
        Number of random relabellings; if fewer exist, each is used once.
    seed : int
        The same data give the same numbers, in any order of their rows.

    Raises
    ------
    InputError
        Fewer than 99 replicates, or a seed that is not a whole number from 0.

    Notes
    -----
    The labels of the units are exchanged, with all their rows, and ``D / SE`` is computed anew with unequal variances.
    Where the variants have the same distribution the level is exact at any size; because the statistic is studentised
    it holds for large samples also where only the metric is equal (Janssen 1997, Chung and Romano 2013).

    The interval holds the differences ``d`` for which the test, made on treatment units less ``d``, does not reject;
    the relative one the lifts for which it does not reject on treatment units over ``1 + x``. A mean's units
    are shifted and scaled themselves, a ratio's in the numerator. For other functions of means there is no interval.

    Past 4,096 units, columns of up to 256 distinct values are permuted as counts of values; others
    in bundles of equal size put together at random within each variant, which is exact as well.

    References
    ----------
    Janssen, A. (1997). Studentized permutation tests for non-i.i.d. hypotheses and the generalized
    Behrens-Fisher problem. Statistics & Probability Letters 36(1), 9-21.

    Chung, E. and Romano, J. P. (2013). Exact and asymptotically robust permutation tests.
    Annals of Statistics 41(2), 484-507.

    Examples
    --------
    >>> from xpyrment_core.stats.delta_method import ColumnMean
    >>> control = ArmSample({"y": np.array([1.0, 2.0, 4.0, 5.0])}, metric=ColumnMean("y"))
    >>> treatment = ArmSample({"y": np.array([6.0, 8.0, 9.0, 12.0])}, metric=ColumnMean("y"))
    >>> effect = Permutation()(control, treatment, 0.05, "two-sided")
    >>> round(effect.p_value, 6) == round(2 / 70, 6), effect.extra["replicates"]
    (True, 69)
    """

    name: ClassVar[str] = "permutation"
    needs: ClassVar[str] = "samples"

    def __call__(self, control: ArmSample, treatment: ArmSample, alpha: float, alternative: Alternative) -> Effect:
        """Compare the metric of two samples.

        Raises
        ------
        NotEstimable
            A variant has fewer than two units, all values are equal, or the metric is not a function of means.
        """
        metric = treatment.metric
        if not hasattr(metric, "value"):
            raise NotEstimable(
                "the permutation test needs a metric that is a function of means; "
                "test='bootstrap' compares quantiles, and test='mannwhitney' ranks"
            )
        centre = centre_of(control, treatment, metric.columns)
        arms = [unit_sums(sample, metric.columns, centre) for sample in (control, treatment)]
        estimates = [observe(metric, centre, totals(rows)) for rows in arms]
        trial = _Trial(metric, centre, relabel(arms[0], arms[1], self.seed, self.replicates), *estimates)
        return trial.effect(alpha, alternative, self.seed)


@frozen(eq=False)
class _Trial:
    """A metric with its relabellings, to be tested against any shift or lift."""

    metric: Any
    centre: Matrix
    permuted: Permuted
    control: Estimate
    treatment: Estimate

    def _statistics(self, move: Matrix | None) -> Vector:
        """Return ``D / SE`` of each relabelling, the treatment units moved before; last, of the true labels."""
        made = self.permuted
        here, everything = made.from_treatment, made.all_treatment
        if move is not None:
            # A shift or scaling of units is linear, so their sums are moved. All shifts are tested on the same
            # relabellings: new ones for each would make the accepted set ragged.
            here, everything = moved(here, move), moved(everything, move)
        treated = made.from_control + here
        result = statistics(
            self.metric, self.centre, np.concatenate([treated, made.all_control + everything - treated])
        )
        treatment, control = np.split(result.value, 2)
        return studentised(treatment - control, sum(np.split(result.variance, 2)))

    def _margin(self, move: Matrix, alpha: float, alternative: Alternative) -> float:
        resampled = self._statistics(move)
        return margin(float(resampled[-1]), critical_values(resampled[:-1], alpha, alternative))

    def effect(self, alpha: float, alternative: Alternative, seed: int) -> Effect:
        """Return the effect with both intervals."""
        difference = self.treatment.value - self.control.value
        std_error = math.sqrt(self.control.variance + self.treatment.variance)
        resampled = self._statistics(None)
        pivots, observed = resampled[:-1], float(resampled[-1])
        if difference == 0 and std_error == 0:
            raise NotEstimable("both variants are constant and equal, so there is nothing to permute")
        interval, relative = self._intervals(len(pivots), std_error, alpha, alternative)
        return Effect(
            difference=difference,
            p_value=p_value(pivots, observed, alternative),
            interval=interval,
            std_error=std_error or None,
            statistic=observed if math.isfinite(observed) else None,
            relative=relative,
            estimates=(self.control, self.treatment),
            alternative=alternative,
            extra={"replicates": len(pivots), "seed": seed},
        )

    def _intervals(
        self, replicates: int, std_error: float, alpha: float, alternative: Alternative
    ) -> tuple[Interval | Unavailable, Interval | Unavailable]:
        moves = find_moves(self.metric, self.centre, self.permuted.all_treatment)
        if self.control.variance == 0 or self.treatment.variance == 0:
            # Once a variant is shifted, ties between relabellings would depend on rounding.
            which = "both variants are" if std_error == 0 else "one variant is"
            why = Unavailable(f"{which} constant, so a shifted copy has no noise to compare against")
        elif moves is None:
            why = Unavailable(
                "the units of this metric cannot be shifted to a given effect, as a mean's and a ratio's can"
            )
        elif allowed(replicates, alpha, alternative) == 0:
            why = too_few(replicates, alpha)
        else:
            interval = self._shifts(moves, std_error, alpha, alternative)
            return interval, self._lifts(moves, interval, alpha, alternative)
        return why, why

    def _shifts(self, move: Move, std_error: float, alpha: float, alternative: Alternative) -> Interval | Unavailable:
        ends = accepted_ends(
            lambda shift: self._margin(move.shift(-shift), alpha, alternative),
            self.treatment.value - self.control.value,
            std_error,
            alternative,
        )
        if isinstance(ends, Unavailable):
            return ends
        if None in ends:
            return Unavailable("no shift is rejected at this level, so the interval is unbounded")
        return Interval(*ends, 1 - alpha, "permutation")  # type: ignore[arg-type]

    def _lifts(
        self, move: Move, interval: Interval | Unavailable, alpha: float, alternative: Alternative
    ) -> Interval | Unavailable:
        if hasattr(self.metric, "relative"):
            return mapped(self.metric.relative, interval) if isinstance(interval, Interval) else interval

        def margin_at(lift: float) -> float:
            # A lift of -100 % or less has no inverse; treatment cannot be scaled back from it.
            return self._margin(move.scale(1 / (1 + lift)), alpha, alternative) if lift > -1 else -math.inf

        if self.control.value * self.treatment.value <= 0:
            return Unavailable("the two values differ in sign, so no scaling turns one into the other")
        return relative_set(margin_at, self.control, self.treatment, alpha, alternative, "permutation")


def moved(sums: Matrix, move: Matrix) -> Matrix:
    """Return the sums of the features of rows that were multiplied by a matrix.

    Parameters
    ----------
    sums : ndarray of shape (B, 1 + q + q (q + 1) / 2)
    move : ndarray of shape (q, q)
        A row ``z`` becomes ``z @ move``.
    """
    q = len(move)
    i, j = np.triu_indices(q)
    square = np.empty((len(sums), q, q))
    square[:, i, j] = square[:, j, i] = sums[:, 1 + q :]
    # (Z M)'(Z M) = M' (Z'Z) M.
    turned = move.T @ square @ move
    return np.column_stack([sums[:, 0], sums[:, 1 : 1 + q] @ move, turned[:, i, j]])


permutation = Permutation()
"""The test as registered."""
