"""minigrad against an engine that is too simple to be wrong, on random programs and in any state.

Reverse mode, forward mode, the reference engine and numerical differences have to agree.
"""

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, multiple, rule
from reference_engine import FUNCTIONS, Scalar, gradient, scalars, values

import minigrad as mg
from minigrad.errors import GraphError, ShapeError
from minigrad.testing import strategies
from minigrad.testing.strategies import OPERATIONS

# NumPy computes these with plain numbers among the results, or not at all for objects.
UNKNOWN_TO_REFERENCE = {"clip", "pad", "triu", "logaddexp"} | {
    name for name, operation in OPERATIONS.items() if operation.template.startswith("F.")
}
KNOWN_TO_REFERENCE = [name for name in OPERATIONS if name not in UNKNOWN_TO_REFERENCE]


def directions(seed, arrays):
    rng = np.random.default_rng(seed)
    return [np.asarray(rng.uniform(-1, 1, np.shape(array))) for array in arrays]


# --- Random programs -------------------------------------------------------------------------


@given(strategies.programs(operations=KNOWN_TO_REFERENCE), st.integers(0, 1000))
def test_reverse_mode_is_that_of_the_reference(program, seed):
    wrapped = [scalars(array) for array in program.inputs]
    expected = program(*wrapped)
    (cotangent,) = directions(seed, [program(*program.inputs)])
    tensors = program.tensors()
    out = program(*tensors)
    np.testing.assert_allclose(out.data, values(expected), rtol=1e-9, atol=1e-9)
    out.backward(cotangent)
    for tensor, x in zip(tensors, wrapped, strict=True):
        wanted = gradient(expected, cotangent, x)
        tolerance = 1e-9 * (1 + np.abs(wanted).max())
        np.testing.assert_allclose(tensor.grad, wanted, rtol=1e-9, atol=tolerance)


@given(strategies.programs(), st.integers(0, 1000))
def test_reverse_forward_and_numerical_derivatives_agree(program, seed):
    (cotangent,) = directions(seed, [program(*program.inputs)])
    tangents = directions(seed + 1, program.inputs)
    _, pull_back = mg.vjp(program, *program.inputs)
    gradients = pull_back(cotangent)
    _, pushed = mg.jvp(program, program.inputs, tangents)
    terms = [g * t for g, t in zip(gradients, tangents, strict=True)]
    reverse = sum(np.sum(term) for term in terms)
    scale = 1 + sum(np.sum(np.abs(term)) for term in terms) + np.sum(np.abs(pushed * cotangent))
    assert abs(np.sum(pushed * cotangent) - reverse) <= 1e-9 * scale
    numerical, error = slope(program, program.inputs, tangents, cotangent)
    assert abs(numerical - reverse) <= 10 * error + 1e-7 * scale


def slope(function, x, direction, cotangent, step=2.0**-13):
    """Return the derivative of ``sum(cotangent * function(x))`` in a direction, and its error."""

    def along(t):
        moved = [a + t * d for a, d in zip(x, direction, strict=True)]
        return np.sum(cotangent * function(*moved))

    coarse, fine = ((along(h) - along(-h)) / (2 * h) for h in (step, step / 2))
    best = fine + (fine - coarse) / 3  # Richardson: the error of the second order cancels
    return best, abs(best - fine)


@given(strategies.programs())
def test_second_derivatives_agree(program):
    tangents = directions(0, program.inputs)

    def loss(*inputs):
        return np.sum(np.sin(program(*inputs)))

    positions = tuple(range(len(program.inputs)))
    products = mg.hvp(loss, program.inputs, tangents)
    products = products if len(positions) > 1 else (products,)
    flat = np.concatenate([np.ravel(p) for p in products])
    gradient_of = mg.grad(loss, positions)

    def flat_gradient(*inputs):
        return np.concatenate([np.ravel(g) for g in gradient_of(*inputs)])

    (cotangent,) = directions(1, [flat])
    numerical, error = slope(flat_gradient, program.inputs, tangents, cotangent)
    scale = 1 + np.sum(np.abs(cotangent * flat))
    assert abs(numerical - np.sum(cotangent * flat)) <= 10 * error + 1e-6 * scale


def test_the_reference_knows_most_operations():
    assert len(KNOWN_TO_REFERENCE) > 60
    assert set(UNKNOWN_TO_REFERENCE) < set(OPERATIONS)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_reference_is_right(name):
    x = 0.4
    f, derivative = FUNCTIONS[name]
    step = 1e-6
    assert (f(x + step) - f(x - step)) / (2 * step) == pytest.approx(derivative(x), rel=1e-8)


