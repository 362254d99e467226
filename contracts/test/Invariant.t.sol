// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Consortium} from "../src/Consortium.sol";
import {Kinds} from "../src/Kinds.sol";
import {VehicleHistory} from "../src/VehicleHistory.sol";
import {IAttestationLog} from "../src/interfaces/IAttestationLog.sol";
import {IConsortium} from "../src/interfaces/IConsortium.sol";
import {World} from "./World.sol";
import {vm} from "./Vm.sol";

/// @notice Members and council who try everything in any order; what they were allowed to do is folded beside them.
contract Handler is World {
    uint256 public constant SUBJECTS = 4;
    uint256 public constant KEYS = 1;

    mapping(bytes32 subject => bytes32) public expected;
    mapping(uint32 organisation => mapping(uint256 number => IConsortium.IssuerKey)) private _keys;
    uint256 public accepted;
    uint256 public refused;
    bool public broken;

    modifier later(uint256 seconds_) {
        vm.warp(block.timestamp + seconds_ % 1 days);
        vm.roll(block.number + 1);
        _;
    }

    function attest(uint256 who, uint256 what, uint256 which, bytes32 digest) external later(which) {
        (uint32 id, uint16 kind, bytes32 subject) = (_organisation(who), _kind(what), _subject(which));
        if (expected[subject] == 0 && who % 4 != 0) {
            (id, kind) = (uint32(uint256(subject) >> 224), Kinds.KIND_VEHICLE_BUILT);
        }
        vm.prank(account(id));
        try log.attest(subject, kind, digest) {
            _accept(id, kind, subject, digest);
        } catch {
            ++refused;
        }
    }

    function attestIf(uint256 who, uint256 what, uint256 which, bytes32 digest) external later(which) {
        (uint32 id, uint16 kind, bytes32 subject) = (_organisation(who), _kind(what), _subject(which));
        vm.prank(account(id));
        try log.attestIf(subject, kind, digest, expected[subject]) {
            _accept(id, kind, subject, digest);
        } catch {
            ++refused;
        }
    }

    function attestMany(uint256 who, uint256 what, bytes32 digest) external later(what) {
        uint32 id = _organisation(who);
        IAttestationLog.Item[] memory items = new IAttestationLog.Item[](4);
        for (uint256 i = 0; i < items.length; ++i) {
            items[i] = IAttestationLog.Item(_subject(what >> 8 * i), _kind(what >> 64 + 8 * i), digest);
        }
        vm.prank(account(id));
        try log.attestMany(items) {
            for (uint256 i = 0; i < items.length; ++i) {
                _accept(id, items[i].kind, items[i].subject, digest);
            }
        } catch {
            ++refused;
        }
    }

    function suspendOrResume(uint256 who) external later(who) {
        uint32 id = _organisation(who);
        bool suspended = consortium.organisationOf(id).suspended;
        decide(
            suspended
                ? abi.encodeCall(consortium.resumeOrganisation, (id))
                : abi.encodeCall(consortium.suspendOrganisation, (id))
        );
    }

    function setRoles(uint256 who, uint64 roles) external later(roles) {
        decide(abi.encodeCall(consortium.setOrganisation, (_organisation(who), roles | EVERY_ROLE, bytes32(0))));
    }

    function addOrRemoveAccount(uint256 who, uint256 which, bool add, bool byCouncil) external later(which) {
        uint32 id = _organisation(who);
        address one = address(uint160(0xE000 + which % 8));
        bytes memory call = add
            ? abi.encodeCall(consortium.addAccount, (id, one))
            : abi.encodeCall(consortium.removeAccount, (id, one));
        if (byCouncil) return _try(call);
        vm.prank(account(id));
        (bool done,) = address(consortium).call(call);
        done ? ++accepted : ++refused;
    }

    function changeKey(uint256 who, uint256 which, uint48 time, uint8 how) external later(time) {
        uint32 id = _organisation(who);
        bytes32 thumbprint = bytes32(which % KEYS + 1);
        time = uint48(block.timestamp) + time % 30 days - 1 days;
        bytes memory call = how % 3 == 0
            ? abi.encodeCall(consortium.addIssuerKey, (thumbprint, time, NO_END, 1, 0))
            : how % 3 == 1
                ? abi.encodeCall(consortium.limitIssuerKey, (thumbprint, time))
                : abi.encodeCall(consortium.revokeIssuerKey, (thumbprint));
        vm.prank(account(id));
        (bool done,) = address(consortium).call(call);
        done ? ++accepted : ++refused;
        _compareKey(id, which % KEYS + 1);
    }

    function changeValidators(uint256 which, bool add) external later(which) {
        address one = address(uint160(which % 2 == 0 ? 0xBEEF : 0xF000));
        _try(add ? abi.encodeCall(consortium.addValidator, (one)) : abi.encodeCall(consortium.removeValidator, (one)));
    }

    function changeCouncil(uint256 which, uint8 how) external later(which) {
        address one = address(uint160(0xAD00 + which % 6));
        _try(
            how % 3 == 0
                ? abi.encodeCall(consortium.addAdministrator, (one))
                : how % 3 == 1
                    ? abi.encodeCall(consortium.removeAdministrator, (one))
                    : abi.encodeCall(consortium.setThreshold, (which % 5))
        );
    }

    function assignNamespace(uint256 which, uint256 who) external later(which) {
        _try(abi.encodeCall(consortium.assignNamespace, (bytes32(which % 2 + 1), uint32(who % (ORGANISATIONS + 1)))));
    }

    function subject(uint256 i) external pure returns (bytes32) {
        return _subject(i);
    }

    function contracts() external view returns (Consortium, VehicleHistory) {
        return (consortium, log);
    }

    /// @dev The administrators of the moment agree as far as they have to; the action itself may be refused.
    function _try(bytes memory action) private {
        bytes32 salt = keccak256(abi.encode(accepted, refused, block.number));
        address[] memory council = consortium.getAdministrators();
        uint256 needed = consortium.threshold();
        for (uint256 i = 0; i + 1 < needed; ++i) {
            vm.prank(council[i]);
            consortium.confirm(action, salt);
        }
        bool executed = _confirm(council[needed - 1], action, salt);
        if (!executed) {
            vm.warp(block.timestamp + DELAY);
            executed = _confirm(council[0], action, salt);
        }
        executed ? ++accepted : ++refused;
    }

    function _confirm(address administrator_, bytes memory action, bytes32 salt) private returns (bool executed) {
        vm.prank(administrator_);
        try consortium.confirm(action, salt) returns (bytes32, bool done) {
            executed = done;
        } catch {}
    }

    /// @dev World decides with its own three administrators, so here the council of the moment does.
    function decide(bytes memory action) internal override {
        if (address(log) == address(0) || consortium.organisationOf(ORGANISATIONS).roles == 0) {
            return super.decide(action);
        }
        bytes32 salt = keccak256(abi.encode(accepted, ++refused, block.number));
        address[] memory council = consortium.getAdministrators();
        for (uint256 i = 0; i < consortium.threshold(); ++i) {
            vm.prank(council[i]);
            consortium.confirm(action, salt);
        }
    }

    function _accept(uint32 id, uint16 kind, bytes32 subject_, bytes32 digest) private {
        ++accepted;
        bytes32 head = expected[subject_];
        uint8 status = kind >> 8 & 3 == 0 ? 0 : uint8(Kinds.VEHICLE_TO >> (kind & 0xff) * 8);
        uint8 leaves = kind >> 8 & 3 == 0 ? 0 : uint8(Kinds.VEHICLE_FROM >> (kind & 0xff) * 8);
        if (status == 0) status = uint8(head[0]);
        else if (leaves >> uint8(head[0]) & 1 == 0) broken = true;
        if (head == 0 && uint256(subject_) >> 224 != id) broken = true;
        if (consortium.organisationOf(id).suspended) broken = true;
        expected[subject_] = fold(head, digest, metaOf(id, kind), status);
    }

    function _compareKey(uint32 id, uint256 number) private {
        IConsortium.IssuerKey memory old = _keys[id][number];
        IConsortium.IssuerKey memory key = consortium.issuerKey(id, bytes32(number));
        if (old.changedAt != 0) {
            if (key.validFrom != old.validFrom || key.validUntil > old.validUntil) broken = true;
            if (key.validUntil < old.validUntil && key.validUntil < block.timestamp) broken = true;
            if (old.revokedFrom != 0 && keccak256(abi.encode(key)) != keccak256(abi.encode(old))) broken = true;
        }
        _keys[id][number] = key;
    }

    function _organisation(uint256 seed) private pure returns (uint32) {
        return uint32(seed % ORGANISATIONS + 1);
    }

    function _subject(uint256 seed) private pure returns (bytes32) {
        return subjectOf(uint32(seed % SUBJECTS % ORGANISATIONS + 1), seed % SUBJECTS);
    }

    function _kind(uint256 seed) private pure returns (uint16) {
        uint16[12] memory kinds = [
            Kinds.KIND_VEHICLE_BUILT,
            Kinds.KIND_VEHICLE_BUILT,
            Kinds.KIND_VEHICLE_REGISTERED_BY_REGISTRAR,
            Kinds.KIND_VEHICLE_FIRST_REGISTERED,
            Kinds.KIND_VEHICLE_DEREGISTERED,
            Kinds.KIND_VEHICLE_TOTAL_LOSS,
            Kinds.KIND_VEHICLE_SCRAPPED,
            Kinds.KIND_VEHICLE_RESTORED_IN_USE,
            Kinds.KIND_VEHICLE_SERVICED,
            Kinds.KIND_VEHICLE_ACCIDENT,
            Kinds.KIND_ANY_OBSERVATION,
            Kinds.KIND_BATTERY_RECYCLED
        ];
        return kinds[seed % kinds.length];
    }
}

