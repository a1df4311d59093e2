"""Experiment files: read, checked key by key, hashed, and compared with their registration."""

import hashlib
import json
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

from attrs import field, frozen

from xpyrment_core.data.reading.files import existing_files
from xpyrment_core.data.reading.options import ReadOptions
from xpyrment_core.errors import InputError, listing, nearest
from xpyrment_core.experiment.lock import (
    DataChangedError,
    Registration,
    check_lock,
    fingerprints,
    lock_path,
    lock_text,
    read_lock,
)
from xpyrment_core.options import OPTIONS, Kind

TEXT, NUMBER, TEXTS, LABEL, LABELS = get_args(Kind)
SHARES, TABLE, ANY = "a table of shares", "a table", "anything"

_OPTION_KEYS = {option.file_key: option for option in OPTIONS if option.file_key}
EXPERIMENT_KEYS: dict[str, str] = {
    "name": TEXT,
    "data": TEXTS,
    "treatment_col": TEXT,
    "id_col": TEXT,
    "cluster_col": TEXT,
    "strata_col": TEXT,
    "weights": SHARES,
    **{key: option.kind for key, option in _OPTION_KEYS.items()},
}
METRIC_KEYS: dict[str, str] = {
    "name": TEXT,
    "type": TEXT,
    "column": TEXT,
    "numerator": TEXT,
    "denominator": TEXT,
    "covariate": TEXTS,
    "pre_numerator": TEXT,
    "pre_denominator": TEXT,
    "role": TEXT,
    "direction": TEXT,
    "margin": ANY,
    "test": TEXT,
    "adjuster": TEXT,
    "options": TABLE,
}
_ARGUMENTS = {
    "type": "metric_type",
    "column": "value_col",
    "numerator": "numerator_col",
    "denominator": "denominator_col",
    "pre_numerator": "pre_numerator_col",
    "pre_denominator": "pre_denominator_col",
}


@frozen(kw_only=True)
class ExperimentFile:
    """A checked experiment file.

    Attributes
    ----------
    path : Path
    sha256 : str
        Of the file's bytes.
    experiment : mapping
        The ``[experiment]`` table.
    metrics : tuple of mapping
        The ``[[metrics]]`` tables.
    reading : mapping
        The ``[read]`` table.
    """

    path: Path
    sha256: str
    experiment: Mapping[str, Any]
    metrics: tuple[Mapping[str, Any], ...] = field(converter=tuple)
    reading: Mapping[str, Any] = field(factory=dict)

    @property
    def data(self) -> str | list[str]:
        """Path or paths of the data; a relative path is relative to the file's folder."""
        data = self.experiment["data"]
        return self._located(data) if isinstance(data, str) else [self._located(path) for path in data]

    @property
    def files(self) -> list[str]:
        """The experiment file, its registration and its data: what an output must not overwrite."""
        return [str(self.path), str(self.lock_path), *([self.data] if isinstance(self.data, str) else self.data)]

    def _located(self, path: str) -> str:
        return path if path == "-" or Path(path).is_absolute() else str(self.path.parent / path)

    @property
    def read(self) -> ReadOptions:
        """How the data are read: the ``[read]`` table."""
        return ReadOptions.of(self.reading)

    @property
    def weights(self) -> Mapping[str, float] | None:
        """Planned shares by label."""
        return self.experiment.get("weights")

    def registrations(self) -> list[dict[str, Any]]:
        """Return the arguments of `Experiment.register_metric`, one per metric."""
        return [_registration(metric) for metric in self.metrics]

    def per_metric(self, key: str) -> dict[str, str]:
        """Return {metric name: value} for the metrics that set ``test`` or ``adjuster``."""
        return {m["name"]: m[key] for m in self.metrics if key in m}

    @property
    def lock_path(self) -> Path:
        """Path of the registration: beside the file."""
        return lock_path(self.path)

    def lock_text(self, when: str, data_fixed: bool = False, earlier: Registration | None = None) -> str:
        """Return the registration as text: the plan, its hash, the time, the data and earlier registrations."""
        return lock_text(self.canonical(), self.sha256, when, self.data_files(), data_fixed, earlier)

    def registered(self) -> str:
        """Return when the plan was registered.

        Raises
        ------
        InputError
            It was not registered, or has changed since; the message shows the difference.
        """
        return self.registration().when

    def registration(self) -> Registration:
        """Return the registration of the plan; raises as `registered`."""
        return check_lock(self.path, self.canonical())

    def earlier_registration(self) -> Registration:
        """Return the registration as it is stored, also of another plan; raises if it is damaged or was edited."""
        return read_lock(self.lock_path)

    def check_data(self, registration: Registration) -> str:
        """Return how the data differ from the registered ones, empty if they do not.

        Raises
        ------
        DataChangedError
            They differ, and were registered as part of the plan.
        """
        changes = registration.changes(self.data_files()) if registration.data else ""
        if changes and registration.data_fixed:
            raise DataChangedError(self.path, registration.when, changes)
        return changes

    def data_files(self) -> tuple[dict[str, Any], ...]:
        """Return path, size and SHA-256 of the data files; empty where there are none yet."""
        return fingerprints(existing_files(self.data), self.path.parent)

    def canonical(self) -> str:
        """Return the plan without its layout: the same text exactly when the plan is the same."""
        plan = {"experiment": dict(self.experiment), "metrics": [dict(metric) for metric in self.metrics]}
        # Only where it is given: a plan that was registered before there was such a table is still the same.
        plan |= {"read": dict(self.reading)} if self.reading else {}
        # Sorted keys: comments, layout and order of keys may change without a new registration, values may not.
        return json.dumps(plan, indent=2, sort_keys=True, default=str)


