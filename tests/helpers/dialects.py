"""One table written in every dialect that the reader knows."""

import gzip
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.feather as feather
from attrs import field, frozen

ROWS = 240


def table() -> pd.DataFrame:
    """Return an experiment: ids of 19 digits, labels, numbers with gaps, and text beyond ASCII."""
    rng = np.random.default_rng(20)
    before = np.round(rng.gamma(2, 10, ROWS), 2)
    revenue = np.round(before + rng.normal(3, 4, ROWS), 2)
    frame = pd.DataFrame(
        {
            "user": [str(1234567890123456789 + i) for i in range(ROWS)],
            "variant": np.where(np.arange(ROWS) % 2, "treatment", "control"),
            "revenue": revenue,
            "before": before,
            "converted": rng.integers(0, 2, ROWS),
            "country": np.array(["Österreich", "Perú", "Wales"])[rng.integers(0, 3, ROWS)],
        }
    )
    frame.loc[[5, 17, 100], "revenue"] = np.nan
    return frame


def text(frame: pd.DataFrame, separator: str = ",", end: str = "\n", **options: Any) -> str:
    """Return the table as CSV."""
    return frame.to_csv(index=False, sep=separator, lineterminator=end, **options)


@frozen
class Dialect:
    """A way to write the table.

    Attributes
    ----------
    name : str
    write : callable
        Writes into a folder, and returns what a function takes as data.
    read : dict
        Options of reading that it needs.
    flags : tuple of str
        The same on the command line.
    """

    name: str
    write: Callable[[pd.DataFrame, Path], Any]
    read: dict[str, Any] = field(factory=dict)
    flags: tuple[str, ...] = ()


def _bytes(name: str, content: Callable[[pd.DataFrame], bytes]) -> Callable[[pd.DataFrame, Path], str]:
    def write(frame: pd.DataFrame, folder: Path) -> str:
        (folder / name).write_bytes(content(frame))
        return str(folder / name)

    return write


def _encoded(name: str, encoding: str, separator: str = ",") -> Callable[[pd.DataFrame, Path], str]:
    return _bytes(name, lambda frame: text(frame, separator).encode(encoding))


def _mixed_line_ends(frame: pd.DataFrame) -> bytes:
    lines = text(frame).encode().split(b"\n")
    return b"".join(line + (b"\r\n" if i % 3 else b"\n") for i, line in enumerate(lines[:-1]))


def _quoted(frame: pd.DataFrame) -> bytes:
    return text(frame, quoting=1).encode()


def _with_title(frame: pd.DataFrame) -> bytes:
    return ("Revenue by user, exported 2026-01-31\n\n" + text(frame, ";")).encode()


def _money(frame: pd.DataFrame) -> bytes:
    amounts = frame.assign(
        revenue=[None if np.isnan(v) else f"{'-' if v < 0 else ''}${abs(v):,.2f}" for v in frame["revenue"]],
        before=[f"{v:,.2f} EUR" for v in frame["before"]],
    )
    return text(amounts).encode()


def _yes_no(frame: pd.DataFrame) -> bytes:
    return text(frame.assign(converted=np.where(frame["converted"] == 1, "yes", "no"))).encode()


def _thousands(frame: pd.DataFrame) -> bytes:
    def write(value: float) -> str | None:
        return None if np.isnan(value) else f"{value:,.2f}".translate(str.maketrans(",.", ".,"))

    scaled = frame.assign(revenue=[write(v) for v in frame["revenue"]], before=[write(v) for v in frame["before"]])
    return text(scaled, ";").encode()


def _words(frame: pd.DataFrame) -> bytes:
    return text(frame, na_rep="unknown").encode()


def _jsonl(frame: pd.DataFrame) -> bytes:
    return frame.to_json(orient="records", lines=True, force_ascii=False).encode()


def _parquet(frame: pd.DataFrame, folder: Path) -> str:
    frame.to_parquet(folder / "data.parquet")
    return str(folder / "data.parquet")


