"""Reports say the same numbers in every format, fetch nothing, and show names letter by letter."""

import csv
import io
import json
import re
import warnings
from collections import Counter
from contextlib import contextmanager
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

import xpyrment as xp
from xpyrment_core.errors import XpyrmentError
from xpyrment_report.content import tables_of
from xpyrment_report.page import export_html
from xpyrment_report.text import export_csv, export_json, export_markdown

VOID = {"meta", "br", "path", "use", "rect", "line"}
NASTY = "flat <script>|_x_$&"


def experiment(seed=1, arms=("control", "blue", "green"), n=600):
    random = np.random.default_rng(seed)
    variant = random.choice(arms, n)
    data = pd.DataFrame(
        {
            "variant": variant,
            "age": random.normal(40, 9, n),
            "revenue": random.gamma(2, 5, n) + 3 * (variant == "blue"),
            "converted": random.random(n) < 0.2,
            "flat": 1.0,
        }
    )
    data.loc[:9, "revenue"] = np.nan
    made = xp.setup(data, treatment_col="variant", covariates=["age"])
    made.register_metric("revenue", value_col="revenue").register_metric(
        "latency", value_col="age", direction="decrease"
    )
    return made.register_metric("converted", "proportion", value_col="converted").register_metric(
        NASTY, value_col="flat"
    )


@pytest.fixture(scope="module")
def result():
    with quiet():
        return experiment().run_analysis(treatment=None, multi_test_correction="holm")


@contextmanager
def quiet():
    """Leave out the warnings about the made-up assignment; they are tested where they come from."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


class Page(HTMLParser):
    """What a page holds: cells of its tables, ids, references, and whether tags are balanced."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tables, self.ids, self.refs, self.words = [], [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        self.ids += [values["id"]] if "id" in values else []
        self.refs += [v for k, v in attrs if k in ("src", "href", "xlink:href", "data", "poster") and v]
        if tag == "table":
            self.tables.append([])
        if tag == "tr":
            self.tables[-1].append([])
        if tag in ("td", "th"):
            self.tables[-1][-1].append("")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)
        if self.open and self.open[-1] in ("td", "th"):
            self.tables[-1][-1][-1] += data


@pytest.fixture(scope="module")
def page(result):
    return Page(export_html(result))


def test_the_page_is_well_formed_and_fetches_nothing(result, page):
    assert page.open == []
    assert all(reference.startswith("#") for reference in page.refs)
    text = export_html(result)
    assert not re.search(r"@import|url\((?!#)|<script|<link", text)
    assert text.startswith("<!DOCTYPE html>")
    assert 'name="viewport"' in text


def test_ids_are_unique_and_every_reference_finds_its_target(page):
    assert not [name for name, times in Counter(page.ids).items() if times > 1]
    assert {reference[1:] for reference in page.refs} <= set(page.ids)


def test_the_decision_table_has_a_row_per_comparison_with_the_analysis_numbers(result, page):
    header, *rows = page.tables[0]
    assert header == ["Metric", "Variant", "Control", "Treatment", "Lift", "95% CI", "p", "Verdict"]
    assert len(rows) == len(result.raw_results) == 8
    for cells, raw in zip(rows, result.raw_results, strict=True):
        assert cells[:2] == [raw["metric_name"], raw["treatment"]]
        if raw["status"] == "ok":
            lift = float(cells[4].replace("−", "-").rstrip("%")) / 100
            assert lift == pytest.approx(raw["relative_lift"], abs=0.51e-4)
            bounds = [float(v) / 100 for v in re.findall(r"[+-][\d.]+", cells[5].replace("−", "-"))]
            assert bounds == pytest.approx([raw["rel_ci_lower"], raw["rel_ci_upper"]], abs=0.51e-4)
        else:
            assert cells[4:7] == ["–", "–", "–"]
            assert cells[7].startswith("Not estimable: ")


def test_exclusions_account_for_every_row(result, page):
    ledger = next(rows for rows in page.tables if "No outcome" in rows[0])
    for cells in ledger[1:]:
        rows_in, *excluded, used = (int(cell.replace(",", "")) for cell in cells[2:8])
        assert rows_in == sum(excluded) + used
    assert len(ledger) - 1 == 4 * 3