# --- Any state -------------------------------------------------------------------------------


class Model:
    """What is true of one tensor: its numbers, what it was made of, and what became of that."""

    def __init__(self, tensor, numbers, parents=(), wants=False, saved=()):
        self.tensor = tensor
        self.numbers = np.asarray(numbers, object)
        self.parents = [parent for parent in parents if parent.wants]
        self.wants = wants
        self.saved = [(number, changes_of(number)) for array in saved for number in array.flat]
        self.is_result = bool(self.parents)
        self.freed = False
        self.borrowed = False  # of another's memory, which the numbers do not show
        self.grad = None

    def ancestors(self) -> Iterator["Model"]:
        found = {id(self): self}
        stack = [self]
        while stack:
            for parent in stack.pop().parents:
                if id(parent) not in found:
                    found[id(parent)] = parent
                    stack.append(parent)
        return iter(found.values())

    def is_stale(self):
        return any(changes_of(number) != changes for number, changes in self.saved)


# NumPy may put the same number into several places, and arrays do not share numbers.
copies = np.vectorize(lambda number: Scalar(number.value, [(number, 1.0)]), otypes=[object])


def changes_of(number):
    return getattr(number, "changes", 0)


SHAPES = st.sampled_from([(), (2,)])
TENSORS = Bundle("tensors")

# The function, and which of its arguments the gradient of each argument needs. All axes have
# length 1 or 2, so that everything broadcasts.
UNARY = {
    "tanh": (np.tanh, []),
    "square": (np.square, [0]),
    "negative": (np.negative, []),
    "sum": (np.sum, []),
    "reverse": (np.flip, []),
    "new_axis": (lambda x: x[..., np.newaxis], []),
    "pick_twice": (lambda x: np.reshape(x, -1)[[-1, -1]], []),
}
BINARY = {
    "add": (lambda x, y: x + y, {0: [], 1: []}),
    "subtract": (lambda x, y: x - y, {0: [], 1: []}),
    "multiply": (lambda x, y: x * y, {0: [1], 1: [0]}),
}


