"""Matplotlib draws every case legibly: nothing overlaps, nothing leaves the page, nothing global changes."""

import itertools
import subprocess
import sys
from importlib import util
from pathlib import Path

import matplotlib as mpl
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from xpyrment_core.errors import InputError
from xpyrment_core.plots.data import Mark, PowerSeries, forest_data, love_data, power_data
from xpyrment_core.plots.layout import BLUE, VERMILLION
from xpyrment_matplotlib.backend import OPTIONS, draw

_spec = util.spec_from_file_location("plot_cases", Path(__file__).with_name("plot_cases.py"))
plot_cases = util.module_from_spec(_spec)
_spec.loader.exec_module(plot_cases)
CASES, raw = plot_cases.CASES, plot_cases.raw

LOVE = love_data(
    {"age": {"blue": 0.02, "green": -0.04}, "pre_revenue": {"blue": -0.13, "green": 0.1}, "x": {"blue": 3.0}}
    | {"is_mobile": {"blue": None, "green": None}},
    notes={"is_mobile": "constant"},
)
POWER = power_data(
    [
        PowerSeries(label="5 %", x=(100, 200, 300), power=(0.4, 0.7, 0.9)),
        PowerSeries(label="$x$", x=(5,), power=(0.1,)),
    ],
    marks=[Mark(200, 0.7, "200 per arm")],
    title="Power",
)


def boxes(ax: Axes, artists):
    renderer = ax.figure._get_renderer()
    return [artist.get_window_extent(renderer) for artist in artists if artist.get_text()]


def shown_texts(ax: Axes):
    """All texts on the page beside the tick labels of the numeric axis and the legend."""
    return [*ax.get_yticklabels(), *ax.texts, ax.title, ax._left_title]


@pytest.fixture(params=CASES, ids=str, scope="module")
def forest(request):
    ax = draw(forest_data(CASES[request.param]))
    ax.figure.draw_without_rendering()
    return ax


def test_a_forest_plot_is_an_axes_whose_texts_all_lie_on_the_page(forest):
    assert isinstance(forest, Axes)
    page = forest.figure.bbox
    for box in boxes(forest, shown_texts(forest)):
        assert box.x0 >= page.x0
        assert box.x1 <= page.x1 + 1
        assert box.y0 >= page.y0
        assert box.y1 <= page.y1


def test_labels_stand_left_of_the_axes_and_do_not_touch_each_other(forest):
    labels = boxes(forest, forest.get_yticklabels())
    edge = forest.get_window_extent().x0
    assert all(box.x1 < edge for box in labels)
    by_height = sorted(labels, key=lambda box: box.y0)
    assert all(lower.y1 <= upper.y0 + 1 for lower, upper in itertools.pairwise(by_height))


def test_rows_keep_a_sensible_height(forest):
    width, height = forest.figure.get_size_inches()
    rows = len(forest.get_yticklabels())
    assert 4 < width < 12
    assert 0.1 < (height - 1.5) / rows < 0.8


def test_the_drawn_interval_is_the_interval():
    ax = draw(forest_data([raw("revenue", 0.03, 0.02)]))
    line = next(line for line in ax.lines if line.get_linewidth() == 1.9)
    assert list(line.get_xdata()) == pytest.approx([0.01, 0.05])
    point = next(line for line in ax.lines if line.get_marker() == "s")
    assert list(point.get_xdata()) == [0.03]


def test_numbers_stand_beside_the_plot_unless_unwanted():
    plot = forest_data([raw("revenue", 0.0324, 0.0216)])
    texts = {text.get_text() for text in draw(plot).texts}
    assert {"Lift", "95% CI", "p", "+3.24%", "[+1.08%, +5.40%]", "0.0100"} <= texts
    assert "+3.24%" not in {text.get_text() for text in draw(plot, show_values=False).texts}


def arrows(ax):
    return [(line.get_marker(), line.get_xdata()[0]) for line in ax.lines if line.get_marker() in ("<", ">")]


def test_open_ends_and_outliers_end_in_arrows_at_the_edge():
    ax = draw(forest_data(CASES["one-sided"]))
    low, high = ax.get_xlim()
    assert sorted(arrows(ax)) == [("<", low), (">", high)]
    wild = draw(forest_data(CASES["extremes"]))
    assert {marker for marker, _ in arrows(wild)} == {"<", ">"}
    assert {x for _, x in arrows(wild)} == set(wild.get_xlim())
    assert "beyond the axis" in [text.get_text() for text in wild.get_legend().get_texts()]


def test_what_is_not_estimable_is_listed_with_its_reason_and_no_mark():
    ax = draw(forest_data([raw("revenue", 0.02), raw("ctr", None, reason="no clicks at all")]))
    assert "not estimable: no clicks at all" in {text.get_text() for text in ax.texts}
    assert not [line for line in ax.lines if line.get_marker() == "s" and line.get_ydata()[0] == 1]


def test_colours_and_fill_follow_the_verdict():
    results = [raw("a", 0.05, verdict="better"), raw("b", 0.05, verdict="worse"), raw("c", 0.001, 0.01)]
    ax = draw(forest_data(results))
    points = {int(line.get_ydata()[0]): line for line in ax.lines if line.get_marker() == "s"}
    assert to_hex(points[0].get_markerfacecolor()) == BLUE.lower()
    assert to_hex(points[1].get_markerfacecolor()) == VERMILLION.lower()
    assert to_hex(points[2].get_markerfacecolor()) == to_hex(ax.get_facecolor())
    mine = draw(forest_data(results), colors={"better": "#000000"})
    assert to_hex(next(line for line in mine.lines if line.get_marker() == "s").get_markerfacecolor()) == "#000000"


