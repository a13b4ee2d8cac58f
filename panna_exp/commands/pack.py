"""``panna-exp pack``: PANNA's .bin files become TFRecords that PANNA reads."""

from pathlib import Path

from panna_exp.config.launch import launch_once
from panna_exp.config.schema.tools import PackConfig


def main(arguments: list[str]) -> int:
    """Runs the command; returns the exit code."""
    launch_once(arguments, run, "pack", "panna-exp pack")
    return 0


def run(config: PackConfig, base: Path, as_panna: bool = False) -> None:
    """Packs and says what was written.

    Args:
        config: As composed.
        base: Folder that relative paths start from.
        as_panna: See :func:`panna_exp.assembly.packing.pack`.

    Raises:
        PannaExpError: Options, files that are missing or damaged.
    """
    from panna_exp.assembly.packing import pack
    from panna_exp.runs.progress import DescriptorDisplay

    files = pack(config, base, DescriptorDisplay("packing"), as_panna)
    print(
        f"wrote {len(files)} TFRecord files, {files[0].name} to {files[-1].name}: {files[0].parent}"
    )
