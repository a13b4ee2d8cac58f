"""Metrics of the machine, with made-up GPUs and on this machine."""

import sys
import time
from types import SimpleNamespace

import pytest

from panna_exp.errors import PannaExpError
from panna_exp.tracking.base import RunStatus
from panna_exp.tracking.mlflow import MlflowTracker
from panna_exp.tracking.system import SystemMetrics

from .conftest import make_run

pytest.importorskip("psutil")
pytestmark = pytest.mark.filterwarnings("ignore")  # MLflow's imports warn


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


class NoDriver(Exception):
    pass


def gpus(*working):
    """A made-up pynvml, whose GPUs answer or have lost their way."""

    def ask(answer):
        def value(device):
            if not working[device]:
                raise NoDriver
            return answer

        return value

    def start():
        if not working:
            raise NoDriver

    return SimpleNamespace(
        NVMLError=NoDriver,
        nvmlInit=start,
        nvmlDeviceGetCount=lambda: len(working),
        nvmlDeviceGetHandleByIndex=lambda index: index,
        nvmlDeviceGetMemoryInfo=ask(SimpleNamespace(used=20_000_000_000)),
        nvmlDeviceGetUtilizationRates=ask(SimpleNamespace(gpu=87)),
        nvmlDeviceGetPowerUsage=ask(350_500),
    )


@pytest.fixture
def clock(monkeypatch):
    monkeypatch.setitem(sys.modules, "pynvml", gpus())
    return Clock()


def test_values_of_this_machine(tmp_path, clock):
    system = SystemMetrics(tmp_path, clock)
    end = time.process_time() + 0.05
    while time.process_time() < end:
        pass
    clock.now = 1.0
    values = system.due()
    percentages = [value for name, value in values.items() if name.endswith("usage_percentage")]
    assert len(percentages) == 2
    assert all(0 < value <= 100 for value in percentages)
    assert 0 <= values["system/cpu_utilization_percentage"] <= 100
    assert values["system/process_cpu_percentage"] > 0
    assert 5 < values["system/process_memory_usage_megabytes"] < 1e5
    assert not any("gpu" in name for name in values)


def test_samples_become_rarer_up_to_ten_seconds(tmp_path, clock):
    system = SystemMetrics(tmp_path, clock)
    sampled = []
    for number in range(400):
        clock.now = number / 10
        if system.due():
            sampled.append(clock.now)
    assert sampled == [1.0, 3.0, 7.0, 15.0, 25.0, 35.0]


def test_gpus(tmp_path, clock, monkeypatch):
    monkeypatch.setitem(sys.modules, "pynvml", gpus(True, False))
    system = SystemMetrics(tmp_path, clock)
    clock.now = 1.0
    assert {name: value for name, value in system.due().items() if "gpu" in name} == {
        "system/gpu_0_memory_usage_megabytes": 20000.0,
        "system/gpu_0_utilization_percentage": 87.0,
        "system/gpu_0_power_usage_watts": 350.5,
    }


def test_a_missing_package_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "psutil", None)
    with pytest.raises(PannaExpError, match=r"needs the package psutil: pip install 'panna-exp\["):
        SystemMetrics(tmp_path)


def test_they_are_recorded_at_the_trainings_steps_and_once(tmp_path, clock, store):
    def train(steps):
        system = SystemMetrics(tmp_path, clock)
        tracker = MlflowTracker(store.uri, tmp_path, 60.0, system)
        tracker.prepare()
        tracker.start(make_run(tmp_path / "run"))
        for step in steps:
            clock.now += 4.0
            tracker.log(step, {"loss": 1.0})
        tracker.finish(RunStatus.FINISHED)
        tracker.close()

    def steps_of(name):
        return [step for step, _ in store.points(name)]

    name = "system/system_memory_usage_percentage"
    train(range(1, 5))
    assert steps_of(name) == [1, 2, 3]  # and next after ten seconds
    train(range(2, 7))  # continued from step 1
    assert steps_of(name) == [1, 2, 3, 4, 6]
    assert steps_of("loss") == [1, 2, 3, 4, 5, 6]
