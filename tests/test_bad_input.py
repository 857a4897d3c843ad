"""Wrong calls that newcomers make: each names what was wrong and says what to do instead.

A row is what was done, the exception, and what its message has to say: the names, shapes or values
of the case at hand, and the way out.
"""

import math
import pickle
import re
from typing import NamedTuple

import numpy as np
import pytest

import minigrad as mg
from minigrad import data, io, nn, optim, plots, training, viz
from minigrad.errors import (
    ArgumentError,
    CheckpointError,
    CheckpointNotFoundError,
    DataError,
    DataNotFoundError,
    DtypeError,
    GraphError,
    MissingMethodError,
    NoGradientRuleError,
    NonFiniteError,
    NotFittedError,
    RuleError,
    ShapeError,
    StateDictError,
)
from minigrad.nn import functional as F
from minigrad.nn import init
from minigrad.optim import lr_scheduler

# What Python itself raises for indices, keys and attributes; everything else is minigrad's.
PYTHONS_OWN = (IndexError, KeyError, AttributeError)

A = np.ones((2, 3))
X = np.random.default_rng(0).random((12, 4)).astype(np.float32)
Y = np.arange(12) % 3
LOSS = nn.CrossEntropyLoss()


class Row(NamedTuple):
    what: str
    call: object
    error: type[Exception]
    message: str


def w(shape=(2, 3), name=None):
    return mg.tensor(np.ones(shape), requires_grad=True, name=name)


def model():
    return nn.Sequential(nn.Linear(4, 8, rng=0), nn.ReLU(), nn.Linear(8, 3, rng=1))


def params():
    return [mg.tensor([1.0, 2.0], requires_grad=True)]


def fit(data=(X, Y), *, net=None, optimizer=None, loss=LOSS, epochs=1, **options):
    net = net or model()
    optimizer = optimizer or optim.SGD(net.parameters(), lr=0.1)
    return training.fit(
        net, data, loss=loss, optimizer=optimizer, epochs=epochs, progress=False, **options
    )


class Product(nn.Module):
    """A layer written by hand."""

    def __init__(self):
        self.w = nn.Parameter(np.ones((5, 2)))

    def forward(self, x):
        return x @ self.w


class Encoder(nn.Module):
    """A model with such a layer inside."""

    def __init__(self):
        self.head = Product()

    def forward(self, x):
        return self.head(x)


@mg.primitive
def cube(x):
    return x * x * x


@mg.primitive
def squash(x):
    return x * 0.5


mg.defvjp(squash, lambda g, out, x: np.ones(7))


def adam():
    return optim.Adam(params())


@mg.primitive
def _halve(x):
    return x * 0.5


mg.defvjp(_halve, lambda g, out, _x: g * _x)


# --- Tensors --------------------------------------------------------------------------------------

TENSORS = [
    Row("a tensor of None", lambda: mg.tensor(None),
        DtypeError, "NoneType None; a tensor is made of a number, a rectangular nested list"),
    Row("a tensor of a str", lambda: mg.tensor("1.0"),
        DtypeError, r"str '1\.0'; a tensor is made of a number"),
    Row("a tensor of names", lambda: mg.tensor(["a", "b"]),
        DtypeError, r"\['a', 'b'\]; a tensor is made of a number"),
    Row("an array of names", lambda: mg.tensor(np.array(["a"])),
        DtypeError, "'<U1'.*; a tensor is made of a number"),
    Row("a dict", lambda: mg.tensor({"a": 1}),
        DtypeError, r"dict \{'a': 1\}; a tensor is made of a number"),
    Row("a ragged list", lambda: mg.tensor([[1, 2], [3]]),
        ShapeError, r"must be rectangular .* rows of this one differ .*\[\[1, 2\], \[3\]\]"),
    Row("numbers without brackets", lambda: mg.tensor(1, 2),
        DtypeError, r"2 is no dtype .*minigrad\.tensor\(\[1\.0, 2\.0\]\)"),
    Row("an unknown dtype", lambda: mg.tensor([1.0], dtype="single precision"),
        DtypeError, r"'single precision' is no dtype of NumPy's, such as np\.float32"),
    Row("integers that need a gradient", lambda: mg.tensor(np.arange(3), requires_grad=True),
        DtypeError,
        r"tensor is int64; write minigrad\.tensor\(data, dtype=np\.float32, "
        r"requires_grad=True\)"),
    Row("integers that float32 cannot hold", lambda: mg.tensor([2**40 + 1]),
        DtypeError, "1099511627777 are not exact in float32.*dtype=np.int64"),
    Row("a tensor of a tensor", lambda: mg.tensor(w()),
        GraphError, r"lose the gradient; .*t\.detach\(\).*np\.stack"),
    Row("a tensor of tensors", lambda: mg.tensor([w(()), w(())]),
        GraphError, r"lose the gradient; .*np\.stack or np\.concatenate"),
    Row("memory of a list", lambda: mg.from_numpy([1.0, 2.0]),
        DtypeError, r"list is none; minigrad\.tensor\(data\) copies"),
    Row("data of another shape", lambda: setattr(w(name="bias"), "data", np.ones(3)),
        ShapeError, r"shape \(3,\) to tensor 'bias' of shape \(2, 3\); make a new tensor"),
    Row("data of another dtype", lambda: setattr(w(), "data", A.astype(np.float32)),
        DtypeError, r"float32 to a tensor of dtype float64; convert it with \.astype\('float64'\)"),
    Row("data of a result", lambda: setattr(w() * 2, "data", A),
        GraphError, r"of multiply\) cannot be replaced; detach\(\) it first"),
    Row("a gradient of another shape", lambda: setattr(w(), "grad", np.ones(3)),
        ShapeError, r"of shape \(2, 3\) must have that shape, not \(3,\)"),
    Row("one number of many", lambda: w().item(),
        ShapeError, r"a tensor has shape \(2, 3\); \.tolist\(\) gives all of them"),
    Row("float of many", lambda: float(w(name="loss")),
        ShapeError, r"'loss' has shape \(2, 3\); \.tolist\(\)"),
    Row("the truth of a tensor", lambda: bool(w()),
        ShapeError, r"\(2, 3\) is ambiguous; use t\.any\(\)"),
    Row("length of a number", lambda: len(w(())),
        DtypeError, r"no length; t\.item\(\) is its number"),
    Row("a loop over a number", lambda: list(w(())),
        DtypeError, r"iterate .*; t\.item\(\) is its number"),
    Row("a float as index", lambda: [1, 2][w(())],
        DtypeError, r"float64 cannot be an index; use int\(t\)"),
    Row("an array of a tensor", lambda: np.asarray(w()),
        GraphError, r"lose the gradient; .*t\.numpy\(\)"),
    Row("PyTorch's view", lambda: w().view(6),
        AttributeError, r"'view'; write t\.reshape\(shape\)"),
    Row("PyTorch's unsqueeze", lambda: w().unsqueeze(0),
        AttributeError, r"'unsqueeze'; write np\.expand_dims\(t, axis\)"),
    Row("PyTorch's exp", lambda: w().exp(),
        AttributeError, r"'exp'; NumPy's functions take tensors: np\.exp\(t\)"),
    Row("minigrad's exp", lambda: mg.exp(w()),
        AttributeError, r"'exp'; NumPy has it, and its functions take tensors: np\.exp"),
    Row("an index too large", lambda: w()[5],
        IndexError, r"\(2, 3\) float64, int 5: .*axis 0 .*indices are counted from 0"),
    Row("too many indices", lambda: w()[0, 0, 0],
        IndexError, r"\(2, 3\).*3 were indexed; .*at most one index for each axis"),
    Row("a fraction as index", lambda: w()[1.5],
        IndexError, r"float 1\.5: .*convert an index with int\(i\)"),
    Row("a mask of another shape", lambda: w()[np.array([True, False, True])],
        IndexError, r"\(2, 3\) float64, \(3,\) bool: .*a mask has the shape"),
]  # fmt: skip

