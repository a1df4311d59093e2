"""Blocking any one built-in plugin leaves everything that does not need it working."""

import warnings

import pytest

import xpyrment as xp
from xpyrment_core import InputError, PluginHost
from xpyrment_core.cli import main
from xpyrment_core.registry.discovery import Switches, candidates
from xpyrment_core.registry.host import default_host, use_host

BUILT_IN = sorted(candidate.name for candidate in candidates() if not candidate.foreign)

NEEDED = {
    "frames": "no engine reads data of type pandas",
    "metrics": "metric 'mean' is not one of:",
    "ttests": "no default test is available",
}
"""Plugins without which this analysis cannot be made, and how the refusal begins."""


def blocking(name):
    return PluginHost(switches=Switches(block=frozenset({name})))


def analysis(host, *metrics):
    """Analyse a small frame with a mean and a proportion, and a covariate."""
    frame = xp.datasets.shop(300)
    experiment = xp.setup(frame, "variant", id_col="user_id", covariates=["pre_revenue"], plugins=host)
    for name, kind in metrics or (("revenue", "mean"), ("converted", "proportion")):
        experiment.register_metric(name, kind)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return experiment.run_analysis()


def test_the_plugins_tried_are_all_there_are():
    assert len(BUILT_IN) == len([info for info in PluginHost().plugins if info.builtin]) >= 20
    assert set(NEEDED) <= set(BUILT_IN)


@pytest.fixture(scope="module")
def whole():
    return analysis(PluginHost()).raw_results


@pytest.mark.parametrize("name", [name for name in BUILT_IN if name not in NEEDED])
def test_an_analysis_that_does_not_need_the_plugin_gives_the_same_numbers(name, whole):
    result = analysis(blocking(name))
    assert [row["status"] for row in result.raw_results] == ["ok", "ok"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        assert len(result.summary()) == 2
    assert result.to_json()
    if name == "adjust":
        assert not any(row["cuped_applied"] for row in result.raw_results)
    elif name == "proportions":  # the general test takes the place of the score test
        assert result.raw_results[0] == whole[0]
        assert result.raw_results[1]["test"] == "welch"
    else:
        assert result.raw_results == whole


@pytest.mark.parametrize("name", NEEDED)
def test_an_analysis_that_needs_the_plugin_names_it_and_the_remedy(name):
    with pytest.raises(InputError) as refused:
        analysis(blocking(name))
    message = str(refused.value)
    assert NEEDED[name] in message
    assert f"plugin {name!r} of xpyrment" in message
    assert "blocked by XPYRMENT_BLOCK_PLUGINS" in message
    assert "change that setting to use it" in message


@pytest.fixture
def program(monkeypatch, capsys):
    def run(host, *words):
        monkeypatch.setattr(main, "PluginHost", lambda: host)
        code = main.main(list(words))
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    before = default_host()
    yield run
    use_host(before)


@pytest.mark.parametrize("name", BUILT_IN)
def test_help_and_the_list_of_plugins_work_without_the_plugin(name, program):
    host = blocking(name)
    code, out, err = program(host, "--help")
    assert (code, err) == (0, "")
    assert "plugins" in out
    code, out, err = program(host, "plugins")
    assert (code, err) == (0, "")
    assert out.count("blocked") == 1 + out.count("blocked by")
