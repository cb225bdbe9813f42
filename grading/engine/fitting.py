"""From a notebook's cells to one that can be graded: the assignment's cells are found, repaired and put in place.

Nothing but text, kind and pictures of a student's cell is kept: marks, points and the text of given cells are the
assignment's.
"""

import itertools
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import nbformat
from nbformat import NotebookNode
from nbgrader.utils import compute_checksum, is_grade, is_locked, is_solution, is_task

from grading.engine.assignment import Assignment
from grading.engine.cells import Cell
from grading.engine.finding import Given, find, lines_of, plain


class Fitting:
    """Makes the assignment's cells in a notebook what and where they should be.

    `answers` counts the answers that are not those of the blank release; `notices` say what was repaired.
    """

    def __init__(self, assignment: Assignment, cells: list[Cell], notices: list[str]) -> None:
        self._given, self._cells, self.notices = Given(assignment), cells, notices
        self._homes = find(self._given, cells, notices)
        for index, home in self._homes.items():
            cells[home].given = index
        self._restore()
        self._put_back()
        self._move_tests()
        self.answers = sum(self._given.answered(cell.given, cell) for cell in self._cells if cell.given is not None)

    def notebook(self) -> NotebookNode:
        """Return the notebook that comes of it."""
        notebook = nbformat.v4.new_notebook(cells=list(self._numbered()))
        notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
        return notebook

    # Repairing
    def _restore(self) -> None:
        """Give each of the assignment's cells its kind, and, where it is not the student's to write, its text."""
        result: list[Cell] = []
        for cell in self._cells:
            result.append(cell)
            index = cell.given
            if index is None or not self._given.is_marked(index):
                continue
            given, came = self._given.cells[index], replace(cell, given=None)
            cell.kind = given.cell_type
            if came.kind != cell.kind:
                name = self._given.name(index)
                self.notices.append(f"The cell {name} had become {came.kind}; it is {cell.kind} again.")
            if is_locked(given):
                cell.text, cell.attachments = self._given.source(index).source, {}
                self._keep(came, index, result)
            elif plain(cell.text) == self._given.texts[index]:
                cell.text = given.source  # so that nbgrader sees that nothing was answered
        self._cells = result

    def _keep(self, came: Cell, index: int, cells: list[Cell]) -> None:
        """Keep what was written into a given cell: as the answer that is missing behind it, else as a cell above it.

        Parameters
        ----------
        came
            The cell as it came.
        cells
            The cells up to the given one.
        """
        given, answer, name = cells[-1], index + 1, self._given.name(index)
        if plain(came.text) in (self._given.texts[index], plain(given.text)):
            return
        known = lines_of(self._given.cells[index].source) + lines_of(given.text)
        added = "\n".join(line for line in came.text.splitlines() if line.strip() not in known).strip()
        if not added:
            self.notices.append(f"The cell {name} had been changed; its given text counts.")
        elif self._is_open(answer) and came.kind == self._given.cells[answer].cell_type:
            if answer in self._homes:
                home = self._cells[self._homes[answer]]
                home.text, home.attachments = added, came.attachments
            else:
                cells.append(replace(came, text=added, given=answer))
            self.notices.append(f"The answer {self._given.name(answer)} was found in the cell above its place.")
        else:
            cells.insert(-1, came if came.kind == "code" else replace(came, text=added))
            self.notices.append(
                f"The cell {name} had been changed; its given text counts, and what was written there stands above it."
            )

    def _is_open(self, index: int) -> bool:
        """Say whether there is a written answer to be given, and none was."""
        if index >= len(self._given.cells) or not self._given.is_written(index):
            return False
        return index not in self._homes or not self._given.answered(index, self._cells[self._homes[index]])

    def _put_back(self) -> None:
        """Put back cells that were deleted: those that are graded, and code that is given."""
        present = {cell.given for cell in self._cells}
        for index in self._given.marked():
            given = self._given.cells[index]
            needed = is_grade(given) or is_task(given) or (is_locked(given) and given.cell_type == "code")
            if index in present or not needed:
                continue
            source = self._given.source(index) if is_locked(given) else given
            before = [place for place, cell in enumerate(self._cells) if cell.given is not None and cell.given < index]
            last = max(before, key=lambda place: self._cells[place].given or 0, default=-1)
            self._insert(last, Cell(given.cell_type, source.source, given=index))
            self.notices.append(f"The cell {self._given.name(index)} was missing and was put back.")

    def _insert(self, place: int, cell: Cell) -> None:
        """Insert a given cell behind a place, and behind what the student wrote there."""
        place += 1
        while place < len(self._cells) and self._cells[place].given is None:
            place += 1
        self._cells.insert(place, cell)

    def _move_tests(self) -> None:
        """Move tests that stand above the code that they are about."""
        given = self._given
        for index in given.marked():
            places = {cell.given: place for place, cell in enumerate(self._cells) if cell.given is not None}
            solutions = [places[before] for before in range(index) if before in places and given.is_students(before)]
            if given.is_test(index) and solutions and places[index] < max(solutions):
                test, last = self._cells.pop(places[index]), max(solutions) - 1
                while last + 1 < len(self._cells) and self._is_earlier_test(self._cells[last + 1], index):
                    last += 1
                self._insert(last, test)
                self.notices.append(f"The test {given.name(index)} stood above the code that it tests; it was moved.")

    def _is_earlier_test(self, cell: Cell, index: int) -> bool:
        return cell.given is None or (cell.given < index and self._given.is_test(cell.given))

    # Writing
    def _numbered(self) -> Iterator[NotebookNode]:
        """Yield the cells as nbformat has them, the assignment's with its marks and ids."""
        used = {self._given.identity(index) for index in range(len(self._given.cells))}
        own = (name for number in itertools.count(1) if (name := f"own-{number}") not in used)
        for cell in self._cells:
            identity = next(own) if cell.given is None else self._given.identity(cell.given)
            new = _new_cell(cell.kind, cell.text, identity)
            if cell.attachments and cell.kind == "markdown":
                new.attachments = nbformat.from_dict(cell.attachments)
            if cell.given is not None and self._given.is_marked(cell.given):
                given = self._given.cells[cell.given]
                new.metadata.nbgrader = nbformat.from_dict(dict(self._given.source(cell.given).metadata.nbgrader))
                # nbgrader takes an answer for none where its checksum is still that of the released cell.
                new.metadata.nbgrader.checksum = compute_checksum(given if is_solution(given) else new)
            yield new


def _new_cell(kind: str, text: str, identity: str) -> NotebookNode:
    """Return an empty cell; nbformat's own functions look each up in a schema, which the whole notebook is held to."""
    of_code: dict[str, Any] = {"outputs": [], "execution_count": None} if kind == "code" else {}
    return nbformat.from_dict({"cell_type": kind, "id": identity, "metadata": {}, "source": text, **of_code})
