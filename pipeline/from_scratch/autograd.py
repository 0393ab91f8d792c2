"""Automatic differentiation of numbers: a formula keeps its own graph, and walks it backward.

Every operation gives a new Value that knows the values it came from, and its derivative by
each of them. Two rules make this backpropagation. A value that is used twice gets the sum of what
comes back (+=), because a change of it changes the result along both paths. And a value passes its
derivative on only when all of it has arrived: in the reverse of an order in which every value comes
after those that it was made of, a topological order. (After Karpathy's micrograd)
"""

import math


class Value:
    """A number `data`, and, after `backward` of a result, the derivative of that by it, `grad`."""

    def __init__(
        self, data: float, operation: str = "", *slopes: tuple["Value", float], name: str = ""
    ) -> None:
        """slopes: each input of the operation, and the operation's derivative by it."""
        self.data, self.grad, self.name = float(data), 0.0, name
        self.operation, self.slopes = operation, slopes

    def __add__(self, other: "Value | float") -> "Value":
        other = other if isinstance(other, Value) else Value(other)
        return Value(self.data + other.data, "+", (self, 1.0), (other, 1.0))

    def __mul__(self, other: "Value | float") -> "Value":
        other = other if isinstance(other, Value) else Value(other)
        return Value(self.data * other.data, "×", (self, other.data), (other, self.data))

    def __pow__(self, exponent: float) -> "Value":
        slope = exponent * self.data ** (exponent - 1) if exponent else 0.0
        return Value(self.data**exponent, f"^{exponent:g}", (self, slope))

    def exp(self) -> "Value":
        e = math.exp(self.data)
        return Value(e, "exp", (self, e))

    def log(self) -> "Value":
        return Value(math.log(self.data), "log", (self, 1 / self.data))

    def tanh(self) -> "Value":
        t = math.tanh(self.data)
        return Value(t, "tanh", (self, 1 - t * t))

    def relu(self) -> "Value":
        return Value(max(self.data, 0.0), "relu", (self, float(self.data > 0)))

    def backward(self) -> None:
        """Set `grad` of every value that this one was made of: d(self)/d(value)."""
        order = topological_order(self)
        for value in order:
            value.grad = 0.0
        self.grad = 1.0
        for value in reversed(order):
            for each, slope in value.slopes:
                each.grad += slope * value.grad

    def __neg__(self) -> "Value":
        return self * -1.0

    def __sub__(self, other: "Value | float") -> "Value":
        return self + other * -1.0

    def __rsub__(self, other: float) -> "Value":
        return self * -1.0 + other

    def __truediv__(self, other: "Value | float") -> "Value":
        return self * other**-1.0

    def __rtruediv__(self, other: float) -> "Value":
        return self**-1.0 * other

    __radd__, __rmul__ = __add__, __mul__


def topological_order(result: Value) -> list[Value]:
    """Every value that `result` was made of, each after all of its own inputs; `result` is last."""
    order: list[Value] = []
    seen: set[int] = set()
    waiting = [(result, False)]  # a stack, not a recursion: Python's is 1,000 calls deep
    while waiting:
        value, inputs_done = waiting.pop()
        if inputs_done:
            order.append(value)
        elif id(value) not in seen:
            seen.add(id(value))
            waiting += [(value, True), *((each, False) for each, _ in reversed(value.slopes))]
    return order
