"""Third-party distributions, installed for real: sound ones work like built-ins, broken ones are skipped."""

import json

import pytest

from installed import environment
from processes import process, program
from xpyrment.datasets import nsw_path

pytestmark = pytest.mark.install

BROKEN = {
    "broken-bad-contract": "MetricDefinition",
    "broken-import-error": "no_such_module_anywhere",
    "broken-name-clash": "twice",
    "broken-old-api": "99",
    "broken-system-exit": "SystemExit",
    "broken-unknown-hook": "xpyrment_metricz",
    "broken-wrong-signature": "colour",
}


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    return environment(tmp_path_factory.mktemp("good"), ["acme", "namesake_left", "namesake_right"])


@pytest.fixture(scope="module")
def bad(tmp_path_factory):
    folders = [f"broken/{name.removeprefix('broken-').replace('-', '_')}" for name in BROKEN]
    return environment(tmp_path_factory.mktemp("bad"), [*folders, "acme"])


def python(executable, code):
    return process(executable, "-W", "ignore", "-c", code)


USE_ACME = """
import json, xpyrment as xp
frame = xp.datasets.shop(2000, seed=5)
frame["cost"] = frame["revenue"] * 0.6 + 1
e = xp.setup(frame, "variant", covariates=["pre_revenue"])
e.register_metric("margin", "margin", cost_col="cost", revenue_col="revenue")
e.register_metric("revenue")
r = e.run_analysis(test="cautious", multi_test_correction="tripled")
print(r.to_json())
"""


def test_third_party_metric_test_and_correction_are_used_by_name(good):
    done = python(good, USE_ACME)
    assert done.returncode == 0, done.stderr
    margin, revenue = json.loads(done.stdout)["metrics"]
    assert margin["metric_type"] == "Margin"
    assert margin["status"] == "ok"
    for kind, name in (("metric", "margin"), ("test", "cautious"), ("correction", "tripled")):
        made_by = margin["provenance"][kind]
        assert (made_by["name"], made_by["plugin"]) == (name, "acme")
        assert (made_by["distribution"], made_by["version"]) == ("acme-experiments", "2.3.0")
    assert margin["p_value"] == pytest.approx(min(3 * margin["p_value_raw"], 1), rel=1e-12)
    assert revenue["cuped_applied"]
    assert revenue["provenance"]["metric"]["distribution"] == "xpyrment"


def test_third_party_metric_gets_its_variance_by_the_delta_method(good):
    code = USE_ACME.replace('test="cautious", multi_test_correction="tripled"', 'test="z"') + (
        "import numpy as np\n"
        "row, se2 = r.raw_results[0], 0.0\n"
        "for label, arm in frame.groupby('variant'):\n"
        "    c, v = arm['cost'], arm['revenue']\n"
        "    linear = -c / v.mean() + c.mean() / v.mean() ** 2 * v\n"
        "    se2 += linear.var(ddof=1) / len(arm)\n"
        "assert abs(row['std_error'] / np.sqrt(se2) - 1) < 1e-10, (row['std_error'], np.sqrt(se2))\n"
    )
    done = python(good, code)
    assert done.returncode == 0, done.stderr


def test_third_party_command_runs_and_a_duplicate_name_gets_a_plugin_prefix(good):
    assert program("shout", "--word", "quiet", python=good).stdout == "QUIET\n"
    listed = program("--help", python=good).stdout
    assert "acme-analyze" in listed
    assert "[acme-experiments]" in listed
    assert program("acme-analyze", python=good).stdout == "HELLO\n"


def test_built_ins_keep_their_bare_name_and_the_qualified_name_always_works(good):
    code = (
        "import xpyrment as xp\n"
        "e = xp.setup(xp.datasets.shop(500), 'variant')\n"
        "e.register_metric('a', 'mean', value_col='revenue').register_metric('b', 'acme/mean', value_col='revenue')\n"
        "a, b = e.run_analysis().raw_results\n"
        "assert abs(b['control_mean'] - 2 * a['control_mean']) < 1e-9\n"
        "assert b['provenance']['metric']['plugin'] == 'acme'\n"
    )
    done = python(good, code)
    assert done.returncode == 0, done.stderr


