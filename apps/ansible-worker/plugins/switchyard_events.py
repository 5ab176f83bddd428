"""Tells Switchyard what a playbook does, one JSON object per line, on an inherited descriptor.

Works with ansible-core 2.14 and later. It is a notification callback: the output for people stays as the project
configured it. Without SWITCHYARD_EVENTS_FD it does nothing.

SWITCHYARD_EVENTS_FD  number of the descriptor
SWITCHYARD_MAX_HOSTS  when the plays would run on more hosts than this and may be sliced, the hosts are told and the
                      process ends before any task (exit code 0 and a `plan` with `split: true`); 0 or unset: never
SWITCHYARD_ONLY_HOSTS file with the hosts that may run, one a line: --limit reads the same names as patterns, so that
                      `!web1`, or the name of a host that has left the inventory, may mean other hosts. A play on any
                      other host ends the process before its first task (exit code 3 and `strayed`)
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import select
import sys
import time

from ansible.plugins.callback import CallbackBase

# Beside the plugin directory, not in it: there Ansible would take the file for a callback.
sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "lib"))
try:
    from switchyard_slicing import MAX_FILES, MAX_FILES_SMALL, action, joined, reasons_against_slicing, tasks_of
finally:
    del sys.path[0]

DOCUMENTATION = """
name: switchyard_events
type: notification
short_description: Events of a playbook as JSON lines on an inherited descriptor
version_added: "2.14"
description:
  - Writes one JSON object per event to the descriptor named in SWITCHYARD_EVENTS_FD.
