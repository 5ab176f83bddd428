"""Writes the processor time of Ansible's main process, in seconds, into the file that BENCH_MAIN_PROCESS names.

Callbacks run in that process, tasks in forks of it: what callbacks cost is lost in the spread of the forks otherwise.
"""

from __future__ import annotations

import os
import resource

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: bench_main_process
type: notification
short_description: Processor time of the main process
version_added: "2.14"
description:
  - Writes the processor time of the main process into a file when the playbook ends.
"""


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "bench_main_process"
    CALLBACK_NEEDS_ENABLED = False

    def v2_playbook_on_stats(self, stats):
        used = resource.getrusage(resource.RUSAGE_SELF)
        with open(os.environ["BENCH_MAIN_PROCESS"], "w", encoding="utf-8") as file:
            file.write("%.6f" % (used.ru_utime + used.ru_stime))
