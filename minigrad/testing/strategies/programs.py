"""Random programs: functions of arrays, made of differentiable operations."""

from __future__ import annotations

import functools
import itertools
import math
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from types import CodeType
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import DTypeLike

from minigrad.errors import ArgumentError, ShapeError
from minigrad.nn import functional
from minigrad.tensor import Tensor, tensor
from minigrad.testing.strategies._hypothesis import DrawFn, SearchStrategy, st
from minigrad.testing.strategies.operations import OPERATIONS
from minigrad.testing.strategies.shapes import Shape, parts
from minigrad.viz import Drawing

__all__ = ["Program", "Step", "programs"]

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]

ATTEMPTS = 4  # at a step that the values allow
_NAMES = {"np": np, "F": functional}


class Step(NamedTuple):
    """One line of a program: ``name = operation(*operands, **options)``.

    Attributes
    ----------
    name : str
        Of the result.
    operation : str
        A key of `OPERATIONS`.
    operands : tuple of str
        Names of inputs and of results of steps before.
    options : dict
        As the operation takes them.

    Examples
    --------
    >>> from minigrad.testing.strategies import Step
    >>> Step("a", "tanh", ("x",), {})
    Step(name='a', operation='tanh', operands=('x',), options={})
    """

    name: str
    operation: str
    operands: tuple[str, ...]
    options: dict[str, Any]

    @property
    def expression(self) -> str:
        """The right side of the line."""
        return OPERATIONS[self.operation].expression(self.operands, self.options)


class Program:
    """A function of arrays, written in NumPy, with the inputs that it was made for.

    Calling it runs it, on whatever speaks NumPy: arrays, tensors, arrays of objects. Its repr is
    its source, code that defines the function and calls it.

    Parameters
    ----------
    inputs : mapping from str to array
        The arguments' names and values.
    steps : sequence of Step
        What is computed in order; the last is the result. Without any, that is the first input.

    Attributes
    ----------
    inputs : tuple of arrays
        The arguments: ``program(*program.inputs)``.
    steps : tuple of Step

    Examples
    --------
    >>> import numpy as np
    >>> from minigrad.testing.strategies import Program, Step
    >>> program = Program(
    ...     {"x0": np.array([0.5, 1.0])},
    ...     [Step("v0", "multiply", ("x0", "x0"), {}),
    ...      Step("v1", "sum", ("v0",), {"axis": 0, "keepdims": False})],
    ... )
    >>> program
    import numpy as np
    <BLANKLINE>
    <BLANKLINE>
    def program(x0):
        v0 = x0 * x0
        return np.sum(v0, axis=0, keepdims=False)
    <BLANKLINE>
    <BLANKLINE>
    x0 = np.array([0.5, 1.0])
    result = program(x0)
    >>> float(program(np.array([3.0, 4.0])))
    25.0
    >>> (x,) = program.tensors()
    >>> program(x).backward()
    >>> x.grad
    array([1., 2.])
    """

    def __init__(self, inputs: Mapping[str, Array], steps: Sequence[Step]) -> None:
        self.names = tuple(inputs)
        self.inputs = tuple(inputs.values())
        self.steps = tuple(steps)
        namespace: dict[str, Any] = dict(_NAMES)
        exec(self._definition(), namespace)  # so what is printed is what runs
        self._function = namespace["program"]
        self.__name__ = "program"  # so that a report names it as its source does

    def __call__(self, *inputs: Any) -> Any:
        """Run the program.

        Raises
        ------
        ShapeError
            If it is not given as many inputs as it has.
        """
        if len(inputs) != len(self.names):
            raise ShapeError(
                f"the program takes {len(self.names)} inputs ({', '.join(self.names)}), and got "
                f"{len(inputs)}; its own are program(*program.inputs)"
            )
        return self._function(*inputs)

    @property
    def operations(self) -> tuple[str, ...]:
        """Names of the operations, one for each step."""
        return tuple(step.operation for step in self.steps)

    def tensors(self) -> tuple[Tensor, ...]:
        """Return new tensors of copies of the inputs, by their names, that require gradients."""
        return tuple(
            tensor(array, requires_grad=True, name=name)
            for name, array in zip(self.names, self.inputs, strict=True)
        )

    def astype(self, dtype: DTypeLike) -> Program:
        """Return the same program with its inputs in another dtype."""
        converted = (array.astype(dtype) for array in self.inputs)
        return Program(dict(zip(self.names, converted, strict=True)), self.steps)

    def source(self) -> str:
        """Return Python code that defines the function and calls it with its inputs."""
        definition = self._definition()
        imports = ["import numpy as np"]
        if "F." in definition:
            imports += ["", "from minigrad.nn import functional as F"]
        inputs = [
            f"{name} = {_array_literal(array)}"
            for name, array in zip(self.names, self.inputs, strict=True)
        ]
        call = f"result = program({', '.join(self.names)})"
        return "\n".join([*imports, "", "", definition, "", "", *inputs, call])

    def _definition(self) -> str:
        lines = [f"{step.name} = {step.expression}" for step in self.steps[:-1]]
        lines.append(f"return {self.steps[-1].expression if self.steps else self.names[0]}")
        return f"def program({', '.join(self.names)}):\n" + textwrap.indent(
            "\n".join(lines), "    "
        )

    def draw(self) -> Drawing:
        """Return a picture of the program: inputs, operations, and what goes where.

        Examples
        --------
        >>> import numpy as np
        >>> from minigrad.testing.strategies import Program, Step
        >>> picture = Program({"x0": np.ones(2)}, [Step("v0", "tanh", ("x0",), {})]).draw()
        >>> "np.tanh(x0)" in picture.source
        True
        """
        drawing = Drawing("program", node_attr={"fontname": "Helvetica"})
        for name, array in zip(self.names, self.inputs, strict=True):
            drawing.node(name, f"{name} {list(array.shape)}", shape="box")
        for step in self.steps:
            drawing.node(step.name, f"{step.name} = {step.expression}".replace("\\", "\\\\"))
            for operand in step.operands:
                drawing.edge(operand, step.name)
        return drawing

    def __repr__(self) -> str:
        return self.source()


