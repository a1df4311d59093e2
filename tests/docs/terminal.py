"""Terminal examples of the documentation: found, run as processes, compared, and written anew on request.

A fenced block marked ``console`` holds commands behind ``$ `` and what each prints. The commands of one
page run in order in one folder, through bash. Rewrite what they print with::

    python tests/docs/terminal.py docs/tutorial.md README.md
"""

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def pages() -> list[Path]:
    """Return every page that has a terminal example."""
    found = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    return [page for page in found if BLOCK.search(page.read_text(encoding="utf-8"))]


def examples(text: str) -> Iterator[tuple[str, str]]:
    """Yield each command of a page with the output the page shows.

    A command goes on in the next line after a backslash, and where that line begins with ``>``.
    """
    for block in BLOCK.findall(text):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            lines = part.split("\n")
            end = 1
            while lines[end - 1].endswith("\\") or lines[end].startswith(">"):
                end += 1
            yield "\n".join(lines[:end]), "\n".join(lines[end:]).rstrip()


def workplace(folder: Path) -> Path:
    """Make a folder in which the commands of a page run: the shipped data are where they are in the repository."""
    (folder / "xpyrment").mkdir(parents=True)
    (folder / "xpyrment" / "data").symlink_to(ROOT / "xpyrment" / "data")
    return folder


def plain(command: str) -> str:
    """Return a command without the ``> `` that a shell shows before each further line."""
    return re.sub(r"\n> ?", "\n", command)


def run(command: str, folder: Path) -> str:
    """Run one command as a reader would, in a terminal of 80 columns, and return what it prints."""
    env = {key: value for key, value in os.environ.items() if not key.startswith("XPYRMENT_")}
    env |= {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{env.get('PATH', '')}",
        "COLUMNS": "80",
        "NO_COLOR": "1",
        "PYTHONIOENCODING": "utf-8",
        "PYTHONUTF8": "1",
        "LC_ALL": "C.UTF-8",
    }
    done = subprocess.run(
        ["bash", "-c", f"{plain(command)}\necho \"exit: $?\" >&2"],
        cwd=folder, env=env, text=True, encoding="utf-8", capture_output=True, timeout=120,
    )  # fmt: skip
    *said, status = done.stderr.strip().split("\n")
    # What goes wrong is part of the example; warnings are not.
    errors = "" if status == "exit: 0" else "\n".join(said)
    return "\n".join(line.rstrip() for line in f"{done.stdout}{errors}".rstrip().split("\n"))


def rewrite(page: Path) -> None:
    """Put what the commands print today into a page."""
    text = page.read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as name:
        folder = workplace(Path(name) / "work")

        def fresh(block: re.Match[str]) -> str:
            parts = []
            for command, _ in examples(block.group(0)):
                printed = run(command, folder)
                parts.append(f"$ {command}\n{printed}\n" if printed else f"$ {command}\n")
            return f"```console\n{''.join(parts)}```"

        page.write_text(BLOCK.sub(fresh, text), encoding="utf-8")


if __name__ == "__main__":
    for argument in sys.argv[1:]:
        rewrite(Path(argument))
