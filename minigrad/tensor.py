"""The tensor: an array, and the vertex of the graph that stands for it."""

from __future__ import annotations

import operator
import warnings
from collections.abc import Callable, Collection, Iterator
from copy import deepcopy
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from minigrad.arrays import as_array, is_floating, plain_shape
from minigrad.backprop import backpropagate, is_exclusive
from minigrad.calls import Traced, alias_of, binary, plain, read_only, reflected, unary, unwrap
from minigrad.context import context, switched
from minigrad.conversions import Conversions
from minigrad.dispatch import call, dispatch, dispatch_ufunc
from minigrad.errors import DtypeError, GraphError, ShapeError
from minigrad.graph import Array, Leaf, Node, Vertex
from minigrad.methods import ArrayMethods

__all__ = ["Tensor", "from_numpy", "tensor", "walk_back", "wrap"]


def _in_place(ufunc: np.ufunc, symbol: str) -> Callable[[Tensor, Any], Any]:
    """Make the method of an operator that updates a tensor."""

    def method(self: Tensor, other: Any) -> Any:
        return self._updated(other, ufunc, symbol)

    return method


class Tensor(Traced, Conversions, ArrayMethods):
    """An array that remembers how it was computed.

    NumPy's functions and operators take tensors and return tensors; `backward` computes the
    gradient of one with respect to all that it was computed from.

    Parameters
    ----------
    data : array, number, or nested list of numbers
        Copied. An array keeps its dtype; Python numbers become float32.
    dtype : dtype, optional
        What to convert to instead.
    requires_grad : bool, default False
        Whether `backward` is to compute a gradient for this tensor.
    name : str, optional
        What to call it in pictures and messages.

    Raises
    ------
    DtypeError
        If `data` is not numeric, or if a gradient is asked for a dtype that has none.
    ShapeError
        If a nested list is ragged.
    GraphError
        If `data` is, or holds, a tensor that requires a gradient.

    Examples
    --------
    >>> import numpy as np
    >>> import minigrad as mg
    >>> x = mg.tensor([1.0, 2.0, 3.0], requires_grad=True)
    >>> y = np.sum(np.square(x))
    >>> y
    tensor(14., dtype=float32, op=sum)
    >>> y.backward()
    >>> x.grad
    array([2., 4., 6.], dtype=float32)
    """

    __slots__ = ("__weakref__",)

    def __init__(
        self,
        data: Any,
        dtype: DTypeLike | None = None,
        *,
        requires_grad: bool = False,
        name: str | None = None,
    ) -> None:
        if isinstance(data, Tensor):
            data._refuse_conversion("minigrad.tensor(t)")
            data = data._data
        self._data = as_array(data, dtype)
        self._node = Leaf(self._data.shape, self._data.dtype, False, name)
        if requires_grad:
            self.requires_grad = True

    # --- What it is --------------------------------------------------------------------------

    @property
    def data(self) -> Array:
        """The array of values, itself and not a copy.

        Assigning to it checks shape and dtype, and makes a graph that needs the old values refuse
        to be walked back. Whoever writes *into* the array calls `increment_version` for that.
        """
        if isinstance(self._data, np.generic):  # as NumPy returns for results without axes
            self._data = np.asarray(self._data)
        return self._data

    @data.setter
    def data(self, value: Any) -> None:
        if isinstance(self._node, Node):
            raise GraphError(
                f"the values of a result (of {self._node.where()}) cannot be replaced; "
                "detach() it first"
            )
        array = as_array(unwrap(value), None, copy=False)
        if not hasattr(value, "dtype"):
            array = array.astype(self.dtype)
        if array.shape != self.shape:
            raise ShapeError(
                f"cannot assign data of shape {array.shape} to {self._called()} of shape "
                f"{self.shape}; make a new tensor instead"
            )
        if array.dtype != self.dtype:
            raise DtypeError(
                f"cannot assign data of dtype {array.dtype} to {self._called()} of dtype "
                f"{self.dtype}; convert it with .astype({str(self.dtype)!r})"
            )
        self._data = array
        self.increment_version()

    @property
    def name(self) -> str | None:
        """What the tensor is called in pictures and messages; None unless given."""
        return self._node.name if self._node is not None else None

    @name.setter
    def name(self, name: str | None) -> None:
        self._vertex().name = name

    @property
    def is_leaf(self) -> bool:
        """Whether no recorded operation made this tensor."""
        return not isinstance(self._node, Node)

    @property
    def requires_grad(self) -> bool:
        """Whether `backward` computes a gradient for this tensor, or through it."""
        return self._node is not None and self._node.requires_grad

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        if isinstance(self._node, Node):
            if not value:
                raise GraphError(
                    f"a result (of {self._node.where()}) requires a gradient because what it was "
                    "computed from does; detach() gives one that does not"
                )
            return
        if value and not is_floating(self.dtype):
            raise DtypeError(
                f"only floating-point tensors can require a gradient, and {self._called()} is "
                f"{self.dtype}; write minigrad.tensor(data, dtype=np.float32, requires_grad=True)"
            )
        leaf = self._vertex()
        assert isinstance(leaf, Leaf), "anything else was dealt with above"
        leaf.requires_grad = bool(value)

    def requires_grad_(self, value: bool = True) -> Self:
        """Set `requires_grad`, and return the tensor."""
        self.requires_grad = value
        return self

    # --- Gradients ---------------------------------------------------------------------------

    @property
    def grad(self) -> Array | None:
        """The gradient that `backward` has accumulated: an array like `data`, or None.

        A tensor after ``backward(create_graph=True)``. Results have one only after `retain_grad`.
        """
        node = self._node
        if isinstance(node, Node) and not node.retains_grad:
            warnings.warn(
                f"the gradient of a result (of {node.where()}) is not kept; call retain_grad() on "
                "it before backward()",
                stacklevel=2,
            )
        return node.grad if node is not None else None

    @grad.setter
    def grad(self, value: Any) -> None:
        if value is not None:
            if getattr(value, "shape", None) != self.shape:
                raise ShapeError(
                    f"the gradient of {self._called()} of shape {self.shape} must have that shape, "
                    f"not {getattr(value, 'shape', value)!r}"
                )
            if value.dtype != self.dtype:
                raise DtypeError(
                    f"the gradient of {self._called()} of dtype {self.dtype} must have that dtype, "
                    f"not {value.dtype}"
                )
        self._vertex().grad = value

    def backward(
        self,
        gradient: ArrayLike | Tensor | None = None,
        *,
        retain_graph: bool = False,
        create_graph: bool = False,
    ) -> None:
        """Add the gradient of this tensor to the ``grad`` of every leaf it was computed from.

        Parameters
        ----------
        gradient : array, optional
            The gradient of what is finally wanted with respect to this tensor, of its shape. May
            be left out for a tensor of one element, where it is 1.
        retain_graph : bool, default False
            Whether to keep what is needed to walk back once more. Otherwise it is freed.
        create_graph : bool, default False
            Whether the gradients are tensors that can be differentiated in turn. The graph of such
            a gradient leads to the leaf that has it, so use `zero_grad` when it is done with.

        Raises
        ------
        GraphError
            If nothing was recorded, if the graph has been freed, or if a value it needs has been
            changed since.
        ShapeError
            If `gradient` has another shape, or is missing for more than one element.

        Examples
        --------
        >>> import numpy as np
        >>> import minigrad as mg
        >>> x = mg.tensor([1.0, 2.0], requires_grad=True)
        >>> np.sum(x**3).backward()
        >>> x.grad
        array([ 3., 12.], dtype=float32)
        >>> (2 * x).backward(np.array([1.0, 10.0]))  # added to what is there
        >>> x.grad
        array([ 5., 32.], dtype=float32)
        """
        node = self._node
        if node is None or not node.requires_grad:
            raise GraphError(
                f"{self._called()} of shape {self.shape} has no graph to walk back: nothing it was "
                "computed from has requires_grad=True, or it was computed under no_grad() or "
                "detached"
            )
        results = walk_back(
            [(node, self._seed(gradient))], retain_graph=retain_graph, create_graph=create_graph
        )
        wanted = [vertex for vertex in results if vertex.requires_grad]  # still
        if create_graph or [vertex for vertex in wanted if vertex.grad is not None]:
            with switched(recording=create_graph):
                for vertex in wanted:
                    _deposit(results, vertex)
        else:  # the usual case, where nothing is computed
            for vertex in wanted:
                _deposit(results, vertex)

    def _seed(self, gradient: Any) -> Array:
        if gradient is None:
            if self.size != 1:
                raise ShapeError(
                    f"backward() needs one number to start from, and {self._called()} has shape "
                    f"{self.shape}; reduce it (as with .sum() or .mean()), or pass "
                    "backward(gradient) with an array of that shape"
                )
            number = isinstance(self._data, np.generic)
            return type(self._data)(1) if number else np.ones_like(self._data)
        if isinstance(gradient, Tensor):
            seed = gradient if gradient.dtype == self.dtype else gradient.astype(self.dtype)
        else:
            seed = as_array(gradient, self.dtype)
        if seed.shape != self.shape:
            raise ShapeError(
                f"backward(gradient) needs the gradient to have the tensor's shape {self.shape}, "
                f"not {seed.shape}"
            )
        return seed

    def retain_grad(self) -> None:
        """Have `backward` keep the gradient of this result, as it does for leaves.

        Raises
        ------
        GraphError
            If the tensor does not require a gradient.
        """
        if not self.requires_grad:
            raise GraphError(
                f"{self._called()} of shape {self.shape} gets no gradient to retain: "
                "it does not require one; set requires_grad=True on what it is computed from"
            )
        if isinstance(self._node, Node):
            self._node.retains_grad = True

    def zero_grad(self) -> None:
        """Forget the accumulated gradient: ``grad`` is None again."""
        if self._node is not None:
            self._node.grad = None

    def increment_version(self) -> None:
        """Say that the values in `data` have been changed in place.

        A graph that still needs the old values then refuses to be walked back, instead of giving
        wrong gradients.

        Raises
        ------
        GraphError
            If the tensor is a result, whose values are those that its graph needs.
        """
        if isinstance(self._node, Node):
            raise GraphError(
                f"the values of a result (of {self._node.where()}) must not be changed; change a "
                "copy, or detach() it first"
            )
        if self._node is not None:
            self._node.version += 1

    def convert_(self, dtype: DTypeLike) -> Self:
        """Convert the values of a leaf to another dtype in place, and forget its gradient.

        Raises
        ------
        GraphError
            If the tensor is a result.
        """
        if isinstance(self._node, Node):
            raise GraphError(f"a result (of {self._node.where()}) is converted with astype")
        self._data = as_array(self.data, dtype)
        self._node = Leaf(self.shape, self.dtype, self.requires_grad, self.name)
        return self

    # --- Out of the graph --------------------------------------------------------------------

    def detach(self) -> Tensor:
        """Return a tensor of the same values, in the same memory, outside the graph.

        That of a result is read-only, since a graph may need the values; ``t.detach().copy()`` can
        be written to.

        Examples
        --------
        >>> import minigrad as mg
        >>> x = mg.tensor([1.0, 2.0], requires_grad=True)
        >>> (x * x.detach()).sum().backward()  # of x times a constant
        >>> x.grad
        array([1., 2.], dtype=float32)
        """
        vertex = self._vertex()
        data = self.data if isinstance(vertex, Leaf) else read_only(self.data.view())
        return wrap(data, alias_of(vertex, data) or Leaf(self.shape, self.dtype, False))

    def copy(self) -> Any:
        """Return a tensor with a copy of the values; the gradient passes through."""
        return np.copy(self)

    def numpy(self) -> Any:
        """Return the values as a read-only array in the same memory, without the graph.

        Read-only, since a graph may need them for its gradients; ``t.numpy().copy()`` can be
        written to, and ``t.data`` is the array itself.

        Examples
        --------
        >>> import minigrad as mg
        >>> x = mg.tensor([1.0, 2.0], requires_grad=True)
        >>> (x * 2).numpy()
        array([2., 4.], dtype=float32)
        """
        return read_only(self.data.view())

    def astype(self, dtype: DTypeLike) -> Any:
        """Return the values in another dtype; the gradient comes back in this one.

        Integers and booleans have no gradient, so those come as a plain array.
        """
        return call(np.ndarray.astype, self, dtype)

    def __copy__(self) -> Any:
        return deepcopy(self)

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        if isinstance(self._node, Node):
            raise GraphError(
                f"a result (of {self._node.where()}) cannot be copied with its graph; "
                "copy t.detach(), or the parameters it was computed from"
            )
        twin: Self = _restored(type(self), self.data.copy(), self.requires_grad, self.name)
        twin._vertex().grad = None if self.grad is None else self.grad.copy()
        memo[id(self)] = twin
        return twin

    def __reduce__(self) -> tuple[Any, ...]:
        if isinstance(self._node, Node):
            raise GraphError("a result cannot be pickled with its graph; pickle t.detach()")
        return _restored, (type(self), self.data, self.requires_grad, self.name)

    # --- NumPy's protocols -------------------------------------------------------------------

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        return dispatch_ufunc(ufunc, method, inputs, kwargs)

    def __array_function__(
        self,
        function: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Any:
        return dispatch(function, args, kwargs)

    def __getitem__(self, index: Any) -> Any:
        index = unwrap(index)
        if isinstance(index, tuple):
            index = tuple(map(_own_index, index))
        return call(operator.getitem, self, _own_index(index))

    def __iter__(self) -> Iterator[Any]:
        if not self.shape:
            raise DtypeError("cannot iterate over a tensor without axes; t.item() is its number")
        return (self[index] for index in range(self.shape[0]))

    def __setitem__(self, index: Any, value: Any) -> None:
        self._check_writable("t[index] = value", value)
        try:
            self.data[unwrap(index)] = unwrap(value)
        except (ValueError, TypeError) as error:
            raise self._cannot_take(value, error) from error
        self.increment_version()

    def _check_writable(self, what: str, value: Any) -> None:
        involved = self.requires_grad or (isinstance(value, Tensor) and value.requires_grad)
        if isinstance(self._node, Node) or (involved and context.get().recording):
            raise GraphError(
                f"{what} would change values that gradients may depend on; for a new tensor write "
                "np.where(mask, value, t), and to change a parameter by hand do it under "
                "minigrad.no_grad()"
            )

    def _updated(self, other: Any, ufunc: Any, symbol: str) -> Any:
        """Update in place outside the graph; inside, the name is bound to a new result."""
        involves_graph = isinstance(other, Tensor) and other.requires_grad
        recording = context.get().recording
        if isinstance(self._node, Node) or (
            recording and involves_graph and not self.requires_grad
        ):
            return ufunc(self, other)
        if recording and self.requires_grad:
            raise GraphError(
                f"{self._called()} requires a gradient, and t {symbol}= value would change it "
                f"in place; inside the graph write t = t {symbol} value, and to update a parameter "
                "by hand do it under minigrad.no_grad()"
            )
        data = self.data
        try:
            ufunc(data, unwrap(other), out=data, casting="same_kind")
        except (ValueError, TypeError) as error:
            raise self._cannot_take(other, error) from error
        self.increment_version()
        return self

    def _cannot_take(self, value: Any, error: Exception) -> ShapeError | DtypeError:
        kind = ShapeError if isinstance(error, ValueError) else DtypeError
        return kind(
            f"cannot write {plain_shape(unwrap(value))} into {self._called()} of shape "
            f"{self.shape}, {self.dtype}: {error}; for a new tensor write t = t + value or "
            "np.where(mask, value, t)"
        )

    # --- Operators ---------------------------------------------------------------------------

    __iadd__ = _in_place(np.add, "+")
    __isub__ = _in_place(np.subtract, "-")
    __imul__ = _in_place(np.multiply, "*")
    __itruediv__ = _in_place(np.true_divide, "/")
    __ifloordiv__ = _in_place(np.floor_divide, "//")
    __imod__ = _in_place(np.remainder, "%")
    __ipow__ = _in_place(np.power, "**")
    __imatmul__ = _in_place(np.matmul, "@")
    __add__ = binary(np.add, operator.add)
    __radd__ = reflected(np.add, operator.add)
    __sub__ = binary(np.subtract, operator.sub)
    __rsub__ = reflected(np.subtract, operator.sub)
    __mul__ = binary(np.multiply, operator.mul)
    __rmul__ = reflected(np.multiply, operator.mul)
    __truediv__ = binary(np.true_divide, operator.truediv)
    __rtruediv__ = reflected(np.true_divide, operator.truediv)
    __pow__ = binary(np.power, operator.pow)
    __rpow__ = reflected(np.power, operator.pow)
    __mod__ = binary(np.remainder, operator.mod)
    __rmod__ = reflected(np.remainder, operator.mod)
    __matmul__ = binary(np.matmul, operator.matmul)
    __rmatmul__ = reflected(np.matmul, operator.matmul)
    __neg__ = unary(np.negative)
    __pos__ = unary(np.positive)
    __abs__ = unary(np.absolute)

    __floordiv__ = plain(np.floor_divide, operator.floordiv)
    __rfloordiv__ = plain(np.floor_divide, lambda x, y: y // x)
    __lt__ = plain(np.less, operator.lt)
    __le__ = plain(np.less_equal, operator.le)
    __gt__ = plain(np.greater, operator.gt)
    __ge__ = plain(np.greater_equal, operator.ge)
    __eq__ = plain(np.equal, operator.eq)
    __ne__ = plain(np.not_equal, operator.ne)
    __hash__ = object.__hash__


Traced.result_class = Tensor


def wrap(data: Array, node: Vertex | None) -> Tensor:
    """Return the tensor of an array and its vertex, without copying or checking anything."""
    out = _new(Tensor)
    out._data = data
    out._node = node
    return out


_new = object.__new__


def tensor(
    data: Any,
    dtype: DTypeLike | None = None,
    *,
    requires_grad: bool = False,
    name: str | None = None,
) -> Tensor:
    """Make a tensor of a copy of `data`.

    Parameters
    ----------
    data : array, number, or nested list of numbers
        Copied. An array keeps its dtype; Python numbers become float32.
    dtype : dtype, optional
        What to convert to instead.
    requires_grad : bool, default False
        Whether `Tensor.backward` is to compute a gradient for it.
    name : str, optional
        What to call it in pictures and messages.

    Returns
    -------
    Tensor

    Raises
    ------
    DtypeError, ShapeError, GraphError
        As `Tensor` does.

    Examples
    --------
    >>> import numpy as np
    >>> import minigrad as mg
    >>> mg.tensor([[1, 2], [3, 4]])
    tensor([[1., 2.],
            [3., 4.]], dtype=float32)
    >>> mg.tensor(np.arange(3.0), requires_grad=True, name="w")
    tensor([0., 1., 2.], dtype=float64, requires_grad=True, name='w')
    """
    return Tensor(data, dtype, requires_grad=requires_grad, name=name)


def from_numpy(array: Any, *, requires_grad: bool = False, name: str | None = None) -> Tensor:
    """Make a tensor in the same memory as an array: what is written to one is seen in both.

    Parameters
    ----------
    array : ndarray, or any array that speaks NumPy
        Not copied.
    requires_grad : bool, default False
        Whether `Tensor.backward` is to compute a gradient for it.
    name : str, optional
        What to call it in pictures and messages.

    Returns
    -------
    Tensor

    Raises
    ------
    DtypeError
        If `array` is not an array, or not one of numbers.

    Examples
    --------
    >>> import numpy as np
    >>> import minigrad as mg
    >>> a = np.zeros(2)
    >>> t = mg.from_numpy(a)
    >>> a[0] = 5.0
    >>> t
    tensor([5., 0.], dtype=float64)
    """
    if isinstance(array, Tensor) or not hasattr(array, "__array_function__"):
        raise DtypeError(
            f"from_numpy shares the memory of an array, and {type(array).__name__} is none; "
            "minigrad.tensor(data) copies numbers and lists"
        )
    as_array(array, copy=False)  # which refuses what has no numbers
    result = wrap(array, Leaf(array.shape, array.dtype, False, name))
    if requires_grad:
        result.requires_grad = True
    return result


def _own_index(part: Any) -> Any:
    """Return a part of an index that nobody else can change before the backward pass."""
    return part.copy() if isinstance(part, np.ndarray | list) else part


def _restored(cls: type[Tensor], data: Array, requires_grad: bool, name: str | None) -> Any:
    result = _new(cls)
    result._data = data
    result._node = Leaf(data.shape, data.dtype, requires_grad, name)
    return result


# --- Walking back ----------------------------------------------------------------------------


def walk_back(
    seeds: list[tuple[Vertex, Array]],
    targets: Collection[Vertex] | None = None,
    *,
    retain_graph: bool = False,
    create_graph: bool = False,
) -> dict[Vertex, Array]:
    """Call `backpropagate` with rules on plain arrays, or on tensors if a graph is to be made."""
    if not create_graph:
        arrays = [(vertex, unwrap(seed)) for vertex, seed in seeds]
        results = backpropagate(arrays, targets=targets, retain_graph=retain_graph)
        for vertex, gradient in results.items():
            if isinstance(gradient, Traced):  # from a rule that uses a tensor of its own
                results[vertex] = unwrap(gradient)
        return results
    tensors = [
        (vertex, seed if isinstance(seed, Tensor) else wrap(seed, None)) for vertex, seed in seeds
    ]
    with switched(recording=True):
        results = backpropagate(tensors, targets=targets, retain_graph=True, wrap=wrap)
    return {
        vertex: gradient if isinstance(gradient, Tensor) else wrap(gradient, None)
        for vertex, gradient in results.items()
    }


def _deposit(results: dict[Vertex, Array], vertex: Vertex) -> None:
    """Add a gradient to its vertex, in memory of its own."""
    if vertex.grad is None and is_exclusive(results, vertex):
        vertex.grad = results[vertex]
        return
    gradient = results[vertex].copy() if vertex.grad is None else vertex.grad + results[vertex]
    vertex.grad = np.asarray(gradient) if isinstance(gradient, np.generic) else gradient
