"""The formats without a look of their own: Markdown, CSV and JSON."""

import csv
import io
import json
from collections.abc import Mapping
from typing import Any

from xpyrment_core import AnalysisResult, Table
from xpyrment_core.plots.escaping import csv_value, json_printable, markdown_text
from xpyrment_report.content import lead_of, tables_of, title_of, warnings_of


def export_markdown(result: AnalysisResult) -> str:
    """Return the report as Markdown with tables, as GitHub and most wikis show it."""
    parts = [f"# {markdown_text(title_of(result))}", *(markdown_text(sentence) for sentence in lead_of(result))]
    parts += [f"> **Warning.** {markdown_text(warning)}" for warning in warnings_of(result)]
    for table in tables_of(result):
        parts += [
            f"## {markdown_text(table.title)}",
            *([markdown_text(table.note)] if table.note else []),
            _table(table),
        ]
    return "\n\n".join(parts) + "\n"


def _table(table: Table) -> str:
    marks = ["--:" if column in table.right else "---" for column in table.columns]
    lines = [table.columns, marks, *table.rows]
    cells = [[markdown_text(cell) if line is not marks else cell for cell in line] for line in lines]
    return "\n".join(f"| {' | '.join(line)} |" for line in cells)


def export_csv(result: AnalysisResult) -> str:
    """Return one line per metric and treatment; nested values have dotted column names."""
    rows = [_flat(row) for row in result.to_dict()["metrics"]]
    # Metrics of different kinds have different keys: the union, in order of appearance, with empty cells.
    columns = list(dict.fromkeys(column for row in rows for column in row))
    out = io.StringIO()
    writer = csv.DictWriter(out, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows({column: csv_value(value) for column, value in row.items()} for row in rows)
    return out.getvalue()


def _flat(row: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in row.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{before}{key}.")
        else:
            flat[before + key] = json.dumps(value, ensure_ascii=False) if isinstance(value, list) else value
    return flat


def export_json(result: AnalysisResult) -> str:
    """Return `AnalysisResult.to_json`, indented."""
    return json_printable(result.to_json(indent=2)) + "\n"