class Engines(RuleBasedStateMachine):
    """Does the same to minigrad and to the model, in any order."""

    def __init__(self):
        super().__init__()
        self.known = []

    def add(self, model):
        self.known.append(model)
        return model

    # --- Making tensors ----------------------------------------------------------------------

    @rule(target=TENSORS, shape=SHAPES, wants=st.booleans(), data=st.data())
    def create(self, shape, wants, data):
        array = data.draw(strategies.arrays(shape))
        tensor = mg.tensor(array, requires_grad=wants)
        return self.add(Model(tensor, scalars(array), wants=wants))

    @rule(target=TENSORS, x=TENSORS, name=st.sampled_from(list(UNARY)), recording=st.booleans())
    def unary(self, x, name, recording):
        function, needed = UNARY[name]
        return self.apply(function, [x], {0: needed}, recording)

    @rule(
        target=TENSORS,
        x=TENSORS,
        y=TENSORS,
        name=st.sampled_from(list(BINARY)),
        recording=st.booleans(),
    )
    def binary(self, x, y, name, recording):
        function, needed = BINARY[name]
        return self.apply(function, [x, y], needed, recording)

    @rule(target=TENSORS, x=TENSORS, name=st.sampled_from(list(BINARY)), number=st.just(0.5))
    def with_constant(self, x, name, number):
        function, _ = BINARY[name]
        return self.apply(lambda a: function(a, number), [x], {0: []}, True)

    def apply(self, function, operands, needed, recording):
        numbers = np.asarray(function(*(operand.numbers for operand in operands)), object)
        if not any(np.shares_memory(numbers, operand.numbers) for operand in operands):
            numbers = copies(numbers)
        if np.size(numbers) > 8 or np.abs(values(numbers)).max() > 100:
            return multiple()
        context = mg.enable_grad() if recording else mg.no_grad()
        with context:
            tensor = function(*(operand.tensor for operand in operands))
        if not any(operand.wants for operand in operands):
            return self.add(Model(tensor, numbers))
        if not recording:
            return self.outside(tensor, numbers)
        saved = {i for at, operand in enumerate(operands) if operand.wants for i in needed[at]}
        saved_numbers = [operands[i].numbers for i in saved]
        return self.add(Model(tensor, numbers, operands, True, saved_numbers))

    @rule(target=TENSORS, x=TENSORS)
    def detach(self, x):
        return self.outside(x.tensor.detach(), x.numbers)

    def outside(self, tensor, numbers):
        """Add a tensor of the same values outside the graph, perhaps in the same memory."""
        added = self.add(Model(tensor, scalars(values(numbers))))
        added.borrowed = any(m is not added for m in self.in_memory_of(added))
        return added

    def in_memory_of(self, model):
        return [m for m in self.known if np.shares_memory(m.tensor.data, model.tensor.data)]

    # --- Gradients ---------------------------------------------------------------------------

    @rule(x=TENSORS, retain_graph=st.booleans(), seed=st.integers(0, 100))
    def backward(self, x, retain_graph, seed):
        (cotangent,) = directions(seed, [x.tensor.data])
        ancestors = list(x.ancestors())
        if not x.wants or any(a.freed or a.is_stale() for a in ancestors):
            with pytest.raises(GraphError):
                x.tensor.backward(cotangent, retain_graph=retain_graph)
            return
        x.tensor.backward(cotangent, retain_graph=retain_graph)
        for ancestor in ancestors:
            if ancestor.is_result:
                ancestor.freed = not retain_graph
            else:
                grad = gradient(x.numbers, cotangent, ancestor.numbers)
                ancestor.grad = grad if ancestor.grad is None else ancestor.grad + grad

    @rule(x=TENSORS)
    def refuse_backward_without_a_gradient_to_start_from(self, x):
        if x.wants and x.numbers.size > 1:
            with pytest.raises(ShapeError):
                x.tensor.backward()

    @rule(x=TENSORS)
    def zero_grad(self, x):
        if not x.is_result:
            x.tensor.zero_grad()
            x.grad = None

    # --- Writing in place --------------------------------------------------------------------

    @rule(x=TENSORS, by=st.sampled_from([0.0, 0.25, -0.5]), item=st.booleans())
    def change_leaf(self, x, by, item):
        if x.is_result or any(model.borrowed for model in self.in_memory_of(x)):
            return
        with mg.no_grad():
            if item:
                x.tensor[...] = x.tensor.data + by
            else:
                x.tensor += by
        for number in x.numbers.flat:
            number.value += by
            number.changes = changes_of(number) + 1

    @rule(x=TENSORS, how=st.sampled_from(["item", "out", "into_array", "update", "data"]))
    def refuse_to_write(self, x, how):
        if not x.wants or (not x.is_result and how == "data"):
            return
        if x.is_result and how == "update":
            return  # binds the name to a new result
        with pytest.raises(GraphError):
            self.write(x.tensor, how)

    def write(self, tensor, how):
        if how == "item":
            tensor[...] = 1.0
        elif how == "out":
            np.add(tensor, 1.0, out=tensor)
        elif how == "into_array":
            array = np.zeros(tensor.shape)
            array += tensor
        elif how == "update":
            tensor += 1.0
        else:
            tensor.data = np.zeros(tensor.shape)

    # --- What always holds -------------------------------------------------------------------

    @invariant()
    def values_and_gradients_agree(self):
        for model in self.known:
            assert model.tensor.requires_grad == model.wants
            assert model.tensor.is_leaf != model.is_result
            np.testing.assert_allclose(model.tensor.data, values(model.numbers), atol=1e-12)
            if model.is_result:
                continue
            if model.grad is None:
                assert model.tensor.grad is None
            else:
                assert model.tensor.grad.dtype == np.float64
                assert model.tensor.grad.shape == model.tensor.shape
                np.testing.assert_allclose(model.tensor.grad, model.grad, rtol=1e-9, atol=1e-9)

    @invariant()
    def gradients_have_memory_of_their_own(self):
        leaves = [m.tensor for m in self.known if not m.is_result]
        gradients = [tensor.grad for tensor in leaves if tensor.grad is not None]
        others = [model.tensor.data for model in self.known]
        for i, array in enumerate(gradients):
            for other in gradients[:i] + others:
                assert not np.shares_memory(array, other)


Engines.TestCase.settings = settings(stateful_step_count=25)
TestEngines = Engines.TestCase


def test_the_reference_sums_over_all_ways():
    x = Scalar(3.0)
    y = x * x
    out = np.asarray([y * y + x], object)
    assert gradient(out, np.array([2.0]), np.asarray([x], object)) == [2 * (4 * 27 + 1)]
