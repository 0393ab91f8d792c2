"""Columns -> matrices, by what is learned from the training rows of a fold alone.

There are two views of the same columns: "tree", category codes and raw numbers, NaN for missing
values; and "dense", scaled and one-hot, without missing values.
"""

from typing import Literal

View = Literal["tree", "dense"]
