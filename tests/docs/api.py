"""The Python API reference, generated from the public names, their signatures and their docstrings.

Regenerate it with ``python tests/docs/api.py > docs/reference/api.md``.
"""

import inspect
import re
import typing
from collections.abc import Callable, Iterable, Iterator
from enum import Enum
from functools import cached_property
from types import ModuleType
from typing import Any

import attrs
from numpy.typing import ArrayLike

import xpyrment
import xpyrment_core

WIDTH = 88
INTRODUCTION = """# Python API

Generated from the docstrings by `python tests/docs/api.py > docs/reference/api.md`. Write `import xpyrment as xp` for
an analysis; plugins import from `xpyrment_core`. Terms are explained in the [glossary](glossary.md), formulas under
[methods](../methods/index.md), and the keys of a result in [result keys](results.md).

<!-- The names that the examples below use without importing them.
>>> from xpyrment import *
>>> from xpyrment.datasets import *
>>> from xpyrment_core import *

-->"""
FACES: tuple[tuple[ModuleType, str], ...] = (
    (xpyrment, "For analyses, in scripts and notebooks: `import xpyrment as xp`."),
    (
        xpyrment_core,
        "For plugins: definitions, values and contracts. Names that `xpyrment` exports too are described above.",
    ),
)
DEFINITIONS = ("Attributes", "Parameters", "Returns", "Raises", "Warns", "Yields")


def reference() -> str:
    """Return the page."""
    blocks, described = [INTRODUCTION], set[int]()
    for face, purpose in FACES:
        blocks.append(f"## `{face.__name__}`\n\n{purpose}")
        for name in sorted(face.__all__, key=str.lower):
            member = getattr(face, name)
            if id(member) not in described:
                blocks.extend(describe(name, member))
                described.add(id(member))
    return "\n\n".join(blocks) + "\n"


def describe(name: str, member: Any) -> Iterator[str]:
    """Yield the blocks about one public name."""
    yield f"### `{name}`"
    if isinstance(member, ModuleType):
        yield from rendered(member)
        for inner, function in functions(member):
            yield f"#### `{name}.{inner}`"
            yield from with_signature(inner, function)
    elif inspect.isclass(member) and issubclass(member, Enum):
        yield from rendered(member)
        yield "Members: " + ", ".join(f"`{state.name}`" for state in member) + "."
    elif inspect.isclass(member):
        yield from with_signature(name, member)
        yield from members(name, member)
    elif inspect.isfunction(member):
        yield from with_signature(name, member)
    else:
        yield alias(member)


def functions(module: ModuleType) -> Iterable[tuple[str, Callable[..., Any]]]:
    found = inspect.getmembers(module, inspect.isfunction)
    return [(name, f) for name, f in found if not name.startswith("_") and f.__module__ == module.__name__]


def members(owner: str, cls: type) -> Iterator[str]:
    """Yield the public methods and properties that xpyrment itself defines for a class."""
    for name in public_members(cls):
        member = inspect.getattr_static(cls, name)
        yield f"#### `{owner}.{name}`"
        if isinstance(member, property | cached_property):
            yield from rendered(member)
        else:
            yield from with_signature(name, getattr(cls, name))


def public_members(cls: type) -> Iterator[str]:
    fields = {field.name for field in attrs.fields(cls)} if attrs.has(cls) else set()
    bases = [base for base in cls.__mro__ if base.__module__.startswith("xpyrment")]
    for name in dict.fromkeys(name for base in bases for name in vars(base)):
        member = inspect.getattr_static(cls, name)
        documented = isinstance(member, property | cached_property | classmethod | staticmethod)
        if not name.startswith("_") and name not in fields and (documented or inspect.isfunction(member)):
            yield name


def with_signature(name: str, member: Any) -> Iterator[str]:
    """Yield the signature and the docstring of a function or class."""
    is_exception = inspect.isclass(member) and issubclass(member, BaseException)
    if not is_exception and not getattr(member, "_is_protocol", False):
        yield f"```python\n{signature(name, member)}\n```"
    yield from rendered(member)


