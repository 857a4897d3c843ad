"""Tables of comma-separated values, one sample in each line."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from minigrad.data._files import open_content
from minigrad.data.dataset import Split
from minigrad.errors import ArgumentError, DataError, DtypeError

__all__ = ["read_csv"]

_ABOUT_LABELS = (
    "; are the labels in another column (label_column=), or is it a regression (label_dtype=float)?"
)

_LINES = 1024  # parsed together


class _Line(NamedTuple):
    number: int
    text: str


def read_csv(
    path: str | os.PathLike[str],
    *,
    header: bool = False,
    label_column: int | str = 0,
    columns: int | None = None,
    delimiter: str = ",",
    dtype: npt.DTypeLike = np.float32,
    label_dtype: npt.DTypeLike = np.int64,
) -> Split:
    r"""Read a table of numbers with a label in each line, such as MNIST in 785 columns.

    The labels are in the **first column** unless `label_column` says otherwise.

    Parameters
    ----------
    path : path
        A text file (UTF-8), plain or gzip. Empty lines are skipped.
    header : bool, default False
        Whether the first line names the columns; it is skipped then.
    label_column : int or str, default 0
        The column that holds the labels: by default the first; -1 is the last. With
        ``header=True`` also its name.
    columns : int, optional
        How many columns there must be, label included: 785 for MNIST. Those of the first line
        where it is not given.
    delimiter : str, default ","
        The character between two cells.
    dtype : dtype, default float32
        Dtype of the features. ``numpy.uint8`` keeps pixels in a quarter of the memory.
    label_dtype : dtype, default int64
        Dtype of the labels; a float dtype for the targets of a regression.

    Returns
    -------
    Split
        ``x`` of shape (N, columns - 1) and dtype `dtype`, ``y`` of shape (N,).

    Raises
    ------
    DataNotFoundError
        If there is no such file.
    DataError
        If a line has more or fewer cells than it should, or a cell is no finite number or does
        not fit the dtype; the message names file, line and cell.
    ArgumentError
        If there is no column `label_column`, or the delimiter is no single character.

    See Also
    --------
    from_frame : of a pandas frame, whose labels may be words.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> from minigrad.data import read_csv
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "digits.csv")
    ...     _ = path.write_text("7,0,128,255\n2,64,0,32\n")
    ...     x, y = read_csv(path)
    >>> x
    array([[  0., 128., 255.],
           [ 64.,   0.,  32.]], dtype=float32)
    >>> y
    array([7, 2])

    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "flowers.csv")
    ...     _ = path.write_text("length,width,species\n5.1,3.5,0\n6.2,2.9,1\n")
    ...     x, y = read_csv(path, header=True, label_column="species")
    >>> y
    array([0, 1])
    """
    table = _Table(Path(path), header, columns, delimiter, label_column, dtype, label_dtype)
    try:
        return table.read()
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not a text file in UTF-8 ({error})") from error


class _Table:
    """One file being read: what is expected of it, and how errors name its places."""

    def __init__(
        self,
        path: Path,
        header: bool,
        columns: int | None,
        delimiter: str,
        label_column: int | str,
        dtype: npt.DTypeLike,
        label_dtype: npt.DTypeLike,
    ) -> None:
        if not isinstance(delimiter, str) or len(delimiter) != 1 or delimiter in "\r\n":
            raise ArgumentError(f"delimiter is a single character, not {delimiter!r}")
        if isinstance(label_column, bool) or not isinstance(label_column, int | np.integer | str):
            raise ArgumentError(
                f"label_column is the number of a column, or its name, not {label_column!r}"
            )
        if isinstance(label_column, str) and not header:
            raise ArgumentError(
                f"label_column={label_column!r} is a name, and without header=True the columns "
                "have none; pass header=True, or the column's number (-1 is the last)"
            )
        self.path = path
        self.header = header
        self.delimiter = delimiter
        self.columns = columns
        self.label_column = label_column
        self.dtype = _number_dtype("dtype", dtype)
        self.label_dtype = _number_dtype("label_dtype", label_dtype)

    def read(self) -> Split:
        count = self._survey()
        x = np.empty((count, self.width - 1), self.dtype)
        y = np.empty(count, self.label_dtype)
        features = [column for column in range(self.width) if column != self.label]
        lines = islice(self._lines(), int(self.header), None)
        for start in range(0, count, _LINES):
            block = list(islice(lines, _LINES))
            cells = self._parse(block)
            rows = slice(start, start + len(block))
            self._store(x[rows], cells[:, features], block, features)
            self._store(y[rows], cells[:, self.label], block, [self.label])
        return Split(x, y)

    def _lines(self) -> Iterator[_Line]:
        """Yield the lines that are not empty, numbered from 1 as editors do."""
        with (
            open_content(self.path) as content,
            io.TextIOWrapper(content.stream, encoding="utf-8-sig") as text,
        ):
            for number, line in enumerate(text, start=1):
                if not line.isspace():
                    yield _Line(number, line)

    def _survey(self) -> int:
        """Settle the number of columns, and return the number of samples."""
        lines = self._lines()
        first = next(lines, None)
        if first is None:
            raise DataError(f"{self.path}: the file is empty")
        count = sum(1 for _ in lines) + (not self.header)
        if self.header:
            self._check_header(first)
        if count == 0:
            raise DataError(f"{self.path}: there is no line after the header")
        self.width = len(self._cells(first)) if self.columns is None else self.columns
        self.label = self._checked_label(self._cells(first))
        return count

    def _check_header(self, line: _Line) -> None:
        if all(_is_number(cell) for cell in self._cells(line)):
            raise DataError(
                f"{self.path}, line {line.number}: with header=True this line names the "
                f"columns, and it holds only numbers; pass header=False to read it as a sample"
            )

    def _checked_label(self, first: list[str]) -> int:
        if self.width < 2:
            raise DataError(
                f"{self.path}: a label and at least one feature make two columns, and the first "
                f"line has {len(first)}; is {self.delimiter!r} the delimiter?"
            )
        if isinstance(self.label_column, str):
            return self._column(self.label_column, [name.strip(" \"'") for name in first])
        if not -self.width <= self.label_column < self.width:
            raise ArgumentError(
                f"label_column {self.label_column} is none of the {self.width} columns"
            )
        return int(self.label_column) % self.width

    def _column(self, wanted: str, names: list[str]) -> int:
        if names.count(wanted) != 1:
            what = "two columns" if wanted in names else "no column"
            shown = ", ".join(map(repr, names[:10])) + (", ..." if len(names) > 10 else "")
            raise ArgumentError(
                f"{self.path}: there is {what} {wanted!r} for label_column; the header names "
                f"{shown}"
            )
        return names.index(wanted)

    def _cells(self, line: _Line) -> list[str]:
        return line.text.strip("\r\n").split(self.delimiter)

    def _parse(self, block: list[_Line]) -> npt.NDArray[np.float64]:
        try:
            cells = np.loadtxt(
                [line.text for line in block],
                delimiter=self.delimiter,
                comments=None,
                ndmin=2,
            )
            if cells.shape == (len(block), self.width) and np.isfinite(cells).all():
                return cells
            reason = "not a table of finite numbers"
        except ValueError as error:
            reason = str(error)
        self._explain(block)
        raise DataError(f"{self.path}, lines {block[0].number} to {block[-1].number}: {reason}")

    def _explain(self, block: list[_Line]) -> None:
        """Raise the error that names the first line and cell at fault."""
        for line in block:
            cells = self._cells(line)
            if len(cells) != self.width:
                expected = "the first line has" if self.columns is None else "columns asks for"
                raise DataError(
                    f"{self.path}, line {line.number}: {len(cells)} cells, where {expected} "
                    f"{self.width}{self._hint(line)}"
                )
            for column, cell in enumerate(cells):
                if not _is_number(cell):
                    hint = self._hint(line) or self._label_hint(column, cell)
                    raise self._wrong_cell(line, column, f"not a finite number{hint}")

    def _hint(self, line: _Line) -> str:
        if self.header or any(_is_number(cell) for cell in self._cells(line)):
            return ""
        return "; if the line names the columns, pass header=True"

    def _label_hint(self, column: int, cell: str) -> str:
        if column != self.label or not cell.strip() or cell.strip().lower() in ("nan", "inf"):
            return ""
        return (
            "; labels that are words become numbers by from_frame(pandas.read_csv(path), column) "
            "or encode_labels"
        )

    def _wrong_cell(self, line: _Line, column: int, reason: str) -> DataError:
        cell = self._cells(line)[column]
        return DataError(
            f"{self.path}, line {line.number}, cell {column + 1}: {cell!r} is {reason}"
        )

    def _store(
        self,
        target: npt.NDArray[Any],
        cells: npt.NDArray[np.float64],
        block: list[_Line],
        columns: list[int],
    ) -> None:
        """Copy cells into the result, and notice those that its dtype cannot hold."""
        with np.errstate(invalid="ignore", over="ignore"):
            target[...] = cells
        held = np.isfinite(target) if target.dtype.kind == "f" else target == cells
        if not held.all():
            row, place = divmod(int(held.argmin()), len(columns))
            advice = _ABOUT_LABELS if target.ndim == 1 else ""
            raise self._wrong_cell(
                block[row], columns[place], f"nothing that {target.dtype} can hold{advice}"
            )


def _number_dtype(name: str, dtype: npt.DTypeLike) -> np.dtype[Any]:
    found = np.dtype(dtype)
    if found.kind not in "iuf":
        raise DtypeError(f"{name} is an integer or float dtype, not {found}")
    return found


def _is_number(cell: str) -> bool:
    try:
        return bool(np.isfinite(float(cell)))
    except ValueError:
        return False
