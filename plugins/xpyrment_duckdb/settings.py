"""Memory limit and number of threads of a DuckDB connection."""

import os
import re
from typing import Any

from attrs import frozen

from xpyrment_core import InputError

MEMORY_VARIABLE = "XPYRMENT_DUCKDB_MEMORY_LIMIT"
THREADS_VARIABLE = "XPYRMENT_DUCKDB_THREADS"
DEFAULT_MEMORY = "50%"
"""Half of the memory: the rest is for the Python process and other programs."""

STANDARD_SHARE = 0.8
UNITS = {"bytes": 2**-20, **{f"{letter}iB": 2.0 ** (10 * i - 10) for i, letter in enumerate("KMGTPE")}}
"""Mebibytes in each unit that DuckDB prints."""


@frozen
class Settings:
    """Limits of one connection.

    Attributes
    ----------
    memory_limit : str
        As DuckDB understands it: ``"1GB"``, ``"512MiB"``, ``"40%"``.
    threads : int or None
        None for one per core.
    """

    memory_limit: str = DEFAULT_MEMORY
    threads: int | None = None

    @classmethod
    def of(cls, memory_limit: str | None = None, threads: int | None = None) -> "Settings":
        """Return the settings given, else those of the environment, else the defaults.

        Raises
        ------
        InputError
            A limit is not an amount of memory, or the threads are not a whole number from 1.

        Examples
        --------
        >>> Settings.of("1GB", 2)
        Settings(memory_limit='1GB', threads=2)
        >>> Settings.of("lots")
        Traceback (most recent call last):
        xpyrment_core.errors.InputError: DuckDB memory limit 'lots' is not an amount of memory: use '1GB' or '40%'...
        """
        memory = memory_limit or os.environ.get(MEMORY_VARIABLE) or DEFAULT_MEMORY
        if not re.fullmatch(r"\s*\d+(\.\d+)?\s*(%|B|[KMGT]i?B)\s*", memory, re.IGNORECASE):
            raise InputError(
                f"DuckDB memory limit {memory!r} is not an amount of memory: use '1GB' or '40%' "
                f"(option memory_limit or variable {MEMORY_VARIABLE})."
            )
        count: Any = os.environ.get(THREADS_VARIABLE) if threads is None else threads
        if count in (None, ""):
            return cls(memory.strip())
        if not str(count).isdigit() or int(count) < 1:
            raise InputError(
                f"DuckDB threads {count!r} must be a whole number from 1 "
                f"(option threads or variable {THREADS_VARIABLE})."
            )
        return cls(memory.strip(), int(count))

    def limit(self, standard: str) -> str:
        """Return the limit as an amount, given DuckDB's default of 80 % of the memory, also in a container.

        Examples
        --------
        >>> Settings("40%").limit("2.0 GiB"), Settings("1GB").limit("2.0 GiB")
        ('1024MiB', '1GB')
        """
        share = self.memory_limit.rstrip("% ")
        if share == self.memory_limit:
            return self.memory_limit
        amount, unit = standard.split()
        # DuckDB knows the limit of a container, the operating system the memory of the machine: the smaller one counts.
        # Some versions of DuckDB report a container without a limit as unlimited memory.
        totals = [float(amount) * UNITS[unit] / STANDARD_SHARE]
        if "SC_PHYS_PAGES" in getattr(os, "sysconf_names", {}):
            totals.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**20)
        return f"{int(min(totals) * float(share) / 100)}MiB"
