"""Post-stratification of a comparison: the strata it uses, their weights, and both variants' moments."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from attrs import evolve, frozen

from xpyrment_core.analysis.estimates import derived, moments_of, unit_sums_of
from xpyrment_core.analysis.plan import Plan, Task
from xpyrment_core.analysis.read import Data
from xpyrment_core.choices import Label
from xpyrment_core.data.groups import Grouping, GroupReading, Level
from xpyrment_core.errors import NotEstimable
from xpyrment_core.stats.stratification import post_stratified
from xpyrment_core.values.moments import Moments
from xpyrment_core.values.samples import ArmSample

FEWEST = 2
"""Units of a variant in a stratum without which the stratum has no variance."""


@frozen(kw_only=True)
class Strata:
    """The strata of one metric in one comparison.

    Attributes
    ----------
    reading : GroupReading
    key : str
        The metric's row set.
    arms : pair of labels
        Control and treatment.
    used, left_out : tuple of Level
        Strata with at least two units of both variants, and the others that have any unit.
    """

    reading: GroupReading
    key: str
    arms: tuple[Label, Label]
    used: tuple[Level, ...]
    left_out: tuple[Level, ...]

    @classmethod
    def of(cls, reading: GroupReading, key: str, control: Label, treatment: Label) -> "Strata":
        """Sort out the strata of a comparison."""
        arms = control, treatment
        sizes = {level: [reading.moments[key, level, arm].n for arm in arms] for level in reading.levels}
        return cls(
            reading=reading,
            key=key,
            arms=arms,
            used=tuple(level for level, n in sizes.items() if min(n) >= FEWEST),
            left_out=tuple(level for level, n in sizes.items() if min(n) < FEWEST and max(n) > 0),
        )

    def rows(self, arm: Label) -> tuple[int, int]:
        """Return the complete rows of an arm in the strata that are used, and in those left out."""
        used, left_out = (
            sum(self.reading.rows[self.key, level, arm] for level in levels) for levels in (self.used, self.left_out)
        )
        return used, left_out

    def units(self, arm: Label) -> int:
        """Return the units of an arm in the strata that are used."""
        return sum(self._cell(level, arm).n for level in self.used)

    def moments(self) -> tuple[Moments, Moments]:
        """Return the post-stratified moments of control and treatment.

        Raises
        ------
        NotEstimable
            No stratum has two units of both variants.
        """
        if not self.used:
            raise NotEstimable(
                f"no stratum of {self._columns} has {FEWEST} units with an observed value in both variants, so no "
                f"variance within strata can be estimated; use strata of more units"
            )
        shares = list(self.shares().values())
        control, treatment = (self._arm(arm, shares) for arm in self.arms)
        return control, treatment

    def whole(self) -> tuple[Moments, Moments]:
        """Return the moments of both variants over the strata used, as of a simple sample."""
        control, treatment = (Moments.merged([self._cell(level, arm) for level in self.used]) for arm in self.arms)
        return control, treatment

    def shares(self) -> dict[Level, float]:
        """Return the weight of each stratum used: its share of the units of both variants."""
        # The same for both variants: otherwise a difference between strata would enter that of the variants.
        units = {level: sum(self._cell(level, arm).n for arm in self.arms) for level in self.used}
        total = sum(units.values())
        return {level: n / total for level, n in units.items()}

    def _cell(self, level: Level, arm: Label) -> Moments:
        return self.reading.moments[self.key, level, arm]

    def _arm(self, arm: Label, shares: Sequence[float]) -> Moments:
        if not self.reading.sums:
            return post_stratified([self._cell(level, arm) for level in self.used], shares)
        # Means over rows are ratios of sums per unit: the sums are weighted, and the ratio is taken of the weighted
        # sums. One shift for all, because sums of values less different shifts do not add up.
        sums = [self.reading.sums[self.key, level, arm] for level in self.used]
        shift = sums[0].shift
        weighted = post_stratified([one.about(shift).moments for one in sums], shares)
        return weighted.per_row(sums[0].rows, shift)

    @property
    def _columns(self) -> str:
        return " and ".join(map(repr, self.reading.columns))

    def notes(self) -> list[str]:
        """Return what was left out: strata, and units that change their stratum."""
        notes = []
        if self.left_out:
            units = sum(self._cell(level, arm).n for level in self.left_out for arm in self.arms)
            strata = len(self.used) + len(self.left_out)
            notes.append(
                f"{len(self.left_out):,} of {strata:,} strata of {self._columns} ({units:,} unit{'s' * (units != 1)}) "
                f"are left out: a variant has fewer than {FEWEST} units there"
            )
        changed = self.reading.changed
        count = sum(changed.units.get(arm, 0) for arm in self.arms)
        if count:
            named = f": {', '.join(changed.named)}{', …' * (count > len(changed.named))}" if changed.named else ""
            notes.append(
                f"{count:,} unit{'s' * (count != 1)} with rows in several strata of {self._columns} "
                f"{'are' if count != 1 else 'is'} left out{named}"
            )
        return notes

    def extra(self) -> dict[str, Any]:
        """Return the keys of a result's ``extra``."""
        return {
            "strata_col": self._named(self.reading.columns),
            "strata": len(self.used),
            "strata_left_out": len(self.left_out),
            "strata_weights": {self._named(level): share for level, share in self.shares().items()},
        }

    @staticmethod
    def _named(values: Sequence[Label | None]) -> str:
        return ", ".join("(missing)" if value is None else str(value) for value in values)


def strata_of(plan: Plan, task: Task, treatment: Label, data: Data) -> Strata | None:
    """Return the strata of a metric in one comparison; None for simple randomisation."""
    if plan.strata is None:
        return None
    arms, name, reading = (plan.control, treatment), task.spec.name, data.reading.groups[plan.strata]
    if task.spec.reads == "derived":
        samples = derived(task.spec, data.samples[name, arms[0]], data.samples[name, arms[1]])
        reading = _of_samples(plan.strata, name, dict(zip(arms, samples, strict=True)), reading)
    return Strata.of(reading, name, *arms)


def _of_samples(
    grouping: Grouping, key: str, samples: Mapping[Label, ArmSample], reading: GroupReading
) -> GroupReading:
    """Return the groups of columns that were derived from unit-level values."""
    cells = {
        (key, level, arm): sample.take(np.flatnonzero(sample.groups[grouping].codes == code))
        for arm, sample in samples.items()
        for code, level in enumerate(sample.groups[grouping].levels)
    }
    return evolve(
        reading,
        levels=tuple(level for level in reading.levels if all((key, level, arm) in cells for arm in samples)),
        moments={cell: moments_of(sample) for cell, sample in cells.items()},
        rows={cell: sample.n for cell, sample in cells.items()},
        sums={cell: unit_sums_of(sample) for cell, sample in cells.items() if sample.units is not None and sample.n},
    )