# --- Operators and NumPy's functions --------------------------------------------------------------

OPERATIONS = [
    Row("a matrix product that does not fit", lambda: w() @ w(),
        ShapeError,
        r"matmul of \(2, 3\) float64, \(2, 3\) .*has length 3 .* second 2.*; perhaps x @ y\.mT"),
    Row("a product with the other one to be transposed", lambda: w((4, 2)) @ np.ones((4, 3)),
        ShapeError, r"\(4, 2\) float64, \(4, 3\).*perhaps x\.mT @ y was meant"),
    Row("a product with a vector that does not fit", lambda: w() @ np.ones(5),
        ShapeError,
        r"\(2, 3\) float64, \(5,\) .*length 3 and the only one of the second 5.*make the first"),
    Row("an array times a tensor", lambda: np.ones((4, 5)) @ w(),
        ShapeError,
        r"\(4, 5\) float64, \(2, 3\).*make the first \(\.\.\., 2\) or the second \(5, \.\.\.\)"),
    Row("@ with a number", lambda: w() @ 2,
        ShapeError, r"\(2, 3\) float64, int 2: .*multiply by it with \*"),
    Row("a product inside a model", lambda: Encoder()(mg.tensor(A)),
        ShapeError, r"\(2, 3\) float64, \(5, 2\) float64 in head: .*length 3 .* second 5"),
    Row("a sum of shapes that do not fit", lambda: w() + np.ones(4),
        ShapeError, r"add of \(2, 3\) float64, \(4,\) .*equal or 1; x\[:, None\] adds"),
    Row("a difference the other way round", lambda: np.ones(4) - w(),
        ShapeError, r"subtract of \(4,\) float64, \(2, 3\) .*x\[:, None\] adds"),
    Row("a comparison", lambda: w() > np.ones(4),
        ShapeError, r"greater of \(2, 3\) .*\(4,\).*x\[:, None\]"),
    Row("a comparison with a str", lambda: w() < "a",
        DtypeError, r"less of .*str 'a': .*np\.array\(x, dtype"),
    Row("a list that is ragged", lambda: w() * [[1], [1, 2]],
        ShapeError, r"rectangular .*\[\[1\], \[1, 2\]\]"),
    Row("+= on a parameter", lambda: w(name="W").__iadd__(1.0),
        GraphError, r"'W' requires a gradient.*write t = t \+ value, .*no_grad\(\)"),
    Row("-= by hand", lambda: w().__isub__(0.1),
        GraphError, r"t -= value .*by hand do it under minigrad\.no_grad\(\)"),
    Row("+= into an array", lambda: np.ones((2, 3)).__iadd__(w()),
        GraphError, r"numpy\.add cannot write into an array .*array = array \+ t, not array \+= t"),
    Row("assigning elements", lambda: w().__setitem__(0, 1.0),
        GraphError, r"t\[index\] = value .*np\.where\(mask, value, t\).*no_grad\(\)"),
    Row("assigning too many elements",
        lambda: mg.tensor([1.0, 2.0]).__setitem__(slice(None), [1, 2, 3]),
        ShapeError,
        r"cannot write list \[1, 2, 3\] into a tensor of shape \(2,\), float32: .*np\.where"),
    Row("adding fractions to integers in place", lambda: mg.tensor(np.arange(3)).__iadd__(0.5),
        DtypeError, r"float 0\.5 into a tensor of shape \(3,\), int64: .*write t = t \+ value"),
    Row("reshape", lambda: w().reshape(4, 2),
        ShapeError, r"\(2, 3\) .*into shape \(4,2\); -1 in the shape"),
    Row("an axis too large", lambda: w().sum(axis=2),
        ShapeError, r"sum of \(2, 3\) .*axis 2 .*-1 is the last"),
    Row("an axis of argmax", lambda: w().argmax(axis=4),
        ShapeError, r"argmax of \(2, 3\).*axis 4 .*-1 is the last"),
    Row("an axis that is a str", lambda: w().sum(axis="rows"),
        DtypeError, r"\(2, 3\).*integers: int\(n\)"),
    Row("squeezing a long axis", lambda: w().squeeze(0),
        ShapeError, r"\(2, 3\).*only axes of length 1 can be"),
    Row("transposing too many axes", lambda: w().transpose(0, 1, 2),
        ShapeError, r"transpose of \(2, 3\) .*every axis once, as in x\.transpose\(1, 0\)"),
    Row("joining arrays of different widths", lambda: np.concatenate([w(), np.ones((2, 4))]),
        ShapeError,
        r"concatenate of \[?\(2, 3\) float64, \(2, 4\) .*cut them to one length, or join"),
    Row("joining numbers", lambda: np.concatenate([w(()), w(())]),
        ShapeError, "np.stack joins single numbers"),
    Row("splitting unequally", lambda: np.split(w(), 2, axis=1),
        ArgumentError, r"axis 1 of length 3 .*array_split"),
    Row("einsum with the letters of another shape", lambda: np.einsum("ij,jk->ik", w(), w()),
        ShapeError, r"einsum of .*\(2, 3\) float64, \(2, 3\) float64.*equal or 1"),
    Row("einsum with a forgotten operand", lambda: np.einsum("ij,jk->ik", w()),
        ArgumentError, r"'ij,jk->ik' is about 2 operands, and 1 were given"),
    Row("the largest of nothing", lambda: np.max(w((0, 3))),
        ShapeError, r"max of \(0, 3\).*nothing in it"),
    Row("a function without rule", lambda: np.linalg.svd(w()),
        NoGradientRuleError,
        r"numpy\.linalg\.svd has no gradient rule.*minigrad\.defvjp.*tensor\.detach\(\)"),
    Row("an option without rule", lambda: np.sum(w(), where=A > 0),
        NoGradientRuleError,
        r"numpy\.sum .*the option where; leave it out \(np\.where selects elements\)"),
    Row("a result written into an array", lambda: np.exp(w(), out=np.ones((2, 3))),
        GraphError, r"numpy\.exp cannot write .*write result = \.\.\. without out="),
]  # fmt: skip