def test_margins_and_simultaneous_intervals_are_drawn():
    ax = draw(forest_data(CASES["guardrails"]))
    thin = [line for line in ax.lines if line.get_linewidth() == 0.8]
    assert list(thin[0].get_xdata()) == [0.016, 0.044]
    assert len([line for line in ax.lines if line.get_linewidth() == 1.2 and line.get_xdata()[0] == 0.02]) == 2


def test_dollars_and_line_breaks_in_names_are_letters():
    ax = draw(forest_data(CASES["long names"]))
    texts = [label.get_text() for label in ax.get_yticklabels()]
    assert texts[2] == "cost $a vs $b_x^2 <b>&amp; new line"
    assert not any(label.get_parse_math() for label in ax.get_yticklabels())


def test_sort_and_title_do_what_they_say():
    plot = forest_data(CASES["five"])
    ax = draw(plot, sort="lift", title="Mine")
    assert [label.get_text() for label in ax.get_yticklabels()][:2] == ["revenue", "orders"]
    assert ax.get_title(loc="left") == "Mine"
    assert draw(plot, title="").get_title(loc="left") == ""


def test_figsize_is_kept_and_everything_still_fits():
    ax = draw(forest_data(CASES["long names"]), figsize=(5, 3))
    assert tuple(ax.figure.get_size_inches()) == (5, 3)
    assert all(box.x1 <= ax.figure.bbox.x1 + 1 for box in boxes(ax, [*ax.get_yticklabels(), *ax.texts]))


@pytest.mark.parametrize("plot", [forest_data(CASES["five"]), LOVE, POWER], ids=lambda plot: plot.kind)
def test_an_axes_given_is_used_and_its_neighbour_left_alone(plot):
    figure = Figure(figsize=(9, 8))
    above, below = figure.subplots(2, 1)
    assert draw(plot, ax=above) is above
    figure.draw_without_rendering()
    middle = figure.bbox.height / 2
    assert above.get_window_extent().y0 > middle > below.get_window_extent().y1
    assert all(box.y0 > middle - 2 for box in boxes(above, shown_texts(above)))


@pytest.mark.parametrize("plot", [forest_data(CASES["five"]), LOVE, POWER], ids=lambda plot: plot.kind)
def test_unknown_options_are_refused_with_the_names_there_are(plot):
    with pytest.raises(
        InputError, match=f"option of the {plot.kind} plot 'tilte' is not one of: .* Did you mean 'title'"
    ):
        draw(plot, tilte="x")
    for name in OPTIONS[plot.kind]:
        draw(plot, **{name: True if name == "show_values" else None})


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"figsize": 3}, "figsize must be"),
        ({"figsize": (0, 4)}, "figsize must be"),
        ({"ax": "here"}, "must be a matplotlib"),
    ],
)
def test_values_an_option_does_not_take_are_refused(option, message):
    with pytest.raises(InputError, match=message):
        draw(LOVE, **option)


def test_a_script_on_a_server_keeps_its_backend_and_no_figures(tmp_path):
    code = """
import sys, matplotlib
from xpyrment_core.plots.data import love_data
from xpyrment_matplotlib.backend import draw
draw(love_data({"age": {"t": 0.2}})).figure.savefig("a.png")
assert "matplotlib.pyplot" not in sys.modules
matplotlib.use("svg")
import matplotlib.pyplot as plt
draw(love_data({"age": {"t": 0.2}}))
assert plt.get_fignums() == [] and matplotlib.get_backend() == "svg"
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path)


def test_where_pyplot_shows_figures_the_plot_is_one_of_them(monkeypatch):
    mpl.use("agg")
    import matplotlib.pyplot as plt

    monkeypatch.setattr(plt, "get_backend", lambda: "module://matplotlib_inline.backend_inline")
    ax = draw(LOVE)
    assert plt.get_fignums() == [ax.figure.number]
    plt.close(ax.figure)


def test_a_love_plot_marks_each_treatment_flags_and_cuts():
    ax = draw(LOVE)
    dots = [(line.get_marker(), float(line.get_xdata()[0])) for line in ax.lines if line.get_marker() in "oD<>"]
    low, high = ax.get_xlim()
    assert ("o", 0.02) in dots
    assert ("D", -0.04) in dots
    assert (">", high) in dots
    assert low == -high
    texts = {text.get_text() for text in ax.texts}
    assert {"−0.13", "+0.10", "+3.00", "blue: constant"} <= texts
    lines = {float(line.get_xdata()[0]) for line in ax.lines if len(set(line.get_xdata())) == 1}
    assert {0.1, -0.1} <= lines


def test_a_power_plot_shows_curves_target_and_marks():
    ax = draw(POWER)
    assert list(ax.lines[0].get_ydata()) == [0.4, 0.7, 0.9]
    assert any(list(line.get_ydata()) == [0.8, 0.8] for line in ax.lines)
    assert "200 per arm" in {text.get_text() for text in ax.texts}
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["5 %", "$x$"]
    assert draw(POWER, colors={"5 %": "#123456"}).lines[0].get_color() == "#123456"
