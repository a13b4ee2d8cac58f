"""What panna-gvect-calculator and panna-tfr-packer leave is what the original left."""

import numpy as np

from panna_exp.readers.panna_bin import read_bin
from panna_exp.readers.tf_example import parse_example
from panna_exp.readers.tfrecord import read_records


def features(path):
    (record,) = read_records(path)
    return parse_example(record)


def test_sparse_water(shared, program, tmp_path):
    case = shared / "reference/gv_sparse_water_a"
    (example,) = (case / "examples").glob("*.example")
    (tmp_path / "gvect.ini").write_text(
        "[IO_INFORMATION]\n"
        f"input_json_dir = {case / 'examples'}\noutput_gvect_dir = ./bin\nlog_dir = .\n"
        "[SYMMETRY_FUNCTION]\ntype = mBP\nspecies = H, C, O, N\n"
        "include_derivatives = True\nsparse_derivatives = True\n"
        "[GVECT_PARAMETERS]\neta_rad = 16\nRc_rad = 4.6\nRs0_rad = 0.5\nRsN_rad = 16\n"
        "eta_ang = 6.0\nRc_ang = 3.1\nRs0_ang = 0.5\nRsN_ang = 4\nzeta = 50.0\nThetasN = 8\n"
    )
    (tmp_path / "pack.ini").write_text(
        "[IO_INFORMATION]\ninput_dir = ./bin\noutput_dir = ./tfr\nprefix = w\n"
        "[CONTENT_INFORMATION]\nn_species = 4\n"
        "include_derivatives = True\nsparse_derivatives = True\n"
    )
    program.run("panna-gvect-calculator", "-c", "gvect.ini")
    key = example.name.partition(".")[0]
    ours = read_bin(tmp_path / f"bin/{key}.bin")
    theirs = read_bin(case / "water2.bin")
    assert ours.flags == theirs.flags
    assert ours.energy == theirs.energy
    np.testing.assert_array_equal(ours.species, theirs.species)
    np.testing.assert_allclose(ours.descriptors, theirs.descriptors, rtol=0, atol=1e-6)
    np.testing.assert_allclose(
        ours.derivatives.dense(3, 384), theirs.derivatives.dense(3, 384), rtol=0, atol=1e-6
    )
    np.testing.assert_allclose(ours.forces, theirs.forces, rtol=1e-6)
    assert (tmp_path / "gvect_already_computed.dat").read_text() == f"{key},"
    program.run("panna-tfr-packer", "-c", "pack.ini")
    packed = features(tmp_path / "tfr/w-1-1.tfrecord")
    (original,) = (case / "tfr").glob("*.tfrecord")
    expected = features(original)
    assert set(packed) == set(expected)
    assert packed["name"].decode() == key
    assert packed["dgvect_size"].dtype == expected["dgvect_size"].dtype
    np.testing.assert_allclose(packed["gvects"], expected["gvects"], atol=1e-6)


def test_packing_the_originals_bin_files_gives_its_records(shared, program, tmp_path):
    """Every combination of flags, feature by feature."""
    folder = shared / "reference/fmt_bin_tfr_a"
    for name, options in (
        ("plain", ()),
        ("deriv_forces", ("derivatives=true",)),
        ("deriv_forces_peratom", ("derivatives=true", "per_atom_quantity=true")),
        ("peratom", ("per_atom_quantity=true",)),
        ("sparse_forces", ("derivatives=true", "sparse=true")),
    ):
        source = tmp_path / name
        source.mkdir()
        (source / f"{name}.bin").write_bytes((folder / f"{name}.bin").read_bytes())
        words = ("pack", f"input_dir={name}", "output_dir=out", f"prefix={name}", *options)
        program.run(*words)
        ours = features(tmp_path / f"out/{name}-1-1.tfrecord")
        theirs = features(folder / f"tfr/{name}-1-1.tfrecord")
        assert set(ours) == set(theirs), name
        for key, values in theirs.items():
            assert type(ours[key]) is type(values)
            np.testing.assert_array_equal(ours[key], values, err_msg=f"{name} {key}")
