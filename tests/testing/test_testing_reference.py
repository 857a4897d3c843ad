"""minigrad against an engine that is too simple to be wrong, on random programs and in any state.

Reverse mode, forward mode, the reference engine and numerical differences have to agree.
"""

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, note, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
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
    gradients = [tensor.grad for tensor in tensors]
    others = [cotangent, out.data, *(tensor.data for tensor in tensors)]
    for i, array in enumerate(gradients):
        assert not any(np.shares_memory(array, other) for other in gradients[:i] + others)


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
        self.grad = None
        self.number = -1

    def ancestors(self) -> Iterator["Model"]:
        found = {id(self): self}
        stack = [self]
        while stack:
            for parent in stack.pop().parents:
                if id(parent) not in found:
                    found[id(parent)] = parent
                    stack.append(parent)
        return iter(found.values())

    def __repr__(self):
        return f"tensor {self.number}"

    def is_stale(self):
        return any(changes_of(number) != changes for number, changes in self.saved)


class Mirror(Scalar):
    """A number in the memory of another: it has the same value, and is a constant."""

    def __init__(self, original):
        self.original = original
        self.parents = ()

    value = property(
        lambda self: self.original.value, lambda self, value: setattr(self.original, "value", value)
    )
    changes = property(
        lambda self: changes_of(self.original),
        lambda self, changes: setattr(self.original, "changes", changes),
    )


mirrors = np.vectorize(Mirror, otypes=[object])

# NumPy may put the same number into several places, and arrays do not share numbers.
copies = np.vectorize(lambda number: Scalar(number.value, [(number, 1.0)]), otypes=[object])


def changes_of(number):
    return getattr(number, "changes", 0)


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
    "multiply": (lambda x, y: x * y, {0: [1], 1: [0]}),
    "add": (lambda x, y: x + y, {0: [], 1: []}),
    "subtract": (lambda x, y: x - y, {0: [], 1: []}),
}
REFUSED = ["item", "out", "into_array", "update", "data", "backward"]
ACTIONS = ["compute"] * 8 + ["backward"] * 5 + ["change_leaf"] * 2
ACTIONS += ["create", "detach", "zero_grad", "refuse"]
MOSTLY = st.sampled_from([True, True, True, False])


def anything(model):
    return True


def is_leaf(model):
    return not model.is_result


def is_parameter(model):
    return model.wants and not model.is_result


