"""Data files from elsewhere: nothing in them runs, leads elsewhere or fills the memory."""

import gzip
import os
import pickle
import signal
import struct

import h5py
import numpy as np
import pytest

from panna_exp.elements import Species
from panna_exp.errors import DataError
from panna_exp.readers import h5_trial, spice_hdf5

LARGE = 30_000_000_000
WATER = np.array([[0, 0, 0.1], [0, 0.8, -0.4], [0, -0.8, -0.4]])


class Canary:
    """Unpickled, it leaves a file behind."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


def refused(program, *words, message):
    done = program.run("convert", *words, "out.h5", code=2)
    (line,) = [text for text in done.stderr.splitlines() if not text.startswith("warning")]
    assert message in line, line
    assert not (program.folder / "out.h5").exists()
    return line


def spice(path, group="water", **options):
    with h5py.File(path, "w", **options) as file:
        target = file.create_group(group)
        target["conformations"] = WATER[None]
        target["atomic_numbers"] = np.array([8, 1, 1])
        target["dft_total_energy"] = np.array([-76.0])


def own(program, name="own.h5"):
    (program.folder / "w.xyz").write_text(
        "3\nProperties=species:S:1:pos:R:3 energy=-1\nO 0 0 0.1\nH 0 0.8 -0.4\nH 0 -0.8 -0.4\n"
    )
    program.run("convert", "w.xyz", name)
    return program.folder / name


@pytest.mark.parametrize(
    ("link", "message"),
    [
        (lambda: h5py.ExternalLink("other.h5", "water"), "is a link to another file"),
        (lambda: h5py.SoftLink("/water"), "is a link to another name"),
    ],
)
def test_links_are_refused_by_name(program, link, message):
    spice(program.folder / "other.h5")
    spice(program.folder / "a.h5")
    with h5py.File(program.folder / "a.h5", "a") as file:
        file["deep/linked\x1b[2J"] = link()
    line = refused(program, "--from", "spice", "a.h5", message=f"'deep/linked\\x1b[2J' {message}")
    assert "\x1b" not in line
    path = own(program)
    with h5py.File(path, "a") as file:
        del file["energy"]
        file["energy"] = link()
    refused(program, "own.h5", message=f"'energy' {message}")
    done = program.run(
        *("train", "data=hdf5", "data.train=own.h5", "data.species=[H,O]", "io.train_dir=run"),
        code=2,
    )
    assert f"'energy' {message}" in done.stderr


def test_numbers_in_other_files_are_refused_by_name(program):
    spice(program.folder / "other.h5")
    for name in ("virtual", "external"):
        spice(program.folder / f"{name}.h5")
        with h5py.File(program.folder / f"{name}.h5", "a") as file:
            del file["water/dft_total_energy"]
            if name == "virtual":
                layout = h5py.VirtualLayout((1,), "f8")
                layout[:] = h5py.VirtualSource("other.h5", "water/dft_total_energy", (1,))
                file["water"].create_virtual_dataset("dft_total_energy", layout)
            else:
                (program.folder / "raw").write_bytes(struct.pack("<d", -76.0))
                place = [(str(program.folder / "raw"), 0, 8)]
                file["water"].create_dataset("dft_total_energy", (1,), "f8", external=place)
        message = "'dft_total_energy' takes its numbers from other files"
        refused(program, "--from", "spice", f"{name}.h5", message=message)


def test_a_data_set_larger_than_its_file(program):
    spice(program.folder / "a.h5")
    with h5py.File(program.folder / "a.h5", "a") as file:
        del file["water/conformations"]
        file["water"].create_dataset("conformations", (LARGE, 3, 3), "f8", chunks=(1000, 3, 3))
    refused(program, "--from", "spice", "a.h5", message="but the file has 0 bytes of it")
    path = own(program)
    with h5py.File(path, "a") as file:
        del file["offsets"]
        file.create_group("offsets")
    refused(program, "own.h5", message="'offsets' is a group, expected a data set")


def crash(file, data):
    os.kill(os.getpid(), signal.SIGSEGV)


def hang(file, data):
    while True:
        pass


@pytest.mark.parametrize("options", [{}, {"fs_strategy": "page"}, {"libver": "latest"}])
def test_a_file_that_would_end_the_reader(tmp_path, monkeypatch, options):
    path, species = tmp_path / "a.h5", Species(("H", "O"))
    spice(path, **options)
    monkeypatch.setattr(h5_trial, "_SECONDS", 1)
    ends = ((crash, r"ends the program \(SIGSEGV"), (hang, r"takes forever \(SIGXCPU"))
    for does, how in ends:
        with monkeypatch.context() as patch:
            patch.setattr(h5_trial, "_read_everything", does)
            with pytest.raises(DataError, match=rf"a\.h5: is damaged: reading it {how}"):
                spice_hdf5.read(path, species)
    assert len(spice_hdf5.read(path, species)) == 1


def test_pickles_stay_closed(program):
    canary = Canary(program.folder / "canary")
    energy = np.array([canary], dtype=object)
    sets = {"R": WATER[None], "z": np.array([8, 1, 1]), "E": np.array([-1.0])}
    np.savez(program.folder / "a.npz", **{**sets, "E": energy})
    unit = ("--energy-unit", "eV")
    refused(program, *unit, "a.npz", message="'E' holds Python objects, which could run code")
    np.savez(program.folder / "b.npz", **sets, extra=energy)  # nobody asks for it
    program.run("convert", *unit, "b.npz", "b.h5")
    np.save(program.folder / "c.npz.npy", energy)
    (program.folder / "c.npz.npy").rename(program.folder / "c.npz")
    refused(program, *unit, "c.npz", message="c.npz: is damaged, or no NumPy archive")
    for name in ("d.npz", "d.traj", "d.xyz", "d.h5", "d.tfrecord"):
        (program.folder / name).write_bytes(pickle.dumps(canary))
        program.run("convert", "--species", "H,O", name, "d.out.h5", code=2)
    assert not (program.folder / "canary").exists()


def test_arrays_that_claim_to_be_huge(program):
    sets = {"R": WATER[None], "z": np.array([8, 1, 1]), "E": np.array([-1.0])}
    np.savez(program.folder / "a.npz", **sets)
    data = (program.folder / "a.npz").read_bytes()
    place = data.index(b"(1, 3, 3), }")
    changed = data[:place] + b"(9999999,3,)}" + data[place + 13 :]
    (program.folder / "a.npz").write_bytes(changed)
    done = program.run("convert", "--energy-unit", "eV", "a.npz", "out.h5", code=2)
    assert "a.npz: " in done.stderr
    np.savez_compressed(program.folder / "b.npz", **{**sets, "R": np.zeros((2_000_000, 3, 6))})
    refused(program, "--energy-unit", "eV", "b.npz", message="0.288 GB, but the archive has")
    np.savez(program.folder / "c.npz", **sets, names=np.str_("water"))
    refused(program, "--energy-unit", "eV", "c.npz", message="names have the shape (), expected")


def test_text_that_unpacks_a_thousandfold(program):
    with gzip.open(program.folder / "a.xyz.gz", "wb", compresslevel=1) as file:
        for _ in range(300):
            file.write(b" " * 2**20)
    done = program.run("convert", "--from", "ase", "a.xyz.gz", "out.h5", code=2)
    assert "a.xyz.gz: unpacks to more than 268 MB, over 100 times its size" in done.stderr


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"{LARGE}\nenergy=-1\nH 0 0 0\n", "lines too early: it is truncated"),
        (
            f"1\nProperties=species:S:1:pos:R:{LARGE} energy=-1\nH 0 0 0\n",
            f"Properties has {LARGE + 1} columns per atom, expected at most 10000",
        ),
        (
            '1\nLattice="9 0 0 0 9 0 0 0 1000000" energy=-1\nH 0 0 0\n',
            "lattice vectors is [0.0, 0.0, 1000000.0], expected less than 100000 angstrom: make",
        ),
    ],
)
def test_numbers_that_are_too_large(program, text, message):
    (program.folder / "a.xyz").write_text(text)
    refused(program, "a.xyz", message=message)


def test_counts_of_binary_files_that_are_too_large(program):
    header = struct.pack("<IHIIf", 0, 0, LARGE % 2**32, 5, -1.0)
    for extra in (b"", b"\x00\x00\x80?\x00"):
        (program.folder / "a.bin").write_bytes(header + extra)
        refused(program, "--species", "H,O", "a.bin", message="it is truncated")
    import google_crc32c

    length = struct.pack("<Q", 2**40)
    crc = google_crc32c.value(length)
    masked = ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF
    (program.folder / "a.tfrecord").write_bytes(length + struct.pack("<I", masked))
    refused(program, "--species", "H,O", "a.tfrecord", message="bytes too early: it is truncated")


def test_names_in_networks_do_not_lead_elsewhere(program):
    folder = program.folder / "net"
    folder.mkdir()
    (folder / "networks_metadata.json").write_text(
        '{"networks_species": ["H"], "networks_feature_size": [2], "networks_layers_size": [[1]],'
        ' "networks_layers_activation": [[0]], "networks_offset": [0.0],'
        ' "networks_files": [[["../../w.npy", "/etc/passwd"]]]}'
    )
    path = own(program)
    words = ("evaluate", "network_dir=net", f"data.test={path.name}", "io.eval_dir=out")
    done = program.run(*words, code=2)
    assert "is '../../w.npy', expected the name of a file in the same folder" in done.stderr
