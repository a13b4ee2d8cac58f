"""Runs nested under one parent, whichever of them reaches the store first."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from panna_exp.tracking.base import RunStatus
from panna_exp.tracking.journal import Journal, first_event
from panna_exp.tracking.mlflow_delivery import Delivery

from .conftest import make_run

pytestmark = pytest.mark.filterwarnings("ignore")  # MLflow's imports warn about its dependencies


def write(run, steps=(1, 2), end=True):
    run.run_dir.mkdir(parents=True, exist_ok=True)
    journal = Journal(run.run_dir / "tracking.jsonl")
    journal.start(run, {})
    for step in steps:
        journal.log(step, {"loss": 1 / step})
    if end:
        journal.finish(RunStatus.FINISHED)
    journal.flush()


def deliver(run, store):
    delivery = Delivery(run.run_dir, store.uri, store.folder)
    try:
        delivery.send()
        return delivery.run_id
    finally:
        delivery.close()


@pytest.fixture
def family(tmp_path):
    parent = replace(make_run(tmp_path / "sweep"), name="the sweep")
    children = [
        replace(make_run(tmp_path / f"sweep/{n}"), name=f"job {n}", parent=parent.run_dir)
        for n in range(4)
    ]
    write(parent, steps=(), end=False)
    for child in children:
        write(child)
    return parent, children


def parents(store):
    rows = store.ask("select run_uuid, value from tags where key = 'mlflow.parentRunId'")
    return dict(rows)


def test_children_first_make_the_parent_once(family, store):
    parent, children = family
    ids = [deliver(child, store) for child in children]
    parent_id = deliver(parent, store)
    assert parents(store) == dict.fromkeys(ids, parent_id)
    assert len(store.statuses()) == 5
    assert ("the sweep",) in store.ask("select name from runs")


def test_children_at_once_make_the_parent_once(family, store):
    _, children = family
    deliver(children[0], store)
    shutil.rmtree(children[0].run_dir)
    with ThreadPoolExecutor(3) as pool:
        ids = list(pool.map(lambda child: deliver(child, store), children[1:]))
    found = parents(store)
    assert set(ids) < set(found)
    assert len(set(found.values())) == 1
    assert len(store.statuses()) == 5


def test_a_parent_whose_folder_is_gone_is_found_in_the_store(family, store, tmp_path):
    parent, children = family
    parent_id = deliver(parent, store)
    (tmp_path / "sweep").rename(tmp_path / "moved")
    moved = replace(children[2], run_dir=tmp_path / "moved/2")
    assert parents(store) == {}
    child_id = deliver(moved, store)
    assert parents(store) == {child_id: parent_id}


def test_no_parent_where_that_is_not_recorded(tmp_path, store):
    (tmp_path / "sweep").mkdir()
    run = replace(make_run(tmp_path / "sweep/0"), parent=tmp_path / "sweep")
    write(run)
    assert first_event(run.run_dir / "tracking.jsonl")["parent"] is None
    deliver(run, store)
    assert parents(store) == {}
