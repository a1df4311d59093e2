"""Experiments from arguments of the command line and from experiment files, for several commands."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from xpyrment_core.cli.parameters import forget_settings, from_settings
from xpyrment_core.errors import InputError
from xpyrment_core.experiment.file import ExperimentFile
from xpyrment_core.options import OPTION, OPTIONS

if TYPE_CHECKING:
    from xpyrment_core.cli.reading import ReadFlags
    from xpyrment_core.experiment.experiment import Experiment


def experiment_of(
    data: Sequence[str],
    treatment_col: str | None,
    metrics: Sequence[str] | None,
    covariates: Sequence[str] | None = None,
    id_col: str | None = None,
    cluster_col: str | None = None,
    read: "ReadFlags | None" = None,
    strata_col: str | None = None,
) -> "Experiment":
    """Return an experiment on data files, with metrics written as text.

    Raises
    ------
    InputError
        The treatment column or the metrics are missing, or something is not in the data.
    """
    from xpyrment_core.experiment.metric_text import parse_metric
    from xpyrment_core.experiment.setup import setup

    if treatment_col is None or not metrics:
        missing = "--treatment-col" if treatment_col is None else "--metric"
        raise InputError(f"{missing} is missing; for example: --treatment-col variant --metric revenue.")
    options = None if read is None else read.options()
    experiment = setup(
        one_or_several(data),
        treatment_col,
        id_col,
        list(covariates or ()),
        cluster_col=cluster_col,
        strata_col=strata_col,
        read=options,
    )
    columns = list(experiment.source.schema())
    for text in metrics:
        experiment.register_metric(**parse_metric(text, experiment.plugins, columns))
    return experiment


def experiment_of_totals(file: str, treatment_col: str, read: "ReadFlags | None" = None) -> "Experiment":
    """Return an experiment on a file of totals, with the metrics that it describes.

    Raises
    ------
    InputError
        The file cannot be read, or a total is impossible.
    """
    from xpyrment_core.experiment.totals import experiment_of_totals

    return experiment_of_totals(file, treatment_col, read=None if read is None else read.options())


def one_or_several(data: Sequence[str]) -> Any:
    """Return what an engine reads: the path, or the list of several.

    Raises
    ------
    InputError
        There is none.
    """
    if not data:
        raise InputError("there is no data: name a file, several, a glob, or - for standard input.")
    return data[0] if len(data) == 1 else list(data)


def experiment_file_of(data: Sequence[str]) -> str | None:
    """Return the experiment file that was given in place of data, None where data were given.

    Raises
    ------
    InputError
        An experiment file beside other files.
    """
    files = [path for path in data if path.endswith(".toml")]
    if files and len(data) > 1:
        raise InputError(f"'{files[0]}' is an experiment file, which names its data itself; give it alone.")
    return files[0] if files else None


def arms_of(
    experiment: "Experiment",
    control: Any = None,
    treatments: Iterable[Any] | None = None,
    weights: Mapping[str, float] | None = None,
) -> dict[str, Any]:
    """Return ``control`` and ``treatment`` for `run_analysis`, from labels written as text.

    Without a control it is the label ``control`` in any case, else the first in order; without
    treatments it is every other arm. Planned weights are set on the experiment.
    """
    from xpyrment_core.data.labels import default_control, find_label, is_missing

    column = str(experiment.treatment_col)
    labels = [label for label in experiment.source.labels(column) if not is_missing(label)]
    if not labels:
        raise InputError(f"column {column!r} has no labels: every row's variant is missing.")
    if weights is not None:
        experiment.set_weights({_label_or_text(text, labels): share for text, share in weights.items()})
    # Labels are compared as text: the command line and TOML cannot distinguish 1 from "1".
    chosen = default_control(labels) if control is None else find_label(control, labels, by_text=True, what="control")
    several = None
    if treatments is not None:
        several = [find_label(text, labels, by_text=True, what="treatment") for text in treatments]
    return {"control": chosen, "treatment": several}


def _label_or_text(text: str, labels: list[Any]) -> Any:
    from xpyrment_core.data.labels import find_label

    try:
        return find_label(text, labels, by_text=True)
    except InputError:
        return text  # a planned arm without any unit: the sample-ratio check must count it as 0


def parse_weights(parts: Iterable[str]) -> dict[str, float]:
    """Read ``["control=0.9", "treatment=0.1"]``.

    Examples
    --------
    >>> parse_weights(["control=0.9", "treatment=0.1"])
    {'control': 0.9, 'treatment': 0.1}
    """
    from xpyrment_core.data.labels import check_weight

    out = {}
    for part in parts:
        # From the right: a label may contain "=".
        label, equals, share = (piece.strip() for piece in part.rpartition("="))
        try:
            value = float(share) if label and equals else None
        except ValueError:
            value = None
        if value is None:
            raise InputError(f"weight {part!r} is not understood; expected LABEL=SHARE, such as control=0.9.")
        out[label] = check_weight(label, value)
    return out


def refuse_beside_file(file: str, given: Mapping[str, Any]) -> None:
    """Refuse parameters of the command line that an experiment file fixes, at any value.

    A default from the environment or ``xpyrment.toml`` is not explicit: the file overrules it.

    Parameters
    ----------
    file : str
        The experiment file.
    given : mapping of parameter to value
        What an experiment file fixes, by writing it or by leaving it out; None means not given.

    Raises
    ------
    InputError
        One of them was given on the command line.
    """
    for parameter, value in given.items():
        if value is not None and parameter not in from_settings():
            option = "--" + parameter.replace("_", "-")
            raise InputError(
                f"{option} cannot be given beside {file!r}: it is set by the experiment file; change it there."
            )
    forget_settings(given)


def options_given(**values: Any) -> dict[str, Any]:
    """Return the keywords of `run_analysis` for the options that are not None.

    Examples
    --------
    >>> options_given(alpha=0.1, correction="holm", test=None)
    {'alpha': 0.1, 'multi_test_correction': 'holm'}
    """
    return {OPTION[name].python_name: value for name, value in values.items() if value is not None}


def build(plan: ExperimentFile) -> "tuple[Experiment, dict[str, Any]]":
    """Return the experiment a plan file describes, and the options of its analysis."""
    from xpyrment_core.experiment.setup import setup

    table = plan.experiment
    experiment = setup(
        plan.data,
        table["treatment_col"],
        table.get("id_col"),
        table.get("covariates"),
        cluster_col=table.get("cluster_col"),
        strata_col=table.get("strata_col"),
        read=plan.read,
    )
    for registration in plan.registrations():
        experiment.register_metric(**registration)
    return experiment, _options(plan, experiment)


# Labels are looked up in the data, covariates belong to the experiment, tests and adjusters to metrics.
_NOT_COPIED = ("control", "treatment", "covariates", "test", "adjuster")


def _options(plan: ExperimentFile, experiment: "Experiment") -> dict[str, Any]:
    table = plan.experiment
    options = arms_of(experiment, table.get("control"), table.get("treatments"), plan.weights)
    copied = [option for option in OPTIONS if option.name not in _NOT_COPIED]
    options |= options_given(**{option.name: table.get(str(option.file_key)) for option in copied})
    # A mapping must name every metric, so the file's shared adjuster is repeated for the others.
    adjusters, shared = plan.per_metric("adjuster"), table.get("adjuster")
    each = {metric["name"]: metric.get("adjuster", shared) for metric in plan.metrics}
    return options | options_given(test=plan.per_metric("test") or None, adjuster=each if adjusters else shared)
