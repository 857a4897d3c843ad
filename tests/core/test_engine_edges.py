"""Corners of the engine and of the transformations that larger tests do not come by."""

import asyncio
import weakref

import numpy as np
import pytest

import minigrad as mg
from minigrad.errors import ArgumentError, DtypeError, GraphError, NoGradientRuleError, RuleError


def parameter(values, dtype=np.float32):
    return mg.tensor(values, dtype=dtype, requires_grad=True)


def watched(seen):
    """Return an operator, twice its argument, whose rule notes the gradient it is given."""

    @mg.primitive
    def double(x):
        return 2 * x

    def rule(g, _out, _x):
        seen.append(g)
        return 2 * g

    mg.defvjp(double, rule)
    return double


# --- The walk back -------------------------------------------------------------------------------


def test_results_are_not_taken_for_views_of_their_arguments():
    x = parameter([0.0, 1.0])
    y = np.exp(x)
    z = np.sin(y)
    with mg.no_grad():
        x += 1.0  # neither rule needs x itself
    z.sum().backward()
    np.testing.assert_allclose(x.grad, np.cos(y.data) * y.data)


def test_gradient_of_the_argument_itself():
    assert mg.grad(lambda x: x)(3.0) == 1.0
    assert mg.vjp(lambda x: x, 3.0)[1](2.0)[0] == 2.0
    other = parameter(5.0)
    assert mg.grad(lambda x: other)(3.0) == 0.0


def test_rules_off_the_way_to_the_arguments_are_not_applied():
    seen = []
    w = parameter([1.0, 2.0])
    double = watched(seen)
    found = mg.grad(lambda x: np.sum(x * 3.0 + double(w)))(np.ones(2))
    assert found.tolist() == [3.0, 3.0]
    assert seen == []


def test_a_number_is_no_gradient_of_an_array_with_one_element():
    @mg.primitive
    def total(x):
        return x.sum()

    mg.defvjp(total, lambda g, _out, _x: g)
    with pytest.raises(RuleError, match=r"for its argument 0, which has shape \(1,\)"):
        total(parameter([1.0])).backward()


def test_a_list_in_an_index_may_be_changed_after_the_forward_pass():
    x = parameter(np.ones((2, 3)))
    columns = [0, 1]
    y = x[:, columns].sum()
    columns[:] = [2, 2]
    y.backward()
    assert x.grad.tolist() == [[1.0, 1.0, 0.0]] * 2


# --- Tensors -------------------------------------------------------------------------------------


def test_only_leaves_are_converted_in_place():
    x = parameter([1.0, 2.0])
    assert x.convert_(np.float64) is x
    assert x.dtype == np.float64
    with pytest.raises(GraphError, match="converted with astype"):
        (x * 2.0).convert_(np.float32)


def test_a_detached_result_can_become_a_parameter():
    x = parameter([1.0, 2.0])
    detached = (x * 2.0).detach()
    detached.requires_grad = True
    (detached * detached).sum().backward()
    assert detached.grad.tolist() == [4.0, 8.0]
    assert x.grad is None


def test_a_constant_is_updated_in_place_by_a_parameter_where_nothing_is_recorded():
    mean, w = mg.tensor([1.0, 2.0]), parameter([10.0, 20.0])
    kept = mean
    with mg.no_grad():
        mean += w
    assert mean is kept
    assert kept.tolist() == [11.0, 22.0]
    mean += w
    assert mean is not kept
    assert kept.tolist() == [11.0, 22.0]


# --- Functions without a rule --------------------------------------------------------------------


def test_functions_without_a_rule_give_plain_arrays_of_truth_values():
    found = np.isposinf(mg.tensor([1.0, np.inf]) + 1.0)
    assert type(found) is np.ndarray
    assert found.tolist() == [False, True]


def test_constants_may_be_added_into_a_plain_array():
    total = np.zeros(2)
    np.add.at(total, [0, 0], mg.tensor([1.0, 2.0]))
    assert total.tolist() == [3.0, 0.0]


def test_a_refusal_is_not_explained_a_second_time():
    with pytest.raises(NoGradientRuleError, match=r"^numpy\.cumprod has no gradient rule"):
        np.cumprod(parameter([1.0, 2.0]))


