"""Who receives the keys of what is recorded: whom the caller names, or else whom the settings name."""

from __future__ import annotations

import pytest

from ledger.errors import VinculumError
from ledger.service.directory import recipients_of
from ledger.service.settings import SharingSettings
from ledger.service.workspace import Workspace

pytestmark = pytest.mark.integration


def sharing(workspace: Workspace, monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    changed = workspace.settings.model_copy(update={"sharing": SharingSettings(recipients=names)})
    monkeypatch.setattr(workspace, "settings", changed)


def test_recorder_alone_receives_where_nobody_is_named(workspace: Workspace) -> None:
    assert [one.organisation for one in recipients_of(workspace, 1)] == [1]


def test_those_of_the_settings_receive_too(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    sharing(workspace, monkeypatch, "2", "Maker AB")
    assert [one.organisation for one in recipients_of(workspace, 1)] == [1, 2]


def test_whoever_is_named_takes_the_place_of_those_of_the_settings(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    sharing(workspace, monkeypatch, "2")
    assert [one.organisation for one in recipients_of(workspace, 1, ["1"])] == [1]


def test_recipient_of_the_settings_who_is_unknown_is_an_error(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    sharing(workspace, monkeypatch, "nobody")
    with pytest.raises(VinculumError, match="nobody"):
        recipients_of(workspace, 1)
