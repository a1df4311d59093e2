"""The kit finds what is wrong with diagnostics, exporters, plot backends and commands, and nothing with right ones."""

import random

import pytest
from cyclopts import App

from xpyrment_core import CheckResult, ExporterDefinition, InputError, MissingExtraError, PluginHost, Report
from xpyrment_core import PlotBackendDefinition as Backend
from xpyrment_core.cli.plugins import plugins as list_plugins
from xpyrment_core.registry.host import default_host, use_host
from xpyrment_core.testing import (
    check_command,
    check_diagnostic,
    check_exporter,
    check_plot_backend,
    checks_for,
)
from xpyrment_core.testing.examples import QUICK, plugin_checks
from xpyrment_core.testing.running import outcomes

host = default_host()


def failures(kind, subject, **options):
    return {outcome.name for outcome in outcomes(checks_for(kind, subject, **options)) if outcome.problem}


@pytest.mark.parametrize(
    ("kind", "name"),
    [(kind, entry.qualified) for kind in QUICK for entry in host.all(kind) if entry.builtin],
)
def test_everything_built_in_keeps_its_promises(kind, name):
    entry = host.get(kind, name)
    try:
        assert failures(kind, entry.definition) == set()
    except MissingExtraError as error:
        pytest.skip(str(error))


def check(**options):
    return CheckResult(**{"name": "mine", "passed": True, **options})


def draws(context):
    return check(details={"x": random.random()})


def prints(context):
    print("checking")


def changes(context):
    context.counts.clear()


def first_arm(context):
    first = next(iter(context.counts.values()))
    return check(passed=first > 100, message="first arm")


@pytest.mark.parametrize(
    ("diagnostic", "found"),
    [
        (lambda context: {"passed": True}, {"contract"}),
        (lambda context: check(p_value=2.0), {"p_value"}),
        (lambda context: check(passed=False), {"says_why"}),
        (lambda context: check(details={"counts": [context]}), {"json_ready"}),
        (first_arm, {"variant_order"}),
        (prints, {"quiet"}),
        (draws, {"pure"}),
        (changes, {"pure"}),
        (lambda context: check(statistic=1 / min(context.counts.values())), {"contract"}),
    ],
)
def test_a_wrong_diagnostic_fails_the_checks_it_should(diagnostic, found):
    assert found <= failures("diagnostic", diagnostic)


def test_a_right_diagnostic_passes_and_is_named_in_failures():
    check_diagnostic(lambda context: check(details={"smallest": min(context.counts.values())}))
    with pytest.raises(AssertionError, match=r"diagnostic 'prints' fails 1 of 7 checks:\n  quiet: it printed"):
        check_diagnostic(prints)


def numbers_page(result):
    return "<p>" + ", ".join(str(row["metric_name"]) for row in result.raw_results)


def changes_result(result):
    result.raw_results.pop()
    return "text"


def prints_report(result):
    print("report")
    return "text"


@pytest.mark.parametrize(
    ("exporter", "options", "found"),
    [
        (lambda result: result, {}, {"contract", "gaps"}),
        (lambda result: "", {}, {"contract"}),
        (lambda result: ", ".join(f"{row['relative_lift']:.2f}" for row in result.raw_results), {}, {"gaps"}),
        (lambda result: f"{random.random()}", {}, {"pure"}),
        (changes_result, {}, {"pure"}),
        (prints_report, {}, {"quiet"}),
        (numbers_page, {"suffixes": (".html",)}, {"escaped"}),
        (lambda result: "[NaN]", {"suffixes": (".json",)}, {"standard_json"}),
    ],
)
def test_a_wrong_exporter_fails_the_checks_it_should(exporter, options, found):
    assert found <= failures("exporter", exporter, **options)


def test_a_right_exporter_passes():
    check_exporter(lambda result: result.to_json())
    check_exporter(ExporterDefinition(name="raw", target=lambda result: b"raw", suffixes=(".bin",)))


def ignores_options(plot, **options):
    return plot.title


def forest_only(plot):
    if plot.kind != "forest":
        raise InputError("this backend draws forest plots only.")
    return plot.title


@pytest.mark.parametrize(
    ("backend", "options", "found"),
    [
        (lambda plot: None, {}, {"contract", "kinds"}),
        (lambda plot: [f"{row.lift:.2f}" for row in plot.rows], {}, {"contract", "kinds"}),
        (ignores_options, {}, {"options"}),
        (lambda plot: print("drawing") or "figure", {}, {"quiet"}),
        (lambda plot: str(random.random()), {}, {"pure"}),
        (lambda plot: 3, {"suffixes": (".txt",)}, {"saves"}),
        (lambda plot: 3, {"suffixes": (".txt",), "save": lambda figure, path: None}, {"saves"}),
    ],
)
def test_a_wrong_plot_backend_fails_the_checks_it_should(backend, options, found):
    assert found <= failures("plot_backend", backend, **options)


def test_a_right_plot_backend_passes():
    check_plot_backend(forest_only)
    check_plot_backend(Backend(name="ascii", target=forest_only, suffixes=(".txt",)))


def shout(word: str = "hello", /) -> Report:
    """Print a word in capitals."""
    return Report(kind="shout", parts=[word.upper()], data={"word": word.upper()})


def untyped(word="x"):
    """Return nothing."""


def undocumented(word: str = "x") -> None:
    print(word)


def with_tuple(word: str = "x") -> Report:
    """Return a tuple in the data."""
    return Report(kind="x", data={"pair": (1, 2)})


def at_random(word: str = "x") -> Report:
    """Return something else each time."""
    return Report(kind="x", data={"x": random.random()})


@pytest.mark.parametrize(
    ("command", "found"),
    [
        (untyped, {"annotated", "contract"}),
        (undocumented, {"documented", "contract", "quiet"}),
        (with_tuple, {"contract"}),
        (at_random, {"repeatable"}),
    ],
)
def test_a_wrong_command_fails_the_checks_it_should(command, found):
    assert found <= failures("command", command, arguments=[])


def test_a_right_command_passes():
    check_command(shout)
    check_command(shout, arguments=["hi"])
    check_command(App(name="several", help="Several commands."))


# From the command line -------------------------------------------------------


@pytest.fixture
def with_plugin():
    def make(*definitions):
        made = PluginHost(autoload=False)
        for definition in definitions:
            made.register(definition, "acme")
        use_host(made)
        return made

    yield make
    use_host(host)


def test_plugins_check_reports_a_promise_that_is_not_kept(with_plugin):
    with_plugin(ExporterDefinition(name="loud", target=prints_report))
    report = list_plugins(check=True)
    assert report.exit_code == 1
    assert "exporter loud: quiet: it printed" in report.data["plugins"][0]["reason"]
    assert list_plugins().exit_code == 0


def test_a_library_that_is_not_installed_is_not_a_broken_promise(with_plugin):
    def draw(plot, **options):
        raise MissingExtraError("ascii plots need figlet")

    made = with_plugin(Backend(name="ascii", target=draw))
    assert list(plugin_checks(made, "acme")) == [("plot_backend ascii", "ascii plots need figlet")]
    assert list_plugins(check=True).exit_code == 0