# --- Modes ---------------------------------------------------------------------------------------


def test_decorated_coroutines_take_keywords():
    @mg.no_grad()
    async def work(x, *, factor):
        return x * factor

    out = asyncio.run(work(parameter(2.0), factor=3.0))
    assert out.item() == 6.0
    assert not out.requires_grad


# --- Transformations -----------------------------------------------------------------------------


def test_seeds_are_converted_to_the_dtype_of_the_result():
    seen = []
    double = watched(seen)
    _, pull_back = mg.vjp(double, np.ones(2, np.float32))
    (gradient,) = pull_back(np.ones(2))
    assert seen[0].dtype == gradient.dtype == np.float32


@pytest.mark.parametrize("argnums", [(True,), (0, 1.0), "0"])
def test_positions_of_arguments_are_whole_numbers(argnums):
    with pytest.raises(ArgumentError, match="argnums"):
        mg.grad(lambda x, y: x * y, argnums)(1.0, 2.0)


def test_what_is_transformed_is_a_function():
    with pytest.raises(DtypeError, match="vjp takes a function"):
        mg.vjp(3.0, 1.0)


def test_arguments_of_vjp_may_be_changed_before_the_walk_back():
    x = np.ones(2)
    _, pull_back = mg.vjp(lambda x: x * x, x)
    x[:] = 5.0
    assert pull_back(np.ones(2))[0].tolist() == [2.0, 2.0]


def test_only_lists_of_numbers_are_pointed_out():
    def fails(values):
        raise ValueError("no")

    with pytest.raises(ValueError, match="no") as caught:
        mg.grad(fails)([1.0, 2.0])
    assert "list of 2 numbers" in caught.value.__notes__[0]
    with pytest.raises(ValueError, match="no") as caught:
        mg.grad(fails)([1.0, np.ones(2)])
    assert not hasattr(caught.value, "__notes__")


# --- What is left of a freed node ----------------------------------------------------------------


def freed(function, value=(1.0, 2.0, 3.0)):
    """Return the last node of a call, after the walk back."""
    x = mg.tensor(np.array(value), requires_grad=True)
    out = function(x)
    out.backward(np.ones(out.shape))
    assert out._node.args is None
    return out._node


def test_a_freed_node_keeps_shapes_of_constant_arrays_and_not_the_arrays():
    constant = np.ones((2, 3))
    alive = weakref.ref(constant)
    node = freed(lambda x: x * alive())
    left = node.constant(1)
    assert (left.shape, left.dtype) == ((2, 3), np.float64)
    assert freed(lambda x: x[[0, 1] * 4]).constant(1) == []  # a list, of whatever
    assert node.constant(0) is None  # a tensor, which has a vertex
    del constant
    assert alive() is None


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (lambda x: x * 2.5, 2.5),
        (lambda x: x * np.float64(2.5), 2.5),
        (lambda x: x * np.array(2.5), 2.5),
        (lambda x: x[1:], slice(1, None)),
        (lambda x: x[[0, 2]], [0, 2]),
        (lambda x: x[..., None], (..., None)),
    ],
)
def test_a_freed_node_keeps_numbers_and_indices(function, expected):
    left = freed(function).constant(1)
    assert left == expected
    assert not isinstance(left, np.ndarray)


def test_a_freed_node_keeps_its_options():
    assert freed(lambda x: np.sum(x, axis=0, keepdims=True)).kwargs == {"axis": 0, "keepdims": True}
    index = np.array([0, 2])
    kept = freed(lambda x: np.take(x, index, axis=0))
    assert not any(isinstance(value, np.ndarray) for value in (kept.kwargs or {}).values())


def test_an_unfreed_node_has_the_constants_themselves():
    constant = np.ones(3)
    node = (mg.tensor(np.ones(3), requires_grad=True) * constant)._node
    assert node.constant(1) is constant
    assert node.constant(2) is None


def test_a_node_of_tensors_only_keeps_nothing():
    x = mg.tensor(np.ones(3), requires_grad=True)
    out = x * x
    out.backward(np.ones(3))
    assert out._node.constant(0) is None
