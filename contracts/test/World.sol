// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Consortium} from "../src/Consortium.sol";
import {VehicleHistory} from "../src/VehicleHistory.sol";
import {IAttestationLog} from "../src/interfaces/IAttestationLog.sol";
import {vm} from "./Vm.sol";

/// @notice A consortium of three administrators (two must agree), three organisations with every role, a vehicle log,
/// and the fold as readers do it, written without assembly.
abstract contract World {
    uint48 internal constant DELAY = 1 hours;
    uint48 internal constant NO_END = type(uint48).max;
    uint64 internal constant EVERY_ROLE = (1 << 11) - 1;
    uint32 internal constant ORGANISATIONS = 3;

    Consortium internal consortium;
    VehicleHistory internal log;
    uint256 private _salt;

    constructor() {
        vm.warp(1_800_000_000);
        address[] memory administrators = new address[](3);
        for (uint256 i = 0; i < 3; ++i) {
            administrators[i] = administrator(i);
        }
        address[] memory validators = new address[](1);
        validators[0] = address(0xBEEF);
        consortium = new Consortium(administrators, 2, DELAY, validators);
        log = new VehicleHistory(consortium, IAttestationLog(address(0)));
        for (uint32 id = 1; id <= ORGANISATIONS; ++id) {
            decide(abi.encodeCall(consortium.addOrganisation, (id, EVERY_ROLE, bytes32(0), account(id))));
        }
    }

    function administrator(uint256 i) internal pure returns (address) {
        return address(uint160(0xAD00 + i));
    }

    function account(uint32 organisation) internal pure returns (address) {
        return address(uint160(0xACC0000 + organisation));
    }

    function subjectOf(uint32 organisation, uint256 number) internal pure returns (bytes32) {
        return bytes32(uint256(organisation) << 224 | uint256(keccak256(abi.encode(number))) >> 32);
    }

    /// @notice Two administrators agree, wait the delay where there is one, and execute.
    function decide(bytes memory action) internal virtual {
        bytes32 salt = bytes32(++_salt);
        vm.prank(administrator(0));
        consortium.confirm(action, salt);
        vm.prank(administrator(1));
        (, bool executed) = consortium.confirm(action, salt);
        if (executed) return;
        vm.warp(block.timestamp + DELAY);
        vm.roll(block.number + 1);
        vm.prank(administrator(2));
        (, executed) = consortium.confirm(action, salt);
        require(executed, "not executed");
    }

    function metaOf(uint32 organisation, uint16 kind) internal view returns (bytes32) {
        return bytes32(uint256(1) << 96 | uint256(kind) << 80 | uint256(organisation) << 48 | block.timestamp);
    }

    function fold(bytes32 head, bytes32 digest, bytes32 meta, uint8 status) internal pure returns (bytes32) {
        bytes32 leaf = keccak256(abi.encodePacked(digest, meta));
        bytes31 hash = bytes31(keccak256(abi.encodePacked(head, leaf)));
        return bytes32(abi.encodePacked(status, hash));
    }
}
