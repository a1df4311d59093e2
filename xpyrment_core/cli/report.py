"""What a command has to say, and the four forms it can be printed in."""

from collections.abc import Iterable
from typing import Any

from attrs import field, frozen

from xpyrment_core.choices import FORMATS
from xpyrment_core.errors import unknown
from xpyrment_core.plots.escaping import csv_value, fenced, json_printable, markdown_text, printable
from xpyrment_core.values.table import Table

__all__ = ["Report", "Table", "csv_text", "render", "to_ascii"]

SCHEMA_VERSION = 1


def _parts(parts: Iterable[Table | str]) -> tuple[Table | str, ...]:
    return tuple(parts)


@frozen(kw_only=True)
class Report:
    """The answer of a command.

    Attributes
    ----------
    kind : str
        What it is, in JSON: ``"balance"``.
    title : str
        Heading in Markdown; `parts` carry their own in the table form.
    parts : tuple of Table or str
        What is shown, in order; strings as they are.
    data : dict
        The same as JSON-ready values.
    exit_code : int
        What the program exits with.
    error : str
        Why there is an answer, but not the one that was asked for: a line on stderr.
    csv : Table or None
        What CSV holds, where the first table on the screen leaves columns out.
    """

    kind: str
    title: str = ""
    parts: tuple[Table | str, ...] = field(default=(), converter=_parts)
    data: dict[str, Any] = field(factory=dict)
    exit_code: int = 0
    error: str = ""
    csv: Table | None = None


def render(report: Report, form: str = "table", width: int = 80, ascii_only: bool = False) -> str:
    """Return the report as text in one of the four forms.

    Raises
    ------
    InputError
        The form is not one of table, json, markdown, csv.
    """
    if form == "json":
        import json

        document = {"schema_version": SCHEMA_VERSION, "kind": report.kind, **report.data}
        return json_printable(json.dumps(document, indent=2, allow_nan=False, ensure_ascii=ascii_only))
    if form == "csv":
        return _csv(report.csv or next((part for part in report.parts if isinstance(part, Table)), None))
    if form == "markdown":
        heading = [f"# {markdown_text(report.title)}"] if report.title else []
        text = "\n\n".join([*heading, *(_markdown(part) for part in report.parts)])
    elif form == "table":
        text = "\n".join(
            printable(part) if isinstance(part, str) else _draw(part, width, ascii_only) for part in report.parts
        )
    else:
        raise unknown("format", form, FORMATS)
    return to_ascii(text) if ascii_only else text


_ASCII = str.maketrans(
    {
        "…": "...",
        "–": "-",
        "—": "-",
        "−": "-",
        "≥": ">=",
        "≤": "<=",
        "±": "+/-",
        "×": "x",
        "·": ".",
        "∞": "inf",
        "→": "->",
        "α": "alpha",
        "σ": "sigma",
        "“": '"',
        "”": '"',
        "‘": "'",
        "’": "'",
        "✓": "ok",
    }
)


def to_ascii(text: str) -> str:
    """Return the text in plain ASCII, for terminals that cannot show more."""
    return text.translate(_ASCII).encode("ascii", "backslashreplace").decode("ascii")


def _show(cell: Any, form: str | None = None) -> str:
    if cell is None:
        return "-"
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if form is not None and isinstance(cell, int | float):
        return format(cell, form)
    if isinstance(cell, float):
        return f"{cell:.6g}"
    return printable(str(cell), one_line=True)


def _texts(table: Table) -> list[list[str]]:
    forms = [table.formats.get(name) for name in table.columns]
    return [[_show(cell, form) for cell, form in zip(row, forms, strict=True)] for row in table.rows]


def _draw(table: Table, width: int, ascii_only: bool) -> str:
    import io

    from rich import box
    from rich.console import Console
    from rich.table import Table as RichTable
    from rich.text import Text

    grid = RichTable(
        title=Text(printable(table.title, one_line=True)) if table.title else None,
        box=box.ASCII2 if ascii_only else box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        collapse_padding=not ascii_only,
        title_justify="left",
        title_style="",
    )
    for name in table.columns:
        right = name in table.right
        heading = Text(printable(name, one_line=True))
        grid.add_column(heading, justify="right" if right else "left", no_wrap=name in table.keep, overflow="fold")
    for row in _texts(table):
        grid.add_row(*(Text(cell) for cell in row))
    out = io.StringIO()
    Console(file=out, width=width, color_system=None, force_terminal=False, legacy_windows=False).print(grid)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines())


def _markdown(part: Table | str) -> str:
    if isinstance(part, str):
        return fenced(part) if "\n" in part.strip("\n") else markdown_text(part)
    head = f"| {' | '.join(map(markdown_text, part.columns))} |"
    rule = "|" + "|".join(" ---: " if name in part.right else " --- " for name in part.columns) + "|"
    rows = [f"| {' | '.join(map(markdown_text, row))} |" for row in _texts(part)]
    return "\n".join([*([f"**{markdown_text(part.title)}**", ""] if part.title else []), head, rule, *rows])


def _csv(table: Table | None) -> str:
    if table is None:
        return ""
    return csv_text(table.columns, table.rows)


def csv_text(columns: Iterable[str], rows: Iterable[Iterable[Any]]) -> str:
    """Return comma-separated text with a header line; None becomes an empty field."""
    import csv
    import io

    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([csv_value(name) for name in columns])
    writer.writerows(["" if cell is None else csv_value(cell) for cell in row] for row in rows)
    return out.getvalue().rstrip("\n")
