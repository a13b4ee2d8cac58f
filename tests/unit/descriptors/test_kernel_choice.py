"""What the user's choice of a kernel gives, and why it is refused."""

import pytest
import torch

from panna_exp.descriptors import compute
from panna_exp.descriptors.bp import BP
from panna_exp.descriptors.bp_parameters import BPParameters
from panna_exp.descriptors.compiled import CompiledMBP
from panna_exp.descriptors.compute import operator_of
from panna_exp.descriptors.mbp import MBP
from panna_exp.errors import ConfigError


@pytest.fixture
def bp():
    return BPParameters.from_panna(
        ["X"], eta_rad=4.0, Rc_rad=3.0, Rs0_rad=0.5, RsN_rad=2, eta_ang=0.1, Rc_ang=2.5, zeta=2.0
    )


@pytest.mark.parametrize("compiled", [False, True])
def test_a_choice_counts_more_than_the_rule(parameters, bp, compiled):
    by_torch = operator_of(parameters(), compiled=compiled, kernel="torch")
    assert type(by_torch) is MBP
    by_numba = operator_of(parameters(), compiled=compiled, kernel="numba")
    assert isinstance(by_numba, CompiledMBP)
    automatic = operator_of(parameters(), compiled=compiled, kernel="auto")
    assert isinstance(automatic, CompiledMBP) == compiled
    assert isinstance(operator_of(bp, compiled=compiled, kernel="torch"), BP)


@pytest.mark.parametrize(
    ("kernel", "device", "reason"),
    [
        ("triton", "cpu", "these run on a CUDA device, but this computes on cpu: use numba"),
        ("numba", "cuda", "numba compiles for a CPU, but this computes on cuda: use torch"),
    ],
)
def test_devices_that_a_kernel_does_not_run_on(parameters, monkeypatch, kernel, device, reason):
    monkeypatch.setattr(compute, "find_spec", lambda name: name)
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    with pytest.raises(ConfigError, match=f"^descriptor_kernel={kernel}: {reason}"):
        operator_of(parameters(), torch.float32, device, kernel=kernel)


def test_a_package_that_is_not_there(parameters, monkeypatch):
    monkeypatch.setattr(compute, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"triton is not there: pip install 'panna-exp\[gpu\]'"):
        operator_of(parameters(), torch.float32, "cuda", kernel="triton")


@pytest.mark.parametrize("kernel", ["numba", "triton"])
def test_bp_has_tensor_operations_alone(bp, kernel):
    with pytest.raises(ConfigError, match="BP is computed by operations of torch alone"):
        operator_of(bp, kernel=kernel)


def test_a_word_that_is_no_kernel(parameters):
    with pytest.raises(ConfigError, match=r"=nubma: expected one of .*did you mean 'numba'\?"):
        operator_of(parameters(), kernel="nubma")
