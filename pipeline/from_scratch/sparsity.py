"""Weights that go to 0 unless the data insist: each unit reads a few columns alone.

Of a hundred one-hot columns a rule needs three or four. Weight decay makes the other weights small;
an L1 penalty makes them vanish, so that noise in columns which say nothing has no way in. That is
where trees have the better of networks on small tables (Grinsztajn, Oyallon and Varoquaux 2022,
arXiv:2207.08815, section 5.3), and what a sparse first layer takes back.
"""

import numpy as np

from pipeline.from_scratch.optimizers import Around, Optimizer


def soft_threshold(W: np.ndarray, threshold: float) -> None:
    """W <- sign(W) max(|W| - threshold, 0), in place: the proximal step of threshold · Σ |W|.

    (Daubechies, Defrise and De Mol 2004; Tibshirani 1996 for why zeros come of it)
    """
    W -= np.clip(W, -threshold, threshold)


class SparseFirstLayer(Around):
    """theta <- another optimizer's step; then W <- soft_threshold(W, lr λ).

    W (d_in, d_out) is a view into theta: a network's first weight matrix. λ = `sparsity` is
    decoupled from the gradient, as AdamW's weight decay is: a weight stays 0 while Adam would move
    it by less than lr λ.
    """

    def __init__(self, optimizer: Optimizer, W: np.ndarray, sparsity: float) -> None:
        super().__init__(optimizer)
        self.W, self.sparsity = W, sparsity

    def update(self, theta: np.ndarray, grad: np.ndarray) -> None:
        self.optimizer.update(theta, grad)
        soft_threshold(self.W, self.optimizer.lr * self.sparsity)