def test_third_party_metrics_of_the_same_name_are_ambiguous_at_lookup(good):
    code = "import xpyrment as xp\nxp.default_host().get('metric', 'popular')\n"
    done = python(good, code)
    assert done.returncode == 1
    for part in ("left/popular", "right/popular", "namesake-left 0.5.0", "namesake-right 0.5.0"):
        assert part in done.stderr
    code = "import xpyrment as xp\nassert xp.default_host().get('metric', 'right/popular').plugin == 'right'\n"
    assert python(good, code).returncode == 0


def test_a_users_preference_decides_between_namesakes(good):
    code = (
        "import xpyrment as xp\n"
        "host = xp.PluginHost(prefer={'metric:popular': 'right'})\n"
        "assert host.get('metric', 'popular').plugin == 'right'\n"
    )
    assert python(good, code).returncode == 0


def test_help_and_analysis_work_beside_broken_plugins(bad):
    assert program("--help", python=bad).returncode == 0
    done = program("analyze", nsw_path(), "--treatment-col", "treat", "--metric", "re78", python=bad)
    assert done.returncode == 0, done.stderr
    assert "+39.4%" in done.stdout
    for name in BROKEN:
        assert name in done.stderr
    assert "Traceback" not in done.stderr


def test_the_plugin_list_names_what_is_broken_and_why(bad):
    done = program("plugins", "--json", python=bad)
    assert done.returncode == 0
    by_distribution = {row["distribution"]: row for row in json.loads(done.stdout)["plugins"]}
    for name, why in BROKEN.items():
        row = by_distribution[name]
        assert row["status"] in ("broken", "incompatible")
        assert row["version"] == "1.0.0"
        assert why in row["reason"]
    assert by_distribution["acme-experiments"]["status"] == "loaded"


def test_check_exits_1_where_something_is_broken_and_0_where_nothing_is(good, bad):
    assert program("plugins", "--check", python=bad).returncode == 1
    done = program("plugins", "--check", python=good)
    assert done.returncode == 0, done.stdout
    assert "0 unusable" in done.stdout


def test_asking_for_what_a_broken_plugin_would_offer_names_it(bad):
    done = program("analyze", nsw_path(), "--treatment-col", "treat", "--metric", "re78:loose", python=bad)
    assert done.returncode == 1
    assert "broken-bad-contract" in done.stderr


def test_blocking_keeps_a_plugin_from_being_imported(bad):
    done = program("plugins", "--json", XPYRMENT_BLOCK_PLUGINS="system_exit,broken-import-error", python=bad)
    rows = {row["distribution"]: row for row in json.loads(done.stdout)["plugins"]}
    assert rows["broken-system-exit"]["status"] == "blocked"
    assert rows["broken-import-error"]["status"] == "blocked"
    assert "broken-system-exit" not in done.stderr


def test_no_autoload_leaves_only_the_built_ins(bad):
    done = program("plugins", "--check", XPYRMENT_DISABLE_AUTOLOAD="1", python=bad)
    assert done.returncode == 0
    assert done.stderr == ""


def test_only_plugins_setting_excludes_all_others(bad):
    done = program("plugins", "--json", XPYRMENT_ONLY_PLUGINS="acme", python=bad)
    rows = {row["distribution"]: row["status"] for row in json.loads(done.stdout)["plugins"]}
    assert rows["acme-experiments"] == "loaded"
    assert rows["broken-old-api"] == "blocked"


def test_strict_makes_the_first_problem_one_line_and_exit_1(bad):
    done = program("--help", XPYRMENT_STRICT_PLUGINS="1", python=bad)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("Error: plugin ")
