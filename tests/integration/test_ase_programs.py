"""convert of what VASP, Quantum ESPRESSO and CP2K write, through ASE.

The files are cut down to what ASE reads. Each has two steps of NaCl in a box (of a water molecule
for CP2K), with energies, forces and stresses in the units of the program.
"""

import numpy as np
import pytest
from ase.units import GPa

from panna_exp.data.structures import StructureSet
from panna_exp.elements import Species
from panna_exp.readers import ReadOptions, open_structures
from panna_exp.units import BOHR, RYDBERG

CELL = np.diag([5.0, 5.5, 6.0])
FORCES = np.array([[0.1, -0.2, 0.3], [-0.1, 0.2, -0.3]])
STRESS = np.array([[1.0, 0.4, 0.6], [0.4, 2.0, 0.5], [0.6, 0.5, 3.0]])  # GPa, as ASE's sign has it
SPECIES = Species(("Cl", "Na"))


def positions(step):
    return np.array([[0, 0, 0.1 * step], [2.5, 2.75, 3.0]])


def row(values, form=".8f"):
    return " ".join(format(value, form) for value in values)


def outcar():
    lines = [
        " vasp.6.3.0 20Jan22 (build) complex",
        *(f" POTCAR:    PAW_PBE {symbol} 06Sep2000" for symbol in ("Na", "Cl") * 2),
        "   ISPIN  =      1    spin polarized calculation?",
        "   ions per type =               1   1",
        "--------------------------------------- Iteration      1(   1)  ---------------------",
    ]
    xx, yy, zz, xy, yz, zx = (
        -10 * STRESS[place] for place in ((0, 0), (1, 1), (2, 2), (0, 1), (1, 2), (2, 0))
    )
    for step in range(2):
        lines += [
            f"  in kB   {row((xx, yy, zz, xy, yz, zx), '.5f')}",
            "      direct lattice vectors                 reciprocal lattice vectors",
            *(f" {row(vector)} 0.0 0.0 0.0" for vector in CELL),
            " POSITION                                       TOTAL-FORCE (eV/Angst)",
            " -----------------------------------------------------------------",
            *(f" {row(np.hstack(pair))}" for pair in zip(positions(step), FORCES, strict=True)),
            " -----------------------------------------------------------------",
            "  FREE ENERGIE OF THE ION-ELECTRON SYSTEM (eV)",
            "  ---------------------------------------------------",
            f"  free  energy   TOTEN  =       {-7.5 - step:.8f} eV",
            "",
            f"  energy  without entropy=     -7.0  energy(sigma->0) =   {-7.0 - step:.8f}",
        ]
    return "\n".join(lines) + "\n"


def vectors(name, values):
    inner = "".join(f"<v>{row(vector, '.10f')}</v>" for vector in values)
    return f'<varray name="{name}">{inner}</varray>'


def vasprun():
    def structure(step, name=""):
        fractional = positions(step) / np.diag(CELL)
        crystal = f"<crystal>{vectors('basis', CELL)}</crystal>"
        return f"<structure{name}>{crystal}{vectors('positions', fractional)}</structure>"

    atoms = "".join(f"<rc><c>{symbol}</c><c>1</c></rc>" for symbol in ("Na", "Cl"))
    text = (
        '<?xml version="1.0" encoding="ISO-8859-1"?>\n<modeling>'
        '<kpoints><varray name="kpointlist"><v>0 0 0</v></varray></kpoints>'
        f'<atominfo><array name="atoms"><set>{atoms}</set></array></atominfo>'
        + structure(0, ' name="initialpos"')
    )
    for step in range(2):
        energy = (
            f'<energy><i name="e_fr_energy">{-7.5 - step}</i><i name="e_wo_entrp">-7.0</i>'
            f'<i name="e_0_energy">{-7.0 - step}</i></energy>'
        )
        text += (
            f"<calculation><scstep>{energy}</scstep>{structure(step)}{vectors('forces', FORCES)}"
            f"{vectors('stress', -10 * STRESS)}{energy}</calculation>"
        )
    return text + "</modeling>\n"


