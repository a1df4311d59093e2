"""The commands ``xpyrment init`` and ``xpyrment register``, and the analysis of an experiment file."""

import datetime as dt
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from xpyrment_core import InputError, Report, read_experiment_file
from xpyrment_core.cli.experiments import build, one_or_several
from xpyrment_core.cli.parameters import DataPath
from xpyrment_core.cli.reading import ReadFlags
from xpyrment_core.cli.writing import check_outputs, save, write_file
from xpyrment_core.data.reading.files import existing_files
from xpyrment_core.data.reading.options import ReadOptions
from xpyrment_core.data.units import id_columns

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from xpyrment_core import Experiment, ExperimentFile

LABEL_LEVELS = 20
"""A column with more distinct values than this is not guessed to be the treatment column."""
TREATMENT_NAMES = ("variant", "treatment", "treat", "group", "arm", "version", "segment", "bucket", "assignment")


def register(
    plan: Annotated[Path, Parameter(help="The experiment file.")],
    /,
    *,
    force: Annotated[
        bool, Parameter(help="Register a changed plan; earlier registrations are kept in the file.", negative="")
    ] = False,
    with_data: Annotated[
        bool, Parameter(help="Register the data too: --locked then refuses other data.", negative="")
    ] = False,
) -> Report:
    """Register an experiment file, so that analyze --locked can tell whether it changed since.

    The plan is checked as for an analysis, against the labels and columns of the data where there are any.
    """
    checked = read_experiment_file(plan)
    path = checked.lock_path
    earlier = None
    if path.exists():
        if not force:
            # Raises if the plan changed: a new registration must be asked for with --force, not happen by accident.
            return _registered(checked, checked.registered(), "has not changed since")
        earlier = checked.earlier_registration()
    notes = _check_plan(checked, with_data)
    check_outputs(
        [("registration", path)], [str(plan), *([checked.data] if isinstance(checked.data, str) else checked.data)]
    )
    when = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
    text = checked.lock_text(when, with_data, earlier)
    if problem := save("registration", path, lambda: write_file(path, text)):
        raise InputError(problem)
    return Report(
        kind="register",
        parts=[f"Registered {plan} as {path}", f"sha256 {checked.sha256}", *notes],
        data={"file": str(plan), "sha256": checked.sha256, "registered": when},
    )


def _registered(plan: "ExperimentFile", when: str, finding: str) -> Report:
    return Report(
        kind="register",
        parts=[f"{plan.path} was registered at {when} and {finding}."],
        data={"file": str(plan.path), "sha256": plan.sha256, "registered": when},
    )


def _check_plan(plan: "ExperimentFile", with_data: bool) -> list[str]:
    """Refuse a plan that an analysis would refuse; return what could not be checked."""
    if not existing_files(plan.data):
        if with_data:
            raise InputError(f"the data of '{plan.path}' cannot be registered: no file {plan.data!r}.")
        return [f"Not checked against data: there is no file {plan.data!r} yet."]
    experiment, options = build(plan)
    experiment.explain(**options)
    return []


def init(
    *data: DataPath,
    out: Annotated[Path, Parameter(help="The experiment file to write.")] = Path("experiment.toml"),
    treatment_col: Annotated[str | None, Parameter(help="Column of variants; guessed by default.")] = None,
    id_col: Annotated[str | None, Parameter(help="Column of units; guessed by default.")] = None,
    force: Annotated[bool, Parameter(help="Overwrite an existing file.", negative="")] = False,
    read: ReadFlags | None = None,
) -> Report:
    """Write an experiment file for a data file, ready to be read through and edited.

    Columns of 0 and 1 become proportions, other numbers means; columns called pre_* become covariates.
    """
    if out.exists() and not force:
        raise InputError(f"'{out}' exists; choose another name with --out, or overwrite it with --force.")
    check_outputs([("experiment file", out)], data)
    if "-" in data:
        raise InputError("init needs the name of a file, so that the experiment file can refer to it; got '-'.")
    options = ReadOptions() if read is None else read.options()
    experiment = _experiment(one_or_several(data), treatment_col, id_col, options)
    text = draft(experiment, data, out.parent)
    left = left_out(experiment)
    if problem := save("experiment file", out, lambda: write_file(out, text)):
        raise InputError(problem)
    return Report(
        kind="init",
        parts=[
            *_left_out_lines(left),
            f"Wrote {out}. Read it through, then:",
            f"  xpyrment register {out}",
            f"  xpyrment analyze {out} --locked",
        ],
        data={"file": str(out), "text": text, "left_out": left},
    )


def _left_out_lines(left: "Mapping[str, str]") -> list[str]:
    lines = [f"  {reason}" for reason in left.values()]
    return ["Left out, because they are not numbers:", *lines, ""] if lines else []


def left_out(experiment: "Experiment") -> dict[str, str]:
    """Return the columns of text that may have been meant as metrics, and why each is left out."""
    from xpyrment_core.data.reading.columns import not_numbers
    from xpyrment_core.data.reading.number_format import likely_formats
    from xpyrment_core.data.source import text_values

    skipped = {experiment.treatment_col, experiment.id_col}
    out = {}
    for name, kind in experiment.source.schema().items():
        values = text_values(experiment.source, name) if name not in skipped else None
        if values is None:
            continue
        partly = values.rows < values.observed
        if kind != "text" or partly or values.distinct == 2 or likely_formats(values.examples):
            out[name] = not_numbers(name, values)
    return out


