"""Debug mode finds what went wrong, and names the operation and the user's line."""

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn
from minigrad.errors import GraphError


@pytest.mark.parametrize(
    "change",
    [
        lambda array: array.__setitem__(0, 5.0),
        lambda array: array[::2].__imul__(3.0),
        lambda array: array.reshape(2, 2).fill(0.0),
        lambda array: array.sort(),
    ],
    ids=["item", "view", "reshaped", "sorted"],
)
def test_writing_to_a_saved_array_is_found_by_any_way(change):
    array = np.array([4.0, 3.0, 2.0, 1.0])
    x = mg.from_numpy(array, requires_grad=True)
    with mg.debug():
        y = (x * x).sum()
        change(array)
        with pytest.raises(GraphError, match=r"of multiply \(.*test_debugging.py, line \d+\) was"):
            y.backward()
    assert x.grad is None


def test_a_change_that_no_gradient_needs_is_fine():
    array = np.ones(3)
    x = mg.from_numpy(array, requires_grad=True)
    with mg.debug():
        y = (x + 1.0).sum()
        array[0] = 7.0
        y.backward()
    np.testing.assert_array_equal(x.grad, np.ones(3))


def test_a_change_of_an_index_changes_nothing():
    x = mg.tensor(np.ones((2, 3)), requires_grad=True)
    columns = np.array([0, 1])
    with mg.debug():
        y = x[:, columns].sum()
        columns[:] = 2
        y.backward()
    np.testing.assert_array_equal(x.grad, [[1, 1, 0], [1, 1, 0]])


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_the_first_result_that_is_not_finite_is_named_with_its_module():
    class Root(nn.Module):
        def forward(self, x):
            return np.sqrt(x)

    model = nn.Sequential({"root": Root()})
    x = mg.tensor([1.0, -1.0], requires_grad=True)
    with mg.debug(), pytest.raises(GraphError, match=r"sqrt in root .* gave nan at index \(1,\)"):
        model(x)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_the_first_gradient_that_is_not_finite_is_named():
    x = mg.tensor([1.0, 0.0], requires_grad=True)
    with mg.debug():
        y = np.sqrt(x).sum()
        with pytest.raises(GraphError, match=r"gradient of argument 0 of sqrt .* inf at index"):
            y.backward()


def test_both_checks_can_be_left_out():
    array = np.array([0.0, 1.0])
    x = mg.from_numpy(array, requires_grad=True)
    with mg.debug(check_finite=False, check_saved=False), np.errstate(all="ignore"):
        y = np.log(x).sum()
        array[1] = 2.0
        y.backward()
    assert not np.isfinite(y.item())


def test_outside_the_block_nothing_is_watched():
    with mg.debug():
        pass
    with np.errstate(all="ignore"):
        assert not np.isfinite(np.log(mg.tensor([0.0], requires_grad=True)).data).any()
