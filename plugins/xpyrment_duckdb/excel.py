"""Sheets of Excel files, as tables of texts."""

from typing import Any

import pyarrow as pa

from xpyrment_core import InputError, needs_library, unknown
from xpyrment_core.data.reading.files import Files
from xpyrment_core.data.reading.options import ReadOptions


def read_sheets(files: Files, options: ReadOptions) -> tuple[pa.Table, str]:
    """Return the rows of one sheet of each file as texts, and the name of the (first) sheet.

    Raises
    ------
    InputError
        A file is not an Excel file, has no such sheet, or the sheet is empty.
    MissingExtraError
        The library ``python-calamine`` is not installed.
    """
    with needs_library("reading an Excel file (.xlsx)"):
        import python_calamine
    tables, sheet = [], ""
    for path in files.paths:
        try:
            book = python_calamine.load_workbook(path)
        except Exception as error:  # each format of a workbook has an exception of its own
            raise InputError(
                f"{files.named(path)} cannot be read as an Excel file (.xlsx, .xls, .ods): {error}."
            ) from error
        sheet = options.sheet or book.sheet_names[0]
        if sheet not in book.sheet_names:
            raise unknown(f"{files.named(path)}: sheet", sheet, book.sheet_names)
        tables.append(_table(book.get_sheet_by_name(sheet).to_python(), files.named(path), options.skip_rows or 0))
    return pa.concat_tables(tables, promote_options="default"), sheet


def _table(rows: list[list[Any]], named: str, skip: int) -> pa.Table:
    rows = [row for row in rows[skip:] if any(cell not in ("", None) for cell in row)]
    if not rows:
        raise InputError(f"{named} has an empty sheet; its first row must hold the names of the columns.")
    names = [_text(cell) or f"column {place}" for place, cell in enumerate(rows[0], start=1)]
    columns = zip(*rows[1:], strict=True) if len(rows) > 1 else [()] * len(names)
    arrays = [pa.array([_text(cell) for cell in column], pa.string()) for column in columns]
    return pa.Table.from_arrays(arrays, names=names)


def _text(cell: Any) -> str | None:
    """Return a cell as a CSV file would hold it: whole numbers without a fraction, blank cells as missing."""
    if cell is None or cell == "":
        return None
    if isinstance(cell, bool):
        return str(cell).lower()
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 2**53:
        return str(int(cell))
    return str(cell)
