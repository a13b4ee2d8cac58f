"""Keys, room on the disk, and periodicity of precomputed descriptors."""

import re
import shutil
from types import SimpleNamespace

import numpy as np
import pytest

from panna_exp.assembly.precompute import precompute
from panna_exp.config.schema import DataConfig, Precision
from panna_exp.config.schema.tools import DescriptorsConfig
from panna_exp.data.structures import Structure, StructureSet
from panna_exp.elements import Species
from panna_exp.errors import DataError
from panna_exp.readers.hdf5 import write_hdf5
from panna_exp.readers.panna_bin import read_bin


@pytest.fixture
def config(tmp_path):
    def make(names=("a.x", "b"), **options):
        rng = np.random.default_rng(0)
        structures = [
            Structure(
                origin=f"{name}",
                name=name,
                species=np.array([0, 1, 0]),
                energy=-1.0,
                positions=rng.uniform(0, 3, (3, 3)),
                cell=np.diag([4.0, 5.0, 6.0]),
                pbc=np.ones(3, dtype=bool),
            )
            for name in names
        ]
        species = Species(("H", "O"))
        write_hdf5(tmp_path / "s.h5", StructureSet.from_structures(structures), species)
        data = DataConfig(train="s.h5", species=["H", "O"])
        return DescriptorsConfig(data=data, output_dir="out", **{"format": "bin", **options})

    return make


def run(config, folder):
    return precompute(config, folder, lambda done, total: None)


def test_keys_end_at_the_first_dot(config, tmp_path):
    run(config(), tmp_path)
    assert sorted(path.name for path in (tmp_path / "out").glob("*.bin")) == ["a.bin", "b.bin"]


def test_keys_must_differ_and_be_file_names(config, tmp_path):
    with pytest.raises(DataError, match=r"has the key 'a', as .* has"):
        run(config(names=("a.x", "a.y")), tmp_path)
    with pytest.raises(DataError, match="it has a slash or a comma"):
        run(config(names=("x/a", "b")), tmp_path)
    assert not (tmp_path / "out").exists()


def test_a_disk_without_room(config, tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=10_000))
    run(config(), tmp_path)
    shutil.rmtree(tmp_path / "out")
    with pytest.raises(DataError, match=r"need about 30\.\d kB, but the disk has 10 kB left"):
        run(config(derivatives="dense", log_dir="log"), tmp_path)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("precision", list(Precision))
@pytest.mark.parametrize("derivatives", ["dense", "sparse"])
def test_the_size_that_is_announced_is_what_is_written(
    config, tmp_path, caplog, derivatives, precision
):
    caplog.set_level("INFO")
    names = [str(number) for number in range(300)]
    run(config(names, format="hdf5", derivatives=derivatives, precision=precision), tmp_path)
    (announced,) = re.findall(r"about ([\d.]+) MB", caplog.text)
    written = sum(file.stat().st_size for file in (tmp_path / "out").iterdir()) / 1e6
    assert written == pytest.approx(float(announced), rel=0.15)


def test_periodicity_can_be_overridden(config, tmp_path):
    run(config(pbc=[True, True, False]), tmp_path)
    slab = read_bin(tmp_path / "out/a.bin").descriptors
    shutil.rmtree(tmp_path / "out")
    run(config(), tmp_path)
    assert np.abs(read_bin(tmp_path / "out/a.bin").descriptors - slab).max() > 1e-3
