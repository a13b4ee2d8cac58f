"""``panna-exp extract-weights``: a run's networks as files that PANNA and LAMMPS read."""

from pathlib import Path

from panna_exp.config.launch import launch_once
from panna_exp.config.schema import ExtractConfig


def main(arguments: list[str]) -> int:
    """Runs the command; returns the exit code."""
    launch_once(arguments, extract, "extract_weights", "panna-exp extract-weights")
    return 0


def extract(config: ExtractConfig, base: Path) -> None:
    """Writes the networks of one checkpoint, or of each member of a committee in its own folder.

    They are read back and compared.

    Args:
        config: As composed.
        base: Folder that relative paths start from.

    Raises:
        PannaExpError: Options, no such checkpoint, or a folder that cannot be written.
    """
    from panna_exp.assembly.committee import members_of, spread_scale, write_record

    assert config.run_dir is not None
    assert config.io.output_dir is not None
    run_dir = base / Path(config.run_dir).expanduser()
    folder = base / Path(config.io.output_dir).expanduser()
    members = members_of(run_dir)
    if members is None:
        _extract_one(config, run_dir, folder)
        return
    for member in members:
        _extract_one(config, member, folder / member.name)
    write_record(folder, [member.name for member in members], {}, spread_scale(run_dir))
    print(f"a committee of {len(members)}: {folder}")


def _extract_one(config: ExtractConfig, run_dir: Path, folder: Path) -> None:
    from panna_exp.assembly.saved import from_checkpoint, to_export, with_parameters
    from panna_exp.networks.lammps import write_lammps
    from panna_exp.networks.masks import write_masks
    from panna_exp.networks.panna import write_panna
    from panna_exp.networks.ranges import write_ranges
    from panna_exp.networks.repulsion import NOT_IN_PANNA, write_repulsion
    from panna_exp.training.checkpoint import find_checkpoints

    (path,) = find_checkpoints(run_dir, config.checkpoint)
    potential = from_checkpoint(path)
    networks = to_export(potential.networks, potential.descriptor, potential.energy_rescale)
    if config.descriptor is not None:
        networks = with_parameters(networks, config.descriptor)
    networks.check_for_panna()
    if config.output_type == "LAMMPS":
        export = write_lammps(networks, folder, config.output_file, config.gversion)
        written = export.files
        for note in export.notes:
            print(f"note: {note}")
    else:
        written = write_panna(networks, folder, config.panna_version)
        written += write_masks(potential.masks, folder)
        written += write_ranges(potential.ranges, potential.symbols, folder)
        written += write_repulsion(potential.repulsion, folder)
    if potential.repulsion is not None:
        print(f"note: {NOT_IN_PANNA}")
    print(
        f"wrote {len(potential.networks)} networks of {potential.title} to {folder}: "
        f"{len(written)} files, read back and identical"
    )
