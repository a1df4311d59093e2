"""Names and labels from data cannot control a terminal, a Markdown page or a spreadsheet."""

import csv
import io
import json
import re
from contextlib import suppress
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

import xpyrment as xp
from xpyrment_core.cli.main import main
from xpyrment_core.cli.report import Report, Table, csv_text, render
from xpyrment_core.plots.escaping import json_printable, markdown_text, printable

EVIL = "a\x1b[2J\x1b]0;owned\x07b\rc\x9bd\u202ee\u2066f\u2028g\x7fh"
OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def evil_file():
    frame = pd.DataFrame({"v": ["control", EVIL] * 40, EVIL: range(80), "y": range(80)})
    frame["u"] = [f"{EVIL}{i}" for i in range(80)]
    frame.to_parquet("d.parquet")


@pytest.mark.parametrize("form", ["table", "json", "csv", "markdown"])
@pytest.mark.parametrize(
    "words",
    [
        ("analyze", "d.parquet", "--treatment-col", "v", "--metric", "y", "--metric", f"{EVIL}"),
        ("analyze", "d.parquet", "--treatment-col", "v", "--metric", "y", "--dry-run"),
        ("srm", "d.parquet", "--treatment-col", "v"),
        ("balance", "--csv", "d.parquet", "--group-col", "v", "--covariates", "y"),
        ("analyze", "d.parquet", "--treatment-col", "v", "--metric", "nothing"),
        ("analyze", "d.parquet", "--treatment-col", "v", "--metric", "y", "--control", EVIL + "x"),
        ("analyze", "d.parquet", "--treatment-col", "u", "--metric", "y"),
        ("analyze", EVIL + ".csv", "--treatment-col", "v", "--metric", "y"),
        ("power", "--mde", EVIL, "--std", "1"),
        (EVIL,),
    ],
)
def test_what_a_terminal_would_obey_reaches_neither_output_nor_errors(folder, capsys, words, form):
    if "u" in words and form != "table":
        return  # its error is the same in every form, and takes seconds
    evil_file()
    with suppress(SystemExit):  # wrong usage
        main([*words, "--format", form])
    out, err = capsys.readouterr()
    assert out or err or form == "csv"  # a dry run has no table
    assert not OBEYED.search(out)
    assert not OBEYED.search(err)


def test_what_is_replaced_is_visible(capsys, folder):
    evil_file()
    main(["srm", "d.parquet", "--treatment-col", "v"])
    assert r"a\x1b[2J\x1b]0;owned\x07b\rc\x9bd\u202ee" in capsys.readouterr().out.replace("\n", "").replace(" ", "")


def test_a_value_in_the_project_file_cannot_control_the_terminal(folder, capsys):
    Path("xpyrment.toml").write_text('[xpyrment.power]\n"al\\u001b[2Jpha" = 1\n')
    with pytest.raises(SystemExit):
        main(["power", "--mde", "1", "--std", "1"])
    assert r"\x1b[2J" in "".join(capsys.readouterr())


@given(st.text())
def test_printable_leaves_nothing_to_obey_and_plain_text_as_it_is(text):
    shown = printable(text, one_line=True)
    assert not OBEYED.search(shown)
    assert "\n" not in shown
    assert printable(shown, one_line=True) == shown
    if text.isprintable():
        assert shown == text


@given(
    st.recursive(st.text() | st.integers(), lambda inner: st.dictionaries(st.text(), inner, max_size=3), max_leaves=5)
)
def test_json_keeps_its_content(value):
    document = json.dumps(value, indent=2, ensure_ascii=False)
    assert json.loads(json_printable(document)) == value
    assert not OBEYED.search(json_printable(document))


@given(st.text(alphabet=st.sampled_from("<b>/a&;!-|`*_[]()#~\\ \n\tx1:\"'"), max_size=30))
def test_markdown_shows_text_letter_by_letter(text):
    # markdown-it-py is an independent implementation of CommonMark.
    rendered = MarkdownIt("commonmark").enable("table").render(f"| h |\n| --- |\n| x{markdown_text(text)}x |\n")
    cell = re.search(r"<td>(.*)</td>", rendered)
    assert cell is not None
    assert rendered.count("<td>") == 1
    plain = cell[1].replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", '"').replace("&amp;", "&")
    assert plain == f"x{' '.join(text.split())}x"


def test_markdown_of_the_command_line_is_escaped():
    table = Table(columns=("<i>", "b"), rows=[("a|b\nc", "<script>x</script>")], title="[t](u)")
    text = render(Report(kind="x", title="<h1>", parts=[table, "p <b>", "```\nlines\n```"]), "markdown")
    html = MarkdownIt("commonmark").enable("table").render(text)
    assert "<script" not in html
    assert "<b>" not in html
    assert "<a " not in html
    assert html.count("<td>") == 2
    assert html.count("<pre>") == 1


FORMULAS = ("=SUM(A1)", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "\r=1")


@pytest.mark.parametrize("label", FORMULAS)
def test_csv_guards_formulas_in_texts_and_leaves_numbers(label):
    frame = pd.DataFrame({"v": ["control", label] * 20, "y": [-1.0, -2.0, -1.5, -3.0] * 10})
    result = xp.setup(frame, "v").register_metric("y").run_analysis("control", label)
    (row,) = csv.DictReader(io.StringIO(result.export("csv")))
    assert row["treatment"].startswith("'")
    assert float(row["control_mean"]) == -1.25
    assert float(row["absolute_difference"]) < 0
    shown = csv_text(["=h", "n"], [[label, -1.5], ["-7", 3]])
    heading, first, second = csv.reader(io.StringIO(shown))
    assert heading[0] == "'=h"
    assert first[0].startswith("'")
    assert second == ["-7", "3"]
