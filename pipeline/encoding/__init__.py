"""Columns -> matrices, by what the training rows of a fold teach and nothing else.

There are two views of the same columns: "tree", codes and raw numbers, gaps kept; and "dense",
scaled and one-hot, without gaps.
"""

from typing import Literal

View = Literal["tree", "dense"]
