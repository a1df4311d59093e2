"""Random data, options, files and command lines: only errors of the library, JSON results, and no other effect."""

import json
import locale
import os
import random
import warnings
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import xpyrment as xp
from xpyrment_core.cli.main import main
from xpyrment_core.errors import XpyrmentError

SEEDS = [1, pytest.param(2, marks=pytest.mark.slow), pytest.param(3, marks=pytest.mark.slow)]


def cases(seed, few):
    """Return a generator of random choices, and how many cases to draw: many only in the slow tests."""
    return random.Random(seed), few if seed == 1 else 20 * few


def state():
    """Return what belongs to the process and must not change."""
    import matplotlib as mpl

    return {
        "filters": list(warnings.filters),
        "numpy": np.geterr(),
        "printing": {key: value for key, value in np.get_printoptions().items() if key != "formatter"},
        "matplotlib": dict(mpl.rcParams),
        "locale": locale.setlocale(locale.LC_ALL),
        "folder": os.getcwd(),
        "random": random.getstate(),
        "generator": np.random.get_state()[1].tolist(),
    }


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "80")
    return tmp_path


ODD = [0, 1, -1, 0.5, 1e308, -1e308, 5e-324, float("nan"), float("inf"), None, True, "", "x", "\x1b[2J", Decimal("0.1")]
COLUMNS = {
    "normal": lambda g, n: g.normal(size=n),
    "large": lambda g, n: g.normal(size=n) * 10.0 ** g.integers(-320, 308),
    "shifted": lambda g, n: 1e9 + g.normal(size=n),
    "binary": lambda g, n: g.integers(0, 2, n),
    "boolean": lambda g, n: g.integers(0, 2, n).astype(bool),
    "constant": lambda g, n: np.full(n, 3.0),
    "missing": lambda g, n: np.where(g.random(n) < 0.3, np.nan, g.normal(size=n)),
    "empty": lambda g, n: np.full(n, np.nan),
    "infinite": lambda g, n: np.where(g.random(n) < 0.1, np.inf, g.normal(size=n)),
    "small": lambda g, n: g.normal(size=n).astype("float32"),
    "nullable": lambda g, n: pd.array(g.integers(0, 9, n), dtype="Int64"),
    "decimal": lambda g, n: [Decimal(int(k)) / 7 for k in g.integers(0, 99, n)],
    "category": lambda g, n: pd.Categorical(g.choice(list("pqr"), n), categories=list("pqrs")),
    "text": lambda g, n: g.choice(["p", "q", ""], n),
    "date": lambda g, n: pd.to_datetime(g.integers(0, 10**18, n)),
    "span": lambda g, n: pd.to_timedelta(g.integers(0, 10**15, n)),
    "complex": lambda g, n: g.normal(size=n) + 1j,
    "mixed": lambda g, n: [ODD[k] for k in g.integers(0, len(ODD), n)],
    "lists": lambda g, n: [[int(k)] for k in g.integers(0, 3, n)],
}
LABELS = [["a", "b"], ["control", "treatment", "c"], [0, 1], [True, False], [1, "1"], [1.5, 2.5], ["a", None], ["a"]]
LABELS += [[np.float32(0.1), np.float32(0.2)], [Decimal(1), Decimal(2)], ["<b>", "=1+1"], ["x\x1b[2J", "\u202ey"]]
KINDS = ["mean", "proportion", "ratio", "quantile", "winsorized", "capped", "log", "maen", None, 5]
OPTIONS = {
    "alpha": [0.05, 0.9, np.float64(0.1), np.float32(0.1), Decimal("0.05"), 1e-12, 0, 2, "0.05", None, [0.05]],
    "test": ["welch", "student", "z", "mannwhitney", "score", "fisher", "ols", None, 3, ["welch"], {"m": "welch"}],
    "multi_test_correction": ["holm", "fdr_bh", "bonferroni", "hommel", "none", None, 4],
    "alternative": ["two-sided", "less", "greater", "both", None],
    "relative_interval": ["fieller", "delta", "log", "no"],
    "adjuster": ["cuped", "none", "lin", 7],
    "covariates": ["k", ["k"], ["k", "y"], ["no"], [3], 3],
}
METRIC = {
    "role": ["primary", "guardrail", "secondary", "x"],
    "direction": ["increase", "decrease", "up"],
    "margin": ["5%", 0.1, -1, "lots", None, float("nan")],
}


