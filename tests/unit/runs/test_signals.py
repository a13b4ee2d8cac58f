"""What ends the program early, outside of loops of trainings and in them."""

import os
import pickle
import signal
import sys
import time

import pytest

from panna_exp.runs import signals as interrupt
from panna_exp.runs.signals import (
    Interrupt,
    Stopped,
    check_stopped,
    stoppable,
    time_limit,
    told_first,
)


@pytest.fixture(autouse=True)
def no_signal_before(monkeypatch):
    """A signal soon after another counts as the same."""
    monkeypatch.setattr(interrupt, "_SAME_SECONDS", 0.0)


def send(number):
    os.kill(os.getpid(), number)
    time.sleep(0.01)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1])
def test_a_signal_ends_the_block_and_handlers_are_put_back(number):
    def work():
        with stoppable(), stoppable():
            send(number)
            pytest.fail("goes on")

    before = signal.getsignal(number)
    with pytest.raises(Stopped) as caught:
        work()
    assert (caught.value.code, caught.value.reason) == (75, f"got {number.name}")
    assert signal.getsignal(number) == before
    with stoppable():
        check_stopped()  # that was another block's


def test_it_is_told_first_and_ends_even_what_takes_it_for_its_own():
    told = []

    def work():
        with stoppable(), told_first(lambda: told.append("first")):
            for _ in range(2):
                try:
                    send(signal.SIGTERM)
                except KeyboardInterrupt:
                    told.append("taken")

    with pytest.raises(Stopped):
        work()
    assert told == ["first", "taken", "taken"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_compiler_of_loops_is_ended_before_the_program_is(number):
    done = []
    code = compile("send(number); done.append(1)", "/packages/numba/core/codegen.py", "exec")

    def work():
        with stoppable():
            exec(code, {"send": send, "number": number, "done": done})
            time.sleep(5.0)
            pytest.fail("goes on")

    with pytest.raises(KeyboardInterrupt) as raised:
        work()
    assert done == [1]
    assert isinstance(raised.value, Stopped) is (number == signal.SIGTERM)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_where_nothing_can_be_raised_it_comes_again_and_nothing_is_printed(capfd):
    class Deleted:
        def __del__(self):
            send(signal.SIGTERM)

    def work():
        with stoppable():
            thing = Deleted()
            del thing
            time.sleep(5.0)
            pytest.fail("goes on")

    with pytest.raises(Stopped, match="got SIGTERM"):
        work()
    assert "Traceback" not in capfd.readouterr().err


def test_imports_are_ended_before_the_program_is(tmp_path, monkeypatch):
    lines = ("import os, signal", "os.kill(os.getpid(), signal.SIGTERM)", "for _ in range(9**5):")
    (tmp_path / "interrupted_module.py").write_text("\n".join([*lines, "    END = 1\n"]))
    monkeypatch.syspath_prepend(tmp_path)

    def work():
        with stoppable():
            import interrupted_module  # noqa: F401

            time.sleep(10)

    with pytest.raises(Stopped):
        work()
    assert sys.modules.pop("interrupted_module").END == 1


def test_a_loop_looks_at_the_clock(monkeypatch):
    monkeypatch.setattr(interrupt, "STARTED", time.monotonic())
    with stoppable():
        with time_limit(0.05), Interrupt(0.05) as loop:
            assert not loop.requested()
            time.sleep(0.1)  # nothing ends it but the loop
            assert loop.requested()
            assert loop.stopped is not None
            assert loop.stopped.args == (75, "training.limit_seconds=0.05 are over")
        with time_limit(None):
            time.sleep(0.05)


def test_what_follows_a_loop_is_ended_when_time_is_over(monkeypatch):
    def work():
        with stoppable(), time_limit(0.05):
            with Interrupt(0.05):
                pass
            time.sleep(10)

    monkeypatch.setattr(interrupt, "STARTED", time.monotonic())
    with pytest.raises(Stopped, match=r"limit_seconds=0\.05 are over"):
        work()


def test_a_loop_ends_by_the_second_signal_with_a_code_that_fits():
    def work():
        with Interrupt() as loop:
            send(signal.SIGUSR1)
            assert loop.requested()
            send(signal.SIGTERM)

    with pytest.raises(Stopped) as caught:
        work()
    assert caught.value.code == 75


def test_another_process_gets_it_whole():
    again = pickle.loads(pickle.dumps(Stopped(75, "got SIGTERM")))
    assert (again.code, again.reason) == (75, "got SIGTERM")
