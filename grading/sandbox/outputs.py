"""How much a cell may print and display: counted twice, by the same rule.

The kernel counts politely and says so in the output; the client counts what arrives, since a submission that speaks
for itself can say anything. Only the client's count is a wall.
"""

from typing import Any

OUTPUTS = frozenset({"stream", "display_data", "update_display_data", "execute_result", "error", "clear_output"})
_END = frozenset({"execute_result", "error", "execute_input"})
_ACCOUNTS = ("output", "end", "status")
_A_MESSAGE = 64  # a message without content costs something, too


class OutputMeter:
    """Counts the output of one cell after another and tells what is too much.

    Results and errors have an allowance of their own: a cell that prints too much still shows how it ended. Output that
    belongs to no running cell has one allowance for all of the notebook.

    Parameters
    ----------
    limit
        In bytes, counted as characters of text and of encoded data.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._cell = ""
        self._used = dict.fromkeys(_ACCOUNTS, 0)
        self._stray = 0
        self._noted = False

    def begin(self, cell: str) -> None:
        """Begin a new account, for the output that answers the request of this id."""
        self._cell, self._used, self._noted = cell, dict.fromkeys(_ACCOUNTS, 0), False

    def admit(self, kind: str, content: dict[str, Any], cell: str, more: int = 0) -> bool:
        """Count a message and say whether it may pass.

        Parameters
        ----------
        kind
            The type of the message.
        cell
            The id of the request that it answers.
        more
            Bytes of the message beside its content.
        """
        cost = _A_MESSAGE + size(content) + more
        if cell != self._cell:
            self._stray += cost
            return self._stray <= self._limit
        account = kind if kind == "status" else "end" if kind in _END else "output"
        self._used[account] += cost
        return self._used[account] <= self._limit

    def note(self) -> dict[str, Any] | None:
        """Return the text to show in place of what was held back, once a cell."""
        if self._noted:
            return None
        self._noted = True
        limit = f"{self._limit / (1 << 20):.3g} MiB" if self._limit >= 1 << 20 else f"{self._limit} bytes"
        return {"name": "stdout", "text": f"\n[The output of this cell was cut off here: {limit} is the most.]\n"}


def size(content: Any) -> int:
    """Return about how many bytes a message's content has when it is sent."""
    todo, total = [content], 0
    while todo:
        item = todo.pop()
        total += 8
        if isinstance(item, (str, bytes)):
            total += len(item)
        elif isinstance(item, dict):
            todo += [*item.keys(), *item.values()]
        elif isinstance(item, (list, tuple)):
            todo += item
    return total