def _experiment(data: Any, treatment_col: str | None, id_col: str | None, read: ReadOptions) -> "Experiment":
    """Set an experiment up, with the columns of variants and units guessed where they are not given."""
    from xpyrment_core import Experiment, setup
    from xpyrment_core.data.query import check_column

    probe = Experiment(data, read=read)
    schema = probe.source.schema()
    for what, column in (("treatment_col", treatment_col), ("id_col", id_col)):
        if column is not None:
            check_column(what, column, schema)
    unit = id_col or next(iter(id_columns(schema)), None)
    return setup(data, treatment_col or _guess_treatment(probe, schema), unit, read=read)


def _guess_treatment(probe: "Experiment", schema: "Mapping[str, str]") -> str:
    # Exact names before names that begin so: `variant` before `variant_since`.
    named = [name for name in schema if name.lower() in TREATMENT_NAMES]
    named += [name for name in schema if name not in named and name.lower().startswith(TREATMENT_NAMES)]
    for name in named:
        if 2 <= len(_few_labels(probe, name)) <= LABEL_LEVELS:
            return name
    raise InputError(
        f"the treatment column cannot be guessed from {', '.join(map(repr, schema))}; name it with --treatment-col."
    )


def _few_labels(probe: "Experiment", name: str) -> "Mapping[Any, int]":
    try:
        return probe.source.labels(name)
    except InputError:  # more distinct values than a column of variants has
        return {}


def draft(experiment: "Experiment", data: "Sequence[str]", folder: Path) -> str:
    """Return the text of an experiment file for an experiment without metrics."""
    schema = experiment.source.schema()
    # What was measured before the experiment cannot respond to it, so it is never drafted as a metric.
    covariates = [name for name in schema if _is_pre(name, schema)]
    skipped = {experiment.treatment_col, experiment.id_col, *covariates}
    unreadable = left_out(experiment)
    paths = [_relative(path, folder) for path in data]
    lines = [*_experiment_table(experiment, paths[0] if len(paths) == 1 else paths, covariates)]
    lines += _read_table(experiment.read)
    lines += [f"# Left out: {reason}" for reason in unreadable.values()]
    for name, kind in schema.items():
        if name not in skipped and name not in unreadable and kind in ("number", "boolean"):
            lines += _metric_table(experiment, name, kind)
    return "\n".join(lines) + "\n"


def _read_table(read: ReadOptions) -> list[str]:
    """Return the table of the options of reading that were given."""
    given = read.given()
    return ["", "[read]", *(f"{name} = {_toml(value)}" for name, value in given.items()), ""] if given else []


def _experiment_table(experiment: "Experiment", data: "str | list[str]", covariates: list[str]) -> list[str]:
    from xpyrment_core.data.labels import default_control, is_missing

    counts = experiment.source.labels(str(experiment.treatment_col))
    labels = [label for label in counts if not is_missing(label)]
    control = default_control(labels)
    # Equal shares, to be edited: the observed shares would make the sample-ratio check pass by construction.
    shares = ", ".join(f"{_toml(str(label))} = {1 / len(labels):.4g}" for label in labels)
    return [
        "# An experiment as a file: read it through, then register it before looking at results.",
        "[experiment]",
        f"data = {_toml(data)}",
        f"treatment_col = {_toml(experiment.treatment_col)}",
        *([f"id_col = {_toml(experiment.id_col)}"] if experiment.id_col else []),
        f"control = {_toml(control)}",
        f"treatments = {_toml([label for label in labels if label != control])}",
        *([f"covariates = {_toml(covariates)}"] if covariates else []),
        "alpha = 0.05",
        *_offered(experiment, "correction", "holm", 'correction = "holm"'),
        f"weights = {{ {shares} }}",
    ]


def _metric_table(experiment: "Experiment", name: str, kind: str) -> list[str]:
    binary = kind == "boolean" or not experiment.source.values_outside(name, (0.0, 1.0), 1)
    metric_type = "proportion" if binary else "mean"
    return [
        "",
        "[[metrics]]",
        f"name = {_toml(name)}",
        *_offered(experiment, "metric", metric_type, f"type = {_toml(metric_type)}"),
        f"column = {_toml(name)}",
        'role = "primary"',
        'direction = "increase"',
    ]


def _offered(experiment: "Experiment", kind: str, name: str, line: str) -> list[str]:
    """Return the line if a plugin offers the name, else a comment that it is not available."""
    if name in experiment.plugins.names(kind):
        return [line]
    return [f"# {kind} {name!r} is not available: its plugin is blocked or missing"]


def _is_pre(name: str, schema: "Mapping[str, str]") -> bool:
    named = name.startswith("pre_") or name.endswith(("_pre", "_baseline"))
    return named and schema[name] in ("number", "boolean")


def _relative(data: str, folder: Path) -> str:
    # Relative to the experiment file, so that both can be moved together; absolute if the data are elsewhere.
    path = Path(data)
    try:
        return path.resolve().relative_to(folder.resolve()).as_posix()
    except ValueError:
        return path.resolve().as_posix()


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_toml(key)} = {_toml(one)}" for key, one in value.items()) + " }"
    # JSON's strings, numbers, booleans and lists are TOML too.
    return json.dumps(value, ensure_ascii=False)