def _registration(metric: Mapping[str, Any]) -> dict[str, Any]:
    # test and adjuster are options of the analysis, not arguments of register_metric.
    plain = {k: v for k, v in metric.items() if k not in ("test", "adjuster", "options")}
    return {_ARGUMENTS.get(key, key): value for key, value in plain.items()} | dict(metric.get("options", {}))


def read_experiment_file(path: str | Path) -> ExperimentFile:
    """Read and check an experiment file.

    Raises
    ------
    InputError
        There is no such file, it is not TOML, a key is missing, unknown or of the wrong type; the
        message names the line and the key.
    """
    content, text, tables = _load(path)
    check = _Check(str(path), text)
    # From the outside in: a misspelt table would otherwise be reported as missing keys.
    check.keys(tables, {"experiment": TABLE, "metrics": ANY, "read": TABLE}, "")
    experiment = tables.get("experiment")
    if not isinstance(experiment, dict):
        raise InputError(f"{path}: the table [experiment] is missing; add it, with data and treatment_col.")
    check.keys(experiment, EXPERIMENT_KEYS, "experiment")
    check.required(experiment, ("data", "treatment_col"), "experiment")
    reading = tables.get("read", {})
    check.reading(reading)
    check.options(experiment, "experiment")
    metrics = tables.get("metrics", [])
    if not isinstance(metrics, list) or not metrics:
        raise InputError(f"{path}: there is no [[metrics]] table; add at least one metric.")
    for i, metric in enumerate(metrics):
        check.keys(metric, METRIC_KEYS, f"metrics[{i}]")
        check.required(metric, ("name",), f"metrics[{i}]")
    # Of the bytes, so that sha256sum on the file gives the same number.
    digest = hashlib.sha256(content).hexdigest()
    return ExperimentFile(path=Path(path), sha256=digest, experiment=experiment, metrics=metrics, reading=reading)


def _load(path: str | Path) -> tuple[bytes, str, dict[str, Any]]:
    """Return an experiment file's bytes, text and tables."""
    if Path(path).exists() and not Path(path).is_file():  # reading a pipe would wait for ever
        raise InputError(f"experiment file '{path}' is not a regular file; give the path of a file.")
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise InputError(f"experiment file '{path}' cannot be read: {error.strerror}.") from error
    try:
        text = content.decode("utf-8")
        tables = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is not valid TOML: {error}.") from error
    return content, text, tables


@frozen
class _Check:
    """Checks of tables, with messages that name the file, the line and the key."""

    path: str
    text: str

    def keys(self, table: Mapping[str, Any], known: Mapping[str, str], where: str) -> None:
        for key, value in table.items():
            if key not in known:
                raise InputError(
                    f"{self._at(where, key)}: unknown key; known keys are {listing(known)}.{nearest(key, known)}"
                )
            if not _fits(value, known[key]):
                raise InputError(f"{self._at(where, key)} must be {known[key]}, got {value!r}.")

    def required(self, table: Mapping[str, Any], keys: tuple[str, ...], where: str) -> None:
        for key in keys:
            if key not in table:
                raise InputError(f"{self._at(where, '')}: the key {key!r} is missing.")

    def options(self, table: Mapping[str, Any], where: str) -> None:
        for key, option in _OPTION_KEYS.items():
            if key in table:
                try:
                    option.check(table[key])
                except InputError as error:
                    raise InputError(f"{self._at(where, key)}: {error}") from None

    def reading(self, table: Mapping[str, Any]) -> None:
        try:
            ReadOptions.of(table)
        except InputError as error:
            raise InputError(f"{self._at('read', '')}: {error}") from None

    def _at(self, where: str, key: str) -> str:
        dotted = ".".join(part for part in (where, key) if part)
        return f"{self.path}, line {self._line(where, key)}: {dotted}"

    def _line(self, where: str, key: str) -> int:
        # tomllib keeps no positions, so the line is searched for; the header's is the fallback.
        lines = self.text.splitlines()
        table, _, index = where.partition("[")
        header = rf"\s*\[\[?\s*{re.escape(table)}\s*\]" if table else r""
        starts = [i for i, line in enumerate(lines) if table and re.match(header, line)]
        start = starts[min(int(index.rstrip("]") or 0), len(starts) - 1)] if starts else 0
        for i in range(start, len(lines) if key else start):
            if re.match(rf"\s*(\[+\s*)?([\w.]+\.)?[\"']?{re.escape(key)}\b", lines[i]):
                return i + 1
        return start + 1


def _fits(value: Any, kind: str) -> bool:
    # True is an int in Python, but alpha = true is a mistake.
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if kind == TEXT:
        return isinstance(value, str)
    if kind == NUMBER:
        return number
    if kind == TEXTS:
        return isinstance(value, str) or (isinstance(value, list) and all(isinstance(v, str) for v in value))
    if kind == LABEL:
        return isinstance(value, str | int | float | bool)
    if kind == LABELS:
        return isinstance(value, list) and all(isinstance(v, str | int | float | bool) for v in value)
    if kind == SHARES:
        return isinstance(value, dict) and all(_fits(v, NUMBER) and v >= 0 for v in value.values())
    return kind == ANY or isinstance(value, dict)