contract InvariantTest {
    Handler private _handler;

    function setUp() external {
        _handler = new Handler();
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(_handler);
    }

    function invariant_headsAreTheFoldOfWhatWasAccepted() external view {
        (, VehicleHistory log) = _handler.contracts();
        for (uint256 i = 0; i < _handler.SUBJECTS(); ++i) {
            bytes32 subject = _handler.subject(i);
            require(log.head(subject) == _handler.expected(subject), "head");
        }
        require(!_handler.broken(), "a rule was broken");
    }

    function invariant_theCouncilCanAct() external view {
        (Consortium consortium,) = _handler.contracts();
        address[] memory council = consortium.getAdministrators();
        require(consortium.threshold() != 0 && consortium.threshold() <= council.length, "threshold");
        _requireDistinct(council);
    }

    function invariant_validatorsAreNeverEmptyOrDouble() external view {
        (Consortium consortium,) = _handler.contracts();
        address[] memory validators = consortium.getValidators();
        require(validators.length != 0, "validators");
        _requireDistinct(validators);
    }

    function invariant_accountsHaveTheRolesOfTheirOrganisation() external view {
        (Consortium consortium,) = _handler.contracts();
        for (uint32 id = 1; id <= 3; ++id) {
            IConsortium.Organisation memory found = consortium.organisationOf(id);
            address[] memory accounts = consortium.accountsOf(id);
            _requireDistinct(accounts);
            for (uint256 i = 0; i < accounts.length; ++i) {
                (uint32 organisation, uint64 roles) = consortium.member(accounts[i]);
                require(organisation == id && roles == (found.suspended ? 0 : found.roles), "member");
            }
        }
    }

    function invariant_namespacesOnlyGrow() external view {
        (Consortium consortium,) = _handler.contracts();
        for (uint256 i = 1; i <= 2; ++i) {
            IConsortium.Assignment[] memory assignments = consortium.assignmentsOf(bytes32(i));
            for (uint256 j = 1; j < assignments.length; ++j) {
                require(assignments[j].since > assignments[j - 1].since, "times");
                require(assignments[j].organisation != assignments[j - 1].organisation, "change");
            }
        }
    }

    function _requireDistinct(address[] memory list) private pure {
        for (uint256 i = 0; i < list.length; ++i) {
            require(list[i] != address(0), "zero");
            for (uint256 j = 0; j < i; ++j) {
                require(list[i] != list[j], "double");
            }
        }
    }
}
