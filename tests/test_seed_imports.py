"""Imports from ``xpyrment.analyze.orchestrator`` keep working, and the module itself loads nothing heavy."""

import importlib
import subprocess
import sys

import pytest

import xpyrment as xp

HEAVY = ("numpy", "pandas", "scipy", "matplotlib", "duckdb")


def test_orchestrator_offers_setup_run_analysis_and_result():
    from xpyrment.analyze.orchestrator import AnalysisResult, run_analysis, setup

    assert (setup, run_analysis, AnalysisResult) == (xp.setup, xp.run_analysis, xp.AnalysisResult)


def test_an_analysis_runs_through_the_orchestrator():
    from xpyrment.analyze.orchestrator import AnalysisResult, run_analysis, setup

    experiment = setup(xp.datasets.shop(500), treatment_col="variant").register_metric("revenue")
    result = run_analysis(experiment, alpha=0.05)
    assert isinstance(result, AnalysisResult)
    assert [row["metric_name"] for row in result.raw_results] == ["revenue"]


def test_unknown_names_of_the_orchestrator_are_refused():
    module = importlib.import_module("xpyrment.analyze.orchestrator")
    with pytest.raises(AttributeError, match="no attribute 'CovariateBalanceChecker'"):
        _ = module.CovariateBalanceChecker


def test_importing_the_orchestrator_loads_no_heavy_library():
    code = (
        "import sys, xpyrment.analyze.orchestrator\n"
        f"loaded = [name for name in {HEAVY!r} if name in sys.modules]\n"
        "assert not loaded, loaded"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
