"""The love plot as text keeps its promised form."""

import numpy as np
import pandas as pd
import pytest

from xpyrment_balance.from_frame import check_balance
from xpyrment_balance.love import axis
from xpyrment_balance.result import BalanceResult


def plot(**columns):
    n = len(next(iter(columns.values()))) // 2
    data = pd.DataFrame({"variant": ["control"] * n + ["treatment"] * n, **columns})
    return check_balance(data, "variant", list(columns)).love_plot().splitlines()


def test_without_covariates_it_says_so():
    assert BalanceResult(control="control").love_plot() == (
        "No covariate balance diagnostics were compiled (no covariates provided)."
    )


def test_every_covariate_has_a_row_with_its_axis_and_its_smd():
    lines = plot(age=[1.0, 2, 3, 4, 1.5, 2, 3, 4], clicks=[1.0, 2, 3, 4, 5, 6, 7, 8])
    assert lines[0] == "COVARIATE BALANCE LOVE PLOT"
    rows = [line for line in lines if line.startswith(("age", "clicks"))]
    assert len(rows) == 2
    for row in rows:
        drawn = row[row.index("[") + 1 : row.index("]")]
        assert len(drawn) == 21
        assert drawn.count("X") == 1
    control, treatment = np.array([1.0, 2, 3, 4]), np.array([1.5, 2, 3, 4])
    smd = (treatment.mean() - control.mean()) / np.sqrt((control.var(ddof=1) + treatment.var(ddof=1)) / 2)
    assert rows[0].endswith(f"{smd:+.4f} *")
    assert rows[1].index("X") == rows[1].index("]") - 1, "an SMD beyond the axis is drawn at its end"


@pytest.mark.parametrize(
    ("smd", "position"), [(0.0, 10), (0.1, 12), (-0.1, 8), (0.5, 20), (-0.5, 0), (9.0, 20), (float("-inf"), 0)]
)
def test_the_x_stands_at_the_smd(smd, position):
    assert axis(smd).index("X") == position


@pytest.mark.parametrize("smd", np.linspace(0, 0.6, 49))
def test_the_axis_of_the_opposite_smd_is_the_mirror_image(smd):
    assert axis(-smd) == axis(smd)[::-1]


def test_a_covariate_without_an_smd_has_no_x_and_says_so():
    row = next(line for line in plot(same=[np.inf] * 8) if line.startswith("same"))
    assert "X" not in row
    assert row.endswith("not estimable")


def test_missing_values_have_a_row_of_their_own():
    lines = plot(age=[1.0, 2, 3, 4, None, 2, 3, 4])
    assert any(line.startswith("age is missing") for line in lines)


def test_several_treatments_have_a_section_each():
    data = pd.DataFrame({"variant": list("ABC") * 10, "x": np.arange(30.0)})
    text = check_balance(data, "variant", ["x"]).love_plot()
    assert text.count("\nx ") == 2
    assert "\nB:" in text
    assert "\nC:" in text


def test_long_names_stay_within_80_columns_and_apart():
    stem = "pre_period_revenue_in_dollars_over_the_last_28_days_"
    lines = plot(**{stem + end: np.arange(8.0) for end in ("mobile", "desktop")})
    assert max(map(len, lines)) <= 80
    rows = [line for line in lines if "[" in line]
    assert len({row.split("[")[0] for row in rows}) == 2
