"""A formula as a graph of small nodes: values flow forward, derivatives flow back.

Each node knows only the derivative of its own operation. `backward` takes dL/d(output), multiplies
it by that derivative and passes the result on to the node's inputs: the chain rule, which is all of
backpropagation. Inputs are numbers, or arrays of one shape.
"""

import numpy as np

Value = float | np.ndarray


class Add:
    """z = x + y;  dx = dz, dy = dz: a sum passes its gradient on unchanged."""

    def forward(self, x: Value, y: Value) -> Value:
        return x + y

    def backward(self, dz: Value) -> tuple[Value, Value]:
        return dz, dz


class Multiply:
    """z = x y;  dx = dz y, dy = dz x: the gradient times the other factor."""

    def forward(self, x: Value, y: Value) -> Value:
        self.x, self.y = x, y
        return x * y

    def backward(self, dz: Value) -> tuple[Value, Value]:
        return dz * self.y, dz * self.x


class Divide:
    """z = x / y;  dx = dz / y, dy = -dz z / y."""

    def forward(self, x: Value, y: Value) -> Value:
        self.y, self.z = y, x / y
        return self.z

    def backward(self, dz: Value) -> tuple[Value, Value]:
        return dz / self.y, -dz * self.z / self.y


class Exp:
    """z = exp(x);  dx = dz z: its own derivative."""

    def forward(self, x: Value) -> Value:
        self.z = np.exp(x)
        return self.z

    def backward(self, dz: Value) -> Value:
        return dz * self.z


class Log:
    """z = log(x);  dx = dz / x."""

    def forward(self, x: Value) -> Value:
        self.x = x
        return np.log(x)

    def backward(self, dz: Value) -> Value:
        return dz / self.x


class Purchase:
    """price = (apples · apple price + oranges · orange price) · tax, and its derivatives."""

    def __init__(self) -> None:
        self.apples, self.oranges, self.sum, self.taxed = Multiply(), Multiply(), Add(), Multiply()

    def forward(self, apple: tuple[Value, Value], orange: tuple[Value, Value], tax: Value) -> Value:
        """(price, count) of apples and of oranges; the tax as a factor, 1.1 for 10 per cent."""
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
    """1 / (1 + exp(-x)) out of four nodes, whose backward passes combine to dy y (1 - y)."""

    def __init__(self) -> None:
        self.negate, self.exp, self.add, self.divide = Multiply(), Exp(), Add(), Divide()

    def forward(self, x: Value) -> Value:
        e = self.exp.forward(self.negate.forward(x, -1.0))
        return self.divide.forward(1.0, self.add.forward(1.0, e))

    def backward(self, dy: Value) -> Value:
        _, dsum = self.divide.backward(dy)
        _, de = self.add.backward(dsum)
        dx, _ = self.negate.backward(self.exp.backward(de))
        return dx
