"""The keywords of inputs for descriptors (gvect_calculator) and packing (tfr_packer)."""

from panna_exp.config.panna_ini import values
from panna_exp.config.panna_ini.keywords import Keyword, Rows
from panna_exp.config.panna_ini.text import Entry

_POSITIVE = values.number(above=0)


def rows() -> list[Keyword]:
    """Returns the rows of both kinds."""
    return [*_descriptors(), *_periodicity(), *_parameters(), *_packing()]


def _descriptors() -> list[Keyword]:
    row = Rows("descriptors", "IO_INFORMATION")
    functions = Rows("descriptors", "SYMMETRY_FUNCTION")
    return [
        row.honoured("input_json_dir", "data.train", note="required, data.kind = example"),
        row.honoured("output_gvect_dir", "output_dir", values.text, default="./bin"),
        row.honoured("log_dir", "log_dir", values.text, default="./logs"),
        functions.honoured(
            "type",
            "descriptor.type",
            values.one_of("mBP", "BP"),
            note="required",
        ),
        functions.honoured("species", "data.species", values.names, note="required"),
        functions.honoured("include_derivatives", "derivatives", values.boolean, default="False"),
        functions.honoured("sparse_derivatives", "derivatives", values.boolean, default="False"),
        Rows("descriptors", "PARALLELIZATION").honoured(
            "number_of_process", "processes", values.whole(1), default="1"
        ),
        Rows("descriptors", "MISC").refused(
            "per_atom_energy",
            "no loss of PANNA's or ours uses energies of single atoms",
            harmless=values.boolean,
            default="False",
        ),
        Rows("descriptors", "MISC").refused(
            "long_range",
            "long-range electrostatics are not supported",
            harmless=values.boolean,
            default="False",
        ),
    ]


def _periodicity() -> list[Keyword]:
    row = Rows("descriptors", "PBC")
    note = "which lattice vectors repeat; without [PBC] the structures say it"
    return [
        row.honoured("use_pbc", "pbc", _three_booleans, note=note),
        *(
            row.honoured(f"pbc{n}", "pbc", values.boolean, default="False", note=note)
            for n in (1, 2, 3)
        ),
    ]


def _three_booleans(entry: Entry) -> list[bool]:
    words = entry.value.replace(",", " ").replace(":", " ").split()
    known = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}
    found = [known.get(word.lower()) for word in words]
    if len(found) != 3 or None in found:
        raise values.mistake(entry, "three of True and False")
    return [bool(item) for item in found]


def _parameters() -> list[Keyword]:
    row = Rows("descriptors", "GVECT_PARAMETERS")
    result = [
        row.honoured(
            "gvect_parameters_unit",
            "",
            values.one_of("angstrom", "bohr"),
            default="angstrom",
            note="bohr: lengths are converted, eta by 1/length^2",
        )
    ]
    for part, first in (("rad", "Rs0_rad"), ("ang", "Rs0_ang")):
        listed = f"Rs_{part}_list"
        instead = f"or {listed}"
        unread, eta_default, cutoff_default = ("", "", "")
        if part == "ang":
            unread = "; BP: not read"
            eta_default, cutoff_default = ("; BP: default eta_rad", "; BP: default Rc_rad")
        result += [
            row.honoured(
                f"eta_{part}",
                f"descriptor.eta_{part}",
                values.number_or_numbers,
                note=f"required{eta_default}; one, or one a centre (BP: any number)",
            ),
            row.honoured(
                f"Rc_{part}",
                f"descriptor.Rc_{part}",
                _POSITIVE,
                note=f"required{cutoff_default}",
            ),
            row.honoured(
                first,
                f"descriptor.{first}",
                values.number(0),
                default="0" if part == "rad" else "",
                note=f"{instead}{unread}",
            ),
            row.honoured(
                f"RsN_{part}", f"descriptor.RsN_{part}", values.whole(1), note=f"{instead}{unread}"
            ),
            row.honoured(
                f"Rsst_{part}",
                f"descriptor.Rsst_{part}",
                _POSITIVE,
                default="(Rc - Rs0) / RsN",
                note="1.x; later PANNA, and BP, always take (Rc - Rs0) / RsN; "
                "bohr is converted here",
            ),
            row.honoured(
                listed,
                f"descriptor.{listed}",
                values.numbers,
                note=f"instead of Rs0, RsN{unread}",
            ),
        ]
    return [
        *result,
        row.honoured(
            "zeta",
            "descriptor.zeta",
            values.number_or_numbers,
            note="required; one, or one an angle (BP: any number)",
        ),
        row.honoured(
            "ThetasN", "descriptor.ThetasN", values.whole(1), note="or Thetas_list; BP: not read"
        ),
        row.honoured(
            "Thetas_list",
            "descriptor.Thetas_list",
            values.numbers,
            note="degrees, instead of ThetasN; BP: not read",
        ),
    ]


def _packing() -> list[Keyword]:
    row = Rows("packing", "IO_INFORMATION")
    content = Rows("packing", "CONTENT_INFORMATION")
    return [
        row.honoured("input_dir", "input_dir", values.text, note="required"),
        row.honoured("output_dir", "output_dir", values.text, note="required"),
        row.honoured("elements_per_file", "structures_per_file", values.whole(1), default="1000"),
        row.honoured("prefix", "prefix", values.text, default="none"),
        content.honoured("n_species", "num_species", values.whole(1), note="required"),
        *(
            content.honoured(key, f"{target}", values.boolean, default="False")
            for key, target in (
                ("include_derivatives", "derivatives"),
                ("sparse_derivatives", "sparse"),
                ("include_per_atom_quantity", "per_atom_quantity"),
            )
        ),
    ]
