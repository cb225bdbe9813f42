"""Two small exams for the tests of the machinery, run as source so that a kernel can have them too."""

from grading.exam import exam, idea
from grading.judge import array, close, number


@exam("toy-double", points=5)
def doubles(student, rng):
    """Twice what it gets. Split: arrays 2.5, numbers 2.5."""
    x = rng.normal(size=(3, 2))
    with idea("arrays", 2.5):
        close(student.double(x), 2 * x, "the double of an array")
    with idea("numbers", 2.5):
        y = float(x[0, 0])
        close(number(student.double(y), "the double of a number"), 2 * y, "the double of a number")


@exam("toy-broken", points=4)
def broken(student, rng):
    """Award three of four points: an author's mistake."""
    with idea("something", 3):
        array(rng.normal(size=2), "a vector")
