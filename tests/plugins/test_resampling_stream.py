"""A streamed bootstrap does not notice how its data come in, and agrees with Welch's test."""

import numpy as np
import pytest
from scipy import stats

from xpyrment_core.errors import InputError, NotEstimable
from xpyrment_core.stats.delta_method import ColumnMean
from xpyrment_resampling.stream import StreamedBootstrap
from xpyrment_robust.quantile import MedianMetric

GENERATOR = np.random.default_rng(1)
CONTROL, TREATMENT = GENERATOR.exponential(10, 30_000), GENERATOR.exponential(10.3, 20_000)
UNITS = np.arange(50_000)


def stream(replicates=1999):
    return StreamedBootstrap(ColumnMean("y"), replicates=replicates)


def filled(parts, replicates=1999):
    made = stream(replicates)
    for part in range(parts):
        made.add("control", {"y": CONTROL[part::parts]}, UNITS[:30_000][part::parts])
        made.add("treatment", {"y": TREATMENT[part::parts]}, UNITS[30_000:][part::parts])
    return made


def test_it_agrees_with_welch_on_many_units():
    effect = filled(1).effect(0.05)
    wanted = stats.ttest_ind(TREATMENT, CONTROL, equal_var=False)
    assert effect.difference == pytest.approx(TREATMENT.mean() - CONTROL.mean(), rel=1e-9)
    # The standard error has 4,095 degrees of freedom per variant: known to 1.1 %.
    assert effect.std_error == pytest.approx(abs(effect.difference / wanted.statistic), rel=0.05)
    low, high = wanted.confidence_interval()
    # A 2.5 % quantile of 1,999 pivots is uncertain by 0.06 standard errors.
    assert (effect.interval.low, effect.interval.high) == pytest.approx((low, high), abs=5 * 0.06 * effect.std_error)


def test_result_is_invariant_to_chunks_shards_and_their_order():
    whole = filled(1).effect(0.05)
    chunks = filled(7).effect(0.05)
    first, second = stream(), stream()
    second.add("treatment", {"y": TREATMENT}, UNITS[30_000:])
    first.add("control", {"y": CONTROL}, UNITS[:30_000])
    for merged in ((first + second).effect(0.05), (second + first).effect(0.05), chunks):
        assert merged.difference == pytest.approx(whole.difference, rel=1e-9)
        assert merged.interval.low == pytest.approx(whole.interval.low, rel=1e-6)
        assert merged.p_value == whole.p_value


def test_rows_of_a_unit_count_as_one_unit_wherever_they_come():
    once = filled(1).effect(0.05)
    often = stream()
    for _ in range(5):
        often.add("control", {"y": CONTROL}, UNITS[:30_000])
        often.add("treatment", {"y": TREATMENT}, UNITS[30_000:])
    assert often.effect(0.05).std_error == pytest.approx(once.std_error, rel=1e-9)


def test_missing_values_are_left_out():
    made, wanted = stream(999), stream(999)
    for arm, values in (("control", [1.0, np.nan, 3, 4]), ("treatment", [2.0, 5, np.nan, 7])):
        keep = ~np.isnan(values)
        made.add(arm, {"y": values}, [1, 2, 3, 4])
        wanted.add(arm, {"y": np.array(values)[keep]}, np.array([1, 2, 3, 4])[keep])
    assert made.effect(0.05).interval == wanted.effect(0.05).interval


def test_what_it_cannot_use_is_refused():
    with pytest.raises(InputError, match="value\\(means\\)"):
        StreamedBootstrap(MedianMetric("m", "y"))
    with pytest.raises(InputError, match="replicates"):
        StreamedBootstrap(ColumnMean("y"), replicates=1)
    made = stream()
    for arm, columns, units, said in [
        ("test", {"y": [1]}, [1], "arm must be"),
        ("control", {"x": [1]}, [1], "column 'y'"),
        ("control", {"y": [1, 2]}, [1], "one length"),
        ("control", {"y": [1]}, ["a"], "whole numbers"),
    ]:
        with pytest.raises(InputError, match=said):
            made.add(arm, columns, units)
    with pytest.raises(InputError, match="do not add up"):
        made + StreamedBootstrap(ColumnMean("y"), seed=9)


def test_an_empty_variant_is_not_estimable():
    made = stream()
    with pytest.raises(NotEstimable, match="no units"):
        made.effect(0.05)
    made.add("control", {"y": [1.0, 2.0]}, [1, 2])
    made.add("treatment", {"y": [np.nan]}, [1])
    with pytest.raises(NotEstimable, match="no units"):
        made.effect(0.05)


@pytest.mark.simulation
def test_the_level_holds_for_units_fewer_than_buckets():
    generator, rejected = np.random.default_rng(2), 0
    for _ in range(300):
        made = stream(399)
        for arm in ("control", "treatment"):
            made.add(arm, {"y": generator.exponential(size=60)}, np.arange(60))
        rejected += made.effect(0.05).p_value < 0.05
    # 300 experiments at 5 %: 1.1 % to 8.9 % in 998 of 1,000 runs.
    assert 0.01 <= rejected / 300 <= 0.09
