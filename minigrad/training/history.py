"""What a training run has recorded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

__all__ = ["History"]

_MOST_ROWS = 25  # of the table; of more epochs it shows the first and the last


class History(Mapping[str, list[float]]):
    """The record of a call of `fit`: one number for each completed epoch under each key.

    It reads like a dict: ``history["loss"][-1]``, ``history.keys()``, ``"val_loss" in history``.
    Its repr is a table.

    The keys, always in this order and present where there is something to record:

    ``loss``
        Mean of the loss over all samples of the epoch, without the penalty. It is the running one:
        each batch counts with the weights that it met, so early in training it lies above what
        `evaluate` says of the same data afterwards.
    ``penalty``
        Mean of ``penalty(model)``.
    a key for each metric, such as ``accuracy``
        Running, too.
    ``val_loss`` and ``val_`` with each metric
        The same of the validation data, with the weights at the end of the epoch.
    ``lr``
        The learning rate of the optimizer's first group at the beginning of the epoch.
    ``seconds``
        How long the epoch took, with validation.

    Attributes
    ----------
    interrupted : bool
        Whether Ctrl-C ended the run. The epoch that was cut off is not recorded; the model has
        learned from its batches all the same.
    stopped : str
        Why a callback ended the run, or "".

    Examples
    --------
    >>> from minigrad.training import History
    >>> history = History()
    >>> history.append({"loss": 0.5, "accuracy": 0.75})
    >>> history.append({"loss": 0.25, "accuracy": 0.875})
    >>> history
    History of 2 epochs
    epoch  loss  accuracy
        1   0.5      0.75
        2  0.25     0.875
    >>> history["loss"], history.last()
    ([0.5, 0.25], {'loss': 0.25, 'accuracy': 0.875})
    """

    def __init__(self) -> None:
        self._columns: dict[str, list[float]] = {}
        self.interrupted = False
        self.stopped = ""

    @property
    def epochs(self) -> int:
        """How many epochs were completed."""
        return len(next(iter(self._columns.values()), []))

    def append(self, values: Mapping[str, float]) -> None:
        """Record an epoch, with the same keys as the epochs before."""
        for key, value in values.items():
            self._columns.setdefault(key, []).append(float(value))

    def last(self) -> dict[str, float]:
        """Return the numbers of the last epoch: a row for a table that compares runs."""
        return {key: column[-1] for key, column in self._columns.items()}

    def to_dict(self) -> dict[str, list[float]]:
        """Return a copy as plain lists, for JSON, for ``pandas.DataFrame``, for a plot."""
        return {key: list(column) for key, column in self._columns.items()}

    def __getitem__(self, key: str) -> list[float]:
        if key not in self._columns:
            raise KeyError(f"the history has no {key!r}; it has: {', '.join(self) or 'nothing'}")
        return self._columns[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        return len(self._columns)

    def __repr__(self) -> str:
        count = self.epochs
        title = f"History of {count} epoch{'s'[: count != 1]}"
        if self.stopped:
            title += f", stopped: {self.stopped}"
        if self.interrupted:
            title += ", interrupted"
        return "\n".join([title, *self._table()])

    def _table(self) -> list[str]:
        count = self.epochs
        if not count:
            return []
        shown: list[int] = list(range(count))
        if count > _MOST_ROWS:
            shown = [*range(5), *range(count - _MOST_ROWS + 5, count)]
        rows = [["epoch", *self]]
        rows += [
            [str(i + 1), *(f"{column[i]:.4g}" for column in self._columns.values())] for i in shown
        ]
        widths = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
        lines = ["  ".join(map(str.rjust, row, widths)) for row in rows]
        if count > _MOST_ROWS:
            lines.insert(6, "...".rjust(widths[0]))
        return lines
