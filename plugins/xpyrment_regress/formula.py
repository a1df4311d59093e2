"""What a formula may contain: columns, operators and a list of functions, checked before anything is evaluated."""

import ast
import re
from collections.abc import Iterator
from typing import Any

from xpyrment_core import InputError

MATHS = ("log", "log1p", "log2", "log10", "exp", "expm1", "sqrt", "abs", "sign", "sin", "cos", "tan", "arctan", "tanh")
"""Functions of NumPy, with or without ``np.``; each takes a column to a column."""

TRANSFORMS = ("C", "I", "Q", "bs", "center", "cs", "poly", "scale")
"""Functions of formulaic: categories, arithmetic, quoted names, splines, polynomials, standardised columns."""

CODINGS = ("treatment", "sum", "helmert", "diff", "poly")
"""Codings of categories: ``C(group, contr.treatment(base='a'))``."""

ARITHMETIC = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod, ast.Pow, ast.UAdd, ast.USub)
COMPARISONS = (ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE)
LARGEST_POWER = 20
ALLOWED = (
    f"columns, arithmetic, comparisons, {', '.join(MATHS)} (also as np.log …), {', '.join(TRANSFORMS)}, and "
    f"contr.{', contr.'.join(CODINGS)}"
)


def check_formula(text: str, formula: str) -> None:
    """Check every expression of a formula before it is parsed: to parse one, formulaic evaluates parts of it.

    Parameters
    ----------
    text : str
        The formula with its outcome.
    formula : str
        The formula as it was given, for messages.

    Raises
    ------
    InputError
        It contains anything but columns, operators and the functions allowed.
    """
    from formulaic.parser.algos.tokenize import tokenize

    for token in tokenize(text):
        if token.kind is not None and token.kind.value == "python":
            _Check(str(token.token), formula).columns()


def columns_of(side: Any, formula: str) -> list[str]:
    """Return the columns that one side of a parsed formula reads, in order; nothing is evaluated.

    Parameters
    ----------
    side : formulaic formula
    formula : str
        The whole formula, for messages.

    Raises
    ------
    InputError
        It contains anything but columns, operators and the functions allowed.
    """
    columns: dict[str, None] = {}
    for term in side:
        for factor in term.factors:
            kind = factor.eval_method.name
            if kind == "LOOKUP":
                columns[str(factor.expr)] = None
            elif kind == "PYTHON":
                columns |= dict.fromkeys(_Check(str(factor.expr), formula).columns())
    return list(columns)


class _Check:
    """The check of one expression of a formula."""

    def __init__(self, expression: str, formula: str) -> None:
        self._expression = expression
        self._formula = formula
        # Names in backticks are no names of Python.
        self._quoted: dict[str, str] = {}
        self._text = re.sub("`([^`]+)`", self._hide, expression)

    def _hide(self, match: re.Match[str]) -> str:
        name = f"quoted_{len(self._quoted)}_"
        self._quoted[name] = match[1]
        return name

    def columns(self) -> list[str]:
        """Return the columns of the expression."""
        try:
            tree = ast.parse(self._text.strip(), mode="eval")
        except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
            raise self._refusal("an expression that is not understood") from error
        return [self._quoted.get(name, name) for name in self._walk(tree.body)]

    def _walk(self, node: ast.expr) -> Iterator[str]:
        """Yield the columns of a part of the expression."""
        if isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.Constant):
            if not isinstance(node.value, bool | int | float):
                raise self._refusal(f"the text {node.value!r} outside of a call")
        elif isinstance(node, ast.BinOp | ast.UnaryOp) and isinstance(node.op, ARITHMETIC):
            yield from self._arithmetic(node)
        elif isinstance(node, ast.Compare) and all(isinstance(op, COMPARISONS) for op in node.ops):
            for part in (node.left, *node.comparators):
                # A category is compared with its text.
                if not (isinstance(part, ast.Constant) and isinstance(part.value, str)):
                    yield from self._walk(part)
        elif isinstance(node, ast.Call):
            yield from self._call(node)
        else:
            raise self._refusal(f"{ast.unparse(node)!r}")

    def _arithmetic(self, node: ast.BinOp | ast.UnaryOp) -> Iterator[str]:
        if isinstance(node, ast.UnaryOp):
            yield from self._walk(node.operand)
            return
        yield from self._walk(node.left)
        if isinstance(node.op, ast.Pow):
            # A power of a power of large numbers would be computed for ever.
            power = node.right.value if isinstance(node.right, ast.Constant) else None
            if not isinstance(power, int | float) or abs(power) > LARGEST_POWER:
                raise self._refusal(f"the power {ast.unparse(node)!r}, which must be a number up to {LARGEST_POWER}")
        yield from self._walk(node.right)

    def _call(self, node: ast.Call) -> Iterator[str]:
        if self._function(node.func) == "Q":
            yield self._quoted_column(node)
            return
        for argument in (*node.args, *(keyword.value for keyword in node.keywords)):
            if not _is_setting(argument):
                yield from self._walk(argument)

    def _quoted_column(self, node: ast.Call) -> str:
        if len(node.args) == 1 and not node.keywords and isinstance(node.args[0], ast.Constant):
            return str(node.args[0].value)
        raise self._refusal(f"{ast.unparse(node)!r}; write Q('name of a column')")

    def _function(self, node: ast.expr) -> str:
        """Return the name of a function that is allowed."""
        if isinstance(node, ast.Name) and node.id in (*MATHS, *TRANSFORMS):
            return node.id
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            known = {"np": MATHS, "contr": CODINGS}.get(node.value.id, ())
            if node.attr in known:
                return node.attr
        raise self._refusal(f"a call of {ast.unparse(node)!r}")

    def _refusal(self, found: str) -> InputError:
        return InputError(
            f"formula {self._formula!r} contains {found} in {self._expression!r}; a formula may contain {ALLOWED}. "
            f"Compute other columns before the regression."
        )


def _is_setting(node: ast.expr) -> bool:
    """Return whether an argument is a constant, or a list of constants: degrees of freedom, knots, levels."""
    if isinstance(node, ast.List | ast.Tuple):
        return all(_is_setting(element) for element in node.elts)
    return isinstance(node, ast.Constant) and isinstance(node.value, str | bool | int | float | None)
