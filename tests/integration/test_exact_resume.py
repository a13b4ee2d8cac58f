"""From each of its checkpoints a run goes on to the same bits, on several kinds of processor.

numba is told what processor to compile for, PyTorch's MKL what it may use: what this machine has
beyond that is left alone.
"""

import shutil

import llvmlite.binding as llvm
import pytest

SHORT = (
    *("tracking=none", "network.architecture=[16,8,1]", "training.batch_size=10"),
    *("training.steps_per_epoch=12", "training.max_epochs=3", "io.save_checkpoint_steps=7"),
)
SMALL = "data.train=[builtin:tutorial_validation.h5]"
KINDS = {
    "energies": (SMALL, "execution=loops"),
    "tensors": (SMALL, "execution=eager", "descriptor_kernel=tensor"),
    "forces": ("training=forces", "training.force_fraction=0.5"),
    "forces, few": ("training=forces", SMALL, "training.force_fraction=0.5"),
    "streaming": ("data.streaming=true", "data.window_mb=1"),
    "committee": (SMALL, "training.seeds=[0,1]", "training=forces"),
}
HOST = llvm.get_host_cpu_features()
AVX2 = "+sse4.2,+avx,+avx2,+fma,+bmi,+bmi2,+f16c,+lzcnt,+popcnt"
PROCESSORS = {
    "this one": {},
    "with AVX2": {
        "NUMBA_CPU_NAME": "haswell",
        "NUMBA_CPU_FEATURES": AVX2,
        "MKL_ENABLE_INSTRUCTIONS": "AVX2",
        "ATEN_CPU_CAPABILITY": "avx2",
    },
    "with AVX-512": {
        "NUMBA_CPU_NAME": "icelake-server",
        "NUMBA_CPU_FEATURES": HOST.flatten(),
    },
}


@pytest.fixture(scope="module", params=PROCESSORS)
def processor(request, tmp_path_factory):
    """Variables of a kind of processor, loops compiled for it at first and then kept."""
    needed = {"with AVX2": "avx2", "with AVX-512": "avx512f"}.get(request.param)
    if needed and not HOST.get(needed):
        pytest.skip(f"needs a processor with {needed}")
    folder = tmp_path_factory.mktemp("kept")
    return {**PROCESSORS[request.param], "NUMBA_CACHE_DIR": str(folder)}


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_every_checkpoint(program, monkeypatch, processor, kind):
    for name, value in processor.items():
        monkeypatch.setenv(name, value)
    options = (*SHORT, *KINDS[kind])
    program.run("train", *options, "io.train_dir=whole", fresh=True)
    whole = program.folder / "whole"
    for last in range(1, len(checkpoints(folders(whole)[0]))):
        part = program.folder / f"part_{last}"
        shutil.copytree(whole, part)
        for result in part.rglob("result.json"):
            result.unlink()
        for folder in folders(part):
            for path in checkpoints(folder)[last:]:
                path.unlink()
        done = program.run("train", *options, f"io.train_dir=part_{last}", fresh=True)
        assert "continuing from epoch_" in done.stderr
        for one, other in zip(folders(whole), folders(part), strict=True):
            program.assert_identical(one.parent, other.parent)
            texts = [(folder.parent / "metrics.dat").read_text() for folder in (one, other)]
            assert texts[0] == texts[1]


def folders(run_dir):
    return sorted(run_dir.rglob("_models"))


def checkpoints(folder):
    return sorted(folder.glob("epoch_*.pt"), key=lambda path: int(path.stem.split("_")[-1]))
