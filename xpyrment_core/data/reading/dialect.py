"""Dialect of a CSV file, inferred from its first lines: encoding, separator, lines above the header, column names."""

import csv
import io
from collections import Counter
from collections.abc import Iterator, Sequence

from attrs import frozen

from xpyrment_core.data.reading.number_format import PLAIN
from xpyrment_core.errors import InputError

SEPARATORS = (",", ";", "\t", "|")
SAMPLED_RECORDS = 200
SAMPLE_BYTES = 1 << 18

BYTE_ORDER_MARKS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))


@frozen
class Dialect:
    """How one CSV file is written.

    Attributes
    ----------
    encoding : str
        Python's name of it.
    separator, quote : str
    skip : int
        Lines above the line of column names.
    columns : tuple of str
        Names of the columns, as in the file.
    """

    encoding: str
    separator: str
    quote: str
    skip: int
    columns: tuple[str, ...]


def infer_encoding(sample: bytes) -> str:
    """Return the encoding of a text from its first bytes: by its byte order mark, else UTF-8, else Latin-1.

    Examples
    --------
    >>> infer_encoding("ä".encode()), infer_encoding("ä".encode("latin-1")), infer_encoding("ä".encode("utf-16"))
    ('utf-8', 'latin-1', 'utf-16')
    """
    for mark, encoding in BYTE_ORDER_MARKS:
        if sample.startswith(mark):
            return encoding
    # ASCII in UTF-16 without a mark has a zero in every second byte.
    for encoding, zeros in (("utf-16-le", sample[1:200:2]), ("utf-16-be", sample[:200:2])):
        if len(sample) > 3 and zeros and zeros.count(0) > 0.8 * len(zeros):
            return encoding
    try:
        # The sample may end within a character.
        sample[:-4].decode("utf-8") if len(sample) >= SAMPLE_BYTES else sample.decode("utf-8")
    except UnicodeDecodeError:
        return "latin-1"
    return "utf-8"


def infer_dialect(
    sample: bytes,
    named: str,
    *,
    separator: str | None = None,
    quote: str | None = None,
    encoding: str | None = None,
    skip: int | None = None,
) -> Dialect:
    r"""Return the dialect of a CSV file from its first bytes; what is given is not inferred.

    Parameters
    ----------
    sample : bytes
        The start of the file, decompressed.
    named : str
        Name of the file in messages.
    separator, quote, encoding, skip
        Of the dialect, where known.

    Raises
    ------
    InputError
        The file is empty, cannot be decoded, or its first line does not name columns.

    Examples
    --------
    >>> infer_dialect(b"Report\n\nvariant;y\na;1,5\n", "d.csv")
    Dialect(encoding='utf-8', separator=';', quote='"', skip=2, columns=('variant', 'y'))
    """
    encoding = encoding or infer_encoding(sample)
    try:
        text = sample.decode(encoding, errors="ignore" if len(sample) >= SAMPLE_BYTES else "strict")
    except UnicodeDecodeError as error:
        raise InputError(f"{named} is not encoded in {encoding}: {error.reason}; give its encoding.") from error
    text = text.removeprefix("\ufeff")
    if not text.strip():
        raise InputError(f"{named} is empty; the first line must hold the names of the columns.")
    first = text.splitlines()[0].strip()
    if skip is None and separator is None and len(first) == 5 and first.lower().startswith("sep="):
        # Excel writes and reads this line.
        rest = text.split("\n", 1)[1] if "\n" in text else ""
        inner = _header(rest, named, (first[4],), quote or '"', None)
        return Dialect(encoding, first[4], quote or '"', inner[1] + 1, inner[2])
    separators = (separator,) if separator else SEPARATORS
    chosen, skipped, columns = _header(text, named, separators, quote or '"', skip)
    return Dialect(encoding, chosen, quote or '"', skipped, columns)


def _header(
    text: str, named: str, separators: Sequence[str], quote: str, skip: int | None
) -> tuple[str, int, tuple[str, ...]]:
    """Return separator, lines above the header, and column names."""
    lines = text.splitlines(keepends=True)[skip or 0 :]
    best: tuple[tuple[float, ...], str, int, list[str]] | None = None
    for place, separator in enumerate(separators):
        records = list(_records(lines, separator, quote))
        if not records:
            continue
        # The typical number of fields; the header is the first record that has it.
        width = Counter(len(fields) for _, fields in records).most_common(1)[0][0]
        start = 0 if skip is not None else next(i for i, (_, fields) in enumerate(records) if len(fields) == width)
        regular = sum(len(fields) == width for _, fields in records[start:]) / len(records[start:])
        score = (float(width > 1 and start == 0), float(width > 1), regular, float(width), -float(place))
        if best is None or score > best[0]:
            best = score, separator, records[start][0] + (skip or 0), records[start][1]
    if best is None:
        raise InputError(f"{named} has no line below the {skip} that are skipped.")
    return best[1], best[2], _names(best[3], named)


def _records(lines: Sequence[str], separator: str, quote: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the line number, from 0, and the fields of the first records that are not blank."""
    reader = csv.reader(io.StringIO("".join(lines)), delimiter=separator, quotechar=quote)
    line = 0
    while line < SAMPLED_RECORDS:
        try:
            fields = next(reader)
        except (StopIteration, csv.Error):
            return
        if fields and any(field.strip() for field in fields):
            yield line, fields
        line = reader.line_num


def _names(fields: Sequence[str], named: str) -> tuple[str, ...]:
    # Exports often end each line with a separator, which makes a column without a name.
    names = [field.strip() or f"column {place}" for place, field in enumerate(fields, start=1)]
    if all(PLAIN.parse(name) is not None for name in names):
        raise InputError(
            f"the first line of {named} holds numbers only ({', '.join(names[:3])} …), where the names of the columns "
            f"are expected; add a line with names, or say with skip_rows how many lines stand above it."
        )
    return tuple(names)