# --- Walking back, and transformations ------------------------------------------------------------


def backward_twice():
    x = w()
    loss = (x * x).sum()
    loss.backward()
    loss.backward()


def backward_after_a_change():
    x = w(name="weights")
    loss = (x * x).sum()
    x.data = np.zeros((2, 3))
    loss.backward()


def backward_without_recording():
    with mg.no_grad():
        loss = (w() * 2).sum()
    loss.backward()


GRADIENTS = [
    Row("backward of many numbers", lambda: (w() * 2).backward(),
        ShapeError,
        r"shape \(2, 3\); reduce it \(as with \.sum\(\) or \.mean\(\)\), or pass "
        r"backward\(gradient\)"),
    Row("backward twice", backward_twice,
        GraphError, "behind sum has been walked back before.*retain_graph=True to the first"),
    Row("backward without anything to learn", lambda: (mg.tensor([1.0]) * 2).sum().backward(),
        GraphError, r"no graph to walk back: nothing .* has requires_grad=True"),
    Row("backward under no_grad", backward_without_recording,
        GraphError, r"no graph to walk back: .*computed under no_grad\(\) or detached"),
    Row("backward after a weight was changed", backward_after_a_change,
        GraphError, "'weights'.*multiply needs .*run the forward pass again, or call backward"),
    Row("a gradient of another shape", lambda: (w() * 2).backward(np.ones(3)),
        ShapeError, r"have the tensor's shape \(2, 3\), not \(3,\)"),
    Row("no_grad without parentheses", lambda: mg.no_grad(backward_twice),
        ArgumentError, r"write @no_grad\(\)"),
    Row("retaining what gets no gradient", lambda: mg.tensor([1.0]).retain_grad(),
        GraphError, r"shape \(1,\) gets no gradient to retain: .*; set requires_grad=True on"),
    Row("pickling a result", lambda: pickle.dumps(w() * 2),
        GraphError, r"cannot be pickled with its graph; pickle t\.detach\(\)"),
    Row("a gradient of a list", lambda: mg.grad(lambda x: np.sum(np.sin(x)))([1.0, 2.0]),
        GraphError, r"list of 2 numbers, .*2 tensors; for one array pass np\.array\(\[\.\.\.\]\)"),
    Row("a method of a list", lambda: mg.grad(lambda x: x.sum())([1.0, 2.0]),
        AttributeError, r"Argument 0 is a list of 2 numbers, .*pass np\.array\(\[\.\.\.\]\)"),
    Row("a hessian of many numbers", lambda: mg.hessian(lambda x: x**3)(np.ones(3)),
        ShapeError, r"hessian is for functions that return one number, .* shape \(3,\)"),
    Row("a hessian of no argument", lambda: mg.hessian(np.sum, 2)(np.ones(3)),
        ArgumentError, "hessian with argnums=2 needs an argument 2"),
    Row("a hessian of an array", lambda: mg.hessian(A),
        DtypeError, "hessian takes a function of arrays"),
    Row("grad of many numbers", lambda: mg.grad(np.sin)(np.ones(3)),
        ShapeError, r"sin returned shape \(3,\); reduce it .*or use jacobian or vjp"),
    Row("grad with respect to integers", lambda: mg.grad(np.sum)(np.arange(3)),
        DtypeError, r"floating-point values only, not int64; convert with \.astype\(float\)"),
    Row("grad with respect to a str", lambda: mg.grad(np.sum)("abc"),
        DtypeError, r"arrays, numbers, and nested lists, tuples and dicts of them, not str 'abc'"),
    Row("grad of a number", lambda: mg.grad(3.0),
        DtypeError, r"takes a function .*lambda x: .*, not float"),
    Row("grad of a loss", lambda: mg.grad((w() * 2).sum()),
        DtypeError, r"not Tensor; .*call its backward\(\)"),
    Row("grad of no argument", lambda: mg.grad(np.sum)(),
        ArgumentError, "argnums=0 needs an argument 0, and the function was called with 0"),
    Row("an argument by name", lambda: mg.grad(np.sum, argnums="x")(A),
        ArgumentError, "counts the function's arguments from 0, so argnums is an integer.*not 'x'"),
    Row("grad of a tuple", lambda: mg.grad(lambda x: (x, x))(1.0),
        DtypeError, "returned tuple; use vjp or jacobian"),
    Row("math.sin instead of np.sin", lambda: mg.grad(lambda x: math.sin(x))(1.0),
        GraphError, r"np\.sin\(t\), not math\.sin\(t\).*t\.detach\(\)\.item\(\)"),
    Row("an array of variables",
        lambda: mg.grad(lambda x: np.sum(np.array([x[0], x[1]])))(np.ones(2)),
        GraphError, r"lose the gradient; .*use np\.stack"),
    Row("jvp without tuples", lambda: mg.jvp(np.sin, np.ones(2), np.ones(2)),
        DtypeError, r"arguments as a tuple, as in jvp\(f, \(x,\), \(v,\)\), not ndarray"),
    Row("jvp with a tangent missing", lambda: mg.jvp(np.add, (A, A), (A,)),
        ShapeError, "a tangent for each argument, and was given 2 arguments and 1 tangents"),
    Row("a cotangent of another shape", lambda: mg.vjp(np.sin, np.ones(3))[1](np.ones(2)),
        ShapeError, r"must have the shape \(3,\) .*not \(2,\)"),
    Row("jacobian of None", lambda: mg.jacobian(lambda x: None)(A),
        DtypeError, "one array, not a NoneType; use vjp"),
    Row("an operator without rule", lambda: cube(w()),
        RuleError, r"cube was given .*minigrad\.defvjp\(cube, \.\.\.\) or pass tensor\.detach\(\)"),
    Row("a rule of another shape", lambda: squash(w()).sum().backward(),
        RuleError, r"rule of squash returned shape \(7,\), .*argument 0, which has shape \(2, 3\)"),
    Row("a rule that takes the gradient only", lambda: mg.defvjp(cube, lambda g: g),
        ArgumentError, r"rule of cube takes \(g, out, \*args\).*at least 3 in all; .*takes 1"),
    Row("a rule of too many arguments", lambda: mg.defvjp(cube, lambda g, out, x, y: g),
        ArgumentError, r"rule of cube takes \(g, out, \*args\).*at most 3 in all; .*takes 4"),
    Row("a rule that computes with _x", lambda: _halve(w()).sum().backward(),
        RuleError, r"shape \(2, 3\) that was not kept(.|\n)*rename _x to x(.|\n)*rule of halve"),
    Row("a function of SciPy's", lambda: pytest.importorskip("scipy.special").erf(w()),
        NoGradientRuleError, "^the ufunc erf has no gradient rule"),
    Row("a rule that is a number", lambda: mg.defvjp(cube, 3),
        ArgumentError, r"\(g, out, \*args\) or None, not 3"),
    Row("a primitive of a number", lambda: mg.primitive(3),
        ArgumentError, "of a function of arrays, not of int"),
    Row("a seed that is a str", lambda: mg.random.seed("lucky"),
        ArgumentError, "integer from 0 up, not 'lucky'"),
]  # fmt: skip


