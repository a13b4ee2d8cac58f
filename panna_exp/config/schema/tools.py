"""Options of the commands that prepare data: descriptors, pack."""

from dataclasses import dataclass

from panna_exp.config.schema import (
    CommonConfig,
    DataConfig,
    DescriptorConfig,
    Precision,
    group,
    option,
)
from panna_exp.config.schema.data import READING
from panna_exp.config.schema.options import all_but


@dataclass
class DescriptorsConfig(CommonConfig):
    """Options of ``panna-exp descriptors``."""

    # Stored values outlive the run that they are made for.
    precision: Precision = option(
        Precision.float64, "of what is computed, and stored in HDF5: float32 or float64"
    )
    output_dir: str | None = option(
        None, "folder for the results (report=true: default descriptor_report)"
    )
    report: bool = option(
        False,
        "look at the descriptors instead of storing them (also written --report): ranges of the "
        "components, and whether they fit the distances and angles in the data",
    )
    format: str = option("hdf5", "hdf5 (one file), or bin (PANNA's, one file per structure)")
    derivatives: str = option("none", "derivatives of the descriptors: none, dense or sparse")
    negligible_derivative: float | None = option(
        None,
        "sparse: derivatives by an atom's position up to this size are left out (1/angstrom); null:"
        " the rounding error of a derivative of 1 (6e-8 in float32, 1e-16 in float64); 0: zeros",
    )
    log_dir: str | None = option(
        None, "bin: folder of gvect_already_computed.dat (default: output_dir)"
    )
    processes: int = option(1, "processes that compute at the same time")
    pbc: list[bool] | None = option(
        None, "periodic along each lattice vector (default: as the structures say)"
    )
    data: DataConfig = group(DataConfig, "structures, as data.train", reads=("train", *READING))
    descriptor: DescriptorConfig = group(
        DescriptorConfig, "descriptor", reads=all_but(DescriptorConfig, "budget")
    )


@dataclass
class PackConfig:
    """Options of ``panna-exp pack``."""

    input_dir: str | None = option(None, "folder with PANNA's .bin files")
    output_dir: str | None = option(None, "folder for the TFRecords")
    prefix: str = option("train", "first part of their names: PREFIX-1-N.tfrecord")
    structures_per_file: int = option(1000, "structures per TFRecord file")
    num_species: int | None = option(None, "number of species, checked against the files")
    derivatives: bool = option(False, "take the derivatives and forces over")
    sparse: bool = option(False, "the derivatives are sparse")
    per_atom_quantity: bool = option(False, "take the per-atom quantity over")
    force: bool = option(False, "replace TFRecords PREFIX-*-*.tfrecord that are there")
