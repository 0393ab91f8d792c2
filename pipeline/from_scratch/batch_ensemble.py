"""An ensemble of networks that share nearly all their weights: TabM.

    ScaleEnsemble, the shared layers, SubmodelsAsColumns, AffineByColumn (an output layer for each
    submodel), PerSubmodelLoss

Each submodel multiplies the input by factors of its own, random signs at first, and has an output
layer of its own; everything else is shared. So the submodels differ, regularise each other, and
need far fewer parameters than separate networks. (Gorishniy, Kotelnikov and Babenko 2024,
arXiv:2410.24210, section 3.4: TabM-mini; after BatchEnsemble, Wen, Tran and Ba 2020,
arXiv:2002.06715)
"""

from typing import Any

import numpy as np

from pipeline.from_scratch.layers import Layer, Loss, of_shape, with_width


class ScaleEnsemble(Layer):
    """y_im = x_i r_m: each row is repeated for every submodel and multiplied by its factors.

    Shapes: x (n, d), r (submodels·d,), a vector so that weight decay does not apply to it -> y
    (n·submodels, d), in which the rows of one x are consecutive.
    """

    parameters = ("r",)

    def __init__(self, d: int, submodels: int, rng: np.random.Generator) -> None:
        self.d, self.dr = d, np.zeros(submodels * d)
        self.r = rng.choice([-1.0, 1.0], submodels * d)

    def forward(self, x: np.ndarray) -> np.ndarray:
        self.x = with_width(x, self.d, self)
        return (x[:, None] * self.r.reshape(-1, self.d)).reshape(-1, self.d)

    def backward(self, dy: np.ndarray) -> np.ndarray:
        """dL/dx_i = Σ_m dy_im r_m, dL/dr_m = Σ_i dy_im x_i."""
        self.backward_to_parameters(dy)
        dy = dy.reshape(len(self.x), -1, self.d)
        return np.einsum("nmd,md->nd", dy, self.r.reshape(-1, self.d))

    def backward_to_parameters(self, dy: np.ndarray) -> None:
        rows = len(self.x) * len(self.r) // self.d
        dy = of_shape(dy, (rows, self.d), self).reshape(len(self.x), -1, self.d)
        np.einsum("nmd,nd->md", dy, self.x, out=self.dr.reshape(-1, self.d))


class SubmodelsAsColumns(Layer):
    """(n·submodels, d) -> (n, submodels·d): one row per x again, with d columns per submodel."""

    def __init__(self, submodels: int) -> None:
        self.submodels = submodels

    def forward(self, x: np.ndarray) -> np.ndarray:
        if len(x) % self.submodels:
            raise ValueError(f"{len(x)} rows cannot be those of {self.submodels} submodels each.")
        self.shape = x.shape
        return x.reshape(len(x) // self.submodels, -1)

    def backward(self, dy: np.ndarray) -> np.ndarray:
        n, d = self.shape
        dy = of_shape(dy, (n // self.submodels, self.submodels * d), self)
        return dy.reshape(self.shape)


class PerSubmodelLoss(Loss):
    """L = the mean of the submodels' losses: each is fitted to the target by itself.

    Shapes: output (n, submodels·k), target and weight (n,).
    """

    def __init__(self, loss: Loss, submodels: int) -> None:
        self.loss, self.submodels = loss, submodels

    def forward(self, output: np.ndarray, target: np.ndarray, weight: Any = None) -> float:
        each = output.reshape(len(output) * self.submodels, -1)
        if weight is not None:
            weight = np.repeat(weight, self.submodels)
        mean = self.loss.forward(each, np.repeat(target, self.submodels), weight)
        self.error = self.loss.backward().reshape(output.shape)
        return mean