# --- Modules, layers, losses ----------------------------------------------------------------------


class Forgotten(nn.Module):
    """A module with a misspelt method."""

    def foward(self, x):
        return x


def overwritten(value):
    layer = nn.Linear(3, 2)
    layer.weight = value


MODULES = [
    Row("a batch that does not fit its layer", lambda: model()(np.ones((5, 7), np.float32)),
        ShapeError,
        r"layer 0, Linear\(4, 8\): .*takes \(\.\.\., 4\), not \(5, 7\); give it 4 features"),
    Row("layers that do not fit each other",
        lambda: nn.Sequential({"body": nn.Linear(4, 8), "head": nn.Linear(9, 2)})(X),
        ShapeError, r"layer head, Linear\(9, 2\): .*not \(12, 8\); .*in_features=8"),
    Row("a row for a column", lambda: nn.Linear(1, 1)(np.ones(5, np.float32)),
        ShapeError, r"Linear\(1, 1\): .*not \(5,\); x\[:, None\] makes a column"),
    Row("images without Flatten", lambda: nn.Linear(784, 10)(np.ones((5, 28, 28), np.float32)),
        ShapeError, r"Linear\(784, 10\): .*not \(5, 28, 28\); put nn\.Flatten\(\) before it"),
    Row("samples as columns", lambda: nn.Linear(4, 2)(np.ones((4, 12), np.float32)),
        ShapeError, r"not \(4, 12\); .*perhaps x\.T was meant"),
    Row("pixels as integers", lambda: nn.Linear(4, 2)(np.ones((5, 4), np.uint8)),
        DtypeError, r"Linear\(4, 2\): .*not uint8; .*x\.astype\(np\.float32\) / 255"),
    Row("a list as a batch", lambda: nn.Linear(2, 1)([[1.0, 2.0]]),
        DtypeError, r"Linear\(2, 1\): .*not list; write np\.array\(input, dtype=np\.float32\)"),
    Row("no features", lambda: nn.Linear(0, 2),
        ArgumentError, "in_features is a positive integer, not 0"),
    Row("an unknown initialiser", lambda: nn.Linear(2, 2, weight_init="xavier"),
        ArgumentError, "no initialiser 'xavier'; did you mean 'xavier_normal' or 'xavier_uniform'"),
    Row("weights as initialiser", lambda: nn.Linear(3, 2, weight_init=A),
        ArgumentError, r"not ndarray \(2, 3\) float64; .*layer\.weight\.data = array"),
    Row("an initialiser for biases", lambda: init.xavier_uniform((5,)),
        ShapeError,
        r"\(out_features, in_features, \.\.\.\), not \(5,\); biases begin with init\.zeros"),
    Row("a weight overwritten by an array", lambda: overwritten(A),
        DtypeError,
        r"Linear\.weight is a parameter, and ndarray is none; .*module\.weight\.data = array"),
    Row("a weight overwritten by a step", lambda: overwritten(w() - 0.1 * A),
        DtypeError,
        r"Linear\.weight is a parameter, and a result \(Tensor\) is none; .*\.data = array"),
    Row("a misspelt forward", lambda: Forgotten()(X),
        MissingMethodError, r"Forgotten does not .*def forward\(self"),
    Row("layers in a list", lambda: nn.Sequential([nn.ReLU()]),
        DtypeError, r"\[ReLU\(\)\]; .*Sequential\(\*modules"),
    Row("a layer's class", lambda: nn.Sequential(nn.ReLU),
        DtypeError, r"entry 0 is .*write nn\.ReLU\(\.\.\.\)"),
    Row("a function as layer", lambda: nn.Sequential(np.tanh),
        DtypeError, "entry 0 is .*in the forward of a Module"),
    Row("an entry that is not there", lambda: model()[3],
        IndexError, "no entry 3 .*3 entries, counted from 0"),
    Row("a name that is not there", lambda: model()["head"],
        KeyError, "no entry 'head'; the entries are 0, 1, 2"),
    Row("a layer that is not there", lambda: model().head,
        AttributeError, "'head'; its entries are 0, 1, 2"),
    Row("training by train", lambda: model().train(X),
        ArgumentError, r"not ndarray \(12, 4\).*training\.fit"),
    Row("freezing by assignment", lambda: setattr(model(), "requires_grad", False),
        ArgumentError, r"Sequential\.requires_grad .*module\.requires_grad_\(False\) to freeze"),
    Row("a model on a GPU", lambda: model().to("cuda"),
        DtypeError, r"'cuda' is no dtype .*such as np\.float32"),
    Row("an integer model", lambda: model().to(int),
        DtypeError, "not int64; they can be np.float32 or np.float64"),
    Row("a state dict of another model",
        lambda: nn.Linear(3, 2).load_state_dict({"weight": np.ones((3, 2)), "biases": np.ones(2)}),
        StateDictError,
        r"(?s)fit Linear \(3 .*missing: bias \(2,\).*unexpected: biases.*\(3, 2\) where the "
        r"model has \(2, 3\)"),
    Row("a file name as state dict", lambda: model().load_state_dict("model.npz"),
        StateDictError, r"not str; .*minigrad\.io\.load_weights_into\(model, path\)"),
    Row("a summary without a batch", lambda: nn.summary(model()),
        ArgumentError, r"give it a batch .*np\.zeros\(\("),
    Row("a summary of a shape", lambda: nn.summary(model(), (1, 4)),
        ArgumentError, r"not a shape \(1, 4\): nn\.summary\(model, np\.zeros"),
    Row("a dropout of more than all", lambda: nn.Dropout(50),
        ArgumentError, "a probability, from 0 to 1, not 50"),
    Row("an activation of its input", lambda: nn.Softmax(X),
        ArgumentError, r"\(12, 4\).*nn\.Softmax\(\)\(x\)"),
    Row("a softmax over no axis", lambda: F.softmax(X, axis=2),
        ArgumentError, r"axis 2 .*\(12, 4\).*0 to 1, or -1"),
    Row("an activation of text", lambda: F.relu("x"),
        DtypeError, "relu takes an array or a tensor: .*str 'x'"),
    Row("flattening one sample", lambda: nn.Flatten()(np.ones(784)),
        ShapeError, r"\(784,\) .*a single sample becomes a batch of one as x\[None\]"),
]  # fmt: skip

