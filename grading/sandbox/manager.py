"""A kernel manager for code that wants the sandbox by name, whatever kernels and settings the machine has."""

import sys

from jupyter_client import AsyncKernelManager
from jupyter_client.kernelspec import KernelSpec


class SandboxKernelManager(AsyncKernelManager):
    """Starts kernels of this interpreter in the sandbox; a `NotebookClient` takes it as its `kernel_manager_class`.

    The traits of `SandboxProvisioner` are set by the configuration that the client is given.
    """

    @property
    def kernel_spec(self) -> KernelSpec:
        """The only kernel that there is."""
        return KernelSpec(
            argv=[sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"],
            display_name="Python 3",
            language="python",
            metadata={"kernel_provisioner": {"provisioner_name": "sandbox"}},
        )
