"""Writing of output files: checked before the work, written beside the target, and put in place at once."""

import os
import secrets
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from glob import has_magic
from pathlib import Path, PurePath
from typing import Any

from xpyrment_core.data.reading.files import as_paths, existing_files
from xpyrment_core.errors import InputError


def write_file(path: str | Path, content: str | bytes) -> None:
    """Write a file completely or not at all.

    Raises
    ------
    OSError
        It cannot be written, such as for want of space; an existing file is unchanged.
    """
    data = content if isinstance(content, bytes) else content.encode("utf-8")
    with replaced(path) as temporary:
        temporary.write_bytes(data)


@contextmanager
def replaced(path: str | Path) -> Iterator[Path]:
    """Give a temporary path with the same ending, which replaces `path` when the block ends without an error."""
    # The file behind a link is replaced, and not the link.
    target = Path(os.path.realpath(path))
    if target.exists() and not target.is_file():  # a device or a pipe has no contents to lose
        yield target
        return
    temporary = target.with_name(f".{secrets.token_hex(4)}-{target.name[-100:]}")
    try:
        _create(temporary, target)
        yield temporary
        # Without this a crash of the machine may leave an empty file in place of the old one.
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.replace(target)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise


def _create(temporary: Path, target: Path) -> None:
    # Here and not by tempfile, whose files are readable by their owner only.
    os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
    if target.exists():
        temporary.chmod(stat.S_IMODE(target.stat().st_mode))


def save(what: str, path: Path, write: Callable[[], Any]) -> str:
    """Write a file by a function, and return a sentence about what went wrong; empty if nothing did.

    A command calls it after its work, whose result must be printed also if a file cannot be written.
    """
    try:
        write()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        return f"the {what} cannot be saved as '{path}': {reason}."
    return ""


def check_outputs(outputs: Iterable[tuple[str, Path | None]], inputs: object = ()) -> None:
    """Check, before any work, that files can be written and are not those that are read.

    Parameters
    ----------
    outputs : iterable of (what, path)
        ``("report", Path("r.html"))``; those without a path are skipped.
    inputs : path or sequence of paths
        As the user named them: files, globs and folders. Other data have no files.

    Raises
    ------
    InputError
        A folder does not exist or is not writable, or an output is an input or another output.
    """
    written: list[tuple[str, Path]] = []
    for what, path in outputs:
        if path is None:
            continue
        problem = _problem(path) or _overlap(path, inputs)
        if not problem:
            same = next((other for other, taken in written if _same(path, taken)), None)
            problem = f"the {same} is saved under the same name" if same else ""
        if problem:
            raise InputError(f"the {what} cannot be saved as '{path}': {problem}; choose another name.")
        written.append((what, path))


def _problem(path: Path) -> str:
    target = Path(os.path.realpath(path))
    if target.is_dir():
        return "it is a folder"
    if not target.parent.is_dir():
        return f"there is no folder '{path.parent}'"
    if target.exists() and not os.access(target, os.W_OK):
        return "the existing file is write-protected"
    if not (os.access(target.parent, os.W_OK | os.X_OK) or (target.exists() and not target.is_file())):
        return f"the folder '{path.parent}' is not writable"
    return ""


def _overlap(path: Path, inputs: object) -> str:
    for name in as_paths(inputs):
        if any(_same(path, Path(file)) for file in existing_files(name)):
            return "it is a file that is read, which would be overwritten"
        if has_magic(name) and not Path(name).exists() and _would_match(path, name):
            return f"it matches '{name}', so that the next analysis would read it as data"
    return ""


def _would_match(path: Path, pattern: str) -> bool:
    absolute = PurePath(os.path.realpath(path))
    return absolute.match(os.path.join(os.path.realpath(os.path.dirname(pattern) or "."), os.path.basename(pattern)))


def _same(one: Path, other: Path) -> bool:
    # By identity where both exist: links, and names that differ in case on some file systems.
    try:
        return one.samefile(other)
    except OSError:
        return os.path.realpath(one) == os.path.realpath(other)
