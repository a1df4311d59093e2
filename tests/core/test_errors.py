"""Exceptions cross processes: a parallel simulation raises in its caller what a worker raised."""

import inspect
import pickle

import pytest

from xpyrment_core import errors

CLASSES = [kind for kind in vars(errors).values() if inspect.isclass(kind) and issubclass(kind, errors.XpyrmentError)]


def raised(kind):
    """Return an exception with as many texts as its constructor requires."""
    required = [
        p
        for p in list(inspect.signature(kind.__init__).parameters.values())[1:]
        if p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD
    ]
    return kind(*(f"text {number}" for number in range(len(required) or 1)))


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_every_exception_survives_pickling(kind):
    error = raised(kind)
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is kind
    assert str(copy) == str(error) != ""
    assert vars(copy) == vars(error)