def _array_literal(array: Array) -> str:
    kind = "" if array.dtype == np.float64 else f", dtype=np.{array.dtype}"
    return f"np.array({array.tolist()}{kind})"


def programs(
    *,
    operations: Iterable[str] | None = None,
    max_inputs: int = 3,
    max_steps: int = 8,
    dtype: DTypeLike = np.float64,
) -> SearchStrategy[Program]:
    """Generate programs of differentiable operations, with inputs to run them on.

    A value may be used by several operations, or twice by one, and operands broadcast. Every
    operation is chosen inside its domain, at a distance from kinks and poles, all values stay below
    16 in size, and their slopes (in one direction, which stands for others) below 64: fit for
    numerical derivatives.

    Parameters
    ----------
    operations : iterable of str, optional
        Which to choose from, by their names in `OPERATIONS`; all by default.
    max_inputs, max_steps : int, default 3 and 8
        How large a program becomes at most.
    dtype : dtype, default float64
        Of the inputs. All numbers in the code are Python's, so the result has it too.

    Returns
    -------
    strategy for Program
        Shrinks towards few operations and small inputs.
        Every input and every step has a part in the result.

    Raises
    ------
    ArgumentError
        If an operation is unknown.

    Examples
    --------
    >>> from hypothesis import find
    >>> from minigrad.testing import strategies
    >>> program = find(strategies.programs(), lambda program: "matmul" in program.operations)
    >>> source = repr(program)  # runnable code
    >>> "def program(" in source and "@" in source
    True

    In a test of an engine:

    >>> import numpy as np
    >>> import minigrad as mg
    >>> from hypothesis import given
    >>> @given(strategies.programs())
    ... def test_a_tensor_has_the_values_of_an_array(program):
    ...     assert np.allclose(program(*program.tensors()).data, program(*program.inputs))
    >>> test_a_tensor_has_the_values_of_an_array()
    """
    names = list(OPERATIONS if operations is None else operations)
    unknown = [name for name in names if name not in OPERATIONS]
    if unknown or not names:
        raise ArgumentError(
            f"operations are some of {', '.join(OPERATIONS)}; not {', '.join(unknown) or 'none'}"
        )
    return _programs(st.sampled_from(names), max_inputs, max_steps, np.dtype(dtype))


# Strategies that are drawn from often are made once.
_LARGEST: SearchStrategy[Shape] = st.sampled_from(
    sorted(
        (shape for ndim in range(3) for shape in itertools.product(range(1, 4), repeat=ndim)),
        key=lambda shape: (math.prod(shape), len(shape)),
    )
)


@functools.cache
def _below(n: int) -> SearchStrategy[int]:
    return st.integers(0, n - 1)


@functools.cache
def _other_shapes(largest: Shape, most: int) -> SearchStrategy[list[Shape]]:
    return st.lists(st.sampled_from(parts(largest)), max_size=most)


@functools.lru_cache(maxsize=4096)
def _options(name: str, shapes: tuple[Shape, ...]) -> SearchStrategy[dict[str, Any]]:
    return OPERATIONS[name].options(*shapes)


@st.composite
def _programs(
    draw: DrawFn,
    names: SearchStrategy[str],
    max_inputs: int,
    max_steps: int,
    dtype: np.dtype[Any],
) -> Program:
    # First what decides how large the program is: hypothesis varies that most evenly.
    largest = draw(_LARGEST)
    others = draw(_other_shapes(largest, max_inputs - 1))
    steps = 1 + draw(_below(max_steps))
    seed = draw(_below(2**16))
    inputs = {f"x{i}": _input(shape, seed, i) for i, shape in enumerate([largest, *others])}
    draft = _Draft(inputs)
    for _ in range(steps):
        for _ in range(ATTEMPTS):
            step = _candidate(draw, draw(names), draft)
            if step is not None and draft.add(step):
                break
    return draft.program(dtype)


