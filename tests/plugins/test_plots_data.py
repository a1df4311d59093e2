"""Plots are made once for all libraries: rows, axis range, ticks, texts and order."""

import itertools
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xpyrment_core.errors import InputError
from xpyrment_core.plots.data import ForestRow, Mark, PowerSeries, forest_data, love_data, power_data
from xpyrment_core.plots.layout import (
    FOREST_COLORS,
    OUTLIER,
    beyond,
    forest_lines,
    forest_window,
    is_flagged,
    love_reach,
    merge_colors,
    nice_ticks,
    sort_rows,
    span,
    verdict_legend,
)
from xpyrment_core.plots.numbers import percent, percent_level, tick_texts
from xpyrment_core.plots.text import bounds_text, lift_text, shorten, shorten_all
from xpyrment_core.values.metric_result import MetricResult

RESULT = {
    "metric_name": "revenue",
    "control": "control",
    "treatment": "treatment",
    "relative_lift": 0.03,
    "rel_ci_lower": 0.01,
    "rel_ci_upper": 0.05,
    "p_value": 0.004,
    "status": "ok",
    "alternative": "two-sided",
}
lifts = st.floats(-2, 50, allow_nan=False).map(lambda value: round(value, 6))
halves = st.floats(1e-5, 5).map(lambda value: round(value, 6))
forest_rows = st.builds(
    lambda lift, half: ForestRow(label="m", lift=lift, low=lift - half, high=lift + half), lifts, halves
)


def row(**values):
    return ForestRow(**({"label": "m", "lift": 0.03, "low": 0.01, "high": 0.05} | values))


def only_row(**changes):
    return made(changes).rows[0]


def made(*changes, **options):
    return forest_data([MetricResult.from_raw(RESULT | change) for change in changes], **options)


def test_a_result_becomes_a_row_with_the_same_numbers():
    got = only_row()
    assert (got.label, got.lift, got.low, got.high, got.p_value) == ("revenue", 0.03, 0.01, 0.05, 0.004)


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, "better"),
        ({"relative_lift": -0.03}, "worse"),
        ({"relative_lift": 0.0}, "inconclusive"),
        ({"p_value": 0.05}, "inconclusive"),
        ({"p_value": None}, "inconclusive"),
        ({"direction": "increase"}, "better"),
        ({"direction": "decrease"}, "worse"),
        ({"direction": "decrease", "relative_lift": -0.03}, "better"),
        ({"verdict": "non-inferior", "p_value": 0.9}, "non-inferior"),
        ({"verdict": "inconclusive"}, "inconclusive"),
        ({"null_difference": -0.1, "p_value": 0.9}, "not established"),
        ({"verdict": "too early"}, "too early"),
        ({"status": "not_estimable", "verdict": "better"}, "not estimable"),
        ({"relative_lift": None}, "not estimable"),
        ({"relative_lift": math.nan}, "not estimable"),
    ],
)
def test_the_verdict_is_the_analysis_own_or_what_p_and_direction_say(changes, verdict):
    assert only_row(**changes).verdict == verdict


@pytest.mark.parametrize(
    ("changes", "bounds"),
    [
        ({"alternative": "greater", "rel_ci_upper": None}, (0.01, math.inf)),
        ({"alternative": "less", "rel_ci_lower": None}, (-math.inf, 0.05)),
        ({"alternative": "greater", "rel_ci_upper": math.inf}, (0.01, math.inf)),
        ({"rel_ci_upper": None}, (None, None)),
        ({"rel_ci_lower": None, "rel_ci_upper": None}, (None, None)),
    ],
)
def test_a_missing_bound_is_open_only_where_the_test_is_one_sided(changes, bounds):
    got = only_row(**changes)
    assert (got.low, got.high) == bounds


def test_a_row_that_is_not_estimable_carries_its_reason():
    got = only_row(status="not_estimable", reason="both arms are constant")
    assert (got.lift, got.low, got.note) == (None, None, "both arms are constant")


def test_several_treatments_are_grouped_by_metric():
    rows = [{"metric_name": m, "treatment": t} for t in ("blue", "green") for m in ("revenue", "orders")]
    plot = made(*rows)
    assert [(r.group, r.label) for r in plot.rows] == [
        ("revenue", "blue"),
        ("revenue", "green"),
        ("orders", "blue"),
        ("orders", "green"),
    ]
    headings = [line.label for line in forest_lines(plot.rows, 40) if line.row is None]
    assert headings == ["revenue", "orders"]