"""

try:
    from ansible.module_utils.common.json import AnsibleJSONEncoder
except ImportError:  # renamed some day: plain text for what JSON does not know
    AnsibleJSONEncoder = json.JSONEncoder

VERSION = 1
_PLAIN = json.JSONEncoder(allow_nan=False)
_ANSIBLE = AnsibleJSONEncoder(allow_nan=False)
_SCALARS = frozenset((str, int, float, bool, type(None)))
# A string longer than this is cut; the mark lets the reader drop half of a secret that the cut went through.
MAX_STRING = 64 * 1024
MAX_RESULT = 192 * 1024
CUT = "...[cut]"
CHUNK = 200
_COLOUR = re.compile("\x1b\\[[0-9;]*m")
# Said by the module itself or twice: its arguments (which may hold what no_log does not name), facts, lists of lines.
DROPPED = ("invocation", "stdout_lines", "stderr_lines", "ansible_facts", "results", "_ansible_parsed")

def _cut(value):
    if isinstance(value, str):
        return value if len(value) <= MAX_STRING else value[:MAX_STRING] + CUT
    if isinstance(value, dict):
        return {str(key): _cut(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_cut(inner) for inner in value]
    return value


def _is_plain(value):
    """Whether JSON knows every type in it: not dates and sets, nor what a vault holds encrypted."""
    kind = type(value)
    if kind in _SCALARS:
        return True
    if kind is dict:
        return all(type(key) is str and _is_plain(inner) for key, inner in value.items())
    return kind is list and all(map(_is_plain, value))


def _encoded(value):
    """The value as JSON; NaN and the infinities, which JSON does not have, as text."""
    try:
        # Ansible's encoder makes many objects for each value: for a plain one it took more than all else of an event.
        return (_PLAIN if _is_plain(value) else _ANSIBLE).encode(value)
    except ValueError:
        return _PLAIN.encode(json.loads(AnsibleJSONEncoder().encode(value), parse_constant=str))


def _pick(result, name):
    """Attributes of a task result lost their underscore in 2.19."""
    value = getattr(result, name, None)
    return value if value is not None else getattr(result, "_" + name, None)


def _capped(res):
    """The result as JSON, as it travels; a very large one keeps its scalars only."""
    kept = {k: _cut(v) for k, v in dict(res or {}).items() if k not in DROPPED and not str(k).startswith("_ansible")}
    text = _encoded(kept)
    if len(text) <= MAX_RESULT:
        return text
    small = {k: v for k, v in kept.items() if isinstance(v, (bool, int, float)) or isinstance(v, str) and len(v) < 4096}
    small["_cut"] = sorted(set(kept) - set(small))[:50]
    return _encoded(small)


def _count_tasks(play):
    """Tasks that are known before the play: included ones are not."""
    try:
        roles = [block for role in play.get_roles() for block in role.get_task_blocks()]
        blocks = [*play.pre_tasks, *roles, *play.tasks, *play.post_tasks]
        return sum(1 for _ in tasks_of(blocks)) + (0 if play.gather_facts is False else 1)
    except Exception:
        return None


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "switchyard_events"
    # Found in a plugin directory is enough: the project's own list of enabled callbacks stays as it is.
    CALLBACK_NEEDS_ENABLED = False

    def __init__(self, display=None):
        super().__init__(display=display)
        self._fd = None
        self._seq = 0
        self._playbook = None
        self._planned = False
        self._max_hosts = int(os.environ.get("SWITCHYARD_MAX_HOSTS") or 0)
        only = os.environ.get("SWITCHYARD_ONLY_HOSTS")
        self._only_hosts = None
        if only:
            with open(only, encoding="utf-8") as lines:
                self._only_hosts = frozenset(lines.read().split("\n"))
        # Which plays a host still has before it, and the last task of the play that runs now.
        self._last_play_of = {}
        self._last_task = None
        self._play_index = -1
        self._notified = set()
        fd = os.environ.get("SWITCHYARD_EVENTS_FD")
        if not fd:
            self.disabled = True
            return
        self._fd = int(fd)
        # Programs that tasks start must not hold the channel open after the playbook has ended.
        os.set_inheritable(self._fd, False)

    # --- the channel

    def _write(self, ev, res=None, **fields):
        """Writes an event. `res` is JSON already."""
        if self._fd is None:
            return
        self._seq += 1
        line = _encoded(dict(fields, v=VERSION, seq=self._seq, ts=time.time(), ev=ev))
        if res is not None:
            line = '%s, "res": %s}' % (line[:-1], res)
        # An empty line is nothing to the reader; one before the event keeps what another plugin left unfinished apart from it.
        rest = memoryview(b"\n" + line.encode("utf-8", "replace") + b"\n")
        while rest:
            try:
                rest = rest[os.write(self._fd, rest) :]
            except BlockingIOError:
                select.select([], [self._fd], [])
            except OSError:
                # Nobody reads any more: the worker is gone. The playbook goes on until it is ended from outside.
                self._fd = None
                return

    def _with_diff(self, res):
        """A diff as people know it: far shorter than both whole files, which would be cut."""
        if not res.get("diff"):
            return res
        try:
            diff = res["diff"] if isinstance(res["diff"], list) else [res["diff"]]
            # Copies: the base class changes what it is given, and other callbacks get the same objects.
            return dict(res, diff=_COLOUR.sub("", self._get_diff([dict(each) for each in diff])))
        except Exception:  # a module with a kind of its own
            return res

    def _result(self, ev, result, **fields):
        task, host, res = _pick(result, "task"), _pick(result, "host"), _pick(result, "result") or {}
        self._write(
            ev,
            host=host.get_name(),
            task=task.get_name().strip(),
            task_id=task._uuid,
            path=task.get_path(),
            action=action(task),
            changed=bool(res.get("changed", False)),
            res=_capped(self._with_diff(res)),
            **fields,
        )

    # --- what will run

    def v2_playbook_on_start(self, playbook):
        self._playbook = playbook
        from ansible.release import __version__

        self._write("playbook_start", file=playbook._file_name, core=__version__)

    def _plan(self, play):
        """Tells every host and play before the first task; ends the process when the hosts are to be sliced."""
        manager = play.get_variable_manager()
        inventory = manager._inventory
        plays, reasons, hosts, sets = [], [], {}, set()
        for index, each in enumerate(self._playbook.get_plays()):
            pattern, matched = each.hosts, None
            try:
                if "{{" in joined(pattern):
                    from ansible.template import Templar

                    variables = manager.get_vars(play=each)
                    pattern = Templar(loader=manager._loader, variables=variables).template(pattern)
                matched = [h.get_name() for h in inventory.get_hosts(pattern, ignore_restrictions=True)]
            except Exception:  # a group that an earlier play makes, or a variable that it sets
                reasons.append("the hosts of play %d (%s) are known only while it runs" % (index + 1, joined(each.hosts)))
            sets.add(frozenset(matched or ()))
            for name in matched or ():
                hosts[name] = None
                self._last_play_of[name] = index
            count = None if matched is None else len(matched)
            plays.append({"name": each.get_name(), "pattern": joined(pattern), "hosts": count, "tasks": _count_tasks(each)})
        names = list(hosts)
        is_large = 0 < self._max_hosts < len(names)
        if not reasons and len(names) > 1:
            reasons += reasons_against_slicing(self._playbook, sets, MAX_FILES if is_large else MAX_FILES_SMALL)
        if reasons:
            # Hosts that know of each other run again together after a crash, or not at all.
            self._last_play_of = {}
        for start in range(0, len(names), CHUNK):
            self._write("hosts", names=names[start : start + CHUNK])
        groups = {g: sorted(h.get_name() for h in group.get_hosts()) for g, group in inventory.groups.items()}
        digest = hashlib.sha256(json.dumps(groups, sort_keys=True).encode()).hexdigest()
        split = is_large and not reasons
        self._write("plan", total=len(names), plays=plays, groups="sha256:" + digest, reasons=reasons, split=split)
        if split:
            sys.exit(0)

    def _refuse_others(self, play):
        """Ends the process when the play would run on a host that it was not given."""
        if self._only_hosts is None:
            return
        try:
            hosts = play.get_variable_manager()._inventory.get_hosts(play.hosts, ignore_restrictions=True)
            others = sorted({h.get_name() for h in hosts} - self._only_hosts)
        except Exception as error:  # what cannot be checked is not run
            self._write("strayed", hosts=[], count=0, message=str(error))
            sys.exit(3)
        if others:
            self._write("strayed", hosts=others[:5], count=len(others))
            sys.exit(3)

    def _find_last_task(self, play):
        """The task after which a host has nothing left in this play, when that can be known beforehand."""
        from ansible import context

        self._last_task = None
        args = context.CLIARGS
        if tuple(args.get("tags") or ("all",)) != ("all",) or args.get("skip_tags") or args.get("start_at_task"):
            return
        if play.handlers and any(getattr(t, "listen", None) for t in tasks_of(play.handlers)):
            return
        blocks = play.post_tasks or play.tasks
        if not blocks:
            return
        tasks = list(tasks_of([blocks[-1]]))
        last = tasks[-1] if tasks else None
        # A block with rescue or always, an include or a meta task may bring further tasks.
        parent = getattr(blocks[-1], "rescue", None) or getattr(blocks[-1], "always", None)
        if last is None or parent or last.notify or getattr(last, "run_once", False):
            return
        if action(last).startswith(("include", "import", "meta")):
            return
        self._last_task = last._uuid

    def v2_playbook_on_play_start(self, play):
        self._refuse_others(play)
        if not self._planned:
            self._planned = True
            try:
                self._plan(play)
            except Exception as error:  # the plan is a service; without it the playbook runs whole
                self._last_play_of = {}
                self._write("plan_failed", message=str(error))
        try:
            # The play that runs is a copy with the same id.
            ids = [each._uuid for each in self._playbook.get_plays()]
            self._play_index = ids.index(play._uuid)
            self._find_last_task(play)
        except Exception:
            self._last_task = None
        self._notified = set()
        self._write("play_start", play=play.get_name().strip(), play_id=play._uuid, pattern=joined(play.hosts))

    def v2_playbook_on_no_hosts_matched(self):
        self._write("no_hosts_matched")

    def v2_playbook_on_no_hosts_remaining(self):
        self._write("no_hosts_remaining")

    # --- what runs

    def _task(self, ev, task):
        self._write(ev, task=task.get_name().strip(), task_id=task._uuid, path=task.get_path(), action=action(task))

    def v2_playbook_on_task_start(self, task, is_conditional):
        self._task("task_start", task)

    def v2_playbook_on_cleanup_task_start(self, task):
        self._task("task_start", task)

    def v2_playbook_on_handler_task_start(self, task):
        self._task("handler_start", task)

    def v2_playbook_on_include(self, included_file):
        hosts = [h.get_name() for h in included_file._hosts]
        self._write("include", file=str(included_file._filename), hosts=hosts[:CHUNK], count=len(hosts))

    def v2_runner_on_start(self, host, task):
        self._write("host_start", host=host.get_name(), task=task.get_name().strip(), task_id=task._uuid)

    def _item(self, ev, result):
        res = _pick(result, "result") or {}
        label = res.get("_ansible_item_label", res.get("item"))
        self._result(ev, result, item=str(label)[:256] if label is not None else None)

    def v2_runner_item_on_ok(self, result):
        self._item("item_ok", result)

    def v2_runner_item_on_failed(self, result):
        self._item("item_failed", result)

    def v2_runner_item_on_skipped(self, result):
        self._item("item_skipped", result)

    def v2_runner_retry(self, result):
        res = _pick(result, "result") or {}
        self._result("retry", result, attempt_no=res.get("attempts"), retries=res.get("retries"))

    def v2_runner_on_async_poll(self, result):
        res = _pick(result, "result") or {}
        self._result("async_poll", result, job=str(res.get("ansible_job_id")))

    def v2_runner_on_async_ok(self, result):
        self._result("async_ok", result)

    def v2_runner_on_async_failed(self, result):
        self._result("async_failed", result)

    def v2_runner_on_ok(self, result):
        self._result("ok", result)
        self._maybe_done(result)

    def v2_runner_on_failed(self, result, ignore_errors=False):
        ignored = bool(ignore_errors)
        self._result("failed", result, ignored=ignored)
        if ignored:
            self._maybe_done(result)

    def v2_runner_on_skipped(self, result):
        self._result("skipped", result)
        self._maybe_done(result)

    def v2_runner_on_unreachable(self, result):
        task = _pick(result, "task")
        self._result("unreachable", result, ignored=bool(getattr(task, "ignore_unreachable", False)))

    def v2_playbook_on_notify(self, handler, host):
        self._notified.add(host.get_name())

    def _maybe_done(self, result):
        """A host whose last task has ended is finished, although others still work: a crash must not run it again."""
        host, task = _pick(result, "host").get_name(), _pick(result, "task")
        if self._last_task is None or task._uuid != self._last_task or host in self._notified:
            return
        if self._last_play_of.get(host) == self._play_index:
            self._write("host_done", host=host)

    def v2_playbook_on_stats(self, stats):
        names = sorted(stats.processed)
        for start in range(0, len(names), CHUNK):
            self._write("host_stats", hosts={name: stats.summarize(name) for name in names[start : start + CHUNK]})
        self._write("stats", count=len(names))