Z = np.zeros((4, 3))

LOSSES = [
    Row("labels counted from 1", lambda: LOSS(Z, np.array([1, 2, 3, 1])),
        DataError,
        "label 3 is not one of the 3 classes, .*0 to 2; if yours begin at 1, subtract 1"),
    Row("more labels than outputs", lambda: LOSS(Z, np.array([0, 9, 1, 2])),
        DataError, "label 9 .*3 classes.*one output for each class, so it would need 10"),
    Row("a label for nothing", lambda: LOSS(Z, np.array([0, -1, 1, 2])),
        DataError, "label -1 is not one of the 3 classes.*leave such samples out"),
    Row("labels as floats", lambda: LOSS(Z, np.zeros(4)),
        DtypeError, r"not float64; .*labels\.astype\(int\)"),
    Row("fractions as labels", lambda: LOSS(Z, np.array([0, 0.5, 1, 2])),
        DtypeError, r"0\.5 is no class: .*nn\.MSELoss\(\), and .*nn\.BCEWithLogitsLoss\(\)"),
    Row("labels as names", lambda: LOSS(Z, np.array(["a"] * 4)),
        DtypeError, r"targets must be .*real numbers, not of <U1; .*minigrad\.data\.encode_labels"),
    Row("labels as a column", lambda: LOSS(Z, np.zeros((4, 1), int)),
        ShapeError,
        r"logits of shape \(4, 3\).*not \(4, 1\); target\.reshape\(\(4,\)\) makes them fit"),
    Row("rows that sum to nothing", lambda: LOSS(Z, Z),
        DataError, r"sum to 1; row 0 is \[0\. 0\. 0\.\]"),
    Row("targets first", lambda: LOSS(np.zeros(4, int), Z),
        ShapeError, r"int64 of shape \(4,\); the order is \(logits, targets\)"),
    Row("softmax twice", lambda: LOSS(nn.Softmax()(w((4, 3))), np.zeros(4, int)),
        ArgumentError,
        r"applies the softmax itself.*leave nn\.Softmax\(\) out.*nn\.LogSoftmax\(\) with "
        "nll_loss"),
    Row("a loss made of its arguments", lambda: nn.MSELoss(Z),
        ArgumentError,
        r"not ndarray \(4, 3\) float64; a loss is made first, .*nn\.MSELoss\(\)\(output, "
        r"target\)"),
    Row("an unknown reduction", lambda: nn.MSELoss("average"),
        ArgumentError, "reduction is 'mean', 'sum' or 'none', not 'average'"),
    Row("a column compared with a row", lambda: F.mse_loss(np.ones((3, 1)), np.ones(3)),
        ShapeError,
        r"given \(3, 1\) and \(3,\); it does not broadcast; target\.reshape\(\(3, 1\)\) makes"),
    Row("probabilities that are logits", lambda: F.binary_cross_entropy(Z + 3, Z),
        DataError,
        r"between 0 and 1, and there is 3\.0; apply a sigmoid, or use the loss on logits"),
    Row("targets from 0 to 9", lambda: nn.BCEWithLogitsLoss()(Z, Z + 9),
        DataError, r"there is 9\.0; scale them"),
    Row("an empty batch", lambda: LOSS(Z[:0], np.zeros(0, int)),
        ShapeError, r"empty \(shape \(0,\)\).*'sum'"),
    Row("a loss of None", lambda: F.mse_loss(None, Z),
        DtypeError, r"input must be .*not NoneType; write np\.array"),
    Row("too much smoothing", lambda: nn.CrossEntropyLoss(label_smoothing=10),
        ArgumentError, "0 to 1, not 10"),
]  # fmt: skip


# --- Optimizers and schedules ---------------------------------------------------------------------


def exhausted():
    parameters = model().parameters()
    list(parameters)
    optim.Adam(parameters)


def two_schedules():
    optimizer = optim.SGD(params(), lr=0.1)
    first, second = (lr_scheduler.StepLR(optimizer, 1) for _ in range(2))
    for schedule in (first, second, first):
        schedule.step()


