"""Which device is chosen on machines of several kinds."""

import pytest
import torch

from helpers.device import describe_cpu, describe_device, get_device, requested_device


@pytest.fixture
def machine(monkeypatch):
    """Pretend to be a machine with so many CUDA devices, and with MPS or without."""

    def pretend(cuda: int = 0, mps: bool = False):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda > 0)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: cuda)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)

    return pretend


@pytest.mark.parametrize(("cuda", "mps", "expected"), [(1, True, "cuda"), (0, True, "mps"), (0, False, "cpu")])
def test_the_fastest_device_is_chosen(machine, cuda, mps, expected):
    machine(cuda, mps)
    assert get_device() == torch.device(expected)


@pytest.mark.parametrize("name", ["cpu", "cuda", "cuda:1", "mps"])
def test_the_setting_overrides(machine, monkeypatch, name):
    machine(cuda=2, mps=True)
    monkeypatch.setenv("LAB_DEVICE", name)
    assert get_device() == torch.device(name)


@pytest.mark.parametrize("name", ["gpu", "cuda:", "cuda:x", "CPU ", "cpu:0"])
def test_a_wrong_setting_names_the_right_ones(monkeypatch, name):
    monkeypatch.setenv("LAB_DEVICE", name)
    for ask in (requested_device, get_device):
        with pytest.raises(ValueError, match=r"LAB_DEVICE is .*expected one of cpu, cuda, cuda:N"):
            ask()


@pytest.mark.parametrize("name", ["cuda:2", "mps"])
def test_a_device_that_is_not_there_is_an_error(machine, monkeypatch, name):
    machine(cuda=2)
    monkeypatch.setenv("LAB_DEVICE", name)
    with pytest.raises(RuntimeError, match=f"{name}.*not available here; available: cuda, cuda:0, cuda:1, cpu"):
        get_device()


@pytest.mark.parametrize("setting", ["cuda", "nonsense"])
def test_grading_runs_on_the_cpu_whatever_the_setting(machine, monkeypatch, setting):
    machine(cuda=1)
    monkeypatch.setenv("LAB_DEVICE", setting)
    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")
    assert get_device() == torch.device("cpu")
    assert describe_cpu() == "CPU, one thread"


def test_devices_are_described_for_people(machine):
    machine()
    assert describe_device() == describe_cpu()
    assert describe_device().startswith("CPU, ")
    assert "mps" in describe_device(torch.device("mps"))
