"""What the events of a journal hold: each line is compared with this before it is used."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from panna_exp.errors import PannaExpError
from panna_exp.files import parse_json
from panna_exp.tracking.base import RunStatus

Event = dict[str, Any]

_NUMBER = (int, float)
_OPTIONAL_TEXT = (str, type(None))
_START = {
    "key": str,
    "name": str,
    "experiment": str,
    "params": dict,
    "tags": dict,
    "store": dict,
    "time": int,
}
_KINDS: dict[str, Mapping[str, Any]] = {
    "start": _START,
    "resume": _START,
    "metrics": {"step": int, "time": int, "values": dict},
    "artifact": {"path": str, "folder": str},
    "data": {"datasets": list},
    "model": {
        "folder": str,
        "name": str,
        "step": int,
        "species": list,
        "register": _OPTIONAL_TEXT,
    },
    "evaluation": {
        "step": int,
        "data": str,
        "fingerprint": str,
        "values": dict,
        "datasets": list,
        "files": list,
        "folder": str,
        "time": int,
    },
    "finish": {"status": str, "time": int},
}
_DATASET = {
    "name": str,
    "context": str,
    "fingerprint": str,
    "uri": str,
    "files": list,
    "profile": dict,
}
_TEXTS = {"params", "tags", "store"}  # mappings of texts; "values" are of numbers
_LARGEST = 2**63 - 1  # of times and steps: what databases hold


def parse_event(path: Path, offset: int, line: bytes) -> Event:
    """Returns the event in a line of a journal.

    Raises:
        PannaExpError: It is none; names file, byte and what is wrong.
    """
    try:
        event = parse_json(line)
        problem = _problem(event)
    except ValueError:
        event, problem = None, "expected a JSON object with the key 'event'"
    if problem:
        raise PannaExpError(
            f"{path}: byte {offset}: {problem}, found {line[:40]!r}: repair that line, or move the "
            "file away to record the run anew"
        )
    assert isinstance(event, dict)
    return event


def _problem(event: Any) -> str:
    if not isinstance(event, dict) or not isinstance(event.get("event"), str):
        return "expected a JSON object with the key 'event'"
    kinds = _KINDS.get(event["event"], {})  # events of later versions are passed over
    problem = _wrong(event, kinds)
    for key in _TEXTS & kinds.keys():
        if not problem and not all(isinstance(value, str) for value in event[key].values()):
            problem = f"{key} has a value that is not text"
    if problem:
        return problem
    if not all(isinstance(value, _NUMBER) for value in event.get("values", {}).values()):
        return "values has a value that is not a number"
    for key in ("files", "species"):
        if key in kinds and not all(isinstance(item, str) for item in event[key]):
            return f"{key} has an item that is not text"
    datasets = event.get("datasets", [])  # journals of earlier versions have none
    if not isinstance(datasets, list):
        return "expected a list of 'datasets'"
    for item in datasets:
        problem = problem or _wrong(item, _DATASET)
    parent = event.get("parent")
    if parent is not None:
        problem = problem or _wrong(parent, {"run_dir": str, "key": str, "experiment": str})
    if "status" in kinds and event["status"] not in {item.value for item in RunStatus}:
        return f"'{event['status'][:20]}' is not a status"
    return problem


def _wrong(values: Any, kinds: Mapping[str, Any]) -> str:
    if not isinstance(values, dict):
        return f"expected a JSON object, not {type(values).__name__}"
    for key, kind in kinds.items():
        value = values.get(key)
        if key not in values or not isinstance(value, kind):
            return f"expected '{key}'"
        if kind is int and abs(value) > _LARGEST:
            return f"'{key}' is too large"
    return ""
