"""The benchmarks run, and every rival in them answers the question that we answer."""

from pathlib import Path

import numpy as np
import pytest

from processes import PYTHON, process

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.skipif(not (ROOT / "benchmarks").exists(), reason="benchmarks are not part of the wheel")


@pytest.mark.parametrize(
    ("tables", "words"),
    [
        (("limit", "beside"), ("memcpy", "categorical labels", "whole analysis")),
        pytest.param(("growth", "memory"), ("7 arms", "50 metrics", "more at the peak"), marks=pytest.mark.slow),
    ],
)
def test_the_tables_are_printed(tables: tuple[str, ...], words: tuple[str, ...]) -> None:
    done = process(PYTHON, "-m", "benchmarks", "--rows", "2000", *tables, cwd=ROOT, timeout=600)
    assert done.returncode == 0, done.stderr
    assert all(word in done.stdout for word in words)


def test_an_unknown_table_is_refused() -> None:
    done = process(PYTHON, "-m", "benchmarks", "limt", cwd=ROOT)
    assert done.returncode == 2
    assert "choose from limit" in done.stderr


def test_rivals_answer_the_same_question(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT))
    from benchmarks import frames, ours
    from benchmarks.rivals import rivals

    made = frames.values(2000, 3)
    made[0] += np.arange(2000) / 1e4
    data = frames.pandas_frame(made, frames.labels(frames.codes(2000), "text"))
    result = ours.analyse(data, frames.names(3), "control", "treatment")
    wanted = {row["metric_name"]: row["p_value"] for row in result.raw_results}
    for name, (rival, its) in rivals(data, None).items():
        assert rival(its, frames.names(3)) == pytest.approx(wanted, rel=1e-9), name