def pwo():
    force = FORCES * BOHR / RYDBERG
    stress = -STRESS * GPa * BOHR**3 / RYDBERG
    alat = 10.0  # bohr
    lines = [
        "     Program PWSCF v.6.7 starts on 19May2021 at  7:48:12",
        "     number of atoms/cell      =            2",
        "     number of atomic types    =            2",
        f"     celldm(1)=  {alat:.6f}  celldm(2)=   0.000000  celldm(3)=   0.000000",
        "     crystal axes: (cart. coord. in units of alat)",
        *(
            f"               a({n}) = ( {row(vector / alat / BOHR, '.9f')} )"
            for n, vector in enumerate(CELL, start=1)
        ),
        "     site n.     atom                  positions (alat units)",
        *(
            f"         {n}           {symbol}  tau(   {n}) = ( {row(place / alat / BOHR, '.9f')}  )"
            for n, (symbol, place) in enumerate(
                zip(("Na", "Cl"), positions(0), strict=True), start=1
            )
        ),
    ]
    for step in range(2):
        if step:
            lines += ["ATOMIC_POSITIONS (angstrom)"]
            lines += [
                f"{symbol} {row(place)}"
                for symbol, place in zip(("Na", "Cl"), positions(step), strict=True)
            ]
        lines += [
            f"!    total energy              =    {(-7.0 - step) / RYDBERG:.10f} Ry",
            "     Forces acting on atoms (cartesian axes, Ry/au):",
            "",
            *(
                f"     atom    {n} type  {n}   force = {row(vector, '.10f')}"
                for n, vector in enumerate(force, start=1)
            ),
            "     Computing stress (Cartesian axis) and pressure",
            "          total   stress  (Ry/bohr**3)                   (kbar)     P=   10.0",
            *(f"  {row(vector, '.10f')}  0.0 0.0 0.0" for vector in stress),
            "",
        ]
    return "\n".join(lines) + "\n"


FILES = {"OUTCAR": outcar, "vasprun.xml": vasprun, "nacl.pwo": pwo}


@pytest.mark.parametrize("name", FILES)
def test_steps_with_energies_forces_and_stresses(program, name):
    folder = program.folder / "vr/1"
    folder.mkdir(parents=True)
    (folder / name).write_text(FILES[name]())
    done = program.run("convert", f"vr/*/{name}", "x.h5")
    assert "wrote 2 structures" in done.stdout
    options = ReadOptions(virials=True)
    found: StructureSet = open_structures(
        [str(program.folder / "x.h5")], SPECIES, options=options
    ).structures
    assert found.species.tolist() == [1, 0] * 2
    np.testing.assert_allclose(found.energy, [-7.0, -8.0], rtol=1e-6)
    np.testing.assert_allclose(found.forces, np.vstack([FORCES] * 2), rtol=1e-5)
    expected = np.vstack([positions(0), positions(1)])
    np.testing.assert_allclose(found.positions, expected, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(found.cell, np.stack([CELL] * 2), rtol=1e-6)
    assert found.pbc.all()
    stress = -found.virial / np.linalg.det(CELL) / GPa
    np.testing.assert_allclose(stress, np.stack([STRESS] * 2), rtol=1e-4)


def test_cp2ks_trajectory_needs_its_key_and_unit(program):
    lines = []
    for step in range(2):
        lines += [
            "       3",
            f" i =        {step}, time =        {step / 2:.3f}, E =       {-17.25 - step:.10f}",
            f"  O         0.0000000000        0.0000000000        {0.1 + step / 100:.10f}",
            "  H         0.0000000000        0.8000000000       -0.4000000000",
            "  H         0.0000000000       -0.8000000000       -0.4000000000",
        ]
    (program.folder / "water-pos-1.xyz").write_text("\n".join(lines) + "\n")
    done = program.run("convert", "water-pos-1.xyz", "x.h5", code=2)
    assert "has no energy for ASE, but 'i', 'time', 'E': name the one" in done.stderr
    words = ("--energy-key", "E", "--energy-unit", "Ha")
    program.run("convert", "water-pos-1.xyz", "x.h5", *words)
    species = Species(("H", "O"))
    found = open_structures([str(program.folder / "x.h5")], species).structures
    np.testing.assert_allclose(found.energy, [-34.5 * RYDBERG, -36.5 * RYDBERG], rtol=1e-12)
    assert found.positions[3].tolist() == [0.0, 0.0, 0.11]
    assert found.forces is None
    assert not found.pbc.any()


def test_training_on_them(program):
    (program.folder / "nacl.pwo").write_text(pwo())
    words = ("data.species=[Na,Cl]", "data.reference_energies=fit", "tracking=none")
    short = ("training=forces", "network.architecture=[4,1]", "training.max_epochs=1")
    program.run("train", "data=ase", "data.train=nacl.pwo", *words, *short)


def test_files_that_ship_with_ase(program):
    resources = pytest.importorskip("importlib.resources")
    try:
        source = resources.files("ase.test").joinpath("testdata/vasp/OUTCAR_example_1")
        content = source.read_bytes()
    except (ImportError, OSError):
        pytest.skip("this ASE is installed without its tests' data")
    (program.folder / "OUTCAR").write_bytes(content)
    done = program.run("convert", "OUTCAR", "x.h5")
    assert "Ni 18" in done.stdout
    assert "0.475 to 2.4 eV/angstrom" in done.stdout
