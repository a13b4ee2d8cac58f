"""Executes the notebooks of the documentation and keeps their outputs (pip install -e '.[docs]').

    python tools/execute_notebooks.py [NAME ...]

Without names all of them. Those of a course go on in the folder of the one before.
"""

import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

DOCS = Path(__file__).resolve().parent.parent / "docs"
COURSES = (
    ("tutorials/file-to-dynamics.ipynb", "tutorials/committee.ipynb"),
    ("tutorials/panna.ipynb",),
    ("notebooks/first_steps.ipynb",),
)
KEPT = ("text/plain", "image/png")
# Jupyter asks programs for colours, which would be kept as escape sequences.
PLAIN = """
import os
for name in ("FORCE_COLOR", "CLICOLOR"):
    os.environ.pop(name, None)
"""


def main(names: Sequence[str]) -> None:
    """Executes courses that have one of the names, in temporary folders, and writes them back."""
    for course in COURSES:
        if names and not any(Path(part).stem in names for part in course):
            continue
        with tempfile.TemporaryDirectory() as folder:
            for part in course:
                path = DOCS / part
                nbformat.write(executed(path, Path(folder)), path)
                print(f"wrote {path}: {path.stat().st_size / 1000:.0f} kB", flush=True)


def executed(path: Path, folder: Path) -> Any:
    """Returns a notebook with the outputs of its execution in a folder.

    Raises:
        nbclient.exceptions.CellExecutionError: A cell failed.
    """
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    notebook = nbformat.read(path, as_version=4)
    notebook.cells.insert(0, nbformat.v4.new_code_cell(PLAIN))
    resources = {"metadata": {"path": str(folder)}}
    NotebookClient(notebook, resources=resources, timeout=600).execute()
    del notebook.cells[0]
    for count, cell in enumerate(cell for cell in notebook.cells if cell.cell_type == "code"):
        cell.metadata = {}
        cell.execution_count = count + 1
        cell.outputs = joined(cell.outputs, str(folder.resolve()))
    notebook.metadata = {"kernelspec": notebook.metadata["kernelspec"]}
    return notebook


def joined(outputs: list[Any], folder: str) -> list[Any]:
    """Returns outputs with what was printed in one piece, text instead of HTML, and no folder."""
    found: list[Any] = []
    for output in outputs:
        data = output.get("data", {})
        if "image/png" in data or output.output_type == "execute_result":
            output["data"] = {kind: data[kind] for kind in KEPT if kind in data}
            output["metadata"] = {}
            found.append(output)
            continue
        text = output.get("text", data.get("text/plain", ""))
        if found and found[-1].output_type == "stream":
            found[-1]["text"] += text
        else:
            found.append(nbformat.v4.new_output("stream", name="stdout", text=text))
    for output in found:
        if output.output_type == "stream":
            output["text"] = output["text"].replace(f"{folder}/", "")
    return found


if __name__ == "__main__":
    main(sys.argv[1:])