OPTIMIZERS = [
    Row("a negative rate", lambda: optim.SGD(params(), lr=-0.1),
        ArgumentError, r"SGD: lr must be .*at least 0, not -0\.1"),
    Row("a rate as text", lambda: optim.Adam(params(), lr="0.1"),
        ArgumentError, r"Adam: lr must be a number .*'0\.1'"),
    Row("one beta", lambda: optim.Adam(params(), betas=0.9),
        ArgumentError, r"betas must be a pair .*, not 0\.9"),
    Row("a beta of 1", lambda: optim.Adam(params(), betas=(0.9, 1)),
        ArgumentError, r"betas\[1\] must .*\[0, 1\), not 1"),
    Row("too much momentum", lambda: optim.SGD(params(), lr=0.1, momentum=9),
        ArgumentError, r"momentum .*\[0, 1\), not 9"),
    Row("Nesterov without momentum", lambda: optim.SGD(params(), lr=0.1, nesterov=True),
        ArgumentError, r"nesterov=True needs momentum > 0 .*there is momentum=0\.0"),
    Row("a method", lambda: optim.Adam(model().parameters),
        DtypeError, r"a function; write Adam\(model\.parameters\(\)\), with parentheses"),
    Row("the model", lambda: optim.Adam(model()),
        DtypeError, r"not a module; write Adam\(model\.parameters\(\)\)"),
    Row("one tensor", lambda: optim.Adam(params()[0]),
        DtypeError, r"not one tensor; write Adam\(\[tensor\]\)"),
    Row("arrays", lambda: optim.Adam([A]),
        DtypeError, r"item 0 is a ndarray.*minigrad\.tensor\(array, requires_grad=True"),
    Row("a dict", lambda: optim.Adam({"w": w()}),
        DtypeError, r"not a dict; write Adam\(list\(parameters\.values\(\)\)\)"),
    Row("nothing", lambda: optim.Adam([]),
        ArgumentError, "no parameters; .*can be read only once"),
    Row("an iterator at its end", exhausted,
        ArgumentError, r"no parameters; .*model\.parameters\(\) can be read only"),
    Row("a constant", lambda: optim.Adam([mg.tensor([1.0])]),
        ArgumentError, r"parameter 0 has requires_grad=False .*\[p for p in model\.parameters\(\)"),
    Row("a result", lambda: optim.Adam([w() * 2]),
        ArgumentError, "parameter 0 was computed .*optimize what it was computed from"),
    Row("a parameter twice", lambda: optim.Adam(params() * 2),
        ArgumentError, "parameter 1 twice, .*give it once"),
    Row("a step before backward", lambda: optim.SGD(params(), lr=0.1).step(),
        GraphError, r"SGD\.step\(\): no parameter has a gradient; call loss\.backward\(\) first"),
    Row("a rate set on the optimizer", lambda: setattr(optim.SGD(params(), lr=0.1), "lr", 0.01),
        ArgumentError,
        r"SGD keeps lr in its parameter groups; write optimizer\.param_groups\[0\]\['lr'\] = "
        "value"),
    Row("a misspelt option of a group",
        lambda: optim.SGD(params(), lr=0.1).param_groups[0].update(momentun=0.9),
        ArgumentError, "parameter group 0 has no option 'momentun'; did you mean 'momentum'"),
    Row("the state of another optimizer",
        lambda: optim.SGD(params(), lr=0.1).load_state_dict(optim.Adam(params()).state_dict()),
        StateDictError, "(?s)does not fit SGD; nothing was loaded:.*saved by Adam"),
    Row("a schedule of a model", lambda: lr_scheduler.StepLR(model(), 10),
        DtypeError, r"not Sequential; write StepLR\(optimizer, \.\.\.\)"),
    Row("a step of nothing", lambda: lr_scheduler.StepLR(optim.SGD(params()), 0),
        ArgumentError, "step_size must .*at least 1, not 0"),
    Row("two schedules", two_schedules,
        ArgumentError, r"(?s)StepLR had set lr=.*now it is .*another schedule.*after=\.\.\."),
    Row("clipping to less than nothing", lambda: optim.clip_grad_norm(params(), -1),
        ArgumentError, "must be .*greater than 0, not -1"),
]  # fmt: skip

# --- Data -----------------------------------------------------------------------------------------

DATA = [
    Row("lengths that differ", lambda: data.DataLoader(X, Y[:5]),
        ShapeError, r"12, 5 samples \(shapes \(12, 4\), \(5,\)\), and belong together"),
    Row("an empty loader", lambda: data.DataLoader(X[:0], Y[:0]),
        DataError, "the arrays are empty; .*nothing to take batches"),
    Row("a loader of nothing", lambda: data.DataLoader(),
        ArgumentError, "needs at least one array"),
    Row("batches of nothing", lambda: data.DataLoader(X, batch_size=0),
        ArgumentError, "integer from 1 up, not 0"),
    Row("batches larger than the data", lambda: data.DataLoader(X, batch_size=32, drop_last=True),
        ArgumentError, "32 out of 12 .*smaller"),
    Row("a ragged list", lambda: data.DataLoader([[1], [1, 2]]),
        ShapeError, r"array 1 is a list whose .*dataset\.train"),
    Row("names for labels", lambda: data.DataLoader(X, np.array(["a"] * 12)),
        DtypeError, "array 2 holds <U1.*encode_labels"),
    Row("the name of a data set", lambda: data.DataLoader("mnist"),
        ShapeError, "array 1 is a single value, 'mnist'; .*samples"),
    Row("a label below 0", lambda: data.one_hot(np.array([0, -1]), 3),
        DataError, r"label -1 at index \[1\] .*0 to 2"),
    Row("a label above", lambda: data.one_hot(np.array([0, 3]), 3),
        DataError, "label 3 at index .*3 classes.*0 to 2"),
    Row("fractions for labels", lambda: data.one_hot(np.array([0.5])),
        DtypeError, r"such as 0\.5; 0\.5 is no class, and targets of a regression need no"),
    Row("floats for labels", lambda: data.one_hot(np.array([0.0, 1.0])),
        DtypeError, r"such as 0\.0; pass labels\.astype\(int\)"),
    Row("names for numbers", lambda: data.one_hot(np.array(["cat"])),
        DtypeError, r"'cat'; .*minigrad\.data\.encode_labels"),
    Row("an unknown class", lambda: data.encode_labels(["a", "b"], classes=["a"]),
        DataError, r"'b' at index 1 .*\['a'\]"),
    Row("a missing label", lambda: data.encode_labels(np.array([1.0, np.nan])),
        DataError, r"label 1 is missing \(nan\); drop"),
    Row("NaN in the data", lambda: data.Standardizer().fit([[1.0, np.nan]]),
        DataError, r"nan at index \[0, 1\]; replace or drop"),
    Row("scaling before fit", lambda: data.MinMaxScaler().transform(X),
        NotFittedError, "MinMaxScaler has seen no data; call fit"),
    Row("other features", lambda: data.Standardizer().fit(X).transform(A),
        ShapeError, r"\(2, 3\) does not end in the shape \(4,\)"),
    Row("a range upside down", lambda: data.MinMaxScaler((1, 0)),
        ArgumentError, r"the lower one first, not \(1, 0\)"),
    Row("pixels scaled twice", lambda: data.scale_pixels(X),
        ArgumentError, "uint8 by 255, and this is float32; .*scaled already"),
    Row("an unknown norm", lambda: data.normalize(X, "l3"),
        ArgumentError, "'l1', 'l2' or 'max', not 'l3'"),
    Row("a split of one", lambda: data.split_train_test(X[:1], Y[:1]),
        DataError, r"0\.2 of 1 samples leaves one of the parts"),
    Row("a split of two lengths", lambda: data.split_train_test(X, Y[:3]),
        ShapeError, r"\(12, 4\) and y of shape \(3,\) differ"),
    Row("fewer points than none", lambda: data.make_moons(-1),
        ArgumentError, "n is an integer from 2 up, not -1"),
]  # fmt: skip

# --- Training, plots, pictures --------------------------------------------------------------------

WITH_NAN = X.copy()
WITH_NAN[0, 0] = np.nan

