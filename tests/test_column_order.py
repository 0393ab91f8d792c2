"""Which columns stand in an order: by their names, or by the ratings that they hold."""

import pytest

from pipeline.column_order import found_order

AMOUNTS = frozenset(range(100))
RATINGS = frozenset(range(1, 6))


def test_names_with_ascending_numbers_are_read_in_their_order():
    names = ["age", "bill_10", "bill_2", "bill_1", "bill_3", "pay_1", "pay_2"]
    expected = ("bill_1", "bill_2", "bill_3", "bill_10")
    assert found_order(dict.fromkeys(names, AMOUNTS)) == expected


@pytest.mark.parametrize("start", ["f", "V", "x_", "feature_", "col", "var ", ""])
def test_names_that_only_number_the_columns_are_no_order(start):
    assert found_order({f"{start}{number}": AMOUNTS for number in range(30)}) == ()


def test_neighbours_with_ratings_of_one_scale_are_read_as_they_stand():
    values = {"age": AMOUNTS, "seat": RATINGS, "food": RATINGS | {0}, "crew": RATINGS}
    values |= {"gate": RATINGS, "class": frozenset(), "children": frozenset(range(5))}
    assert found_order(values) == ("seat", "food", "crew", "gate")


@pytest.mark.parametrize(
    "held",
    [
        frozenset((0, 1)),  # yes and no
        frozenset((0.5, 1.5, 2.5)),
        frozenset((10, 20, 30)),
        frozenset(range(40)),
        frozenset(),  # a category
    ],
)
def test_what_is_no_rating_is_no_order(held):
    assert found_order(dict.fromkeys(["seat", "food", "crew", "gate", "bag"], held)) == ()


def test_ratings_of_other_scales_and_a_few_of_them_are_no_order():
    tens = frozenset(range(11))
    values = {"seat": RATINGS, "food": RATINGS, "crew": tens, "gate": tens, "bag": RATINGS}
    assert found_order(values) == ()
    assert found_order({}) == ()
