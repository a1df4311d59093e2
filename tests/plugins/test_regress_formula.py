"""Formulas: what they may contain is evaluated, everything else is refused before any of it is."""

import ast
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from hypothesis import given
from hypothesis import strategies as st

from commands import command
from xpyrment_core import InputError
from xpyrment_regress.fit import fit_ols

TOUCH = "open('{}', 'w').write('a')"

ATTACKS = [
    "y ~ x + I({touch})",
    "y ~ {{{touch}}}",
    "y ~ np.log({touch})",
    "np.log({touch}) ~ x",
    "y ~ C(g, contr.treatment(base={touch}))",
    "y ~ bs(x, df={touch})",
    "y ~ poly(x, degree={touch})",
    "y ~ x[{touch}]",
    "y ~ I(x if {touch} else x)",
    "y ~ I([{touch} for i in (1,)][0])",
    "y ~ I((lambda: {touch})())",
    "y ~ I(f'{{{touch2}}}')",
    "y ~ I(x.__class__.__base__.__subclasses__())",
    "y ~ I(__import__('os').system('touch {path}'))",
    'y ~ I(eval("{touch}"))',
    "y ~ I(x.to_csv('{path}'))",
    "y ~ np.savetxt('{path}', x)",
    "y ~ np.log.__call__(x)",
    "y ~ Q({touch})",
    "y ~ I(x == {touch})",
    "y ~ I(x ** {touch})",
    "y ~ I(-{touch})",
    "y ~ I(x and {touch})",
    "y ~ I((z := {touch}))",
]


def frame() -> pd.DataFrame:
    rng = np.random.default_rng(1)
    x = rng.gamma(3, 2, 120)
    group = np.array(["a", "b", "c"])[rng.integers(0, 3, 120)]
    return pd.DataFrame({"x": x, "g": group, "a b": x**2, "y": 1 + x + rng.normal(size=120)})


@pytest.mark.parametrize("attack", ATTACKS)
def test_nothing_a_formula_contains_is_executed(attack: str, tmp_path: Path) -> None:
    path = tmp_path / "sentinel"
    touch = TOUCH.format(path)
    formula = attack.format(touch=touch, touch2=touch.replace("'", '"'), path=path)
    with pytest.raises(InputError):
        fit_ols(frame(), formula=formula)
    assert not path.exists()


def test_the_command_line_refuses_too(tmp_path: Path) -> None:
    frame().to_csv(tmp_path / "d.csv", index=False)
    path = tmp_path / "sentinel"
    done = command("regress", "--csv", str(tmp_path / "d.csv"), "--formula", f"y ~ x + I({TOUCH.format(path)})")
    assert done.returncode == 1
    assert "may contain" in done.stderr
    assert not path.exists()


@pytest.mark.parametrize("power", ["9 ** 9 ** 9", "x ** 999999", "x ** x", "9 << 999999999"])
def test_an_expression_that_would_not_end_is_refused(power: str) -> None:
    with pytest.raises(InputError, match=r"may contain|cannot be used"):
        fit_ols(frame(), formula=f"y ~ I({power})")


@pytest.mark.parametrize(
    ("formula", "reference"),
    [
        ("y ~ np.log(x) + C(g)", "y ~ np.log(x) + C(g)"),
        ("y ~ log(x) * g", "y ~ np.log(x) * g"),
        ("y ~ I(x ** 2) + I(x > 5)", "y ~ I(x ** 2) + I(x > 5)"),
        ("y ~ I(g == 'b')", "y ~ I(g == 'b')"),
        ("y ~ `a b` + x", "y ~ Q('a b') + x"),
        ("y ~ Q('a b')", "y ~ Q('a b')"),
        ("np.sqrt(`a b`) ~ I(-x / 2 + 1)", "np.sqrt(Q('a b')) ~ I(-x / 2 + 1)"),
        ("y ~ C(g, contr.treatment(base='b'))", "y ~ C(g, Treatment('b'))"),
    ],
)
def test_what_is_allowed_gives_the_fit_of_statsmodels(formula: str, reference: str) -> None:
    ours, theirs = fit_ols(frame(), formula=formula), smf.ols(reference, frame()).fit()
    assert math.isclose(ours.r_squared or 0, theirs.rsquared, rel_tol=1e-9)
    assert ours.df_resid == theirs.df_resid


@pytest.mark.parametrize("formula", ["y ~ bs(x, df=4)", "y ~ poly(x, degree=2)", "y ~ scale(x)"])
def test_functions_of_columns_read_their_columns(formula: str) -> None:
    assert fit_ols(frame(), formula=formula).n == 120


NAMES = st.sampled_from(["x", "y", "g", "np", "open", "__builtins__", "contr", "os", "print", "C", "I", "log", "`a b`"])
PARTS = st.recursive(
    NAMES | st.sampled_from(["1", "2.5", "'b'", "None", "()", "..."]),
    lambda part: st.one_of(
        st.tuples(part, st.sampled_from(["+", "-", "*", "/", "**", "==", "@", " or ", ",", "."]), part).map("".join),
        st.tuples(NAMES, part).map(lambda pair: f"{pair[0]}({pair[1]})"),
        part.map(lambda text: f"({text})"),
        part.map(lambda text: f"[{text}]"),
        part.map(lambda text: f"lambda: {text}"),
    ),
    max_leaves=6,
)


@given(PARTS)
def test_only_allowed_calls_pass(text: str) -> None:
    from formulaic import Formula
    from formulaic.errors import FormulaicError

    from xpyrment_regress.formula import MATHS, TRANSFORMS, columns_of

    try:
        parsed = Formula(f"y ~ I({text})")
        columns_of(parsed.rhs, text)
    except (InputError, FormulaicError, SyntaxError, ValueError, KeyError, AttributeError, TypeError):
        return
    # What passed calls the allowed functions only, and reads no attribute but theirs.
    for term in parsed.rhs:
        for factor in term.factors:
            text = str(factor.expr).replace("`", "_").replace("a b", "ab").strip()
            for node in ast.walk(ast.parse(text, mode="eval")):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                    assert node.func.id in (*MATHS, *TRANSFORMS)
                assert not isinstance(node, ast.Lambda | ast.Subscript | ast.ListComp | ast.JoinedStr)