TRAINING = [
    Row("no epochs", lambda: fit(epochs=0),
        ArgumentError, "epochs is an integer from 1 up, not 0"),
    Row("the class of a loss", lambda: fit(loss=nn.MSELoss),
        DtypeError, r"the class MSELoss; pass MSELoss\(\)"),
    Row("the name of a loss", lambda: fit(loss="mse"),
        DtypeError, "loss is a module or function, not str"),
    Row("a loss of each sample", lambda: fit(loss=nn.CrossEntropyLoss("none")),
        ShapeError, r"such as its mean, not shape \(12,\)"),
    Row("a loss without graph", lambda: fit(loss=lambda o, y: float(LOSS(o, y))),
        DtypeError, "float and no tensor, .*NumPy's functions"),
    Row("the optimizer of another model",
        lambda: fit(optimizer=optim.SGD(model().parameters(), lr=0.1)),
        ArgumentError,
        "none of the parameters of this Sequential.*make the optimizer of "
        r"model\.parameters\(\)"),
    Row("the name of an optimizer", lambda: fit(optimizer="adam"),
        DtypeError, r"such as Adam\(model\.parameters\(\)\), not 'adam'"),
    Row("inputs alone", lambda: fit(X),
        DtypeError, r"data is a pair of arrays \(x, y\), .*not ndarray"),
    Row("a list of two arrays", lambda: fit([X, Y]),
        DtypeError, r"this one is ndarray; .*a tuple: \(x, y\), not \[x, y\]"),
    Row("three arrays", lambda: fit((X, Y, Y)),
        ArgumentError, r"data is a pair of arrays \(x, y\), not a tuple of 3"),
    Row("lengths that differ", lambda: fit((X, Y[:5])),
        ShapeError, r"12, 5 samples .*belong together"),
    Row("a generator", lambda: fit(iter([(X, Y)]), epochs=2),
        ArgumentError, "used up after one of 2 epochs; pass a list"),
    Row("no batch", lambda: fit([]),
        DataError, "data is empty: there is no batch in it"),
    Row("labels out of range", lambda: fit((X, Y + 1)),
        DataError, "label 3 is not one of the 3 classes.*subtract 1"),
    Row("NaN in a batch", lambda: fit((WITH_NAN, Y)),
        NonFiniteError, "the loss is nan in epoch 1, batch 1: the inputs .* hold NaN"),
    Row("an unknown metric", lambda: fit(metrics="acc"),
        ArgumentError, r"no metric 'acc'; there are 'accuracy'.*metrics=\{"),
    Row("a metric without name", lambda: fit(metrics=[len]),
        DtypeError, r'is no name; write metrics=\{"name": function\}'),
    Row("a callback's class", lambda: fit(callbacks=[training.EarlyStopping]),
        DtypeError, r"pass EarlyStopping\(\)"),
    Row("one callback", lambda: fit(callbacks=training.EarlyStopping()),
        DtypeError, r"is a list, not one EarlyStopping; write callbacks=\[EarlyStopping\(...\)\]$"),
    Row("one function for callbacks", lambda: fit(callbacks=lambda run: None),
        DtypeError, r"callbacks is a list, not one function; write callbacks=\[\.\.\.\]$"),
    Row("a schedule's step", lambda: fit(callbacks=[lr_scheduler.StepLR(adam(), 2).step]),
        DtypeError, r"given the run, which StepLR\.step .*write lambda run: schedule\.step\(\)$"),
    Row("a plateau's step", lambda: fit(callbacks=[optim.ReduceLROnPlateau(adam()).step]),
        DtypeError, r'lambda run: schedule\.step\(run\.history\["val_loss"\]\[-1\]\)$'),
    Row("a callback of nothing", lambda: fit(callbacks=[lambda: None]),
        DtypeError, "given the run, one argument, which <lambda> does not take; .*lambda run: "),
    Row("stopping without validation", lambda: fit(callbacks=[training.EarlyStopping()]),
        ArgumentError,
        "watches 'val_loss', and the history has loss, lr, seconds; .*pass validation= to fit"),
    Row("a penalty that is a number", lambda: fit(penalty=1e-4),
        DtypeError, "penalty is a module or function, not float"),
    Row("a penalty that was computed", lambda: fit(penalty=training.l2_penalty(params(), 0.1)),
        DtypeError, "function, not Tensor; .*each batch: write lambda model: "),
    Row("a strength that is text", lambda: training.l2_penalty(params(), "a"),
        ArgumentError, "number from 0 up, not 'a'"),
    Row("nothing to evaluate", lambda: training.evaluate(model(), (X, Y)),
        ArgumentError, "pass loss=, metrics=, or both"),
    Row("predicting with labels", lambda: training.predict(model(), (X, Y)),
        DtypeError, r"predict\(model, x\), not \(x, y\)"),
    Row("a key the history has not", lambda: fit()["acc"],
        KeyError, "no 'acc'; it has: loss, lr, seconds"),
    Row("scores of one class", lambda: training.accuracy(np.ones(3), Y[:3]),
        ShapeError, r"\(N, C\) of at least two .*not \(3,\); .*measure"),
    Row("a plot of a number", lambda: plots.plot_history(3),
        ArgumentError, "a mapping of keys to lists, .*got 3"),
    Row("a curve that is not there", lambda: plots.plot_history({"loss": [1]}, metrics="acc"),
        ArgumentError, r"'acc'; they have \['loss'\]"),
    Row("one image", lambda: plots.plot_images(np.ones((28, 28))),
        ShapeError, r"\(28, 28\)\).*a single image is images\[None\]"),
    Row("scores for classes", lambda: plots.plot_confusion(Y, X),
        ShapeError, r"y_pred .*not \(12, 4\); .*scores\.argmax\(axis=1\)"),
    Row("a picture of an array", lambda: viz.draw_model(X),
        DtypeError, "made of a Module, not ndarray"),
    Row("a picture without a batch", lambda: viz.draw_model(model()),
        ArgumentError, r"give it a batch .*, not nothing: draw_model\(model, np\.zeros"),
    Row("a picture of a shape", lambda: viz.draw_model(model(), (1, 4)),
        ArgumentError, r"give it a batch .*, not a shape \(1, 4\): draw_model\(model, np\.zeros"),
    Row("a history of tensors", lambda: plots.plot_history({"loss": [w(()), w(())]}),
        DtypeError, r"'loss' .* holds tensors, .*append loss\.item\(\)"),
    Row("a history of arrays", lambda: plots.plot_history({"loss": [np.ones(1), np.ones(1)]}),
        DtypeError, r"'loss' .*not one number per epoch \(as loss\.item\(\) is\): \[array"),
]  # fmt: skip

CALLS = [*TENSORS, *OPERATIONS, *GRADIENTS, *MODULES, *LOSSES, *OPTIMIZERS, *DATA, *TRAINING]


