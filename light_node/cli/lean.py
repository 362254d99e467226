"""Modules that are loaded when somebody uses them first, for commands that start often on small machines.

``dataclasses`` imports ``inspect``, and that a parser, a tokenizer and a disassembler, to write a docstring where a
class has none; ours have one. ``urllib.parse``, of which paths are made, imports ``ipaddress`` for hosts in brackets.
Together they are 1.4 MiB. (``importlib.util.LazyLoader`` would not do: before Python 3.12 a second import loads.)
"""

from __future__ import annotations

import sys
from _thread import allocate_lock
from importlib import import_module
from types import ModuleType

_ALONE = allocate_lock()


class Deferred(ModuleType):
    """Stands for a module of the standard library until one of its names is asked for."""

    def __getattr__(self, name: str) -> object:
        """Load the module, and from now on do what it does."""
        with _ALONE:  # who comes second must not take away what the first loaded meanwhile
            if sys.modules.get(self.__name__) is self:
                del sys.modules[self.__name__]
        return getattr(import_module(self.__name__), name)


def defer(name: str) -> None:
    """Have a module loaded at its first use; one that is loaded already stays as it is."""
    if name not in sys.modules:
        sys.modules[name] = Deferred(name)
