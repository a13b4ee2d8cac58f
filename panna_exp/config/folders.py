"""The folders that configuration files come from."""

from pathlib import Path


def conf_dir() -> Path:
    """Returns the shipped YAML files: inside the wheel, or beside a checkout's package."""
    package = Path(__file__).resolve().parent.parent
    inside = package / "conf"
    return inside if inside.is_dir() else package.parent / "conf"


def user_conf_dir() -> Path | None:
    """Returns ``./conf`` of the working directory, where it is not the shipped folder itself."""
    folder = Path.cwd() / "conf"
    if folder.is_dir() and folder.resolve() != conf_dir():
        return folder
    return None
