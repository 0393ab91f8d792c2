"""An L1 penalty on the first layer, so that each unit reads only a few columns.

A rule needs three or four out of a hundred one-hot columns. Weight decay makes the other weights
small; an L1 penalty makes them exactly 0, so that noise in uninformative columns has no effect.
Robustness to such columns is one reason why trees beat networks on small tables (Grinsztajn,
Oyallon and Varoquaux 2022, arXiv:2207.08815, section 5.3).
"""

import numpy as np

from pipeline.from_scratch.optimizers import Optimizer, OptimizerWrapper


def soft_threshold(W: np.ndarray, threshold: float) -> None:
    """W <- sign(W) max(|W| - threshold, 0), in place: the proximal operator of threshold · Σ |W|.

    (Daubechies, Defrise and De Mol 2004; Tibshirani 1996 for why it gives zeros)
    """
    W -= np.clip(W, -threshold, threshold)


class ProximalL1(OptimizerWrapper):
    """theta <- another optimizer's step; then W <- soft_threshold(W, lr λ).

    W (d_in, d_out) is a view into theta: a network's first weight matrix. λ = `l1` is decoupled
    from the gradient, as AdamW's weight decay is: a weight stays 0 as long as Adam moves it by less
    than lr λ.
    """

    def __init__(self, optimizer: Optimizer, W: np.ndarray, l1: float) -> None:
        super().__init__(optimizer)
        self.W, self.l1 = W, l1

    def update(self, theta: np.ndarray, grad: np.ndarray) -> None:
        self.optimizer.update(theta, grad)
        soft_threshold(self.W, self.optimizer.lr * self.l1)
