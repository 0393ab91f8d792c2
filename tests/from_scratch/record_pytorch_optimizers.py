"""Write pytorch_optimizers.json: the steps of PyTorch's optimizers on fixed gradients.

    python tests/from_scratch/record_pytorch_optimizers.py     (needs torch; the tests don't)

Each entry has our class and its arguments, and the parameters after every step, in float64.

Correspondence to PyTorch: its momentum buffer b <- beta b + g is -v / lr, with v our velocity, so
that the steps agree for a constant lr; RMSprop's alpha is rho; eps is epsilon, outside the square
root in both; Adagrad's initial_accumulator_value and RMSprop's momentum, which we do not have, stay
0. clip_grad_norm_ divides by |g| + 1e-6, we divide by |g|: they agree to 1e-6 if |g| > 1.
"""

import json
import re
from pathlib import Path

import torch

START = [1.0, -2.0, 0.5]
STEPS = 20
OPTIMIZERS = {  # our class: theirs, and their names for our arguments
    "SGD": (torch.optim.SGD, {}),
    "Momentum": (torch.optim.SGD, {"beta": "momentum"}),
    "Nesterov": (torch.optim.SGD, {"beta": "momentum"}),
    "AdaGrad": (torch.optim.Adagrad, {"epsilon": "eps"}),
    "RMSProp": (torch.optim.RMSprop, {"rho": "alpha", "epsilon": "eps"}),
    "Adam": (torch.optim.Adam, {"epsilon": "eps"}),
    "AdamW": (torch.optim.AdamW, {"epsilon": "eps"}),
}
CASES = [
    ("SGD", {"lr": 0.1}),
    ("Momentum", {"lr": 0.05, "beta": 0.9}),
    ("Momentum", {"lr": 0.2, "beta": 0.5}),
    ("Nesterov", {"lr": 0.05, "beta": 0.9}),
    ("Nesterov", {"lr": 0.2, "beta": 0.5}),
    ("AdaGrad", {"lr": 0.1, "epsilon": 1e-10}),
    ("AdaGrad", {"lr": 0.5, "epsilon": 1e-2}),
    ("RMSProp", {"lr": 0.01, "rho": 0.99, "epsilon": 1e-8}),
    ("RMSProp", {"lr": 0.1, "rho": 0.9, "epsilon": 1e-2}),
    ("Adam", {"lr": 0.001, "betas": [0.9, 0.999], "epsilon": 1e-8}),
    ("Adam", {"lr": 0.1, "betas": [0.9, 0.95], "epsilon": 1e-2}),
    ("Adam", {"lr": 0.1, "betas": [0.0, 0.99], "epsilon": 1e-8}),
    ("AdamW", {"lr": 0.01, "betas": [0.9, 0.999], "epsilon": 1e-8, "weight_decay": 0.01}),
    ("AdamW", {"lr": 0.1, "betas": [0.9, 0.95], "epsilon": 1e-4, "weight_decay": 1.5}),
]


def parameter_path(name: str, arguments: dict, gradients: torch.Tensor) -> list[list[float]]:
    """The parameters after every step."""
    optimizer_class, names = OPTIMIZERS[name]
    settings = {names.get(key, key): value for key, value in arguments.items()}
    if name == "Nesterov":
        settings["nesterov"] = True
    theta = torch.tensor(START, dtype=torch.float64, requires_grad=True)
    optimizer = optimizer_class([theta], **settings)
    path = []
    for gradient in gradients:
        theta.grad = gradient.clone()
        optimizer.step()
        path.append(theta.tolist())
    return path


def clipped(gradient: torch.Tensor, max_norm: float) -> dict:
    theta = torch.zeros_like(gradient, requires_grad=True)
    theta.grad = gradient.clone()
    norm = torch.nn.utils.clip_grad_norm_([theta], max_norm)
    return {"max_norm": max_norm, "norm": norm.item(), "gradient": theta.grad.tolist()}


def main() -> None:
    torch.manual_seed(0)
    gradients = torch.randn(STEPS, len(START), dtype=torch.float64).mul(100).round().div(100)
    gradients *= torch.tensor(
        [1.0, 10.0, 0.01], dtype=torch.float64
    )  # of different scale, as between layers
    table = {
        "torch": torch.__version__,
        "start": START,
        "gradients": gradients.tolist(),
        "paths": [
            {
                "name": name,
                "arguments": arguments,
                "path": parameter_path(name, arguments, gradients),
            }
            for name, arguments in CASES
        ],
        "clipped": [clipped(gradients[0], max_norm) for max_norm in (0.5, 2.0, 100.0)],
    }
    text = re.sub(r"\[[^][]*]", lambda row: " ".join(row[0].split()), json.dumps(table, indent=1))
    Path(__file__).with_name("pytorch_optimizers.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
