"""What goes wrong between grader and sandbox."""


class SandboxError(RuntimeError):
    """The sandbox can't be had on this machine, or for this kernel.

    Parameters
    ----------
    finding
        What is the matter.
    remedy
        What to do about it, a command where there is one.
    """

    def __init__(self, finding: str, remedy: str) -> None:
        super().__init__(f"{finding}. What to do: {remedy}. `python -m grading doctor` looks at everything.")
        self.finding = finding
        self.remedy = remedy
