"""NumPy's functions without a gradient: of tensors they give plain arrays and numbers."""

from __future__ import annotations

import numpy as np

from minigrad.primitive import nondifferentiable, writing

# Comparisons and logic.
nondifferentiable(
    np.equal, np.not_equal, np.less, np.less_equal, np.greater, np.greater_equal,
    np.logical_and, np.logical_or, np.logical_xor, np.logical_not,
    np.isfinite, np.isinf, np.isnan, np.signbit, np.isclose, np.allclose,
    np.array_equal, np.array_equiv, np.any, np.all,
)  # fmt: skip
# Positions and counts.
nondifferentiable(
    np.argmax, np.argmin, np.argsort, np.argwhere, np.argpartition, np.lexsort, np.nonzero,
    np.flatnonzero, np.count_nonzero, np.searchsorted, np.digitize, np.nanargmax, np.nanargmin,
)  # fmt: skip
# Whole numbers.
nondifferentiable(np.floor, np.ceil, np.rint, np.trunc, np.round, np.floor_divide)
# What an array is, and new ones like it.
nondifferentiable(
    np.shape, np.ndim, np.size, np.result_type, np.can_cast, np.iscomplexobj, np.isrealobj,
    np.may_share_memory, np.shares_memory,
    np.zeros_like, np.ones_like, np.empty_like,
    np.array2string, np.array_repr, np.array_str,
)  # fmt: skip
# Counts and copies of the first argument; weights and fill values could have a gradient.
nondifferentiable(np.bincount, np.histogram, np.full_like, of_first_only=True)
# In place.
writing(np.copyto, np.put, np.place, np.putmask, np.put_along_axis, np.fill_diagonal)
