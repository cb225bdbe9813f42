"""What all tests share: one thread a process."""

import pytest
import torch
from threadpoolctl import threadpool_limits


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """Compute on one thread, as a submission's kernel does.

    Many tests fork. In the child of a process whose threads have computed, libgomp waits for threads that it has not.
    """
    threadpool_limits(1)
    torch.set_num_threads(1)  # MKL inside torch has a number of its own
