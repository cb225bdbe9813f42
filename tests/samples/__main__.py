"""Write a sample class into `submitted/`, or remove it: `python -m tests.samples part1` and `… --remove`."""

import argparse

from tests.samples import ROOT
from tests.samples.submissions import classroom, remove, write


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", nargs="?", default="part1")
    parser.add_argument("--remove", action="store_true", help="remove the sample students and their grades")
    arguments = parser.parse_args()
    if arguments.remove:
        gone = remove(ROOT)
        print(f"removed {len(gone)} sample students" if gone else "there are no sample students")
        return
    for student, path in zip(classroom(arguments.part), write(arguments.part, ROOT), strict=True):
        print(f"{path.relative_to(ROOT)}  {student.what}")


if __name__ == "__main__":
    main()