def signature(name: str, member: Any) -> str:
    """Return a signature, on several lines where one would be too long."""
    try:
        found = inspect.signature(member)
    except ValueError:
        return name
    parameters = [shown(parameter) for key, parameter in found.parameters.items() if key not in ("self", "cls")]
    parameters = separated(parameters, list(found.parameters.values()))
    returned = found.return_annotation
    answer = "" if inspect.isclass(member) or returned is found.empty else f" -> {annotation(returned)}"
    line = f"{name}({', '.join(parameters)}){answer}"
    return line if len(line) <= WIDTH else f"{name}(\n    " + ",\n    ".join(parameters) + f",\n){answer}"


def separated(shown_parameters: list[str], parameters: list[inspect.Parameter]) -> list[str]:
    """Return parameters with ``*`` before the first that is keyword-only."""
    kinds = [p.kind for p in parameters if p.name not in ("self", "cls")]
    keyword = inspect.Parameter.KEYWORD_ONLY
    if keyword in kinds and inspect.Parameter.VAR_POSITIONAL not in kinds:
        first = kinds.index(keyword)
        return [*shown_parameters[:first], "*", *shown_parameters[first:]]
    return shown_parameters


def shown(parameter: inspect.Parameter) -> str:
    stars = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}.get(parameter.kind, "")
    kind = "" if parameter.annotation is parameter.empty else f": {annotation(parameter.annotation)}"
    if parameter.default is parameter.empty:
        return f"{stars}{parameter.name}{kind}"
    default = "..." if parameter.default is attrs.NOTHING else repr(parameter.default)
    return f"{stars}{parameter.name}{kind} = {default}" if kind else f"{stars}{parameter.name}={default}"


def annotation(kind: Any) -> str:
    """Return a type as it is written in source: without modules, and NumPy's aliases by their names."""
    text = bare(kind if isinstance(kind, str) else inspect.formatannotation(kind))
    arrays = bare(inspect.formatannotation(ArrayLike))
    members = arrays.removeprefix("Union[").removesuffix("]")
    text = text.replace(f"Union[{members}, NoneType]", "ArrayLike | None").replace(arrays, "ArrayLike")
    return re.sub(r"ndarray\[.*?dtype\[(\w+)\]\]", r"NDArray[\1]", text)


def bare(text: str) -> str:
    """Return the text of a type without the modules of its parts."""
    text = re.sub(r"\b(?:[A-Za-z_]\w*\.)+(?=[A-Za-z_])", "", text)
    text = re.sub(r"ForwardRef\('([^']*)'\)", r"\1", text)
    return text if "Literal" in text else re.sub(r"'(\w+)'", r"\1", text)


def alias(member: Any) -> str:
    """Return the text for a name that is not a function or class: a type, or a marker of hooks."""
    if typing.get_origin(member) is not None or not hasattr(member, "project_name"):
        return f"```python\n{annotation(member)}\n```"
    return "Decorator that marks a function or method as the implementation of a hook."


def rendered(member: Any) -> Iterator[str]:
    """Yield the docstring of an object as Markdown."""
    text = inspect.getdoc(member) or ""
    parts = re.split(r"^(\w[\w ]*)\n-{3,}$\n?", text, flags=re.MULTILINE)
    if parts[0].strip():
        yield markdown(parts[0])
    for title, body in zip(parts[1::2], parts[2::2], strict=True):
        yield f"**{title}**"
        yield "\n".join(entries(body)) if title in DEFINITIONS else markdown(body)


def entries(body: str) -> Iterator[str]:
    """Yield the entries of a numpydoc section as list items."""
    for entry in re.split(r"^(?=\S)", body.strip("\n"), flags=re.MULTILINE)[1:]:
        head, _, rest = entry.partition("\n")
        name, _, kind = head.partition(" : ")
        explanation = " ".join(code(inspect.cleandoc(rest)).split())
        yield f"- `{name.strip()}`" + (f" ({code(kind)})" if kind else "") + (f": {explanation}" if explanation else "")


def markdown(text: str) -> str:
    """Return prose with its examples fenced."""
    paragraphs = re.split(r"\n\s*\n", text.strip("\n"))
    return "\n\n".join(f"```pycon\n{p}\n\n```" if p.startswith(">>>") else code(p) for p in paragraphs)


def code(text: str) -> str:
    """Return text with reStructuredText's double backquotes as Markdown's single ones."""
    return re.sub(r"``([^`]+)``", r"`\1`", text).strip()


if __name__ == "__main__":
    print(reference(), end="")
