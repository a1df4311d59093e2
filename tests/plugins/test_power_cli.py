"""The command `power`: its figures, its words, its refusals, its four forms and its curve."""

import json

import pytest

from commands import command
from processes import script
from xpyrment_core.cli.report import FORMATS, render
from xpyrment_core.errors import InputError
from xpyrment_power import xpyrment_commands
from xpyrment_power.answer import answer
from xpyrment_power.cli import PowerCalculationError, power
from xpyrment_power.curve import curve, power_plot
from xpyrment_power.design import Design


def text(**options):
    return render(power(**options))


@pytest.mark.parametrize(
    ("options", "control", "treatment", "total"),
    [
        ({"mde": "2.5", "std": 15}, "566", "566", "1,132"),
        ({"mde": "5", "std": 20}, "252", "252", "504"),
        ({"mde": "5", "std": 20, "ratio": 2}, "189", "378", "567"),
        ({"mde": "0.05", "std": 1}, "6,280", "6,280", "12,560"),
        ({"mde": "2.5%", "baseline": 100, "std": 15}, "566", "566", "1,132"),
    ],
)
def test_the_required_sizes_are_printed_as_scripts_expect_them(options, control, treatment, total):
    lines = text(**options).splitlines()
    assert "POWER & REQUIRED SAMPLE SIZE" in lines
    assert f"Required Control Group Size     : {control}" in lines
    assert f"Required Treatment Group Size   : {treatment}" in lines
    assert f"Total Required Sample Size      : {total}" in lines


def test_without_power_it_is_solved_for():
    report = power(mde="2.5", std=15, n=566)
    assert report.data["solved_for"] == "power"
    assert report.data["power"] == pytest.approx(0.8006, abs=5e-5)
    assert "Power                           : 0.8006" in render(report)
    assert "Required" not in render(report).replace("POWER & REQUIRED", "")


def test_without_mde_it_is_solved_for():
    report = power(std=15, n=566, baseline=100)
    assert report.data["solved_for"] == "mde"
    assert report.data["mde"] == pytest.approx(2.498, abs=5e-4)
    assert "(+2.498% of the baseline)" in render(report)


def test_duration_covariate_arms_and_margin_are_said():
    shown = text(mde="2.5", std=15, daily_traffic=200, covariate_correlation=0.6, arms=3)
    assert "Duration                        : 10 days at 200 units per day" in shown
    assert "correlation 0.6, 36.0% less variance" in shown
    assert "0.05 / 3 arms = 0.01667 each (Bonferroni)" in shown
    assert "(each of 3)" in shown
    assert "1 day at" in text(mde="2.5", std=15, daily_traffic=2000)
    shown = text(std=15, margin=1, alternative="greater")
    assert "Non-inferiority Margin          : 1" in shown
    assert "Expected Effect                 : 0" in shown


def test_the_convention_for_proportions_is_named():
    assert "pooled under the null, unpooled otherwise (as R's power.prop.test)" in text(mde="5%", baseline=0.1)
    assert "unpooled throughout" in text(baseline=0.1, margin=0.01, alternative="greater")


WORDY = {
    "mde": "-2.5%",
    "baseline": 123.456,
    "std": 15.4321,
    "arms": 12,
    "ratio": 0.1111,
    "covariate_correlation": 0.613,
    "daily_traffic": 123456,
    "curve": True,
}


@pytest.mark.parametrize(
    "options",
    [
        WORDY,
        {"n": 123456, "baseline": 0.1234567, "alternative": "greater", "curve": True},
        {"mde": "1%", "baseline": 0.02, "curve": True, "daily_traffic": 999, "alternative": "greater", "ratio": 0.3333},
        {"baseline": 0.1, "margin": 0.001, "alternative": "greater"},
    ],
)
def test_every_line_fits_on_eighty_columns(options):
    assert max(len(line) for line in text(**options).splitlines()) <= 80


@pytest.mark.parametrize("form", FORMATS)
def test_each_form_can_be_printed(form):
    shown = render(power(mde="2.5", std=15, curve=True, daily_traffic=100), form)
    assert "566" in shown
    if form == "json":
        document = json.loads(shown)
        assert (document["control"], document["total"], document["kind"]) == (566, 1132, "power")
        assert [point["control"] for point in document["curve"]][3] == 566
    if form == "csv":
        assert shown.splitlines()[0] == "control,treatment,total,days,mde,relative_mde,power"