def test_title_level_and_correction_are_said():
    plot = made({"correction": "holm"}, alpha=0.01)
    assert plot.title == "Relative lift, treatment vs control"
    assert "99% confidence intervals" in plot.subtitle
    assert "p < 0.01, corrected by holm" in plot.subtitle
    assert made({}, title="Mine").title == "Mine"


@pytest.mark.parametrize("make", [lambda: forest_data([]), lambda: love_data({}), lambda: power_data([])])
def test_an_empty_plot_is_refused(make):
    with pytest.raises(InputError, match="wanted at least one"):
        make()


def test_a_power_curve_needs_as_many_powers_as_x():
    with pytest.raises(InputError, match="2 x and 1 power"):
        power_data([PowerSeries(label="a", x=(1, 2), power=(0.5,))])


def test_power_data_keeps_target_and_marks():
    plot = power_data([PowerSeries(label="", x=(1, 2), power=(0.5, 0.9))], target=0.9, marks=[Mark(2, 0.9, "two")])
    assert (plot.threshold, plot.marks[0].text) == (0.9, "two")


@pytest.mark.parametrize("value", [None, math.nan, math.inf, -math.inf])
def test_an_smd_that_is_no_number_is_never_shown_as_balanced(value):
    plot = love_data({"age": {"treatment": value}}, notes={"age": "constant"})
    assert (plot.rows[0].smd, plot.rows[0].note) == (None, "constant")


@pytest.mark.parametrize(("smd", "flagged"), [(0.0999, False), (0.1, True), (-0.1, True), (None, False)])
def test_smd_is_flagged_from_the_threshold_on(smd, flagged):
    plot = love_data({"age": {"treatment": smd}})
    assert is_flagged(plot.rows[0], plot.threshold) is flagged
    assert plot.subtitle == f"{int(flagged)} of 1 covariates with |SMD| ≥ 0.1"


def test_the_love_axis_shows_moderate_smds_and_not_the_wildest():
    assert love_reach(love_data({"a": {"t": 0.01}})) > 0.2
    assert love_reach(love_data({"a": {"t": 0.4}})) > 0.4
    assert love_reach(love_data({"a": {"t": 0.01}, "b": {"t": 9.0}})) < 0.3


@settings(max_examples=200, deadline=None)
@given(st.lists(forest_rows, min_size=1, max_size=12))
def test_the_window_holds_zero_and_every_usual_row_in_full(rows):
    low, high = forest_window(rows)
    assert low < 0 < high
    reaches = sorted(max(abs(r.low), abs(r.high)) for r in rows)
    limit = OUTLIER * reaches[(len(reaches) - 1) // 2]
    for r in rows:
        if max(abs(r.low), abs(r.high)) <= limit:
            assert low < r.low < high
            assert low < r.high < high


@settings(max_examples=100, deadline=None)
@given(st.lists(forest_rows, min_size=1, max_size=12))
def test_the_legend_explains_arrows_exactly_where_something_is_cut(rows):
    window = forest_window(rows)
    parts = [span(r.low, r.high, window) for r in rows]
    assert beyond(rows, window) == any(part.cut_left or part.cut_right for part in parts)
    assert all(window[0] <= part.left <= part.right <= window[1] for part in parts)


def test_one_wild_metric_does_not_flatten_the_others():
    usual = [row(lift=x, low=x - 0.01, high=x + 0.01) for x in (0.01, 0.02, -0.03)]
    low, high = forest_window([*usual, row(lift=30.0, low=15.0, high=45.0)])
    assert (low, high) == forest_window(usual)


def test_a_one_sided_interval_gets_room_at_its_open_end():
    low, high = forest_window([row(lift=0.02, low=0.01, high=math.inf)])
    assert low < 0
    assert high > 0.03


def test_without_any_lift_there_is_no_axis():
    assert forest_window([row(lift=None, low=None, high=None)]) is None


@settings(max_examples=200, deadline=None)
@given(st.floats(-1e6, 1e6), st.floats(1e-6, 1e6))
def test_ticks_are_round_evenly_spaced_and_few(low, width):
    high = low + width
    ticks = nice_ticks(low, high)
    slack = 1e-6 * width
    assert 3 <= len(ticks) <= 13
    assert all(low - slack <= tick <= high + slack for tick in ticks)
    step = ticks[1] - ticks[0]
    leading = step / 10 ** math.floor(math.log10(step) + 1e-6)
    assert min(abs(leading - nice) for nice in (1, 2, 5, 10)) < 1e-3
    assert all(b - a == pytest.approx(step, rel=1e-3) for a, b in itertools.pairwise(ticks))


def test_tick_labels_have_the_decimals_their_step_needs():
    assert tick_texts([-0.02, 0.0, 0.02]) == ["−2%", "0%", "+2%"]
    assert tick_texts([0.0, 0.0025, 0.005]) == ["0%", "+0.25%", "+0.50%"]
    assert tick_texts([0.0, 10.0, 20.0]) == ["0%", "+1,000%", "+2,000%"]


@settings(max_examples=200, deadline=None)
@given(st.floats(-1e4, 1e4).filter(lambda value: value == 0 or abs(value) > 1e-7))
def test_the_printed_lift_is_the_lift_to_the_digits_shown(lift):
    text = lift_text(row(lift=lift, low=lift, high=lift))
    number = float(text.replace("−", "-").replace(",", "").removesuffix("%")) / 100
    decimals = len(text.removesuffix("%").partition(".")[2])
    assert number == pytest.approx(lift, abs=0.51 * 10.0 ** -(decimals + 2))
    assert number != 0 or abs(lift) < 1e-9
    assert text.startswith("+" if lift > 0 else "−" if lift < 0 else "0")


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [
        (0.0219, 0.0431, "[+2.19%, +4.31%]"),
        (-0.5, 30.0, "[−50%, +3,000%]"),
        (0.00002, 0.00018, "[+0.002%, +0.018%]"),
        (-math.inf, 0.05, "(−∞, +5.00%]"),
        (0.01, math.inf, "[+1.00%, ∞)"),
        (None, None, "–"),
    ],
)
def test_intervals_read_as_in_a_paper(low, high, text):
    assert bounds_text(row(lift=0.0001 if high == 0.00018 else 0.02, low=low, high=high)) == text


