// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Kinds} from "../src/Kinds.sol";
import {VehicleHistory} from "../src/VehicleHistory.sol";
import {IAttestationLog} from "../src/interfaces/IAttestationLog.sol";
import {IConsortium} from "../src/interfaces/IConsortium.sol";
import {ICouncil} from "../src/interfaces/ICouncil.sol";
import {World} from "./World.sol";
import {vm} from "./Vm.sol";

contract FuzzTest is World {
    uint16 private constant BUILT = Kinds.KIND_VEHICLE_BUILT;
    uint16 private constant SERVICED = Kinds.KIND_VEHICLE_SERVICED;

    function _born(uint256 number) private returns (bytes32 subject, bytes32 head) {
        subject = subjectOf(1, number);
        vm.prank(account(1));
        log.attest(subject, BUILT, keccak256("birth"));
        head = log.head(subject);
        require(head == fold(0, keccak256("birth"), metaOf(1, BUILT), 1), "birth");
    }

    // ---- every way to append gives the readers' fold ------------------------------------------------------------

    function testFuzz_attestFolds(uint32 organisation, bytes32 digest, uint40 later) external {
        organisation = organisation % ORGANISATIONS + 1;
        (bytes32 subject, bytes32 head) = _born(7);
        vm.warp(block.timestamp + later);
        vm.prank(account(organisation));
        log.attest(subject, SERVICED, digest);
        require(log.head(subject) == fold(head, digest, metaOf(organisation, SERVICED), 1), "head");
    }

    function testFuzz_manyEqualsSingles(bytes32[] calldata digests) external {
        vm.assume(digests.length != 0);
        bytes32[3] memory subjects;
        bytes32[3] memory heads;
        for (uint256 i = 0; i < 3; ++i) {
            (subjects[i], heads[i]) = _born(i);
        }
        IAttestationLog.Item[] memory items = new IAttestationLog.Item[](digests.length);
        for (uint256 i = 0; i < digests.length; ++i) {
            uint256 at = uint256(digests[i]) % 3;
            items[i] = IAttestationLog.Item(subjects[at], SERVICED, digests[i]);
            heads[at] = fold(heads[at], digests[i], metaOf(2, SERVICED), 1);
        }
        vm.prank(account(2));
        log.attestMany(items);
        for (uint256 i = 0; i < 3; ++i) {
            require(log.head(subjects[i]) == heads[i], "head");
        }
    }

    function testFuzz_pairsAndSeriesEqualSingles(bytes32[] calldata digests) external {
        vm.assume(digests.length != 0);
        (bytes32 subject, bytes32 head) = _born(1);
        (bytes32 other,) = _born(2);
        bytes32[2][] memory pairs = new bytes32[2][](digests.length);
        for (uint256 i = 0; i < digests.length; ++i) {
            pairs[i] = [subject, digests[i]];
            head = fold(head, digests[i], metaOf(3, SERVICED), 1);
        }
        vm.prank(account(3));
        log.attestPairs(SERVICED, pairs);
        require(log.head(subject) == head, "pairs");
        head = log.head(other);
        vm.prank(account(3));
        log.attestSeries(other, SERVICED, digests);
        for (uint256 i = 0; i < digests.length; ++i) {
            head = fold(head, digests[i], metaOf(3, SERVICED), 1);
        }
        require(log.head(other) == head, "series");
    }

    // ---- who and what ------------------------------------------------------------------------------------------------

    function testFuzz_onlyTheOrganisationInTheSubjectRegisters(bytes32 subject, uint32 organisation) external {
        organisation = organisation % ORGANISATIONS + 1;
        bool own = uint256(subject) >> 224 == organisation;
        if (!own) {
            vm.expectRevert(abi.encodeWithSelector(IAttestationLog.ForeignSubject.selector, subject, organisation));
        }
        vm.prank(account(organisation));
        log.attest(subject, BUILT, 0);
    }

    function testFuzz_strangersWriteNothing(address stranger, bytes32 subject, uint16 kind) external {
        for (uint32 id = 1; id <= ORGANISATIONS; ++id) {
            vm.assume(stranger != account(id));
        }
        vm.expectRevert(abi.encodeWithSelector(IAttestationLog.UnknownAccount.selector, stranger));
        vm.prank(stranger);
        log.attest(subject, kind, 0);
    }

    function testFuzz_rolesAreNeeded(uint64 roles, uint16 index) external {
        uint16 kind = index % 2 == 0 ? SERVICED : BUILT;
        roles |= 1 << 63;
        decide(abi.encodeCall(consortium.setOrganisation, (1, roles, bytes32(0))));
        (bytes32 subject, uint16 role) = (subjectOf(1, 1), kind >> 10);
        bool permitted = roles >> role & 1 != 0;
        if (!permitted) {
            vm.expectRevert(abi.encodeWithSelector(IAttestationLog.MissingRole.selector, uint32(1), kind));
        } else if (kind == SERVICED) {
            vm.expectRevert(abi.encodeWithSelector(IAttestationLog.UnknownSubject.selector, subject));
        }
        vm.prank(account(1));
        log.attest(subject, kind, 0);
    }

    function testFuzz_anotherHeadIsRefused(bytes32 expected) external {
        (bytes32 subject, bytes32 head) = _born(1);
        uint16 kind = Kinds.KIND_VEHICLE_FIRST_REGISTERED;
        if (expected != head) {
            vm.expectRevert(abi.encodeWithSelector(IAttestationLog.HeadMoved.selector, subject, expected, head));
        }
        vm.prank(account(1));
        log.attestIf(subject, kind, 0, expected);
    }

    // ---- succession ------------------------------------------------------------------------------------------------------

    function testFuzz_aLifeGoesOn(uint8 before, uint8 afterwards, bytes32 seed) external {
        (bytes32 subject, bytes32 head) = _born(1);
        for (uint256 i = 0; i < before % 8; ++i) {
            vm.prank(account(2));
            log.attest(subject, SERVICED, seed);
            head = fold(head, seed, metaOf(2, SERVICED), 1);
        }
        VehicleHistory next = new VehicleHistory(consortium, log);
        decide(abi.encodeCall(consortium.retireLog, (address(log), address(next))));
        require(next.latestHead(subject) == head && next.head(subject) == 0, "handed over");
        for (uint256 i = 0; i < afterwards % 8; ++i) {
            vm.prank(account(3));
            next.attest(subject, SERVICED, seed);
            head = fold(head, seed, metaOf(3, SERVICED), 1);
        }
        require(next.latestHead(subject) == head, "head");
    }

    // ---- what one block cannot hold twice ----------------------------------------------------------------------------------

    function test_oneValidatorChangeABlock() external {
        bytes memory first = abi.encodeCall(consortium.addValidator, (address(1)));
        bytes memory second = abi.encodeCall(consortium.addValidator, (address(2)));
        _confirmBoth(first, second);
        vm.prank(administrator(0));
        consortium.confirm(first, 0);
        vm.expectRevert(abi.encodeWithSelector(IConsortium.ValidatorsChangedNow.selector, block.number));
        vm.prank(administrator(0));
        consortium.confirm(second, 0);
        vm.roll(block.number + 1);
        vm.prank(administrator(0));
        consortium.confirm(second, 0);
        require(consortium.getValidators().length == 3, "validators");
    }

    function test_oneAssignmentOfANamespaceASecond() external {
        bytes memory first = abi.encodeCall(consortium.assignNamespace, (bytes32("n"), 1));
        bytes memory second = abi.encodeCall(consortium.assignNamespace, (bytes32("n"), 2));
        _confirmBoth(first, second);
        vm.prank(administrator(0));
        consortium.confirm(first, 0);
        vm.expectRevert(abi.encodeWithSelector(IConsortium.NamespaceChangedNow.selector, bytes32("n")));
        vm.prank(administrator(0));
        consortium.confirm(second, 0);
    }

    function _confirmBoth(bytes memory first, bytes memory second) private {
        for (uint256 i = 0; i < 2; ++i) {
            vm.prank(administrator(i));
            consortium.confirm(first, 0);
            vm.prank(administrator(i));
            consortium.confirm(second, 0);
        }
        vm.warp(block.timestamp + DELAY);
        vm.roll(block.number + 1);
    }

    // ---- the council ---------------------------------------------------------------------------------------------------------

    function testFuzz_onlyActionsAreProposed(bytes4 selector, bytes calldata arguments) external {
        bytes memory action = bytes.concat(selector, arguments);
        vm.prank(administrator(0));
        try consortium.confirm(action, 0) returns (bytes32, bool executed) {
            require(!executed, "one administrator alone");
        } catch (bytes memory reason) {
            require(bytes4(reason) == ICouncil.UnknownAction.selector, "reason");
        }
    }

    function testFuzz_keysAreNeverBackDated(bytes32 thumbprint, uint48 validFrom, uint48 validUntil) external {
        vm.assume(thumbprint != 0);
        uint48 from = validFrom < block.timestamp ? uint48(block.timestamp) : validFrom;
        if (from >= validUntil) {
            vm.expectRevert(abi.encodeWithSelector(IConsortium.EmptyValidity.selector, from, validUntil));
        }
        vm.prank(account(1));
        consortium.addIssuerKey(thumbprint, validFrom, validUntil, 1, 0);
        if (from >= validUntil) return;
        IConsortium.IssuerKey memory key = consortium.issuerKey(1, thumbprint);
        require(key.validFrom >= block.timestamp && key.validUntil == validUntil, "window");
    }
}
