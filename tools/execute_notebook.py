"""Executes docs/notebooks/first_steps.ipynb and keeps its outputs (pip install -e '.[docs]')."""

import tempfile
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).resolve().parent.parent / "docs/notebooks/first_steps.ipynb"
KEPT = ("text/plain", "image/png")


def main() -> None:
    """Executes it in a temporary folder and writes it back."""
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    with tempfile.TemporaryDirectory() as folder:
        NotebookClient(notebook, resources={"metadata": {"path": folder}}).execute()
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.metadata = {}
            cell.outputs = joined(cell.outputs)
    notebook.metadata = {"kernelspec": notebook.metadata["kernelspec"]}
    nbformat.write(notebook, NOTEBOOK)
    print(f"wrote {NOTEBOOK}: {NOTEBOOK.stat().st_size / 1000:.0f} kB")


def joined(outputs: list[Any]) -> list[Any]:
    """Returns outputs with what was printed in one piece, and text instead of HTML."""
    found: list[Any] = []
    for output in outputs:
        data = output.get("data", {})
        if "image/png" in data or output.output_type == "execute_result":
            output["data"] = {kind: data[kind] for kind in KEPT if kind in data}
            found.append(output)
            continue
        text = output.get("text", data.get("text/plain", ""))
        if found and found[-1].output_type == "stream":
            found[-1]["text"] += text
        else:
            found.append(nbformat.v4.new_output("stream", name="stdout", text=text))
    return found


if __name__ == "__main__":
    main()