def some(draw, table, share=0.1):
    return {key: draw.choice(values) for key, values in table.items() if draw.random() < share}


def frame(draw):
    generator = np.random.default_rng(draw.getrandbits(32))
    rows = draw.choice([0, 1, 2, 3, 4, 7, 20, 60, 60, 200, 200])
    labels = draw.choice(draw.choice([LABELS, LABELS[:2]]))
    data = {"v": pd.Series([labels[k] for k in generator.integers(0, len(labels), rows)], dtype=object)}
    for name in ("y", "k", "d"):
        data[name] = COLUMNS[draw.choice(list(COLUMNS)[: draw.choice([7, 99])])](generator, rows)
    data["u"] = generator.integers(0, max(1, rows // draw.choice([1, 3])), rows)
    return pd.DataFrame(data), labels


def analysed(draw, data, labels):
    options = some(draw, OPTIONS)
    if draw.random() < 0.95:
        options |= {"control": labels[0], "treatment": draw.choice([labels[-1], labels[1:], None])}
    else:
        options |= {"treatment": draw.choice([labels, "no"])}
    kind = draw.choice(KINDS[: draw.choice([7, 7, 7, 10])])
    columns = {"numerator_col": "y", "denominator_col": "d"} if kind == "ratio" else {"value_col": "y"}
    columns |= {"quantile": {"q": 0.5}, "capped": {"cap": 2.0}}.get(kind, {})
    experiment = xp.setup(data, "v", draw.choice([None, "u"]), draw.choice([None, ["k"]]))
    experiment.register_metric("m", kind, **columns, **some(draw, METRIC, 0.05))
    return experiment.run_analysis(**options)


@pytest.mark.parametrize("seed", SEEDS)
def test_frames_and_options(folder, seed):
    draw, count = cases(seed, 250)
    xp.setup(pd.DataFrame({"v": list("ab") * 9, "y": range(18)}), "v").register_metric("y").run_analysis(
        "a", "b"
    ).export()
    estimated = 0
    for case in range(count):
        draw.seed(f"{seed} {case}")
        data, labels = frame(draw)
        before, copied = state(), data.copy(deep=True)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            warnings.simplefilter("error", RuntimeWarning)
            try:
                result = analysed(draw, data, labels)
                assert json.loads(result.to_json()) == result.to_dict(), case
                result.summary()
                for form in ("markdown", "csv", "json"):
                    assert result.export(form)
                estimated += any(row.status == "ok" for row in result.results)
            except XpyrmentError:
                pass
            except Exception as error:
                raise AssertionError(f"case {seed} {case}: {type(error).__name__}: {error}") from error
        assert state() == before, case
        pd.testing.assert_frame_equal(data, copied)
    assert estimated > count / 10  # else the cases are too odd to show anything
    assert list(folder.iterdir()) == []


def mutated(draw, content):
    """Return bytes with some of them changed, removed, repeated or cut off."""
    content = bytearray(content)
    for _ in range(draw.choice([1, 1, 2, 5])):
        at = draw.randrange(len(content) + 1)
        piece = draw.choice(
            [b"\x00", b"\xff", b'"', b",", b"\n", b"\r", b"#", b"=", b"[", b"1e999", b"\x1b", b"\xef\xbb\xbf"]
        )
        step = draw.randrange(4)
        if step == 0:
            content[at:at] = piece
        elif step == 1:
            content[at : at + len(piece)] = piece
        elif step == 2:
            del content[at : at + draw.choice([1, 10, 100])]
        else:
            del content[at:]
    return bytes(content)


PLAN = """[experiment]
data = "d.csv"
treatment_col = "v"
control = "a"
treatments = ["b"]
covariates = ["k"]
alpha = 0.05
correction = "holm"
weights = { a = 0.5, b = 0.5 }
[[metrics]]
name = "y"
type = "mean"
role = "guardrail"
margin = "10%"
[read]
separator = ","
"""


def original():
    """Write the data and the plan, and return the contents of all kinds of files."""
    generator = np.random.default_rng(5)
    data = pd.DataFrame({"v": list("ab") * 30, "y": generator.normal(size=60), "k": generator.normal(size=60)})
    data.to_csv("d.csv", index=False)
    data.to_csv("d.csv.gz", index=False)
    data.to_parquet("d.parquet")
    data.to_feather("d.arrow")
    data.to_json("d.jsonl", orient="records", lines=True)
    Path("p.toml").write_text(PLAN)
    Path("s.toml").write_text('[xpyrment]\nformat = "json"\n[xpyrment.power]\nalpha = 0.01\n')
    assert main(["aggregate", "d.csv", "--treatment-col", "v", "--columns", "y", "--covariates", "k"]) == 0
    return {path.name: path.read_bytes() for path in Path.cwd().iterdir()}


@pytest.mark.parametrize("seed", SEEDS)
def test_files(folder, capsys, seed):
    draw, count = cases(seed, 100)
    contents = original()
    codes = []
    for case in range(count):
        draw.seed(f"{seed} {case}")
        name = draw.choice(list(contents))
        content = mutated(draw, contents[name])
        Path("x").mkdir(exist_ok=True)
        target = Path("x", "xpyrment.toml" if name == "s.toml" else f"x{name[1:]}")
        target.write_bytes(content)
        Path("x", "d.csv").write_bytes(contents["d.csv"])
        known = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        words = ["analyze", str(target)]
        if name == "s.toml":
            os.chdir("x")
            words = ["power", "--mde", "1", "--std", "2"]
        elif name != "p.toml":
            words += ["--treatment-col", "v", "--metric", "y", "--control", "a"]
        before = state()
        codes.append(ran(words, f"{seed} {case} {name}"))
        assert state() == before, case
        os.chdir(folder)
        err = capsys.readouterr().err
        assert "Traceback" not in err
        assert "--debug" not in err, (case, name, err)  # an exception that is not of the library
        assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == known
        target.unlink()
    assert {0, 1} <= set(codes)


def ran(words, case):
    try:
        return main(words)
    except SystemExit as stop:  # wrong usage
        return stop.code
    except Exception as error:
        raise AssertionError(f"case {case}: {type(error).__name__}: {error}") from error


WORDS = ["analyze", "srm", "balance", "regress", "power", "aggregate", "register", "init", "plugins", "d.csv", "p.toml"]
WORDS += [
    "--treatment-col",
    "--metric",
    "--alpha",
    "--csv",
    "--group-col",
    "--covariates",
    "--format",
    "--columns",
    "v",
]
WORDS += ["y", "k", "json", "csv", "0.05", "1e999", "-1", "nan", "", "a=1,b=2", "m=y/k", "q=y:quantile,q=0.9", "=", ":"]
WORDS += [
    "--mde",
    "--std",
    "--n",
    "10",
    "--weights",
    "--control",
    "a",
    "--y-col",
    "--x-cols",
    "--formula",
    "y ~ k",
    "--x",
]
WORDS += [
    "\x1b[2J",
    "\ud800",
    "--locked",
    "--dry-run",
    "--id-col",
    "--test",
    "welch",
    "--separator",
    ";",
    "é",
    "[",
    "x" * 999,
]


@pytest.mark.parametrize("seed", SEEDS)
def test_command_lines(folder, capsys, seed):
    draw, count = cases(seed, 100)
    contents = original()
    for case in range(count):
        draw.seed(f"{seed} {case}")
        words = [draw.choice(WORDS[:11]), *(draw.choice(WORDS) for _ in range(draw.randrange(8)))]
        if words[0] in ("register", "init", "aggregate"):  # whose output is a file
            words += ["--help"]
        before = state()
        assert ran(words, f"{seed} {case} {words}") in (0, 1, 2)
        assert state() == before, words
        err = capsys.readouterr().err
        assert "--debug" not in err, (words, err)
        assert {path.name: path.read_bytes() for path in folder.iterdir()} == contents, words