def test_a_percentage_that_rounds_to_zero_has_no_sign():
    assert percent(-0.000001) == "0.00%"


@pytest.mark.parametrize(("level", "text"), [(0.95, "95%"), (0.99, "99%"), (1 - 0.001, "99.9%"), (0.9, "90%")])
def test_levels_are_printed_without_rounding_noise(level, text):
    assert percent_level(level) == text


@settings(max_examples=100, deadline=None)
@given(st.text(min_size=0, max_size=80), st.integers(8, 40))
def test_a_shortened_text_fits_and_keeps_its_ends(text, limit):
    flat = " ".join(text.split())
    short = shorten(text, limit)
    assert len(short) <= limit
    assert short == flat if len(flat) <= limit else (flat.startswith(short[:4]) and flat.endswith(short[-2:]))


def test_names_that_differ_in_the_middle_stay_apart():
    names = [f"checkout_revenue_per_user_{kind}_winsorised_2025_q3" for kind in ("mobile", "desktop", "desktop_web")]
    short = shorten_all(names, 24)
    assert len(set(short)) == 3
    assert all(len(text) <= 24 for text in short)


def test_rows_are_sorted_with_groups_together_and_the_missing_last():
    rows = [
        row(label="a", group="x", lift=0.01, p_value=0.5),
        row(label="b", group="x", lift=0.05, p_value=0.01),
        row(label="a", group="y", lift=0.09, p_value=0.2),
        row(label="b", group="z", lift=None, low=None, high=None),
    ]
    assert [(r.group, r.label) for r in sort_rows(rows, "lift")] == [("y", "a"), ("x", "b"), ("x", "a"), ("z", "b")]
    assert [(r.group, r.label) for r in sort_rows(rows, "p_value")] == [("x", "b"), ("x", "a"), ("y", "a"), ("z", "b")]
    assert [r.label for r in sort_rows([row(label="b"), row(label="A")], "name")] == ["A", "b"]
    assert sort_rows(rows, None) == rows
    with pytest.raises(InputError, match="sort 'lfit' is not one of: 'lift', 'name', 'p_value'"):
        sort_rows(rows, "lfit")


def test_colours_are_given_by_role_and_unknown_roles_are_refused():
    assert merge_colors(FOREST_COLORS, {"worse": "red"})["worse"] == "red"
    with pytest.raises(InputError, match="colour role 'bad'"):
        merge_colors(FOREST_COLORS, {"bad": "red"})


def test_verdicts_of_one_colour_share_a_legend_entry():
    rows = [row(verdict=verdict) for verdict in ("not established", "better", "inconclusive", "not estimable")]
    assert [words for _, words in verdict_legend(rows, FOREST_COLORS)] == ["better", "inconclusive or not established"]
