"""Keys, room on the disk, and periodicity of precomputed descriptors."""

import json
import re
import shutil
from types import SimpleNamespace

import h5py
import numpy as np
import pytest

from panna_exp.assembly.precompute import precompute
from panna_exp.config.schema import DataConfig, Precision
from panna_exp.config.schema.tools import DescriptorsConfig
from panna_exp.data.structures import Structure, StructureSet
from panna_exp.elements import Species
from panna_exp.errors import DataError
from panna_exp.readers import ReadOptions
from panna_exp.readers.hdf5 import read, write_hdf5
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


def test_what_is_negligible_is_recorded_and_left_out(config, tmp_path):
    def stored(**options):
        shutil.rmtree(tmp_path / "out", ignore_errors=True)
        run(config(format="hdf5", derivatives="sparse", **options), tmp_path)
        (path,) = (tmp_path / "out").glob("*.h5")
        with h5py.File(path) as file:
            negligible = file["derivatives"].attrs["negligible"]
        record = json.loads((tmp_path / "out/descriptors.json").read_text())
        assert record["negligible_derivative"] == negligible
        found = read(path, Species(("H", "O")), ReadOptions(derivatives=True))
        dense = found.derivatives.as_dense(found.num_atoms, found.descriptors.shape[1])
        return negligible, len(found.derivatives.values), dense.values

    for precision in Precision:
        none_left_out, everything, expected = stored(negligible_derivative=0.0, precision=precision)
        default, count, values = stored(precision=precision)
        assert none_left_out == 0
        assert default == np.finfo(precision.value).eps / 2
        assert count < everything
        # Two neighbours at most are left out of the derivative by an atom's own position.
        assert np.abs(values - expected).max() <= 2 * default
    coarse, few, values = stored(negligible_derivative=0.01)
    assert coarse == 0.01
    assert few < 0.8 * everything
    assert 1e-5 < np.abs(values - expected).max() < 0.03
    with pytest.raises(DataError, match=r"of other settings \(negligible_derivative\)"):
        run(config(format="hdf5", derivatives="sparse"), tmp_path)


def test_derivatives_in_bin_files_leave_it_out_too(config, tmp_path):
    counts = []
    for negligible in (0.0, 0.01):
        shutil.rmtree(tmp_path / "out", ignore_errors=True)
        run(config(derivatives="sparse", negligible_derivative=negligible), tmp_path)
        counts.append(len(read_bin(tmp_path / "out/a.bin").derivatives.values))
    assert counts[1] < 0.8 * counts[0]


def test_periodicity_can_be_overridden(config, tmp_path):
    run(config(pbc=[True, True, False]), tmp_path)
    slab = read_bin(tmp_path / "out/a.bin").descriptors
    shutil.rmtree(tmp_path / "out")
    run(config(), tmp_path)
    assert np.abs(read_bin(tmp_path / "out/a.bin").descriptors - slab).max() > 1e-3
