"""What an asset is made of and what it is built into: never itself, never a circle, one parent at a time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ledger.rules.corrections import CORRECTING_KINDS
from ledger.rules.types import Finding, History, Judgement, Severity, closed_reasons, names_of, rule

INSTALLING_KINDS = frozenset({"part.installed", "part.fitted", "battery.installed"})
REMOVING_KINDS = frozenset({"part.removed", "battery.removed"})
AS_BUILT_KINDS = frozenset({"part.as_built", "vehicle.as_built", "any.aggregated"})
FREEING_KINDS = frozenset({"part.restored_available"})
COMPOSING_KINDS = INSTALLING_KINDS | REMOVING_KINDS | AS_BUILT_KINDS | FREEING_KINDS | CORRECTING_KINDS
_FIELDS = frozenset({"action", "children", "parent"})


@dataclass(frozen=True, slots=True)
class _State:
    """What is known after some events of the history."""

    parents: dict[str, int]
    children: dict[str, int]
    findings: list[Finding]

    def wrong(self, code: str, numbers: tuple[int, ...], message: str) -> None:
        self.findings.append(Finding(code, Severity.ERROR, numbers, message))


def assess_composition(history: History) -> tuple[list[Finding], Judgement]:
    """Judge what one asset's own history says about its parents and components.

    Circles over several assets need their histories together: see :func:`circles` and :func:`doubled_children`.

    Args:
        history: Corrections applied.
    """
    state, numbers = _State({}, {}, []), []
    for event in history.opened:
        if event.kind not in COMPOSING_KINDS:
            continue
        numbers.append(event.number)
        if event.kind in INSTALLING_KINDS:
            _install(state, event.number, names_of(event.fields.get("parent")), history.identifiers)
        elif event.kind in REMOVING_KINDS:
            _remove(state, event.number, names_of(event.fields.get("parent")))
        elif event.kind in FREEING_KINDS:
            state.parents.clear()
        else:
            _compose(state, event.number, event.fields, history.identifiers)
    reasons, closed = closed_reasons(history, COMPOSING_KINDS, _FIELDS)
    wrong = [finding.message for finding in state.findings]
    return state.findings, rule("composition", wrong, list(reasons), tuple(sorted({*numbers, *closed})))


def _install(state: _State, number: int, parents: tuple[str, ...], own: tuple[str, ...]) -> None:
    if state.parents or len(parents) > 1:
        message = "installed into a second parent before it was removed from the first"
        state.wrong("two-parents", (*state.parents.values(), number), message)
    if not set(parents).isdisjoint(own):
        state.wrong("inside-itself", (number,), "installed into itself")
    for parent in parents:
        if parent in state.children:
            state.wrong("circle", (state.children[parent], number), "installed into one of its own components")
        state.parents[parent] = number


def _remove(state: _State, number: int, parents: tuple[str, ...]) -> None:
    if state.parents and not set(parents) <= state.parents.keys():
        numbers = (*state.parents.values(), number)
        state.wrong("removed-elsewhere", numbers, "removed from another parent than it was installed into")
    state.parents.clear()


def _compose(state: _State, number: int, fields: Mapping[str, object], own: tuple[str, ...]) -> None:
    children = names_of(fields.get("children"))  # type: ignore[arg-type]
    if str(fields.get("action", "ADD")).upper() == "DELETE":
        for child in children:
            state.children.pop(child, None)
        return
    if not set(children).isdisjoint(own):
        state.wrong("inside-itself", (number,), "lists itself as a component")
    for parent in set(children) & state.parents.keys():
        state.wrong("circle", (state.parents[parent], number), "lists the assembly that it is built into")
    state.children.update(dict.fromkeys(children, number))


def doubled_children(links: Iterable[tuple[str, str]]) -> list[tuple[str, tuple[str, ...]]]:
    """Return each child that is in several parents at once, with those parents.

    Args:
        links: (parent, child) that hold at one time.
    """
    parents: dict[str, dict[str, None]] = {}
    for parent, child in links:
        parents.setdefault(child, {})[parent] = None
    return [(child, tuple(found)) for child, found in parents.items() if len(found) > 1]


def circles(links: Iterable[tuple[str, str]]) -> list[tuple[str, ...]]:
    """Return the circles among (parent, child) links, each once, as the names along it.

    Every link that closes a circle gives one; time is linear in the links.

    Args:
        links: (parent, child) that hold at one time; an asset in itself is a circle of one.
    """
    below: dict[str, list[str]] = {}
    for parent, child in links:
        below.setdefault(parent, []).append(child)
    found: list[tuple[str, ...]] = []
    done: set[str] = set()
    for start in below:
        if start not in done:
            _walk(start, below, done, found)
    return found


def _walk(start: str, below: Mapping[str, list[str]], done: set[str], found: list[tuple[str, ...]]) -> None:
    """Depth first without recursion; ``path`` holds the names that are open, in order."""
    path: dict[str, None] = {start: None}
    stack = [iter(below[start])]
    while stack:
        child = next(stack[-1], None)
        if child is None:
            stack.pop()
            done.add(path.popitem()[0])
        elif child in path:
            names = tuple(path)
            found.append(names[names.index(child) :])
        elif child not in done:
            path[child] = None
            stack.append(iter(below.get(child, ())))
