"""Which of a notebook's cells are the assignment's: by their marks, else by their ids, else by what is in them."""

import re
from collections import Counter, defaultdict

from nbformat import NotebookNode
from nbgrader.utils import is_grade, is_solution

from grading.engine.assignment import Assignment
from grading.engine.cells import Cell, SetAsideError

_ALIKE = 0.6  # of the lines: below it, a cell without a mark is taken for the student's own
_FEWEST_LINES = 3  # to go by


class Given:
    """The cells of an assignment as students got them, each by its place; `texts` are what is compared of them."""

    def __init__(self, assignment: Assignment) -> None:
        self.assignment, self.cells = assignment, assignment.given
        self.texts = [plain(cell.source) for cell in self.cells]

    def name(self, index: int) -> str:
        """Return the `grade_id` of a cell that has one."""
        return str(self.cells[index].metadata.nbgrader.grade_id)

    def is_marked(self, index: int) -> bool:
        """Say whether a cell is nbgrader's."""
        return "nbgrader" in self.cells[index].metadata

    def is_students(self, index: int) -> bool:
        """Say whether it is the student's to write."""
        return bool(is_solution(self.cells[index]))

    def is_test(self, index: int) -> bool:
        """Say whether it holds hidden tests."""
        return bool(is_grade(self.cells[index])) and not self.is_students(index)

    def is_written(self, index: int) -> bool:
        """Say whether a person grades what the student writes there."""
        return bool(is_grade(self.cells[index])) and self.is_students(index)

    def answered(self, index: int, cell: Cell) -> bool:
        """Say whether a student's cell, taken for a given one, holds an answer that is not the released one."""
        return self.is_students(index) and plain(cell.text) not in ("", self.texts[index])

    def source(self, index: int) -> NotebookNode:
        """Return a marked cell as the instructor wrote it, hidden tests included."""
        return self.assignment.source_cells[self.name(index)]

    def identity(self, index: int) -> str:
        """Return the id that a cell gets in the notebook that is graded."""
        return self.name(index) if self.is_marked(index) else str(self.cells[index].get("id") or f"given-{index}")

    def marked(self) -> list[int]:
        """Return the places of nbgrader's cells."""
        return [index for index in range(len(self.cells)) if self.is_marked(index)]


def find(given: Given, cells: list[Cell], notices: list[str]) -> dict[int, int]:
    """Find the assignment's cells in a notebook; return where each is, and add notices of what had to be recognised.

    Raises
    ------
    SetAsideError
        If none of the tasks is there.
    """
    return _Finding(given, cells, notices).homes


