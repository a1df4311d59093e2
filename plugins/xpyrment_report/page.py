"""The report as one HTML page: nothing is fetched from outside, readable on a phone and on paper."""

from html import escape
from importlib.resources import files

from xpyrment_core import AnalysisResult, Table
from xpyrment_report.content import lead_of, tables_of, title_of, warnings_of
from xpyrment_report.figure import forest_svgs

MARKED = {"Results": "Verdict", "Checks": "Outcome", "Covariate balance": "Outcome"}
SIGNS = {"better": "▲ ", "worse": "▼ ", "non-inferior": "✓ ", "equivalent": "✓ ", "passed": "✓ ", "failed": "✗ "}


def export_html(result: AnalysisResult) -> str:
    """Return the report as a self-contained HTML page."""
    title = escape(title_of(result))
    # The decision table and the plot come first: a reader who stops there has the verdicts.
    results, *others = tables_of(result) or [Table(title="Results", columns=(), rows=())]
    body = [
        f"<h1>{title}</h1>",
        *(f'<p class="lead">{escape(sentence)}</p>' for sentence in lead_of(result)),
        *(f'<p class="warning"><strong>Warning.</strong> {escape(text)}</p>' for text in warnings_of(result)),
        _section(results),
        _plot(result),
        *(_section(table) for table in others),
        '<footer><p class="made">Made by xpyrment. An interval holds the true effect in the stated share of '
        "experiments; a p-value says how surprising the data were if there were no effect.</p></footer>",
    ]
    # Inlined, as a report is often mailed as one file and opened without a network.
    css = files("xpyrment_report").joinpath("page.css").read_text(encoding="utf-8")
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{title}</title>\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<style>\n{css}</style>\n</head>\n<body>\n<main>\n" + "\n".join(body) + "\n</main>\n</body>\n</html>\n"
    )


def _plot(result: AnalysisResult) -> str:
    svgs = forest_svgs(result)
    if svgs is None:
        return ""
    wide, narrow = svgs
    return f'<figure class="plot"><div class="wide">{wide}</div><div class="narrow">{narrow}</div></figure>'


def _section(table: Table) -> str:
    note = f'<p class="note">{escape(table.note)}</p>\n' if table.note else ""
    # Tables with few columns become cards on a phone, wide ones scroll; a region that scrolls can be reached by keys.
    cards = table.title in ("Results", "Checks", "Covariate balance")
    around = '<div class="cards" role="none">' if cards else _region(table)
    opening = f'<table role="table"{" class=cards" if cards else ""}>'
    head = "".join(
        f'<th scope="col" role="columnheader"{_side(table, name)}>{escape(name)}</th>' for name in table.columns
    )
    rows = "\n".join(_row(table, index) for index in range(len(table.rows)))
    return (
        f"<section>\n<h2>{escape(table.title)}</h2>\n{note}{around}{opening}\n"
        f'<thead role="rowgroup"><tr role="row">{head}</tr></thead>\n<tbody role="rowgroup">\n{rows}\n</tbody>\n'
        "</table></div>\n</section>"
    )


def _region(table: Table) -> str:
    return f'<div class="scroll" role="region" tabindex="0" aria-label="{escape(table.title)}">'


def _side(table: Table, column: str) -> str:
    return "" if column in table.right else ' class="text"'


def _row(table: Table, index: int) -> str:
    # Verdicts have a sign beside the colour, for readers and printers without colours.
    mark = table.marks[index] if table.marks else ""
    cells = []
    for position, (column, cell) in enumerate(zip(table.columns, table.rows[index], strict=True)):
        if position == 0:
            cells.append(f'<th scope="row" role="rowheader" class="text">{escape(cell)}</th>')
            continue
        marked = MARKED.get(table.title) == column
        kinds = [
            *([] if column in table.right else ["text"]),
            *(["mark", mark.replace(" ", "-")] if marked else []),
        ]
        kind = f' class="{" ".join(kinds)}"' if kinds else ""
        sign = SIGNS.get(mark, "") if marked else ""
        cells.append(f'<td role="cell" data-label="{escape(column)}"{kind}>{sign}{escape(cell)}</td>')
    return f'<tr role="row">{"".join(cells)}</tr>'
