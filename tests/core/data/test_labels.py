"""Labels of variants: how a given one is found, and what a planned weight may be."""

import numpy as np
import pytest

from xpyrment_core.data.labels import check_weight, find_label
from xpyrment_core.errors import InputError


@pytest.mark.parametrize(
    ("word", "labels", "found"),
    [
        ("false", [False, True], False),
        ("FALSE", [False, True], False),
        ("True", [False, True], True),
        ("1", [0, 1], 1),
        ("1", [0.0, 1.0], 1.0),
        ("false", ["false", "true"], "false"),
    ],
)
def test_a_word_of_the_command_line_finds_a_label_as_files_spell_it(word, labels, found):
    label = find_label(word, labels, by_text=True)
    assert label == found
    assert label in labels


@pytest.mark.parametrize("word", ["false", "1", "fAlSe"])
def test_in_python_a_text_is_not_a_label_of_another_type(word):
    with pytest.raises(InputError, match="label"):
        find_label(word, [False, True, 1.5])


@pytest.mark.parametrize("weight", [0, 1, 0.25, np.float32(2), np.int8(3)])
def test_a_planned_weight_is_a_number_of_0_or_more(weight):
    assert check_weight("A", weight) == weight


@pytest.mark.parametrize("weight", [-1, float("nan"), float("inf"), True, "1", None, [1], 10**400, 1j])
def test_anything_else_is_refused_and_named(weight):
    with pytest.raises(InputError, match="the weight of 'A' must be a number, 0 or more, got"):
        check_weight("A", weight)
