"""Counts of used and excluded rows, per metric and variant."""

from collections.abc import Mapping

from attrs import Factory, field, frozen

from xpyrment_core.choices import Label
from xpyrment_core.values.frozen_map import frozen_map


@frozen(kw_only=True)
class ArmLedger:
    """Counts of used and excluded rows of one variant for one metric, by reason.

    ``rows_in = missing_unit + in_two_arms + in_several_strata + missing_outcome + small_stratum + non_finite + used``;
    the reasons that concern strata are 0 without `strata_col`.
    """

    rows_in: int = 0
    missing_unit: int = 0
    in_two_arms: int = 0
    in_several_strata: int = 0
    missing_outcome: int = 0
    small_stratum: int = 0
    non_finite: int = 0
    used: int = 0
    units: int = 0


@frozen(kw_only=True)
class Exclusions:
    """Exclusions of one metric: every row of the data is counted exactly once.

    Attributes
    ----------
    rows_in : int
        Rows of the whole table.
    missing_label, other_arms : int
        Rows without a variant, and of variants that are not compared here.
    control, treatment : ArmLedger
    imputed : mapping of str to int
        Covariate values that were missing among the rows used, filled with the mean.
    """

    rows_in: int = 0
    missing_label: int = 0
    other_arms: int = 0
    control: ArmLedger = Factory(ArmLedger)
    treatment: ArmLedger = Factory(ArmLedger)
    imputed: Mapping[str, int] = field(factory=dict, converter=frozen_map)


@frozen(kw_only=True)
class UnitReport:
    """Result of grouping the rows by unit.

    Attributes
    ----------
    units : mapping of label to int
        Distinct units per compared arm, those in two arms left out.
    repeated : bool
        Whether some unit has several rows (then moments count units, not rows).
    in_two_arms : int
        Units seen under more than one label.
    rows_in_two_arms, rows_without_unit : mapping of label to int
        Rows excluded for these reasons, per compared arm.
    """

    units: Mapping[Label, int] = field(factory=dict)
    repeated: bool = False
    in_two_arms: int = 0
    rows_in_two_arms: Mapping[Label, int] = field(factory=dict)
    rows_without_unit: Mapping[Label, int] = field(factory=dict)