def _input(shape: Shape, seed: int, position: int) -> Array:
    """Return numbers away from zero and from each other, by a seed; simple ones for seed 0.

    By a seed, so that a shape can shrink without changing all that is drawn after it; a smaller
    array has the first numbers of a larger one.
    """
    size = math.prod(shape)
    if seed == 0:
        return (0.25 + 0.25 * np.arange(size) + 0.125 * position).reshape(shape)
    rng = np.random.default_rng([seed, position])
    points = np.concatenate([np.arange(-11, 0), np.arange(1, 12)]) * 0.1875
    numbers = rng.permutation(points) + rng.integers(-32, 33, points.size) / 1024
    return numbers[:size].reshape(shape)


def _candidate(draw: DrawFn, name: str, draft: _Draft) -> Step | None:
    """Draw an operation's operands and options; None where there are no operands that fit."""
    operation = OPERATIONS[name]
    operands: tuple[str, ...] = ()
    for _ in range(operation.arity):
        fitting = draft.fitting(name, operands)
        if not fitting:
            return None
        # The newest value often, so that programs become deep. Any is drawn whether it is used or
        # not, so that what is drawn next stays the same where an operand shrinks to the first.
        newest = draw(_below(4)) > (2 if operands else 0)
        any_of_them = draw(_below(len(fitting)))
        operands += (fitting[-1 if newest else any_of_them],)
    options = draw(_options(name, tuple(map(draft.shape, operands))))
    return Step(f"v{len(draft.steps)}", name, operands, options)


class _Draft:
    """A program in the making, and the values that its lines have."""

    LARGEST = 16.0
    STEEPEST = 64.0
    MAX_SIZE = 32
    MAX_DIMS = 4
    NUDGE = 2.0**-12

    def __init__(self, inputs: Mapping[str, Array]) -> None:
        self.inputs = inputs
        self.steps: list[Step] = []
        self.values: dict[str, Array] = dict(inputs)
        # What the values become if the inputs change a little tells how steep they are.
        self.nudged: dict[str, Array] = {
            name: array + self.NUDGE * np.cos(np.arange(array.size) + i).reshape(array.shape)
            for i, (name, array) in enumerate(inputs.items())
        }

    def shape(self, name: str) -> Shape:
        """Return the shape of a value."""
        shape: Shape = self.values[name].shape
        return shape

    def fitting(self, operation: str, operands: tuple[str, ...]) -> list[str]:
        """Return the values that an operation takes after the operands that it has already."""
        fits, arity = OPERATIONS[operation].fits, OPERATIONS[operation].arity
        if len(operands) < arity - 1:
            return list(self.values)
        chosen = tuple(map(self.shape, operands))
        return [name for name in self.values if fits(*chosen, self.shape(name))]

    def add(self, step: Step) -> bool:
        """Add a step, unless it is outside its domain, too large or too steep; say whether."""
        code = compile(step.expression, "<step>", "eval")
        with np.errstate(all="ignore"):
            value = _evaluated(code, self.values)
            if value.size > self.MAX_SIZE or value.ndim > self.MAX_DIMS or not value.size:
                return False
            operands = [self.values[name] for name in step.operands]
            nudged = _evaluated(code, self.nudged)
            slope = np.max(np.abs(nudged - value)) / self.NUDGE
            is_tame = np.max(np.abs(value)) <= self.LARGEST and slope <= self.STEEPEST
            if not is_tame or not OPERATIONS[step.operation].domain(value, *operands):
                return False
        self.steps.append(step)
        self.values[step.name] = value
        self.nudged[step.name] = nudged
        return True

    def program(self, dtype: np.dtype[Any]) -> Program:
        """Return what the last value depends on as a program, with names in order."""
        last = self.steps[-1].name if self.steps else next(iter(self.inputs))
        live = {last}
        for step in reversed(self.steps):
            if step.name in live:
                live.update(step.operands)
        inputs = [name for name in self.inputs if name in live]
        steps = [step for step in self.steps if step.name in live]
        names = {name: f"x{i}" for i, name in enumerate(inputs)}
        names |= {step.name: f"v{i}" for i, step in enumerate(steps)}
        return Program(
            {names[name]: self.inputs[name].astype(dtype) for name in inputs},
            [
                step._replace(
                    name=names[step.name], operands=tuple(names[name] for name in step.operands)
                )
                for step in steps
            ],
        )


def _evaluated(code: CodeType, values: Mapping[str, Array]) -> Array:
    return np.asarray(eval(code, dict(_NAMES), dict(values)))
