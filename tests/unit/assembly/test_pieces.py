"""A survey of pieces finds what one of everything finds; every kind of file can be looked at."""

from dataclasses import replace

import numpy as np
import pytest

from panna_exp.assembly import pieces
from panna_exp.assembly.conversion import Source, read_any
from panna_exp.assembly.survey import survey
from panna_exp.config.schema import DataConfig, DescriptorConfig
from panna_exp.config.schema.tools import DescriptorsConfig
from panna_exp.elements import Species
from panna_exp.errors import ConfigError, DataError
from panna_exp.readers import ReadOptions
from panna_exp.readers.panna_bin import BinStructure, write_bin

SYMBOLS = ["H", "C", "O", "N"]


def config(**data):
    values = {"train": ["builtin:tutorial_validation.h5"], "species": SYMBOLS, **data}
    return DescriptorsConfig(data=DataConfig(**values), descriptor=DescriptorConfig(), report=True)


def quiet(_done, _total):
    pass


def test_small_pieces_give_what_large_ones_give(tmp_path, monkeypatch):
    whole = survey(config(), tmp_path, quiet).to_dict()
    monkeypatch.setattr(pieces, "PIECE_ATOMS", 50)
    sizes = [
        int(piece.offsets[-1])
        for piece in pieces.read_pieces(config().data, Species(tuple(SYMBOLS)), tmp_path, quiet)
    ]
    assert max(sizes) <= 100
    assert sum(sizes) == 720
    found = survey(config(), tmp_path, quiet).to_dict()
    assert found["warnings"] == whole["warnings"]
    assert found["coverage"] == whole["coverage"]
    for one, other in zip(found["components"], whole["components"], strict=True):
        for symbol, values in one["central_atom"].items():
            for name, value in values.items():
                expected = other["central_atom"][symbol][name]
                assert value == pytest.approx(expected, rel=1e-5, abs=1e-9)


def write_bins(folder, count, size):
    folder.mkdir(exist_ok=True)
    rng = np.random.default_rng(0)
    for number in range(count):
        structure = BinStructure(
            energy=-1.0,
            species=np.array([0, 2]),
            descriptors=rng.uniform(size=(2, size)).astype(np.float32),
        )
        write_bin(folder / f"b{number}.bin", structure)


def test_bin_files(tmp_path):
    write_bins(tmp_path / "bins", 5, 7)
    found = survey(config(train=["bins"]), tmp_path, quiet)
    assert found.structures == 5
    assert found.statistics.ranges.counts.tolist() == [5, 0, 5, 0]
    assert found.coverage is None
    assert "what made the stored descriptors is not known" in found.warnings[-1]
    with pytest.raises(DataError, match=r"has the species index 2, but data.species has 2"):
        survey(config(train=["bins"], species=["H", "C"]), tmp_path, quiet)


def test_files_of_other_sizes_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(pieces, "PIECE_ATOMS", 2)
    write_bins(tmp_path / "bins", 2, 7)
    (tmp_path / "bins/b1.bin").unlink()
    write_bins(tmp_path / "more", 3, 8)
    with pytest.raises(DataError, match="has 8 descriptor components, but the structures before"):
        survey(config(train=["bins", "more"]), tmp_path, quiet)


def test_bin_files_are_not_converted_without_symbols(tmp_path):
    write_bins(tmp_path / "bins", 2, 7)
    source = Source(paths=["bins"], kind=None, species=None, options=ReadOptions(), base=tmp_path)
    with pytest.raises(ConfigError, match=r"--species is missing: \.bin files have species indic"):
        read_any(source)
    found = read_any(replace(source, species=Species(("H", "C", "O")))).structures
    assert found.species.tolist() == [0, 2, 0, 2]
    assert list(found.names) == ["b0", "b1"]
