"""File suffixes decide which plugin writes a file; one rule decides which word runs which command."""

from pathlib import Path

import pytest

import xpyrment as xp
from xpyrment_core import (
    CommandDefinition,
    ExporterDefinition,
    InputError,
    PlotBackendDefinition,
    PluginError,
    PluginHost,
)
from xpyrment_core.cli import main
from xpyrment_core.cli.commands import named_commands, renamed_commands
from xpyrment_core.cli.outputs import plot_output, report_output
from xpyrment_core.registry.host import use_host


def exporter(name="yaml", suffixes=(".yaml",), target=lambda result: "alpha: 0.05\n"):
    return ExporterDefinition(name=name, target=target, suffixes=suffixes)


def backend(name="ascii", suffixes=(".txt",), target=lambda plot, **options: plot.title, **more):
    return PlotBackendDefinition(name=name, target=target, suffixes=suffixes, **more)


def test_built_in_exporters_and_backends_say_which_suffixes_they_serve():
    host = PluginHost()
    assert {".csv", ".html", ".json", ".md"} <= set(host.suffixes("exporter"))
    assert {".html", ".pdf", ".png", ".svg"} <= set(host.suffixes("plot_backend"))
    assert host.by_suffix("exporter", ".md").definition.name == "markdown"
    assert host.by_suffix("plot_backend", ".PNG").plugin == "matplotlib"
    assert host.by_suffix("plot_backend", ".html").plugin == "plotly"


def test_unknown_suffix_is_refused_with_the_known_ones():
    host = PluginHost()
    host.register(exporter(), "acme")
    with pytest.raises(InputError, match=r"'r.docx'.*'.docx'; expected one of: .csv, .*\.yaml"):
        report_output(host, Path("r.docx"))
    with pytest.raises(InputError, match=r"no plot backend serves the suffix ''; expected one of: .*\.png"):
        host.by_suffix("plot_backend", "")


def test_a_built_in_keeps_its_suffix_unless_the_user_prefers_another():
    for prefer, plugin in (({}, "report"), ({"exporter:.html": "acme"}, "acme")):
        host = PluginHost(prefer=prefer)
        host.register(exporter("page", (".html",)), "acme")
        assert host.by_suffix("exporter", ".html").plugin == plugin


def test_two_third_party_plugins_with_one_suffix_are_both_named():
    host = PluginHost()
    for plugin in ("left", "right"):
        host.register(exporter(), plugin)
    with pytest.raises(InputError, match=r"'left/yaml' .* and 'right/yaml' .*prefer=\{'exporter:.yaml': 'left'\}"):
        host.by_suffix("exporter", ".yaml")


@pytest.mark.parametrize("suffixes", [".html", ("html",), (".HTML",), [".html"], (1,), (".tar.gz",)])
def test_suffixes_are_a_tuple_of_suffixes(suffixes):
    with pytest.raises(PluginError, match="suffixes must be a tuple"):
        exporter(suffixes=suffixes)


class Figure:
    def save(self, path):
        path.write_text("a figure")


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({}, "Relative lift"),
        ({"target": lambda plot: plot.title.encode()}, "Relative lift"),
        ({"target": lambda plot: Figure()}, "a figure"),
        ({"target": lambda plot: 3, "save": lambda figure, path: path.write_text(f"number {figure}")}, "number 3"),
    ],
)
def test_a_third_party_plot_is_saved(tmp_path, options, text):
    host = PluginHost()
    host.register(backend(**options), "acme")
    result = xp.setup(xp.datasets.shop(200), "variant", plugins=host).register_metric("revenue").run_analysis()
    output = plot_output(host, tmp_path / "forest.txt")
    assert output.save(result.plot(output.entry.qualified)) == f"Plot saved as {tmp_path / 'forest.txt'}"
    assert text in (tmp_path / "forest.txt").read_text()


def test_what_cannot_be_saved_is_blamed_on_its_plugin(tmp_path):
    host = PluginHost()
    host.register(backend(), "acme")
    with pytest.raises(PluginError, match="'acme/ascii' of local returned a int, which cannot be saved"):
        plot_output(host, tmp_path / "f.txt").save(3)
    with pytest.raises(InputError, match="cannot be saved as"):
        plot_output(host, tmp_path / "none" / "f.txt").save("text")


