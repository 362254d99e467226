"""The engines' tally of votes, written another way than the one under test."""

from __future__ import annotations

from collections.abc import Iterable


class EngineTally:
    """Votes as GoQuorum's snapshot keeps them: a list in order, and a count for each candidate."""

    def __init__(self, members: Iterable[bytes], epoch: int, *, epoch_vote_counts: bool = True) -> None:
        self.members, self._epoch, self._counts = set(members), epoch, epoch_vote_counts
        self._votes: list[tuple[bytes, bytes, bool]] = []

    def block(self, number: int, voter: bytes, vote: tuple[bytes, bool] | None) -> None:
        boundary = number % self._epoch == 0
        if boundary:
            self._votes.clear()
        if vote is not None and (self._counts or not boundary):
            self._cast(voter, *vote)

    def _cast(self, voter: bytes, candidate: bytes, adds: bool) -> None:
        for old in self._votes:
            if old[0] == voter and old[1] == candidate:
                self._votes.remove(old)
                break
        if adds is not (candidate in self.members):
            self._votes.append((voter, candidate, adds))
        votes = [old for old in self._votes if old[1] == candidate]
        if len(votes) > len(self.members) // 2:
            (self.members.add if votes[0][2] else self.members.discard)(candidate)
            self._votes = [old for old in self._votes if old[1] != candidate]
            self._votes = [old for old in self._votes if old[0] in self.members]