def test_csv_without_a_curve_is_the_answer_in_one_row():
    header, row = render(power(mde="2.5", std=15), "csv").splitlines()
    values = dict(zip(header.split(","), row.split(","), strict=True))
    assert (values["control"], values["treatment"], values["total"]) == ("566", "566", "1132")


def test_the_curve_rises_with_size_and_with_effect():
    by_size = curve(answer(Design(std=15), mde=2.5))
    assert [point.power for point in by_size] == sorted(point.power for point in by_size)
    assert [point.total for point in by_size] == sorted(point.total for point in by_size)
    by_effect = curve(answer(Design(baseline=0.6), n=200))
    assert [point.power for point in by_effect] == sorted(point.power for point in by_effect)
    # A proportion cannot rise above 1: those steps are left out.
    assert max(point.effect for point in by_effect) < 0.4


@pytest.mark.parametrize(
    ("design", "question", "curves"),
    [
        (Design(std=15), {"mde": 2.5}, 3),
        (Design(std=15), {"n": 500}, 1),
        (Design(std=15), {"n": 500, "mde": 2.0}, 3),
        (Design(baseline=0.5), {"mde": 0.4}, 2),
        (Design(baseline=0.1, margin=0.02, alternative="greater"), {}, 1),
        (Design(std=1, alternative="less"), {"n": 50}, 1),
    ],
)
def test_the_plot_marks_the_answer_on_its_curve(design, question, curves):
    found = answer(design, **question) if question else answer(design)
    plot = power_plot(found)
    assert plot.kind == "power"
    assert len(plot.rows) == curves
    mark = plot.marks[0]
    assert mark.y == found.power
    for row in plot.rows:
        assert list(row.x) == sorted(row.x)
        assert len(row.x) == len(row.power)
    first = plot.rows[0]
    near = min(range(len(first.x)), key=lambda i: abs(first.x[i] - mark.x))
    assert first.power[near] == pytest.approx(mark.y, abs=0.02)


@pytest.mark.parametrize("ending", ["png", "svg", "pdf"])
def test_the_curve_is_saved_as_a_picture(tmp_path, ending):
    path = tmp_path / f"curve.{ending}"
    assert f"Power curve saved as {path}" in text(mde="2.5", std=15, plot=path)
    assert path.stat().st_size > 2000


def test_a_picture_that_cannot_be_saved_is_refused(tmp_path):
    for path in (tmp_path / "none" / "curve.png", tmp_path / "curve.nonsense"):
        with pytest.raises(PowerCalculationError, match="the plot cannot be saved as"):
            power(mde="2.5", std=15, plot=path)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"std": 15}, "nothing to solve for: give mde"),
        ({"mde": "2", "std": 1, "n": 10, "power": 0.8}, "mde, n and power are all given"),
        ({"mde": "two", "std": 1}, "mde must be a number such as 2.5"),
        ({"mde": "2", "std": -1}, "std must be a positive number"),
        ({"mde": "2", "std": 1, "power": 1.2}, "power must lie between 0 and 1"),
        ({"mde": "2", "std": 1, "alpha": 0}, "alpha must lie between 0 and 1"),
        ({"mde": "2", "std": 1, "ratio": 0}, "ratio must be a positive number"),
        ({"mde": "2", "std": 1, "daily_traffic": 0}, "daily traffic must be a positive number"),
        ({"n": 1, "std": 1}, "n must be a whole number"),
    ],
)
def test_refusals_are_power_calculation_errors(options, message):
    with pytest.raises(PowerCalculationError, match=message) as refused:
        power(**options)
    assert isinstance(refused.value, InputError)
    assert refused.value.heading == "Power Calculation Error"


def test_the_command_is_offered_under_planning():
    (definition,) = xpyrment_commands()
    assert (definition.name, definition.group) == ("power", "Planning")
    assert definition.load() is power


def test_the_command_module_loads_nothing_heavy():
    code = (
        "import sys, xpyrment_power, xpyrment_power.cli; "
        "print([m for m in ('numpy', 'pandas', 'scipy', 'statsmodels', 'matplotlib') if m in sys.modules])"
    )
    done = script(code)
    assert done.stdout.strip() == "[]"


def test_by_week_is_eight_weeks_unless_said():
    words = ("power", "--std", "15", "--baseline", "100", "--daily-traffic", "500", "--format", "json")
    assert len(json.loads(command(*words, "--by-week").stdout)["weeks"]) == 8
    assert command(*words, "--by-week", "--weeks", "4").stdout == command(*words, "--weeks", "4").stdout
    assert "--daily-traffic" in command("power", "--std", "15", "--by-week").stderr
