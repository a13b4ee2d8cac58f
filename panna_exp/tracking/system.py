"""How busy the machine is, under MLflow's names of system metrics: CPU, memory, disk, NVIDIA GPUs.

Memory is in megabytes of 1e6 bytes, as MLflow's.
"""

import contextlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from panna_exp.errors import PannaExpError

_MEGABYTE = 1e6
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 10.0


class SystemMetrics:
    """Samples now and then, when asked: after one second, after two more, ..., each ten.

    Args:
        folder: On the disk that is looked at.
        clock: Returns seconds.

    Raises:
        PannaExpError: The packages that read them are not installed.
    """

    def __init__(self, folder: Path, clock: Callable[[], float] = time.monotonic) -> None:
        try:
            import psutil
            import pynvml
        except ModuleNotFoundError as error:
            raise PannaExpError(
                f"tracking.system_metrics: needs the package {error.name}: pip install "
                "'panna-exp[system]', or leave tracking.system_metrics out"
            ) from None
        self._folder = folder
        self._clock = clock
        self._psutil = psutil
        self._process = psutil.Process()
        self._gpus = _Gpus(pynvml)
        self._pause = _FIRST_PAUSE
        self._then = clock()
        # psutil's percentages are means since the last call.
        psutil.cpu_percent()
        self._process.cpu_percent()

    def due(self) -> dict[str, float]:
        """Returns a sample, of CPUs the mean since the last one; nothing if that is recent."""
        now = self._clock()
        if now - self._then < self._pause:
            return {}
        self._then = now
        self._pause = min(2 * self._pause, _LONGEST_PAUSE)
        values = self._machine() | self._gpus.sample()
        return {f"system/{name}": value for name, value in values.items()}

    def _machine(self) -> dict[str, float]:
        memory = self._psutil.virtual_memory()
        disk = self._psutil.disk_usage(str(self._folder))
        return {
            "cpu_utilization_percentage": self._psutil.cpu_percent(),
            # 100 is one core all the time.
            "process_cpu_percentage": self._process.cpu_percent(),
            "process_memory_usage_megabytes": self._process.memory_info().rss / _MEGABYTE,
            "system_memory_usage_megabytes": memory.used / _MEGABYTE,
            "system_memory_usage_percentage": memory.percent,
            "disk_usage_percentage": disk.percent,
            "disk_available_megabytes": disk.free / _MEGABYTE,
        }


class _Gpus:
    """All NVIDIA GPUs of the machine; a value that one does not tell is left out."""

    def __init__(self, nvml: Any) -> None:
        self._nvml = nvml
        self._devices: list[Any] = []
        try:
            nvml.nvmlInit()
            count = nvml.nvmlDeviceGetCount()
            self._devices = [nvml.nvmlDeviceGetHandleByIndex(index) for index in range(count)]
        except nvml.NVMLError:
            return  # a machine without any

    def sample(self) -> dict[str, float]:
        """Returns use, memory and power of each GPU."""
        nvml = self._nvml
        read: dict[str, Callable[[Any], float]] = {
            "memory_usage_megabytes": lambda gpu: (
                nvml.nvmlDeviceGetMemoryInfo(gpu).used / _MEGABYTE
            ),
            "utilization_percentage": lambda gpu: float(
                nvml.nvmlDeviceGetUtilizationRates(gpu).gpu
            ),
            "power_usage_watts": lambda gpu: nvml.nvmlDeviceGetPowerUsage(gpu) / 1000,
        }
        values: dict[str, float] = {}
        for index, device in enumerate(self._devices):
            for name, value in read.items():
                with contextlib.suppress(nvml.NVMLError):
                    values[f"gpu_{index}_{name}"] = value(device)
        return values