class Engines(RuleBasedStateMachine):
    """Does the same to minigrad and to the model, in any order."""

    def __init__(self):
        super().__init__()
        self.known = []
        self.seeds = []

    def add(self, model):
        model.number = len(self.known)
        self.known.append(model)

    def pick(self, data, condition=anything):
        """Draw one of the tensors, None where there is none that will do; new ones first."""
        found = [model for model in reversed(self.known) if condition(model)]
        return data.draw(st.sampled_from(found)) if found else None

    @rule(data=st.data())
    def act(self, data):
        """Do anything: one rule, since hypothesis leaves out some rules in most runs."""
        name = data.draw(st.sampled_from(ACTIONS))
        note(name)
        getattr(self, name)(data)

    # --- Making tensors ----------------------------------------------------------------------

    @initialize(data=st.data())
    def begin(self, data):
        for shape, wants in [((), False), ((2,), True), ((2,), True)]:
            self.create_leaf(data, shape, wants)

    def create(self, data):
        self.create_leaf(data, data.draw(st.sampled_from([(), (2,)])), data.draw(MOSTLY))

    def create_leaf(self, data, shape, wants):
        array = data.draw(strategies.arrays(shape))
        tensor = mg.tensor(array, requires_grad=wants)
        self.add(Model(tensor, scalars(array), wants=wants))

    def compute(self, data):
        name, recording = data.draw(st.sampled_from([*BINARY, *UNARY])), data.draw(MOSTLY)
        x = self.pick(data, (lambda model: model.wants) if data.draw(MOSTLY) else anything)
        if name in UNARY:
            function, needed = UNARY[name]
            self.apply(function, [x], {0: needed}, recording)
        elif data.draw(MOSTLY):
            function, needed = BINARY[name]
            operands = data.draw(st.permutations([x, self.pick(data)]))
            self.apply(function, operands, needed, recording)
        else:
            self.apply(lambda a: BINARY[name][0](a, 0.5), [x], {0: []}, recording)

    def apply(self, function, operands, needed, recording):
        numbers = np.asarray(function(*(operand.numbers for operand in operands)), object)
        if not any(np.shares_memory(numbers, operand.numbers) for operand in operands):
            numbers = copies(numbers)
        if numbers.size > 8 or np.abs(values(numbers)).max() > 100:
            return
        with mg.enable_grad() if recording else mg.no_grad():
            tensor = function(*(operand.tensor for operand in operands))
        if not any(operand.wants for operand in operands):
            self.add(Model(tensor, numbers))
        elif not recording:
            self.add_outside(tensor, numbers)
        else:
            saved = {i for at, operand in enumerate(operands) if operand.wants for i in needed[at]}
            kept = [operands[i].numbers for i in saved]
            self.add(Model(tensor, numbers, operands, True, kept))

    def detach(self, data):
        x = self.pick(data)
        self.add_outside(x.tensor.detach(), x.numbers)

    def add_outside(self, tensor, numbers):
        """Add a tensor of the same values outside the graph, perhaps in the same memory."""
        shares = any(np.shares_memory(m.tensor.data, tensor.data) for m in self.known)
        self.add(Model(tensor, mirrors(numbers) if shares else scalars(values(numbers))))

    # --- Gradients ---------------------------------------------------------------------------

    def backward(self, data):
        retain_graph, seed = data.draw(MOSTLY), data.draw(st.integers(0, 100))
        x = self.pick(data, lambda model: model.is_result) or self.pick(data, is_parameter)
        (cotangent,) = directions(seed, [x.tensor.data])
        self.seeds.append(cotangent)
        ancestors = list(x.ancestors())
        if any(a.freed or a.is_stale() for a in ancestors):
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

    def zero_grad(self, data):
        x = self.pick(data, lambda model: model.grad is not None)
        if x is not None:
            x.tensor.zero_grad()
            x.grad = None

    # --- Writing in place --------------------------------------------------------------------

    def change_leaf(self, data):
        by, item = data.draw(st.sampled_from([0.25, -0.5, 0.0])), data.draw(st.booleans())
        only_parameters = data.draw(MOSTLY)
        x = self.pick(data, is_parameter if only_parameters else is_leaf)
        shared = (m for m in self.known if np.shares_memory(m.tensor.data, x.tensor.data))
        if next(shared).is_result:  # whose graph may need the values
            assert not x.tensor.data.flags.writeable
        if not x.tensor.data.flags.writeable:
            with pytest.raises(ShapeError, match="read-only"):
                self.change(x.tensor, by, item)
            return
        with mg.no_grad():
            self.change(x.tensor, by, item)
        for number in x.numbers.flat:
            number.value += by
            number.changes = changes_of(number) + 1

    def change(self, tensor, by, item):
        if item:
            tensor[...] = tensor.data + by
        else:
            tensor += by

    def refuse(self, data):
        how = data.draw(st.sampled_from(REFUSED))
        if how == "backward":
            self.refuse_backward(data)
            return
        is_result = {"update": False, "data": True}.get(how)  # None: both are refused
        x = self.pick(data, lambda model: model.wants and is_result in (None, model.is_result))
        if x is not None:
            with pytest.raises(GraphError):
                self.write(x.tensor, how)

    def refuse_backward(self, data):
        """Of a constant, or without a gradient to start from where there are several elements."""
        x = self.pick(data, lambda model: not model.wants or model.numbers.size > 1)
        with pytest.raises(ShapeError if x.wants else GraphError):
            x.tensor.backward()

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
        others = [model.tensor.data for model in self.known] + self.seeds
        for i, array in enumerate(gradients):
            for other in gradients[:i] + others:
                assert not np.shares_memory(array, other)


Engines.TestCase.settings = settings(stateful_step_count=50)
TestEngines = Engines.TestCase


def test_the_reference_sums_over_all_ways():
    x = Scalar(3.0)
    y = x * x
    out = np.asarray([y * y + x], object)
    assert gradient(out, np.array([2.0]), np.asarray([x], object)) == [2 * (4 * 27 + 1)]