@pytest.fixture
def program(monkeypatch, capsys):
    """Run the command line with a host of the test's own."""

    def run(host, *words):
        monkeypatch.setattr(main, "PluginHost", lambda: host)
        code = main.main([str(word) for word in words])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    before = xp.default_host()
    yield run
    use_host(before)


@pytest.fixture
def shop_file(tmp_path):
    path = tmp_path / "shop.csv"
    xp.datasets.shop(200).to_csv(path, index=False)
    return ["analyze", path, "--treatment-col", "variant", "--metric", "revenue"]


def test_analyze_writes_files_with_third_party_plugins(program, shop_file, tmp_path):
    host = PluginHost()
    host.register(exporter(), "acme")
    host.register(backend(), "acme")
    files = {"--report": tmp_path / "r.yaml", "--plot": tmp_path / "f.txt"}
    code, out, err = program(host, *shop_file, *(word for pair in files.items() for word in pair))
    assert (code, err) == (0, "")
    assert files["--report"].read_text() == "alpha: 0.05\n"
    assert "Relative lift" in files["--plot"].read_text()
    assert f"Report saved as {files['--report']}" in out


def test_analyze_saves_an_interactive_plot(program, shop_file, tmp_path):
    code, _, err = program(PluginHost(), *shop_file, "--plot", tmp_path / "f.html")
    assert (code, err) == (0, "")
    assert "plotly" in (tmp_path / "f.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("option", ["--report", "--plot"])
def test_an_unknown_suffix_is_refused_before_the_analysis(program, shop_file, option):
    def counted(context):
        raise AssertionError("the analysis was made")

    host = PluginHost()
    host.register(xp_gate(counted), "policy")
    code, _, err = program(host, *shop_file, option, "out.docx")
    assert code == 1
    assert "'.docx'; expected one of: ." in err
    assert "the analysis was made" not in err


def xp_gate(rule):
    from xpyrment_core import hookimpl

    class Gate:
        @hookimpl
        def xpyrment_check_experiment(self, experiment):
            return rule(experiment)

    return Gate()


# Commands --------------------------------------------------------------------


def command(name):
    return CommandDefinition(name=name, target="xpyrment_core.cli.completion:completion", summary="Third party.")


def test_a_namesake_of_any_command_gets_its_plugins_name_and_is_listed(program):
    host = PluginHost()
    for name in ("plugins", "analyze", "acme-analyze"):
        host.register(command(name), "acme")
    named = named_commands(host)
    assert [named[name].plugin for name in ("plugins", "analyze")] == ["core", "analyze"]
    assert {name for name, entry in named.items() if entry.plugin == "acme"} == {
        "acme-plugins",
        "acme-analyze",
        "acme-analyze-2",
    }
    assert (
        "command 'plugins' of plugin 'acme' runs as 'acme-plugins': plugin 'core' of xpyrment has that name"
        in renamed_commands(host)
    )
    _, out, err = program(host, "plugins")
    assert err == ""
    assert "runs as 'acme-plugins'" in " ".join(out.split())
    assert "acme-plugins" in program(host, "--help")[1]


def test_a_blocked_built_in_leaves_its_command_name_to_others():
    from xpyrment_core.registry.discovery import Switches

    host = PluginHost(switches=Switches(block=frozenset({"analyze"})))
    host.register(command("analyze"), "acme")
    assert named_commands(host)["analyze"].plugin == "acme"


def test_plugins_and_completion_are_there_without_any_plugin():
    assert set(named_commands(PluginHost(autoload=False))) == {"plugins", "completion"}


@pytest.mark.parametrize("group", ["Commands", "Parameters", "Arguments", "Output", "Acme commands"])
def test_a_third_party_command_may_stand_under_any_heading(program, group):
    host = PluginHost()
    target = "xpyrment_core.cli.completion:completion"
    host.register(CommandDefinition(name="shout", target=target, summary="Third party.", group=group), "acme")
    assert program(host, "plugins", "--kind", "command")[0] == 0
    code, out, _ = program(host, "--help")
    assert code == 0
    assert "Third party. [local]" in out
