"""Settings of nbgrader for this course; read by every `nbgrader` command that is run in this folder."""

import os
import secrets

from nbgrader.converters import Autograde, GenerateAssignment, GenerateFeedback
from nbgrader.preprocessors import Execute

c = get_config()  # noqa: F821 - nbgrader defines it

c.CourseDirectory.course_id = "digits-and-garments"

# --- The release ------------------------------------------------------------------------------------
# Our own step comes first: it writes the course's address and version into the notebooks.
c.GenerateAssignment.preprocessors = [
    "grading.release.FillInAddress",
    *GenerateAssignment.class_traits()["preprocessors"].default(),
]
c.ClearSolutions.code_stub = {"python": "raise NotImplementedError  # replace this line with your code"}
c.ClearSolutions.text_stub = "*Write your answer here, in place of this line.*"
# Mark schemes lie in the locked question cells above the answers, where nbgrader does not expect them.
c.ClearMarkScheme.enforce_metadata = False

# --- Grading ----------------------------------------------------------------------------------------
# A test cell that a student deleted comes back; without this its points would silently stay open.
c.OverwriteCells.add_missing_cells = True
# In the sandbox (JUPYTER_DEFAULT_PROVISIONER_NAME=sandbox), a submission whose warm process died is run once more.
c.Autograde.autograde_preprocessors = [
    "grading.sandbox.nbgrader.ExecuteAgain" if step is Execute else step
    for step in Autograde.class_traits()["autograde_preprocessors"].default()
]
# Seconds of wall time a cell; far above what any cell of ours needs in the `grade` budget.
c.Execute.timeout = 120
c.Execute.startup_timeout = 120
# A kernel holds nothing worth a farewell once its cells have run: this saves about two seconds a submission.
c.Execute.shutdown_kernel = "immediate"
c.LimitOutput.max_lines = 1000

# --- Feedback ---------------------------------------------------------------------------------------
# nbgrader's own page would show model answers, marking guides and the calls of the hidden tests, since autograding
# puts them back into the notebook. Take out ClearMarkScheme to let students see the guides.
c.GenerateFeedback.preprocessors = [
    "nbgrader.preprocessors.ClearHiddenTests",
    "nbgrader.preprocessors.ClearMarkScheme",
    *GenerateFeedback.class_traits()["preprocessors"].default(),
]

# One seed a run, so that every student of the run gets the same numbers, and the next run other ones.
# Every verdict prints it: `GRADING_SEED=… nbgrader autograde …` repeats a run exactly.
os.environ.setdefault("GRADING_SEED", str(secrets.randbelow(2**32)))
