// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AttestationLog} from "./AttestationLog.sol";
import {Kinds} from "./Kinds.sol";
import {IAttestationLog} from "./interfaces/IAttestationLog.sol";
import {IConsortium} from "./interfaces/IConsortium.sol";

/// @title The histories of parts and batches of parts; kinds and statuses stand in docs/kinds.md
contract PartsProvenance is AttestationLog {
    constructor(IConsortium consortium_, IAttestationLog predecessor_) AttestationLog(consortium_, predecessor_) {}

    /// @inheritdoc IAttestationLog
    function logNumber() public pure override returns (uint256) {
        return 3;
    }

    function _kinds() internal pure override returns (uint256) {
        return Kinds.PART;
    }

    function _transitions() internal pure override returns (uint256 leaves, uint256 to) {
        return (Kinds.PART_FROM, Kinds.PART_TO);
    }
}
