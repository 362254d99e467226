"""A consortium of five administrators and three organisations, with the three logs."""

from __future__ import annotations

from dataclasses import dataclass

from tests.contracts.evm import Chain, Contract, Council

DELAY = 3600
MAKER, WORKSHOP, AUTHORITY = 1, 2, 3


@dataclass(frozen=True)
class World:
    """What every test starts from; accounts 0 to 4 are administrators."""

    chain: Chain
    consortium: Contract
    council: Council
    battery: Contract
    vehicle: Contract
    part: Contract

    @property
    def maker(self) -> str:
        """Organisation 1: every role but the authority's."""
        return self.chain.accounts[5]

    @property
    def workshop(self) -> str:
        """Organisation 2: service and measure."""
        return self.chain.accounts[6]

    @property
    def authority(self) -> str:
        """Organisation 3: every role."""
        return self.chain.accounts[7]

    @property
    def stranger(self) -> str:
        """Nobody's account."""
        return self.chain.accounts[8]
