"""Write pytorch_rnn.json: states and gradients of PyTorch's Elman RNN and GRU, in float64.

    python tests/from_scratch/record_pytorch_rnn.py     (needs torch; the tests don't)

Shapes and names are ours: PyTorch's weights are transposed, and the sum of its two biases is our
one. The loss is Σ h dy. "truncated" reads two windows of 3 steps and carries over the state, but
not its gradient.
"""

import json
import re
from pathlib import Path

import torch

N, STEPS, WINDOW, D_IN, D = 2, 6, 3, 2, 3


def gradients(rnn: torch.nn.RNN, x: torch.Tensor, dy: torch.Tensor, window: int) -> dict:
    rnn.zero_grad()
    x = x.clone().requires_grad_()
    state = None
    for start in range(0, STEPS, window):
        steps = slice(start, start + window)
        h, state = rnn(x[:, steps], state)
        (h * dy[:, steps]).sum().backward()
        state = state.detach()
    return {
        "dx": x.grad.tolist(),
        "dWx": rnn.weight_ih_l0.grad.T.tolist(),
        "dWh": rnn.weight_hh_l0.grad.T.tolist(),
        "db": rnn.bias_ih_l0.grad.tolist(),
    }


def gru(x: torch.Tensor, dy: torch.Tensor) -> dict:
    """PyTorch adds bias_hh to all three gates; ours has it for the candidate alone, as c."""
    model = torch.nn.GRU(D_IN, D, batch_first=True)
    for parameter in model.parameters():
        parameter.data = torch.randn(parameter.shape).mul(100).round().div(100)
    model.bias_hh_l0.data[: 2 * D] = 0
    x = x.clone().requires_grad_()
    h, _ = model(x)
    (h * dy).sum().backward()
    return {
        "Wx": model.weight_ih_l0.T.tolist(),
        "Wh": model.weight_hh_l0.T.tolist(),
        "b": model.bias_ih_l0.tolist(),
        "c": model.bias_hh_l0[2 * D :].tolist(),
        "h": h.tolist(),
        "dx": x.grad.tolist(),
        "dWx": model.weight_ih_l0.grad.T.tolist(),
        "dWh": model.weight_hh_l0.grad.T.tolist(),
        "db": model.bias_ih_l0.grad.tolist(),
        "dc": model.bias_hh_l0.grad[2 * D :].tolist(),
    }


def main() -> None:
    torch.manual_seed(1)
    torch.set_default_dtype(torch.float64)
    rnn = torch.nn.RNN(D_IN, D, batch_first=True)
    for parameter in rnn.parameters():
        parameter.data = torch.randn(parameter.shape).mul(100).round().div(100)
    rnn.bias_hh_l0.data.zero_()
    x, dy = torch.randn(N, STEPS, D_IN), torch.randn(N, STEPS, D)
    table = {
        "torch": torch.__version__,
        "Wx": rnn.weight_ih_l0.T.tolist(),
        "Wh": rnn.weight_hh_l0.T.tolist(),
        "b": rnn.bias_ih_l0.tolist(),
        "x": x.tolist(),
        "dy": dy.tolist(),
        "h": rnn(x)[0].tolist(),
        "full": gradients(rnn, x, dy, STEPS),
        "truncated": gradients(rnn, x, dy, WINDOW),
        "gru": gru(x, dy),
    }
    text = re.sub(r"\[[^][]*]", lambda row: " ".join(row[0].split()), json.dumps(table, indent=1))
    Path(__file__).with_name("pytorch_rnn.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