def test_names_are_shown_and_never_run(result, page):
    assert NASTY in [row[0] for row in page.tables[0]]
    assert "<script>" not in export_html(result)


def test_both_plots_are_inline_pictures_with_a_description(result):
    text = export_html(result)
    assert text.count("<svg") == 2
    assert len(re.findall(r'<svg role="img" aria-label="Forest plot of 8 relative lifts', text)) == 2
    assert "<metadata" not in text


def test_the_same_analysis_gives_the_same_page(result):
    assert export_html(result) == export_html(result)


def test_failed_checks_stand_on_top():
    with quiet():
        skewed = experiment(arms=("control", "control", "control", "blue")).run_analysis(treatment="blue")
    text = export_html(skewed)
    assert "Warning." in text.split("Results")[0]
    assert "sample ratio mismatch" in text.split("Results")[0]
    assert "**Warning.**" in export_markdown(skewed)


def test_a_missing_plot_backend_leaves_the_page_whole(result, monkeypatch):
    def refuse(*args, **options):
        raise XpyrmentError("no backend")

    monkeypatch.setattr(type(result), "plot", refuse)
    text = export_html(result)
    assert "<svg" not in text
    assert "Where the rows went" in text


def test_markdown_tables_are_rectangular_and_hold_the_same_tables(result):
    text = export_markdown(result)
    blocks = [block.splitlines() for block in text.split("\n\n") if block.startswith("|")]
    tables = tables_of(result)
    assert [len(block) for block in blocks] == [len(table.rows) + 2 for table in tables]
    for block in blocks:
        bars = {len(re.findall(r"(?<!\\)\|", line)) for line in block}
        assert len(bars) == 1
    assert r"flat \<script>\|\_x\_$&amp;" in text


def test_csv_holds_every_number_under_dotted_names(result):
    rows = list(csv.DictReader(io.StringIO(export_csv(result))))
    assert len(rows) == len(result.raw_results)
    for row, raw in zip(rows, result.raw_results, strict=True):
        for key in ("control_mean", "relative_lift", "p_value", "ci_lower"):
            assert (None if row[key] == "" else float(row[key])) == raw[key]
        assert int(row["exclusions.control.used"]) == raw["exclusions"]["control"]["used"]
        assert row["provenance.metric.plugin"] == "metrics"


def test_json_is_the_results_own(result):
    assert json.loads(export_json(result)) == json.loads(result.to_json())


def test_results_made_by_hand_can_be_reported():
    raw = {"metric_name": "revenue", "relative_lift": 0.02, "rel_ci_lower": 0.01, "rel_ci_upper": 0.03, "p_value": 0.01}
    made = xp.AnalysisResult([raw | {"control_mean": 1.0, "treatment_mean": 1.02, "status": "ok"}])
    for export in (export_html, export_markdown, export_csv, export_json):
        assert "revenue" in export(made)


@pytest.mark.parametrize("form", ["html", "markdown", "md", "csv", "json"])
def test_every_format_is_found_by_name(result, form):
    assert NASTY.split("<")[0] in result.export(form)


def test_withheld_verdicts_are_the_first_sentence_of_every_report():
    frame = pd.DataFrame({"user": np.arange(400) % 200, "variant": np.repeat(["control", "treatment"], 200)})
    frame.loc[:150, "user"] = np.arange(151)
    frame["y"] = np.arange(400.0) % 7
    with pytest.warns(UserWarning, match="in more than one variant"):
        found = xp.setup(frame, "variant", "user").register_metric("y").run_analysis()
    assert found.metadata["withheld"]
    markdown = found.export("markdown").split("\n\n")
    assert markdown[1].startswith("Verdicts are withheld: ")
    page = found.export("html")
    assert page.index("Verdicts are withheld: ") < page.index("comparison")
    assert found._repr_html_().startswith("<p><strong>Verdicts are withheld:</strong> ")
