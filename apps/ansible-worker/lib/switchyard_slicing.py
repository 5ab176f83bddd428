"""Whether the hosts of a playbook may be worked on in several processes, each with some of them."""

from __future__ import annotations

import os
import re

# What a play can know of hosts outside its batch. A match means that slicing could change what the play does.
CROSS_HOST_TEXT = re.compile(
    r"\bhostvars\b|\bplay_hosts\b|\bansible_play_(?:hosts|batch)\w*|\bgroups\s*(?:\[|\.|\||\))|\bin\s+groups\b"
    r"|^\s*-?\s*(?:run_once|delegate_to|delegate_facts)\s*:",
    re.M,
)
CROSS_HOST_ACTIONS = ("add_host", "group_by")
INCLUDES = re.compile(r"\b(?:include|import)_(?:tasks|role)\b|^\s*-?\s*include\s*:|^dependencies\s*:", re.M)
SCANNED = (".yml", ".yaml", ".j2", ".json")
# Files looked through before a play is sliced, and before a single host of a small one counts as finished early.
MAX_FILES = 3000
MAX_FILES_SMALL = 300


def joined(pattern):
    return ",".join(str(part) for part in pattern) if isinstance(pattern, (list, tuple)) else str(pattern)


def tasks_of(blocks):
    """All tasks below blocks, in the order in which they run."""
    for entry in blocks or ():
        if hasattr(entry, "block"):
            yield from tasks_of(entry.block)
            yield from tasks_of(entry.rescue)
            yield from tasks_of(entry.always)
        else:
            yield entry


def action(task):
    return str(task.action).rsplit(".", 1)[-1]


def reasons_against_slicing(playbook, host_sets, max_files):
    """Why the hosts of a playbook must stay in one process; empty when they may be sliced. `host_sets`: those of each play."""
    plays = playbook.get_plays()
    scan = Scan(os.path.dirname(os.path.abspath(playbook._file_name)), max_files)
    scan.files.add(os.path.abspath(playbook._file_name))
    reasons = []
    for index, play in enumerate(plays):
        where = "play %d" % (index + 1)
        if play.serial and joined(play.serial) not in ("", "100%"):
            reasons.append(where + " uses serial")
        if getattr(play, "max_fail_percentage", None) is not None:
            reasons.append(where + " uses max_fail_percentage")
        if getattr(play, "any_errors_fatal", False):
            reasons.append(where + " uses any_errors_fatal")
        roles = [each for role in play.get_roles() for each in (role, *role.get_all_dependencies())]
        blocks = [play.pre_tasks, play.tasks, play.post_tasks, play.handlers, *(r.get_task_blocks() for r in roles)]
        for task in (t for block in blocks for t in tasks_of(block)):
            reasons += [where + ": " + reason for reason in _reasons_of_task(task)]
            scan.task(task)
        scan.roots.update(role._role_path for role in roles)
    if len(host_sets - {frozenset()}) > 1:
        reasons.append("its plays run on different hosts, one after the other")
    return list(dict.fromkeys(reasons + scan.reasons()))[:10]


def _reasons_of_task(task):
    name = task.get_name().strip()
    for keyword in ("run_once", "delegate_to"):
        if getattr(task, keyword, None):
            yield 'task "%s" uses %s' % (name, keyword)
    if getattr(task, "any_errors_fatal", False) is True:
        yield 'task "%s" uses any_errors_fatal' % name
    if action(task) in CROSS_HOST_ACTIONS:
        yield 'task "%s" changes the inventory (%s)' % (name, action(task))


class Scan:
    """Looks through files as text: templates, and what is included only while the playbook runs."""

    def __init__(self, base, max_files):
        self.base, self.max_files = base, max_files
        self.files, self.roots = set(), {os.path.join(base, d) for d in ("templates", "vars", "group_vars", "host_vars")}
        self.included = set()

    def task(self, task):
        path = (task.get_path() or "").rsplit(":", 1)[0]
        folder = os.path.dirname(path)
        if path:
            self.files.add(path)
        if os.path.basename(folder) == "tasks" and os.path.dirname(folder) != self.base:
            self.roots.add(os.path.dirname(folder))
        if action(task) in ("include_tasks", "include"):
            name = str(task.args.get("file") or task.args.get("_raw_params") or "")
            self._include(os.path.join(place, name) for place in (folder, os.path.join(self.base, "tasks"), self.base) if name)
        elif action(task) == "include_role":
            name = str(task.args.get("name") or task.args.get("role") or "")
            self._include([os.path.join(self.base, "roles", name)] if name else [])

    def _include(self, candidates):
        found = next((path for path in candidates if "{{" not in path and os.path.exists(path)), None)
        if found is None:
            self._everything()
        elif os.path.isdir(found):
            self.roots.add(found)
            self.included.add(found)
        else:
            self.files.add(found)
            self.included.add(found)

    def _everything(self):
        """What is included is known only while it runs: any file that could be is looked through."""
        self.roots.update(os.path.join(self.base, d) for d in ("tasks", "handlers", "roles"))
        if os.path.isdir(self.base):
            self.files.update(os.path.join(self.base, n) for n in os.listdir(self.base) if n.endswith(SCANNED))

    def _walk(self):
        for root in sorted(self.roots):
            for folder, _, names in os.walk(root):
                self.files.update(os.path.join(folder, name) for name in names if name.endswith(SCANNED))
                if len(self.files) > self.max_files:
                    return False
        return True

    def _code(self, name):
        try:
            with open(name, encoding="utf-8", errors="replace") as source:
                return "\n".join(line for line in source.read(1 << 20).split("\n") if not line.lstrip().startswith("#"))
        except OSError:
            return ""

    def reasons(self):
        too_many = ["more than %d files would have to be looked through" % self.max_files]
        if not self._walk():
            return too_many
        nested = [f for f in self.files if f.startswith(tuple(self.included))] if self.included else []
        if any(INCLUDES.search(self._code(name)) for name in nested):
            self._everything()
            if not self._walk():
                return too_many
        for name in sorted(f for f in self.files if os.path.isfile(f)):
            code = self._code(name)
            found = CROSS_HOST_TEXT.search(code)
            if found:
                return ["%s uses %s" % (os.path.basename(name), found.group(0).strip(" -:.[|)\n"))]
            if re.search(r"\b(?:add_host|group_by)\s*:", code):
                return ["%s changes the inventory" % os.path.basename(name)]
        return []
