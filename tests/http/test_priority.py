"""What moves files gives way."""

import os
import sys
import threading

import pytest

from modelkeep.http.priority import NICE, yield_to_calls


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux knows a priority of single threads")
def test_only_the_thread_that_calls_gives_way() -> None:
    found: list[int] = []

    def work() -> None:
        yield_to_calls()
        found.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))

    before = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()

    assert found == [NICE]
    assert os.getpriority(os.PRIO_PROCESS, threading.get_native_id()) == before
