"""How the learning rate changes during training: its factor at progress t, 0 <= t < 1."""

import numpy as np


def constant(t: float) -> float:
    """1."""
    return 1.0


def step_decay(t: float) -> float:
    """1, then 0.1 from half of the training on, then 0.01 from three quarters on. (He 2016)"""
    return 1.0 if t < 0.5 else 0.1 if t < 0.75 else 0.01


def cosine(t: float) -> float:
    """½ (1 + cos πt): large steps first, then ever smaller ones. (Loshchilov and Hutter 2017)"""
    return float(0.5 * (1 + np.cos(np.pi * t)))


def coslog4(t: float) -> float:
    """½ (1 - cos(2π log2(1 + 15 t))): four cycles from 0 to 1 and back, each twice as long.

    The learning rate reaches 0 at the end of each cycle. (Holzmüller 2024, appendix A, RealMLP)
    """
    return float(0.5 * (1 - np.cos(2 * np.pi * np.log2(1 + 15 * t))))


SCHEDULES = {"constant": constant, "step": step_decay, "cosine": cosine, "coslog4": coslog4}
