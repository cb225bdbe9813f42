"""Which of a notebook's cells are the assignment's, and the notebook that comes of them.

Cells are found by their marks, else by their ids, else by what is in them. Nothing but text, kind and pictures of a
student's cell is kept: marks, points and the text of given cells are the assignment's.
"""

import itertools
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import nbformat
from nbformat import NotebookNode
from nbgrader.utils import compute_checksum, is_grade, is_locked, is_solution, is_task

from grading.engine.assignment import Assignment
from grading.engine.cells import Cell, SetAsideError

_ALIKE = 0.6  # of the lines: below it, a cell without a mark is taken for the student's own
_FEWEST_LINES = 3  # to go by


class Fitting:
    """Finds the assignment's cells in a notebook, then makes them what and where they should be.

    `answers` counts the answers that are not those of the blank release; `notices` say what was repaired.
    """

    def __init__(self, assignment: Assignment, cells: list[Cell], notices: list[str]) -> None:
        self._assignment, self._cells, self.notices = assignment, cells, notices
        self._given = assignment.given
        self._texts = [_plain(cell.source) for cell in self._given]
        given = set(self._texts)
        code = (cell.text for cell in cells if cell.kind == "code" and _plain(cell.text) not in given)
        self._written = set().union(*map(_defined, code))  # names that the student has defined
        self._homes: dict[int, int] = {}  # of the given cells that were found
        self._find()
        self._restore()
        self._put_back()
        self._move_tests()
        self.answers = sum(self._answered(cell.given, cell) for cell in self._cells if cell.given is not None)

    def notebook(self) -> NotebookNode:
        """Return the notebook that comes of it."""
        notebook = nbformat.v4.new_notebook(cells=list(self._numbered()))
        notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
        return notebook

    # What a given cell is
    def _name(self, index: int) -> str:
        return str(self._given[index].metadata.nbgrader.grade_id)

    def _is_marked(self, index: int) -> bool:
        return "nbgrader" in self._given[index].metadata

    def _is_students(self, index: int) -> bool:
        return bool(is_solution(self._given[index]))

    def _is_test(self, index: int) -> bool:
        return bool(is_grade(self._given[index])) and not self._is_students(index)

    def _is_written(self, index: int) -> bool:
        """Say whether a person grades what the student writes there."""
        return bool(is_grade(self._given[index])) and self._is_students(index)

    def _answered(self, index: int, cell: Cell) -> bool:
        return self._is_students(index) and _plain(cell.text) not in ("", self._texts[index])

    def _marked(self) -> list[int]:
        return [index for index in range(len(self._given)) if self._is_marked(index)]

    # Finding
    def _find(self) -> None:
        self._by_mark()
        self._by_id()
        before = len(self._homes.keys() & set(self._marked()))
        self._by_text()
        self._by_definitions()
        self._by_lines()
        if not any(self._is_students(index) or self._is_test(index) for index in self._homes):
            name = f"{self._assignment.part} ({self._assignment.name}.ipynb)"
            raise SetAsideError(f"The notebook holds none of the tasks of {name}. Please hand in that one.")
        self._by_place()
        if found := len(self._homes.keys() & set(self._marked())) - before:
            what = "1 cell had lost its mark" if found == 1 else f"{found} cells had lost their marks"
            self.notices.append(f"{what}, as happens in some editors, and could be recognised all the same.")
        self._take_answers_below()
        for index, home in self._homes.items():
            self._cells[home].given = index

    def _lost(self) -> list[int]:
        return [index for index in range(len(self._given)) if index not in self._homes]

    def _free(self) -> list[int]:
        taken = set(self._homes.values())
        return [place for place in range(len(self._cells)) if place not in taken]

    def _by_mark(self) -> None:
        """Go by the marks; a cell whose id is another's has least to say."""
        names, ids = {self._name(index): index for index in self._marked()}, self._ids()
        claims: dict[int, list[int]] = defaultdict(list)
        for place, cell in enumerate(self._cells):
            if cell.claim in names and not self._is_left_over(names[cell.claim], cell):
                claims[names[cell.claim]].append(place)
        for index, places in claims.items():
            consistent = [place for place in places if ids.get(place, index) == index] or places
            right = [place for place in consistent if self._cells[place].kind == self._given[index].cell_type]
            self._homes[index] = self._one_of(index, right or consistent)

    def _is_left_over(self, index: int, cell: Cell) -> bool:
        """Say whether a cell has become text because its code stands in another one."""
        return cell.kind != "code" and bool(self._wanted(index) & self._written)

    def _wanted(self, index: int) -> set[str]:
        """Return the names of the classes and functions that a solution has to define."""
        given = self._given[index]
        return _defined(given.source) if is_solution(given) and given.cell_type == "code" else set()

    def _ids(self) -> dict[int, int]:
        """Return which given cell each cell is by its id, where no other cell has the same."""
        often = Counter(cell.id for cell in self._cells)
        given = {cell.get("id"): index for index, cell in enumerate(self._given)}
        return {
            place: given[cell.id]
            for place, cell in enumerate(self._cells)
            if cell.id and often[cell.id] == 1 and cell.id in given
        }

    def _one_of(self, index: int, places: list[int]) -> int:
        """Choose among copies of a cell."""
        if len(places) == 1:
            return places[0]
        count = f"The cell {self._name(index)} was there {len(places)} times"
        if not self._is_students(index):
            return places[-1]  # it sees most of what the student wrote
        answered = [place for place in places if self._answered(index, self._cells[place])] or places
        if self._is_written(index):
            self.notices.append(f"{count}; the last one with an answer counts.")
            return answered[-1]
        self.notices.append(f"{count}; all of them were run, in their order.")
        return answered[0]

    def _by_id(self) -> None:
        free, lost = set(self._free()), set(self._lost())
        for place, index in self._ids().items():
            if place in free and index in lost and not self._is_left_over(index, self._cells[place]):
                self._homes[index] = place

    def _by_text(self) -> None:
        """Go by text that no other given cell has."""
        often = Counter(self._texts)
        places = {_plain(self._cells[place].text): place for place in self._free()}
        for index in self._lost():
            text = self._texts[index]
            if text and often[text] == 1 and text in places:
                self._homes[index] = places[text]

    def _by_definitions(self) -> None:
        """Go by the names that a solution has to define."""
        code = (place for place in self._free() if self._cells[place].kind == "code")
        defined = {place: names for place in code if (names := _defined(self._cells[place].text))}
        for index in self._lost():
            wanted = self._wanted(index)
            if some := [place for place, names in defined.items() if names & wanted]:
                place = max(some, key=lambda place: (len(defined[place] & wanted), -place))
                self._homes[index] = place
                del defined[place]

    def _by_lines(self) -> None:
        """Go by how many of the given lines are still there."""
        where: dict[str, dict[int, int]] = defaultdict(dict)
        for place in self._free():
            for line, count in _lines(self._cells[place].text).items():
                where[line][place] = count
        taken = set()
        for index in self._lost():
            lines, shared = _lines(self._given[index].source), Counter[int]()
            for line, count in lines.items():
                for place, times in where[line].items():
                    if place not in taken and self._cells[place].kind == self._given[index].cell_type:
                        shared[place] += min(count, times)
            for place, number in shared.most_common(1):
                if sum(lines.values()) >= _FEWEST_LINES and number >= _ALIKE * sum(lines.values()):
                    self._homes[index] = place
                    taken.add(place)

    def _by_place(self) -> None:
        """Find written answers, of which nothing given is left, behind the cells that they followed."""
        free = set(self._free())
        for index in self._lost():
            place = self._homes.get(index - 1, -2) + 1
            if self._is_written(index) and place in free and self._cells[place].kind == self._given[index].cell_type:
                self._homes[index] = place
                free.remove(place)

    def _take_answers_below(self) -> None:
        """Where the place for an answer was left blank, take what the student wrote in a new cell below."""
        free = set(self._free())
        for index, home in list(self._homes.items()):
            if not self._is_written(index) or self._answered(index, self._cells[home]) or home + 1 not in free:
                continue
            below = self._cells[home + 1]
            if below.kind == self._given[index].cell_type and self._answered(index, below):
                self._homes[index] = home + 1
                free.remove(home + 1)
                self.notices.append(f"The answer {self._name(index)} was found in the cell below its place.")

    # Repairing
    def _restore(self) -> None:
        """Give each of the assignment's cells its kind, and, where it is not the student's to write, its text."""
        result: list[Cell] = []
        for cell in self._cells:
            result.append(cell)
            index = cell.given
            if index is None or not self._is_marked(index):
                continue
            given, came = self._given[index], replace(cell, given=None)
            cell.kind = given.cell_type
            if came.kind != cell.kind:
                self.notices.append(f"The cell {self._name(index)} had become {came.kind}; it is {cell.kind} again.")
            if is_locked(given):
                cell.text, cell.attachments = self._assignment.source_cells[self._name(index)].source, {}
                self._keep(came, index, result)
            elif _plain(cell.text) == self._texts[index]:
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
        given, answer = cells[-1], index + 1
        if _plain(came.text) in (self._texts[index], _plain(given.text)):
            return
        known = _lines(self._given[index].source) + _lines(given.text)
        added = "\n".join(line for line in came.text.splitlines() if line.strip() not in known).strip()
        if not added:
            self.notices.append(f"The cell {self._name(index)} had been changed; its given text counts.")
        elif self._is_open(answer) and came.kind == self._given[answer].cell_type:
            if answer in self._homes:
                home = self._cells[self._homes[answer]]
                home.text, home.attachments = added, came.attachments
            else:
                cells.append(replace(came, text=added, given=answer))
            self.notices.append(f"The answer {self._name(answer)} was found in the cell above its place.")
        else:
            cells.insert(-1, came if came.kind == "code" else replace(came, text=added))
            self.notices.append(
                f"The cell {self._name(index)} had been changed; its given text counts, and what was written there "
                "stands above it."
            )

    def _is_open(self, index: int) -> bool:
        """Say whether there is a written answer to be given, and none was."""
        if index >= len(self._given) or not self._is_written(index):
            return False
        return index not in self._homes or not self._answered(index, self._cells[self._homes[index]])

    def _put_back(self) -> None:
        """Put back cells that were deleted: those that are graded, and code that is given."""
        present = {cell.given for cell in self._cells}
        for index in self._marked():
            given = self._given[index]
            needed = is_grade(given) or is_task(given) or (is_locked(given) and given.cell_type == "code")
            if index in present or not needed:
                continue
            source = self._assignment.source_cells[self._name(index)] if is_locked(given) else given
            before = [place for place, cell in enumerate(self._cells) if cell.given is not None and cell.given < index]
            last = max(before, key=lambda place: self._cells[place].given or 0, default=-1)
            self._insert(last, Cell(given.cell_type, source.source, given=index))
            self.notices.append(f"The cell {self._name(index)} was missing and was put back.")

    def _insert(self, place: int, cell: Cell) -> None:
        """Insert a given cell behind a place, and behind what the student wrote there."""
        place += 1
        while place < len(self._cells) and self._cells[place].given is None:
            place += 1
        self._cells.insert(place, cell)

    def _move_tests(self) -> None:
        """Move tests that stand above the code that they are about."""
        for index in self._marked():
            places = {cell.given: place for place, cell in enumerate(self._cells) if cell.given is not None}
            solutions = [places[before] for before in range(index) if before in places and self._is_students(before)]
            if self._is_test(index) and solutions and places[index] < max(solutions):
                test, last = self._cells.pop(places[index]), max(solutions) - 1
                while last + 1 < len(self._cells) and self._is_earlier_test(self._cells[last + 1], index):
                    last += 1
                self._insert(last, test)
                self.notices.append(f"The test {self._name(index)} stood above the code that it tests; it was moved.")

    def _is_earlier_test(self, cell: Cell, index: int) -> bool:
        return cell.given is None or (cell.given < index and self._is_test(cell.given))

    # Writing
    def _numbered(self) -> Iterator[NotebookNode]:
        """Yield the cells as nbformat has them, the assignment's with its marks and ids."""
        used = {self._identity(index) for index in range(len(self._given))}
        own = (name for number in itertools.count(1) if (name := f"own-{number}") not in used)
        for cell in self._cells:
            identity = next(own) if cell.given is None else self._identity(cell.given)
            new = _new_cell(cell.kind, cell.text, identity)
            if cell.attachments and cell.kind == "markdown":
                new.attachments = nbformat.from_dict(cell.attachments)
            if cell.given is not None and self._is_marked(cell.given):
                given = self._given[cell.given]
                new.metadata.nbgrader = nbformat.from_dict(
                    dict(self._assignment.source_cells[self._name(cell.given)].metadata.nbgrader)
                )
                # nbgrader takes an answer for none where its checksum is still that of the released cell.
                new.metadata.nbgrader.checksum = compute_checksum(given if is_solution(given) else new)
            yield new

    def _identity(self, index: int) -> str:
        return self._name(index) if self._is_marked(index) else str(self._given[index].get("id") or f"given-{index}")


def _new_cell(kind: str, text: str, identity: str) -> NotebookNode:
    """Return an empty cell; nbformat's own functions look each up in a schema, which the whole notebook is held to."""
    of_code: dict[str, Any] = {"outputs": [], "execution_count": None} if kind == "code" else {}
    return nbformat.from_dict({"cell_type": kind, "id": identity, "metadata": {}, "source": text, **of_code})


def _plain(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.strip().splitlines())


def _lines(text: str) -> Counter[str]:
    """Count the lines of a text, without their indentation."""
    return Counter(stripped for line in text.splitlines() if (stripped := line.strip()))


def _defined(text: str) -> set[str]:
    return set(re.findall(r"^(?:async +)?(?:def|class) +(\w+)", text, re.M))
