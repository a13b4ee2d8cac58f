"""Damaged files of compiled loops never stop a command."""

import concurrent.futures

import pytest

# Networks as loops, descriptors as tensors: few loops to compile.
SHORT = (
    *("tracking=none", "network.architecture=[8,1]", "training.steps_per_epoch=5"),
    *("execution=loops", "descriptor_kernel=tensor", "data.validation=null"),
    *("data.train=[builtin:tutorial_validation.h5]", "training.max_epochs=1"),
)


@pytest.fixture
def kept(tmp_path, monkeypatch):
    """The folder of compiled loops, this test's own."""
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "kept"))
    return lambda: sorted((tmp_path / "kept").glob("*/*.nbc"))


@pytest.mark.slow
def test_damaged_loops_are_compiled_anew_by_one_start_or_many(program, tmp_path, kept):
    def train(name):
        return program.run("train", *SHORT, f"io.train_dir={name}", fresh=True)

    train("a")
    files = kept()
    assert files
    for number, path in enumerate(files):
        content = path.read_bytes()
        path.write_bytes(content[: (0, 20, len(content) // 2)[number % 3]])
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        said = [
            done.stderr.count(" are damaged, and are compiled anew")
            for done in pool.map(train, "bc")
        ]
    assert max(said) == len({path.parent for path in files})  # once for each folder
    assert kept() == files
    assert "compiled anew" not in train("d").stderr
    for name in "bcd":
        program.assert_identical(tmp_path / "a", tmp_path / name)
