"""Worker names: who is surely dead, and who only may be."""

from __future__ import annotations

import os
import subprocess
import sys

import msgspec

from glancetui.images.worker import Worker, parse, surely_dead, this_worker

NAME_OF_CHILD = "from glancetui.images.worker import this_worker; print(this_worker('here'), flush=True); input()"


def test_a_name_is_read_back_also_for_a_node_with_slashes() -> None:
    for node in ("here", "rack/7/here", ""):
        me = this_worker(node)
        assert parse(str(me)) == me


def test_what_is_no_workers_name_proves_nothing() -> None:
    me = this_worker("here")
    for name in ("", "x", "glance-api", "a/b/c/d/e", "here/boot/ns/-1/5"):
        assert not surely_dead(name, me)


def test_the_living_are_not_dead() -> None:
    me = this_worker("here")
    assert not surely_dead(str(me), me)
    with subprocess.Popen([sys.executable, "-c", NAME_OF_CHILD], stdin=-1, stdout=-1, text=True) as child:
        assert child.stdout is not None
        name = child.stdout.readline().strip()
        assert not surely_dead(name, me)
        child.kill()
        child.wait()
        assert surely_dead(name, me)


def test_a_process_that_nobody_has_waited_for_is_dead() -> None:
    me = this_worker("here")
    with subprocess.Popen([sys.executable, "-c", NAME_OF_CHILD], stdin=-1, stdout=-1, text=True) as child:
        assert child.stdout is not None
        name = child.stdout.readline().strip()
        child.kill()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert surely_dead(name, me)


def test_a_number_used_again_by_another_process_does_not_bring_a_worker_back() -> None:
    me = this_worker("here")
    earlier = msgspec.structs.replace(me, start=str(int(me.start) - 1))
    assert surely_dead(str(earlier), me)


def test_another_boot_of_this_node_is_dead_and_another_node_may_live() -> None:
    me = this_worker("here")
    assert surely_dead(str(msgspec.structs.replace(me, boot="0123456789ab")), me)
    assert not surely_dead(str(msgspec.structs.replace(me, node="there", boot="0123456789ab")), me)


def test_processes_of_another_container_cannot_be_judged() -> None:
    me = this_worker("here")
    assert not surely_dead(str(msgspec.structs.replace(me, namespace="1", pid=1 << 22)), me)


def test_a_system_that_tells_nothing_proves_nobody_dead() -> None:
    me = Worker("here", "-", "-", 1, "-abc")
    assert not surely_dead(str(Worker("here", "-", "-", 1 << 22, "-def")), me)