def _arrow(frame: pd.DataFrame, folder: Path) -> str:
    feather.write_feather(pa.Table.from_pandas(frame, preserve_index=False), str(folder / "data.feather"))
    return str(folder / "data.feather")


def _excel(frame: pd.DataFrame, folder: Path) -> str:
    frame.to_excel(folder / "data.xlsx", index=False)
    return str(folder / "data.xlsx")


def _days(frame: pd.DataFrame, folder: Path) -> list[str]:
    # The second file has its columns in another order and another separator.
    half = ROWS // 2
    (folder / "day-1.csv").write_text(text(frame[:half]), "utf-8")
    (folder / "day-2.csv").write_text(text(frame[half:][list(reversed(frame.columns))], ";"), "utf-8")
    return [str(folder / "day-1.csv"), str(folder / "day-2.csv")]


def _glob(frame: pd.DataFrame, folder: Path) -> str:
    _days(frame, folder)
    return str(folder / "day-*.csv")


FILES = (
    Dialect("comma", _encoded("data.csv", "utf-8")),
    Dialect("semicolon", _encoded("data.csv", "utf-8", ";")),
    Dialect("tab", _encoded("data.tsv", "utf-8", "\t")),
    Dialect("tab in csv", _encoded("data.csv", "utf-8", "\t")),
    Dialect("pipe in txt", _encoded("data.txt", "utf-8", "|")),
    Dialect("utf-8 with mark", _encoded("data.csv", "utf-8-sig")),
    Dialect("utf-16", _encoded("data.csv", "utf-16")),
    Dialect("latin-1", _encoded("data.csv", "latin-1")),
    Dialect("cp1252, said", _encoded("data.csv", "cp1252"), {"encoding": "cp1252"}, ("--encoding", "cp1252")),
    Dialect("crlf", _bytes("data.csv", lambda frame: text(frame, end="\r\n").encode())),
    Dialect("mixed line ends", _bytes("data.csv", _mixed_line_ends)),
    Dialect("quoted", _bytes("data.csv", _quoted)),
    Dialect("title lines", _bytes("data.csv", _with_title)),
    Dialect("sep=", _bytes("data.csv", lambda frame: b"sep=;\n" + text(frame, ";").encode())),
    Dialect("decimal comma", _bytes("data.csv", lambda frame: text(frame, ";", decimal=",").encode())),
    Dialect(
        "thousands",
        _bytes("data.csv", _thousands),
        {"decimal": ",", "thousands": "."},
        ("--decimal-comma", "--thousands", "."),
    ),
    Dialect("money", _bytes("data.csv", _money), {"money": True, "thousands": ","}, ("--money", "--thousands", ",")),
    Dialect("yes and no", _bytes("data.csv", _yes_no), {"success_value": "yes"}, ("--success", "yes")),
    Dialect("word for missing", _bytes("data.csv", _words), {"missing": "unknown"}, ("--missing", "unknown")),
    Dialect("gzip", _bytes("data.csv.gz", lambda frame: gzip.compress(text(frame).encode()))),
    Dialect("zstd", _bytes("data.csv.zst", lambda f: pa.compress(text(f).encode(), codec="zstd", asbytes=True))),
    Dialect("zstd utf-16", _bytes("d.csv.zst", lambda f: pa.compress(text(f).encode("utf-16"), "zstd", asbytes=True))),
    Dialect("json lines", _bytes("data.jsonl", _jsonl)),
    Dialect("json lines, gzip", _bytes("data.jsonl.gz", lambda frame: gzip.compress(_jsonl(frame)))),
    Dialect("other name", _encoded("data.export", "utf-8"), {"file_format": "csv"}, ("--file-format", "csv")),
    Dialect("arrow", _arrow),
    Dialect("excel", _excel),
    Dialect("several files", _days),
    Dialect("glob", _glob),
)

CLEAN = Dialect("parquet", _parquet)


def stdin_of(path: str) -> Any:
    """Return standard input that holds a file's bytes."""
    return io.TextIOWrapper(io.BytesIO(Path(path).read_bytes()), encoding="utf-8")
