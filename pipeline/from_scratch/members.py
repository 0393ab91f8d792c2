"""Many networks in one: members that share nearly all weights, and still disagree.

    Members, the shared layers, SideBySide, AffineByColumn (a last layer for each), EachMember

Every member multiplies the input by factors of its own, random signs at first, and has an output of
its own; all else is shared. So members differ, regularise each other, and cost far fewer
parameters than networks apart. (Gorishniy, Kotelnikov and Babenko 2024, arXiv:2410.24210, section
3.4: TabM-mini; after BatchEnsemble, Wen, Tran and Ba 2020, arXiv:2002.06715)
"""

from typing import Any

import numpy as np

from pipeline.from_scratch.layers import Layer, Loss


class Members(Layer):
    """y_im = x_i r_m: each row once for every member, times the member's factors.

    Shapes: x (n, d), r (members·d,), a vector so that weight decay leaves it alone -> y
    (n·members, d); the rows of one x stand together.
    """

    parameters = ("r",)

    def __init__(self, d: int, members: int, rng: np.random.Generator) -> None:
        self.d, self.dr = d, np.zeros(members * d)
        self.r = rng.choice([-1.0, 1.0], members * d)

    def forward(self, x: np.ndarray) -> np.ndarray:
        self.x = x
        return (x[:, None] * self.r.reshape(-1, self.d)).reshape(-1, self.d)

    def backward(self, dy: np.ndarray) -> np.ndarray:
        """dL/dx_i = Σ_m dy_im r_m, dL/dr_m = Σ_i dy_im x_i."""
        self.backward_to_parameters(dy)
        dy = dy.reshape(len(self.x), -1, self.d)
        return np.einsum("nmd,md->nd", dy, self.r.reshape(-1, self.d))

    def backward_to_parameters(self, dy: np.ndarray) -> None:
        dy = dy.reshape(len(self.x), -1, self.d)
        np.einsum("nmd,nd->md", dy, self.x, out=self.dr.reshape(-1, self.d))


class SideBySide(Layer):
    """(n·members, d) -> (n, members·d): a row again for every x, each member with its columns."""

    def __init__(self, members: int) -> None:
        self.members = members

    def forward(self, x: np.ndarray) -> np.ndarray:
        return x.reshape(len(x) // self.members, -1)

    def backward(self, dy: np.ndarray) -> np.ndarray:
        return dy.reshape(len(dy) * self.members, -1)


class EachMember(Loss):
    """L = the mean of the members' losses: each learns for itself, not to complete the others.

    Shapes: output (n, members·k), target and weight (n,).
    """

    def __init__(self, loss: Loss, members: int) -> None:
        self.loss, self.members = loss, members

    def forward(self, output: np.ndarray, target: np.ndarray, weight: Any = None) -> float:
        each = output.reshape(len(output) * self.members, -1)
        if weight is not None:
            weight = np.repeat(weight, self.members)
        mean = self.loss.forward(each, np.repeat(target, self.members), weight)
        self.error = self.loss.backward().reshape(output.shape)
        return mean
