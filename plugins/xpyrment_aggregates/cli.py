"""The command ``xpyrment aggregate``: writes a file of moments."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from xpyrment_core import InputError, Report, Table
from xpyrment_core.cli.experiments import one_or_several
from xpyrment_core.cli.parameters import CommaList, DataPath
from xpyrment_core.cli.reading import ReadFlags
from xpyrment_core.cli.writing import check_outputs, save, write_file

if TYPE_CHECKING:
    from xpyrment_aggregates.aggregate import Aggregate


def aggregate(
    *data: DataPath,
    treatment_col: Annotated[str, Parameter(help="Column with each row's variant.")],
    columns: Annotated[CommaList, Parameter(help="Outcome columns; join those of one metric: clicks/impressions.")],
    covariates: Annotated[
        CommaList, Parameter(help="Columns to adjust with and to check for balance.", show_default=False)
    ] = [],  # noqa: B006 - read by cyclopts, never modified
    id_col: Annotated[
        str | None, Parameter(help="Column of the unit of randomisation, where units have several rows.")
    ] = None,
    out: Annotated[
        Path | None, Parameter(help="File to write, ending in .moments.json; beside the data by default.")
    ] = None,
    read: ReadFlags | None = None,
) -> Report:
    """Add data up to counts, means and cross-products per variant, and write them to a small file.

    The file contains sums, no rows; sums over a single unit are its values. Files of several days or shards are
    merged by analysing them together: xpyrment analyze 'day-*.moments.json' --treatment-col … --metric ….
    """
    from xpyrment_aggregates.files import write
    from xpyrment_aggregates.make import aggregate as add_up

    target = _target(data, out)
    check_outputs([("file of moments", target)], data)
    options = None if read is None else read.options()
    result = add_up(one_or_several(data), treatment_col, columns, covariates, id_col, read=options)
    text = write(result)
    problem = save("file of moments", target, lambda: write_file(target, text))
    return _report(result, target, len(text.encode()), problem)


def _target(data: tuple[str, ...], out: Path | None) -> Path:
    from xpyrment_aggregates.engine import ENDING

    one_or_several(data)  # refuses none
    if out is not None:
        if not out.name.endswith(ENDING):
            raise InputError(f"--out '{out}' must end in {ENDING}, by which an analysis knows what the file is.")
        return out
    # The default name is that of the data file, which is not unique here.
    if len(data) > 1 or data[0] == "-" or set("*?[") & set(data[0]):
        raise InputError(f"name the file to write: --out experiment{ENDING}.")
    source = Path(data[0])
    return source.with_name(source.name.partition(".")[0] + ENDING)


def _sets_table(result: "Aggregate") -> Table:
    rows = [
        ("/".join(sorted(stored.required)) or "(all rows)", str(label), stored.rows[label], moments.n)
        for stored in result.sets
        for label, moments in stored.moments.items()
    ]
    numbers = ("Rows", "Units")
    return Table(columns=("Complete rows of", "Variant", *numbers), rows=rows, right=numbers, keep=numbers)


def _report(result: "Aggregate", target: Path, size: int, problem: str) -> Report:
    labels = {str(label): n for label, n in result.labels.items() if label is not None}
    return Report(
        kind="aggregate",
        title="Moments",
        parts=[
            f"MOMENTS OF {sum(result.labels.values()):,} ROWS",
            "",
            _sets_table(result),
            *([] if problem else ["", f"Saved as {target} ({size:,} bytes)"]),
        ],
        exit_code=1 if problem else 0,
        error=problem,
        data={
            "file": str(target),
            "bytes": size,
            "rows": labels,
            "rows_without_label": result.labels.get(None, 0),
            "columns": dict(result.columns),
            "sets": [sorted(stored.required) for stored in result.sets],
        },
    )