class _Finding:
    """One search; what each step has not found is left to the next one."""

    def __init__(self, given: Given, cells: list[Cell], notices: list[str]) -> None:
        self._given, self._cells, self._notices = given, cells, notices
        texts = set(given.texts)
        code = (cell.text for cell in cells if cell.kind == "code" and plain(cell.text) not in texts)
        self._written = set().union(*map(_defined, code))  # names that the student has defined
        self.homes: dict[int, int] = {}  # of the given cells that were found
        self._find()

    def _find(self) -> None:
        self._by_mark()
        self._by_id()
        before = len(self.homes.keys() & set(self._given.marked()))
        self._by_text()
        self._by_definitions()
        self._by_lines()
        if not any(self._given.is_students(index) or self._given.is_test(index) for index in self.homes):
            name = f"{self._given.assignment.part} ({self._given.assignment.name}.ipynb)"
            raise SetAsideError(f"The notebook holds none of the tasks of {name}. Please hand in that one.")
        self._by_place()
        if found := len(self.homes.keys() & set(self._given.marked())) - before:
            what = "1 cell had lost its mark" if found == 1 else f"{found} cells had lost their marks"
            self._notices.append(f"{what}, as happens in some editors, and could be recognised all the same.")
        self._take_answers_below()

    def _lost(self) -> list[int]:
        return [index for index in range(len(self._given.cells)) if index not in self.homes]

    def _free(self) -> list[int]:
        taken = set(self.homes.values())
        return [place for place in range(len(self._cells)) if place not in taken]

    def _by_mark(self) -> None:
        """Go by the marks; a cell whose id is another's has least to say."""
        names, ids = {self._given.name(index): index for index in self._given.marked()}, self._ids()
        claims: dict[int, list[int]] = defaultdict(list)
        for place, cell in enumerate(self._cells):
            if cell.claim in names and not self._is_left_over(names[cell.claim], cell):
                claims[names[cell.claim]].append(place)
        for index, places in claims.items():
            consistent = [place for place in places if ids.get(place, index) == index] or places
            right = [place for place in consistent if self._cells[place].kind == self._given.cells[index].cell_type]
            self.homes[index] = self._one_of(index, right or consistent)

    def _is_left_over(self, index: int, cell: Cell) -> bool:
        """Say whether a cell has become text because its code stands in another one."""
        return cell.kind != "code" and bool(self._wanted(index) & self._written)

    def _wanted(self, index: int) -> set[str]:
        """Return the names of the classes and functions that a solution has to define."""
        given = self._given.cells[index]
        return _defined(given.source) if is_solution(given) and given.cell_type == "code" else set()

    def _ids(self) -> dict[int, int]:
        """Return which given cell each cell is by its id, where no other cell has the same."""
        often = Counter(cell.id for cell in self._cells)
        given = {cell.get("id"): index for index, cell in enumerate(self._given.cells)}
        return {
            place: given[cell.id]
            for place, cell in enumerate(self._cells)
            if cell.id and often[cell.id] == 1 and cell.id in given
        }

    def _one_of(self, index: int, places: list[int]) -> int:
        """Choose among copies of a cell."""
        if len(places) == 1:
            return places[0]
        count = f"The cell {self._given.name(index)} was there {len(places)} times"
        if not self._given.is_students(index):
            return places[-1]  # it sees most of what the student wrote
        answered = [place for place in places if self._given.answered(index, self._cells[place])] or places
        if self._given.is_written(index):
            self._notices.append(f"{count}; the last one with an answer counts.")
            return answered[-1]
        self._notices.append(f"{count}; all of them were run, in their order.")
        return answered[0]

    def _by_id(self) -> None:
        free, lost = set(self._free()), set(self._lost())
        for place, index in self._ids().items():
            if place in free and index in lost and not self._is_left_over(index, self._cells[place]):
                self.homes[index] = place

    def _by_text(self) -> None:
        """Go by text that no other given cell has."""
        often = Counter(self._given.texts)
        places = {plain(self._cells[place].text): place for place in self._free()}
        for index in self._lost():
            text = self._given.texts[index]
            if text and often[text] == 1 and text in places:
                self.homes[index] = places[text]

    def _by_definitions(self) -> None:
        """Go by the names that a solution has to define."""
        code = (place for place in self._free() if self._cells[place].kind == "code")
        defined = {place: names for place in code if (names := _defined(self._cells[place].text))}
        for index in self._lost():
            wanted = self._wanted(index)
            if some := [place for place, names in defined.items() if names & wanted]:
                place = max(some, key=lambda place: (len(defined[place] & wanted), -place))
                self.homes[index] = place
                del defined[place]

    def _by_lines(self) -> None:
        """Go by how many of the given lines are still there."""
        where: dict[str, dict[int, int]] = defaultdict(dict)
        for place in self._free():
            for line, count in lines_of(self._cells[place].text).items():
                where[line][place] = count
        taken = set()
        for index in self._lost():
            lines, shared = lines_of(self._given.cells[index].source), Counter[int]()
            for line, count in lines.items():
                for place, times in where[line].items():
                    if place not in taken and self._cells[place].kind == self._given.cells[index].cell_type:
                        shared[place] += min(count, times)
            for place, number in shared.most_common(1):
                if sum(lines.values()) >= _FEWEST_LINES and number >= _ALIKE * sum(lines.values()):
                    self.homes[index] = place
                    taken.add(place)

    def _by_place(self) -> None:
        """Find written answers, of which nothing given is left, behind the cells that they followed."""
        free = set(self._free())
        for index in self._lost():
            place = self.homes.get(index - 1, -2) + 1
            kind = self._given.cells[index].cell_type
            if self._given.is_written(index) and place in free and self._cells[place].kind == kind:
                self.homes[index] = place
                free.remove(place)

    def _take_answers_below(self) -> None:
        """Where the place for an answer was left blank, take what the student wrote in a new cell below."""
        free, given = set(self._free()), self._given
        for index, home in list(self.homes.items()):
            if not given.is_written(index) or given.answered(index, self._cells[home]) or home + 1 not in free:
                continue
            below = self._cells[home + 1]
            if below.kind == given.cells[index].cell_type and given.answered(index, below):
                self.homes[index] = home + 1
                free.remove(home + 1)
                self._notices.append(f"The answer {given.name(index)} was found in the cell below its place.")


def plain(text: str) -> str:
    """Return a text without spaces at the ends of its lines, and without blank lines around it."""
    return "\n".join(line.rstrip() for line in text.strip().splitlines())


def lines_of(text: str) -> Counter[str]:
    """Count the lines of a text, without their indentation."""
    return Counter(stripped for line in text.splitlines() if (stripped := line.strip()))


def _defined(text: str) -> set[str]:
    return set(re.findall(r"^(?:async +)?(?:def|class) +(\w+)", text, re.M))
