"""What files hold besides what is read of them unasked: derivatives, and quantities of PANNA's."""

from pathlib import Path

from panna_exp.readers import hdf5, panna_bin, tfrecord

DERIVATIVES = "derivatives"
PER_ATOM = "per-atom quantities"


def stored_parts(path: Path, kind: str) -> frozenset[str]:
    """Returns those of DERIVATIVES and PER_ATOM that a file has, by its first structure.

    Raises:
        DataError: The file cannot be read.
    """
    if kind == "hdf5":
        return frozenset({DERIVATIVES} if hdf5.has_derivatives(path) else ())
    if kind == "bin":
        return frozenset(_of_flags(*panna_bin.read_header(path).has))
    if kind == "tfrecord":
        first = next(tfrecord.read_examples(path), {})
        derivatives = any(key.startswith("dgvect") and len(first[key]) for key in first)
        return frozenset(_of_flags(derivatives, bool(len(first.get("per_atom_quantity", ())))))
    return frozenset()


def _of_flags(derivatives: bool, per_atom: bool) -> list[str]:
    return [DERIVATIVES] * derivatives + [PER_ATOM] * per_atom