# --- Files ----------------------------------------------------------------------------------------


def written(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def saved(path):
    io.save_weights(model(), path)
    return path


def of_another_model(tmp):
    io.load_weights_into(nn.Linear(4, 8), saved(tmp / "m.safetensors"))


def damaged(tmp):
    content = saved(tmp / "m.safetensors").read_bytes()
    io.load_weights(written(tmp / "d.safetensors", content[:-1] + b"x"))


FILES = [
    Row("no ending", lambda tmp: io.save_weights(model(), tmp / "x"),
        ArgumentError, r"ends in neither; write 'x\.safetensors'"),
    Row("a model last", lambda tmp: io.load_weights_into(str(saved(tmp / "m.npz")), model()),
        DtypeError, r"takes a model and a path, in this order, and str is no model"),
    Row("another ending", lambda tmp: io.save_weights(model(), tmp / "m.pt"),
        ArgumentError, r"'\.pt'; write 'm\.safetensors' instead"),
    Row("the path first", lambda tmp: io.save_weights(tmp / "m.npz", model()),
        DtypeError, r"not Sequential; the order is save_weights\(model, path"),
    Row("a model that is a list", lambda tmp: io.save_weights([1], tmp / "m.npz"),
        DtypeError, r"a model or a mapping of names to arrays, not list"),
    Row("a folder that is not there", lambda tmp: io.save_weights(model(), tmp / "a" / "m.npz"),
        CheckpointNotFoundError, r"no directory .*make it first"),
    Row("weights that are not there", lambda tmp: io.load_weights(tmp / "m.npz"),
        CheckpointNotFoundError, r"m\.npz: there is no such file; save_weights"),
    Row("a folder for weights", io.load_weights,
        CheckpointError, "is a directory, where a file is expected"),
    Row("text for weights", lambda tmp: io.load_weights(written(tmp / "m.npz", "weights: " * 9)),
        CheckpointError, r"m\.npz: it is cut off, damaged, or no safetensors file"),
    Row("a pickle", lambda tmp: io.load_weights(written(tmp / "m.npz", pickle.dumps({}))),
        CheckpointError, r"m\.npz: .*Python pickle, .*can run code"),
    Row("weights that are damaged", damaged,
        CheckpointError,
        r"d\.safetensors: the checksum of '2\.weight' is wrong: the file is damaged"),
    Row("weights of another model", of_another_model,
        CheckpointError,
        r"(?s)m\.safetensors: made for another model than this Linear, .*missing: weight \(8, "
        r"4\).*unexpected: 0\.weight"),
    Row("a model that is none", lambda tmp: io.load_weights_into([], saved(tmp / "m.npz")),
        DtypeError, "a model and a path, in this order, and list"),
    Row("a CSV file that is not there", lambda tmp: data.read_csv(tmp / "a.csv"),
        DataNotFoundError, r"a\.csv: there is no such file"),
    Row("an empty CSV file", lambda tmp: data.read_csv(written(tmp / "a.csv", "")),
        DataError, r"a\.csv: the file is empty"),
    Row("a header", lambda tmp: data.read_csv(written(tmp / "a.csv", "label,x\n1,2\n")),
        DataError, r"line 1, cell 1: 'label' .*pass header=True"),
    Row("a short line", lambda tmp: data.read_csv(written(tmp / "a.csv", "1,2,3\n1,2\n")),
        DataError, "line 2: 2 cells, where the first line has 3"),
    Row("NaN in a CSV file", lambda tmp: data.read_csv(written(tmp / "a.csv", "1,nan\n")),
        DataError, "line 1, cell 2: 'nan' is not a finite"),
    Row("words for labels", lambda tmp: data.read_csv(written(tmp / "a.csv", "cat,1\ndog,2\n")),
        DataError, r"line 1, cell 1: 'cat' is .*from_frame\(pandas.*or encode_labels"),
    Row("a name without header", lambda tmp: data.read_csv(tmp / "a.csv", label_column="y"),
        ArgumentError, r"label_column='y' is a name, .*pass header=True, or .*number"),
    Row("a name that is not there",
        lambda tmp: data.read_csv(written(tmp / "a", "x,y\n1,2\n"), header=True, label_column="z"),
        ArgumentError, "no column 'z' for label_column; the header names 'x', 'y'$"),
    Row("a name that is there twice",
        lambda tmp: data.read_csv(written(tmp / "a", "x,x\n1,2\n"), header=True, label_column="x"),
        ArgumentError, "two columns 'x' for label_column"),
    Row("no column", lambda tmp: data.read_csv(tmp / "a.csv", label_column=None),
        ArgumentError, "the number of a column, or its name, not None"),
    Row("semicolons", lambda tmp: data.read_csv(written(tmp / "a.csv", "1;2;3\n")),
        DataError, r"first line has 1; is ',' the delimiter\?"),
    Row("CSV for IDX", lambda tmp: data.read_idx(written(tmp / "a", "1,2,3\n")),
        DataError, "not an IDX file; it begins with the bytes 31 2c"),
    Row("an IDX file cut off",
        lambda tmp: data.read_idx(written(tmp / "a", b"\0\0\x08\x01\0\0\0\x05ab")),
        DataError, "truncated, .*13 bytes, .*holds 10"),
    Row("text for an archive", lambda tmp: data.read_npz(written(tmp / "a.npz", "1,2")),
        DataError, r"a\.npz: damaged, or not an \.npz archive"),
    Row("MNIST that is not there", lambda tmp: data.load_mnist(tmp / "mnist"),
        DataNotFoundError, r"mnist.* does not exist\. .*MINIGRAD_DATA"),
]  # fmt: skip


def check(row, *args):
    with pytest.raises(row.error) as caught:
        row.call(*args)
    assert isinstance(caught.value, (mg.MinigradError, *PYTHONS_OWN))
    text = "\n".join([str(caught.value), *getattr(caught.value, "__notes__", ())])
    assert re.search(row.message, text), text


@pytest.mark.parametrize("row", CALLS, ids=lambda row: row.what)
def test_wrong_calls_say_what_was_wrong_and_what_to_do(row):
    check(row)


@pytest.mark.parametrize("row", FILES, ids=lambda row: row.what)
def test_wrong_files_say_what_was_wrong_and_what_to_do(row, tmp_path):
    check(row, tmp_path)


def test_every_part_has_rows():
    assert len(CALLS) + len(FILES) > 200
    for part in (TENSORS, OPERATIONS, GRADIENTS, MODULES, LOSSES, OPTIMIZERS, DATA, TRAINING):
        assert len({row.what for row in part}) == len(part) > 10
