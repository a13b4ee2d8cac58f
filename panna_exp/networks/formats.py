"""Which format a path holds: PANNA's folders (1.x, 2.x, ours) or a LAMMPS potential."""

from pathlib import Path

from panna_exp.errors import NetworkError
from panna_exp.networks import lammps, metadata
from panna_exp.networks.lammps import read_lammps
from panna_exp.networks.network_set import NetworkSet
from panna_exp.networks.panna import read_panna

_READERS = {metadata.FILE_NAME: read_panna, lammps.FILE_NAME: read_lammps}


def read_networks(path: Path) -> NetworkSet:
    """Reads the networks at ``path``: a folder, its ``networks_metadata.json``, or a ``panna.in``.

    Raises:
        NetworkError: Nothing there, neither or both formats in a folder, or what the readers raise.
    """
    if path.is_dir():
        found = [name for name in _READERS if (path / name).exists()]
        if len(found) != 1:
            held = "both" if found else "neither"
            raise NetworkError(
                f"{path}: holds {held} {' and '.join(_READERS)}"
                + (": give the path of one of them" if found else ", so it is not a network folder")
            )
        return _READERS[found[0]](path)
    if not path.exists():
        raise NetworkError(f"{path}: no such folder or file")
    return read_panna(path) if path.suffix == ".json" else read_lammps(path)
