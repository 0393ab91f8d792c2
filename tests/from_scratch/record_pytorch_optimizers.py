"""Write pytorch_optimizers.json: where PyTorch's optimizers go on a fixed sequence of gradients.

    python tests/from_scratch/record_pytorch_optimizers.py     (needs torch; the tests do not)

Each entry has our class and its arguments, and the parameters after every step, in float64.

How PyTorch's arguments are ours: its momentum buffer b <- beta b + g is our velocity -v / lr, the
same path as long as lr stays; alpha of RMSprop is rho, eps epsilon, outside the root in both;
initial_accumulator_value of Adagrad and momentum of RMSprop are left at 0, which is all we have.
clip_grad_norm_ divides by |g| + 1e-6, we by |g|, so that |g| must be above 1 to agree to 1e-6.
"""

import json
import re
from pathlib import Path

import torch

START = [1.0, -2.0, 0.5]
STEPS = 20
RULES = {  # our class: theirs, and how our arguments are called there
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


def path(name: str, arguments: dict, gradients: torch.Tensor) -> list[list[float]]:
    """The parameters after every step."""
    optimizer, names = RULES[name]
    settings = {names.get(key, key): value for key, value in arguments.items()}
    if name == "Nesterov":
        settings["nesterov"] = True
    theta = torch.tensor(START, dtype=torch.float64, requires_grad=True)
    steps = optimizer([theta], **settings)
    places = []
    for gradient in gradients:
        theta.grad = gradient.clone()
        steps.step()
        places.append(theta.tolist())
    return places


def clipped(gradient: torch.Tensor, largest: float) -> dict:
    theta = torch.zeros_like(gradient, requires_grad=True)
    theta.grad = gradient.clone()
    norm = torch.nn.utils.clip_grad_norm_([theta], largest)
    return {"largest": largest, "norm": norm.item(), "gradient": theta.grad.tolist()}


def main() -> None:
    torch.manual_seed(0)
    gradients = torch.randn(STEPS, len(START), dtype=torch.float64).mul(100).round().div(100)
    gradients *= torch.tensor([1.0, 10.0, 0.01], dtype=torch.float64)  # as unlike as layers' are
    table = {
        "torch": torch.__version__,
        "start": START,
        "gradients": gradients.tolist(),
        "paths": [
            {"name": name, "arguments": arguments, "path": path(name, arguments, gradients)}
            for name, arguments in CASES
        ],
        "clipped": [clipped(gradients[0], largest) for largest in (0.5, 2.0, 100.0)],
    }
    text = re.sub(r"\[[^][]*]", lambda row: " ".join(row[0].split()), json.dumps(table, indent=1))
    Path(__file__).with_name("pytorch_optimizers.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
