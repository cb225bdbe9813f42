"""For stock nbgrader: run a submission again whose kernel was lost through no fault of its own."""

import copy
from typing import Any

from nbclient.exceptions import DeadKernelError
from nbformat import NotebookNode
from nbgrader.preprocessors import Execute


class ExecuteAgain(Execute):
    """nbgrader's step that runs a notebook; once more where the warm process died under it.

    A kernel that the submission itself brought down stays dead, as with nbgrader's own step.
    """

    def preprocess(self, nb: NotebookNode, resources: Any, km: Any = None) -> tuple[NotebookNode, Any]:
        """Run the notebook."""
        untouched = copy.deepcopy(nb)
        provisioners: list[Any] = []
        self.on_notebook_start = lambda notebook: provisioners.append(self.km.provisioner)
        try:
            return super().preprocess(nb, resources, km)
        except DeadKernelError:
            if not (provisioners and getattr(provisioners[-1], "lost", False)):
                raise
            self.log.warning("The warm process died; running this submission again in a new one.")
            return super().preprocess(untouched, resources, km)
