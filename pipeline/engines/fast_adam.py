"""Adam and AdamW in as few passes over memory as they need: bandwidth is what limits them.

The equations are in pipeline/from_scratch/optimizers.py; the steps are equal up to rounding.
"""

import numpy as np

from pipeline.from_scratch import optimizers

CHUNK = 2**15  # numbers: Adam reads five arrays ten times, and this much of each stays in cache


class Adam(optimizers.Adam):
    """The constant factors merged into two, this step's lr and ε, and in chunks.

    The attributes m and v are the textbook's m / (1 - b1) and v / (1 - b2).
    """

    def update(self, theta: np.ndarray, grad: np.ndarray) -> None:
        if self.t == 0:
            self.m, self.v = np.zeros_like(theta), np.zeros_like(theta)
            self.scratch = np.empty_like(theta[:CHUNK])
        self.t += 1
        b1, b2 = self.betas
        scale = ((1 - b2**self.t) / (1 - b2)) ** 0.5  # √v̂ = √v / scale
        lr = self.lr * (1 - b1) / (1 - b1**self.t) * scale
        for start in range(0, len(theta), CHUNK):
            part = slice(start, start + CHUNK)
            self._step(theta[part], grad[part], part, lr, self.epsilon * scale)

    def _step(
        self, theta: np.ndarray, grad: np.ndarray, part: slice, lr: float, epsilon: float
    ) -> None:
        """m <- b1 m + g;  v <- b2 v + g²;  theta <- theta - lr m / (√v + ε), on one chunk."""
        m, v, scratch = self.m[part], self.v[part], self.scratch[: len(theta)]
        m *= self.betas[0]
        m += grad
        np.square(grad, out=scratch)
        v *= self.betas[1]
        v += scratch
        np.sqrt(v, out=scratch)
        scratch += epsilon
        np.divide(m, scratch, out=scratch)
        scratch *= lr
        theta -= scratch


class AdamW(optimizers.AdamW, Adam):
    """The textbook's weight decay, then the step above."""
