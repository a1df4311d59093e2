"""Plotly draws the same plots, says the numbers on hovering, and names its extra where it is missing."""

import json
import sys

import pytest

from plot_cases import CASES, REASON, raw
from processes import script
from xpyrment_core.errors import InputError, MissingExtraError
from xpyrment_core.plots.data import Mark, PowerSeries, forest_data, love_data, power_data
from xpyrment_core.plots.layout import forest_window
from xpyrment_plotly.backend import OPTIONS, draw

graph_objects = pytest.importorskip("plotly.graph_objects")


LOVE = love_data({"age": {"blue": 0.02, "green": -0.13}, "b<i>": {"blue": None, "green": 3.0}})
POWER = power_data([PowerSeries(label="a", x=(100, 200), power=(0.4, 0.9))], marks=[Mark(200, 0.9, "200 per arm")])
PLOTS = [*(forest_data(case) for case in CASES.values()), LOVE, POWER]
KINDS = {plot.kind: plot for plot in PLOTS}


def annotations(figure):
    return [note.text for note in figure.layout.annotations]


@pytest.mark.parametrize("plot", PLOTS, ids=[*CASES, "love", "power"])
def test_every_plot_is_a_figure_of_standard_json(plot):
    figure = draw(plot)
    assert isinstance(figure, graph_objects.Figure)
    assert "NaN" not in figure.to_json()
    assert json.loads(figure.to_json())["layout"]["height"] >= 100


def test_the_drawn_interval_and_point_are_the_numbers():
    figure = draw(forest_data([raw("revenue", 0.03, 0.02)]))
    line, point = (next(t for t in figure.data if t.mode == mode) for mode in ("lines+markers", "markers"))
    assert list(line.x)[:2] == pytest.approx([0.01, 0.05])
    assert list(point.x) == [0.03]


def test_hovering_tells_the_numbers():
    figure = draw(forest_data(CASES["guardrails"]))
    text = " ".join(text for trace in figure.data for text in trace.hovertext or ())
    for part in ("<b>revenue</b>", "lift +3.00%", "[+2.00%, +4.00%]", "simultaneous interval [+1.60%, +4.40%]"):
        assert part in text
    assert "non-inferiority margin +2.00%" in text


def test_numbers_stand_beside_the_plot_unless_unwanted():
    plot = forest_data([raw("revenue", 0.0324, 0.0216)])
    assert {"Lift", "95% CI", "p", "+3.24%", "[+1.08%, +5.40%]"} <= set(annotations(draw(plot)))
    assert "+3.24%" not in annotations(draw(plot, show_values=False))


def test_names_are_shown_letter_by_letter():
    texts = annotations(draw(forest_data(CASES["long names"])))
    assert "cost &#36;a vs &#36;b_x^2 &lt;b&gt;&amp;amp; new line" in texts


def test_the_axis_is_the_one_every_backend_shares():
    plot = forest_data(CASES["extremes"])
    assert tuple(draw(plot).layout.xaxis.range) == forest_window(plot.rows)
    cut = {symbol for trace in draw(plot).data for symbol in _symbols(trace) if symbol.startswith("triangle")}
    assert cut == {"triangle-left", "triangle-right"}


def _symbols(trace):
    symbol = trace.marker.symbol
    return [symbol] if isinstance(symbol, str) else list(symbol or ())


def test_a_row_that_is_not_estimable_is_listed_with_its_whole_reason_on_hovering():
    figure = draw(forest_data([raw("revenue", 0.02), raw("ctr", None)]))
    note = next(note for note in figure.layout.annotations if "not estimable" in note.text)
    assert note.hovertext == f"not estimable: {REASON}"


def test_a_love_plot_flags_and_cuts():
    figure = draw(LOVE)
    assert "triangle-right" in {symbol for trace in figure.data for symbol in _symbols(trace)}
    assert " −0.13 " in [text for trace in figure.data for text in trace.text or ()]
    assert "b&lt;i&gt;" in annotations(figure)


def test_a_power_plot_shows_curve_and_mark():
    figure = draw(POWER)
    assert any(list(trace.y or ()) == [0.4, 0.9] for trace in figure.data)
    assert any("200 per arm" in text for trace in figure.data for text in trace.text or ())


@pytest.mark.parametrize("kind", KINDS)
def test_options_work_and_unknown_ones_are_refused(kind):
    figure = draw(KINDS[kind], title="Mine <b>", width=800, height=600)
    assert (figure.layout.width, figure.layout.height) == (800, 600)
    assert "Mine &lt;b&gt;" in figure.layout.title.text
    with pytest.raises(InputError, match=f"option of the {kind} plot 'figsize' is not one of"):
        draw(KINDS[kind], figsize=(3, 4))
    with pytest.raises(InputError, match="width must be a number of pixels"):
        draw(KINDS[kind], width="wide")
    assert set(OPTIONS[kind]) >= {"title", "width", "height", "colors"}


def test_without_plotly_the_error_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "plotly.graph_objects", None)
    with pytest.raises(MissingExtraError, match=r'pip install "xpyrment\[plotly\]"'):
        draw(LOVE)


def test_the_backend_loads_without_plotly():
    code = "import sys; sys.modules['plotly'] = None; from xpyrment_plotly.backend import draw"
    script(code)
