"""A formula as a graph of small nodes: values flow forward, derivatives flow back.

Each node knows only the derivative of its own operation. `backward` takes dL/d(output), multiplies
it by that derivative and passes the result on to the node's inputs: the chain rule, which is all of
backpropagation. Inputs are numbers, or arrays of one shape.

A node may be used several times in a formula: backward then takes its uses in reverse order.
"""

import numpy as np

from pipeline.from_scratch.activations import floating

Value = float | np.ndarray


class Node:
    """What an operation keeps of each forward pass, for the backward pass through it."""

    def __init__(self) -> None:
        self.kept: list[tuple[Value, ...]] = []

    def last(self) -> tuple[Value, ...]:
        """What the latest use kept, and forget it, unless it is the only one."""
        if not self.kept:
            raise ValueError(f"{type(self).__name__}: call forward before backward.")
        return self.kept.pop() if len(self.kept) > 1 else self.kept[0]


class Add:
    """z = x + y;  dx = dz, dy = dz: a sum passes its gradient on unchanged."""

    def forward(self, x: Value, y: Value) -> Value:
        return x + y

    def backward(self, dz: Value) -> tuple[Value, Value]:
        return dz, dz


class Multiply(Node):
    """z = x y;  dx = dz y, dy = dz x: the gradient times the other factor."""

    def forward(self, x: Value, y: Value) -> Value:
        self.kept.append((x, y))
        return x * y

    def backward(self, dz: Value) -> tuple[Value, Value]:
        x, y = self.last()
        return dz * y, dz * x


class Divide(Node):
    """z = x / y;  dx = dz / y, dy = -dz z / y."""

    def forward(self, x: Value, y: Value) -> Value:
        z = x / y
        self.kept.append((y, z))
        return z

    def backward(self, dz: Value) -> tuple[Value, Value]:
        y, z = self.last()
        return dz / y, -dz * z / y


class Exp(Node):
    """z = exp(x);  dx = dz z: its own derivative."""

    def forward(self, x: Value) -> Value:
        z = np.exp(x)
        self.kept.append((z,))
        return z

    def backward(self, dz: Value) -> Value:
        (z,) = self.last()
        return dz * z


class Log(Node):
    """z = log(x);  dx = dz / x."""

    def forward(self, x: Value) -> Value:
        self.kept.append((x,))
        return np.log(x)

    def backward(self, dz: Value) -> Value:
        (x,) = self.last()
        return dz / x


class Purchase:
    """price = (apples · apple price + oranges · orange price) · tax, and its derivatives."""

    def forward(self, apple: tuple[Value, Value], orange: tuple[Value, Value], tax: Value) -> Value:
        """(price, count) of apples and of oranges; the tax as a factor, 1.1 for 10 per cent."""
        self.apples, self.oranges, self.sum, self.taxed = Multiply(), Multiply(), Add(), Multiply()
        fruit = self.sum.forward(self.apples.forward(*apple), self.oranges.forward(*orange))
        return self.taxed.forward(fruit, tax)

    def backward(
        self, dprice: Value = 1.0
    ) -> tuple[tuple[Value, Value], tuple[Value, Value], Value]:
        """The same shape as forward's arguments, each number replaced by its derivative."""
        dfruit, dtax = self.taxed.backward(dprice)
        dapples, doranges = self.sum.backward(dfruit)
        return self.apples.backward(dapples), self.oranges.backward(doranges), dtax


class SigmoidGraph:
    """1 / (1 + exp(-x)) out of four nodes, whose backward passes combine to dy y (1 - y).

    Below about -700 exp(-x) would leave the range of numbers, and backward multiply infinity by 0;
    x is raised to where the sigmoid is 0 up to rounding, and its derivative, too.
    """

    def forward(self, x: Value) -> Value:
        self.negate, self.exp, self.add, self.divide = Multiply(), Exp(), Add(), Divide()
        x = floating(x)
        x = np.maximum(x, x.dtype.type(-0.99 * np.log(np.finfo(x.dtype).max)))
        e = self.exp.forward(self.negate.forward(x, -1.0))
        return self.divide.forward(1.0, self.add.forward(1.0, e))

    def backward(self, dy: Value) -> Value:
        _, dsum = self.divide.backward(dy)
        _, de = self.add.backward(dsum)
        dx, _ = self.negate.backward(self.exp.backward(de))
        return dx
