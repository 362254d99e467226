// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Kinds} from "./Kinds.sol";
import {IAttestationLog} from "./interfaces/IAttestationLog.sol";
import {IConsortium} from "./interfaces/IConsortium.sol";

/// @title The histories of one type of asset; see IAttestationLog
abstract contract AttestationLog is IAttestationLog {
    uint256 private constant MAX_GENERATIONS = 8;
    uint256 private constant VERSION = 1 << 96;

    IConsortium public immutable consortium;
    IAttestationLog public immutable predecessor;
    uint256 public immutable generation;

    // Storage: the order is documented in docs/contracts.md and fixed by a test; light nodes read slots.
    mapping(bytes32 subject => Cell) private _heads; // slot 0
    address public successor; // slot 1

    /// @dev The one slot of a subject: a reference to it is hashed once for reading and writing.
    struct Cell {
        bytes32 head;
    }

    constructor(IConsortium consortium_, IAttestationLog predecessor_) {
        require(address(consortium_) != address(0), UnsuitableLog(address(this)));
        consortium = consortium_;
        predecessor = predecessor_;
        if (address(predecessor_) == address(0)) return;
        bool suits =
            address(predecessor_.consortium()) == address(consortium_) && predecessor_.logNumber() == logNumber();
        require(suits, UnsuitableLog(address(predecessor_)));
        generation = predecessor_.generation() + 1;
        require(generation < MAX_GENERATIONS, TooManyGenerations(MAX_GENERATIONS));
    }

    /// @inheritdoc IAttestationLog
    function attest(bytes32 subject, uint16 kind, bytes32 digest) external {
        (uint256 roles, uint256 meta) = _writer();
        meta |= uint256(kind) << 80;
        _append(_permitted(roles, meta), meta, subject, digest);
        emit Attested(subject, digest, meta);
    }

    /// @inheritdoc IAttestationLog
    function attestIf(bytes32 subject, uint16 kind, bytes32 digest, bytes32 expectedHead) external {
        (uint256 roles, uint256 meta) = _writer();
        meta |= uint256(kind) << 80;
        uint256 entry = _permitted(roles, meta);
        (uint256 leaves, uint256 status) = _transition(kind);
        require(entry & Kinds.CHANGES_STATUS != 0 && leaves & 1 == 0, NotATransition(kind));
        Cell storage cell = _heads[subject];
        bytes32 current = _current(cell, subject);
        require(current != 0, UnknownSubject(subject));
        require(current == expectedHead, HeadMoved(subject, expectedHead, current));
        uint256 before = uint256(current) >> 248;
        require(leaves >> before & 1 != 0, IllegalTransition(subject, kind, uint8(before)));
        cell.head = _fold(current, status, digest, meta);
        emit Attested(subject, digest, meta);
    }

    /// @inheritdoc IAttestationLog
    function attestMany(Item[] calldata items) external {
        require(items.length != 0, EmptyBatch());
        (uint256 roles, uint256 base) = _writer();
        for (uint256 i = 0; i < items.length; ++i) {
            Item calldata item = items[i];
            uint256 meta = base | uint256(item.kind) << 80;
            _append(_permitted(roles, meta), meta, item.subject, item.digest);
            emit Attested(item.subject, item.digest, meta);
        }
    }

    /// @inheritdoc IAttestationLog
    function attestPairs(uint16 kind, bytes32[2][] calldata pairs) external {
        require(pairs.length != 0, EmptyBatch());
        (uint256 roles, uint256 meta) = _writer();
        meta |= uint256(kind) << 80;
        uint256 entry = _permitted(roles, meta);
        for (uint256 i = 0; i < pairs.length; ++i) {
            _append(entry, meta, pairs[i][0], pairs[i][1]);
        }
        emit AttestedMany(_organisationOf(meta), meta, pairs);
    }

    /// @inheritdoc IAttestationLog
    function attestSeries(bytes32 subject, uint16 kind, bytes32[] calldata digests) external {
        require(digests.length != 0, EmptyBatch());
        (uint256 roles, uint256 meta) = _writer();
        meta |= uint256(kind) << 80;
        require(_permitted(roles, meta) & Kinds.CHANGES_STATUS == 0, NotAnOrdinaryKind(kind));
        Cell storage cell = _heads[subject];
        bytes32 current = _current(cell, subject);
        require(current != 0, UnknownSubject(subject));
        uint256 status = uint256(current) >> 248;
        for (uint256 i = 0; i < digests.length; ++i) {
            bytes32 digest = digests[i];
            current = _fold(current, status, digest, meta);
            emit Attested(subject, digest, meta);
        }
        cell.head = current;
    }

    /// @inheritdoc IAttestationLog
    function setSuccessor(address next) external {
        require(msg.sender == address(consortium), NotConsortium(msg.sender));
        require(successor == address(0), LogClosed(successor));
        require(address(IAttestationLog(next).predecessor()) == address(this), UnsuitableLog(next));
        successor = next;
        emit SuccessorSet(next);
    }

    /// @inheritdoc IAttestationLog
    function handOver(bytes32 subject) external view returns (bytes32) {
        require(msg.sender == successor, NotSuccessor(msg.sender));
        return _current(_heads[subject], subject);
    }

    /// @inheritdoc IAttestationLog
    function head(bytes32 subject) external view returns (bytes32) {
        return _heads[subject].head;
    }

    /// @inheritdoc IAttestationLog
    function latestHead(bytes32 subject) external view returns (bytes32 current) {
        current = _heads[subject].head;
        if (current == 0 && address(predecessor) != address(0)) current = predecessor.latestHead(subject);
    }

    /// @inheritdoc IAttestationLog
    function logNumber() public pure virtual returns (uint256);

    /// @dev The log's own kinds; a byte for each index (see Kinds).
    function _kinds() internal pure virtual returns (uint256);

    /// @dev For each of the log's own kinds the statuses that it may leave, and the status after it.
    function _transitions() internal pure virtual returns (uint256 leaves, uint256 to);

    /// @dev Append by an ordinary or a genesis kind that is known and permitted to the writer.
    function _append(uint256 entry, uint256 meta, bytes32 subject, bytes32 digest) private {
        Cell storage cell = _heads[subject];
        bytes32 current = _current(cell, subject);
        uint256 status = uint256(current) >> 248;
        if (entry & Kinds.CHANGES_STATUS != 0) {
            uint16 kind = uint16(meta >> 80);
            uint256 leaves;
            (leaves, status) = _transition(kind);
            require(leaves & 1 != 0, ExpectedHeadRequired(kind));
            require(current == 0, SubjectExists(subject));
            uint32 writer = _organisationOf(meta);
            require(uint256(subject) >> 224 == writer, ForeignSubject(subject, writer));
        } else {
            require(current != 0, UnknownSubject(subject));
        }
        cell.head = _fold(current, status, digest, meta);
    }

    /// @dev The head to build on. A predecessor answers only once it is closed: one life, one writable log.
    function _current(Cell storage cell, bytes32 subject) private view returns (bytes32 current) {
        current = cell.head;
        if (current == 0 && address(predecessor) != address(0)) current = predecessor.handOver(subject);
    }

    /// @return roles Of the writing organisation.
    /// @return meta The meta word, but for the kind.
    function _writer() private view returns (uint256 roles, uint256 meta) {
        address next = successor;
        require(next == address(0), LogClosed(next));
        uint32 organisation;
        (organisation, roles) = consortium.member(msg.sender);
        if (roles == 0) {
            require(organisation != 0, UnknownAccount(msg.sender));
            revert SuspendedOrganisation(organisation);
        }
        meta = VERSION | uint256(organisation) << 48 | block.timestamp;
    }

    /// @dev The kind's byte of the table. An index beyond it shifts everything out, and nothing is known there.
    function _permitted(uint256 roles, uint256 meta) private pure returns (uint256 entry) {
        uint16 kind = uint16(meta >> 80);
        uint256 role = kind >> 10;
        uint256 log = kind >> 8 & 3;
        entry = (log == 0 ? Kinds.ANY : log == logNumber() ? _kinds() : 0) >> (uint256(kind & 0xff) << 3) & 0xff;
        require(entry & ~Kinds.CHANGES_STATUS == (Kinds.KNOWN | role), UnknownKind(kind));
        require(roles >> role & 1 != 0, MissingRole(_organisationOf(meta), kind));
    }

    function _organisationOf(uint256 meta) private pure returns (uint32) {
        return uint32(meta >> 48);
    }

    function _transition(uint256 kind) private pure returns (uint256 leaves, uint256 to) {
        uint256 shift = (kind & 0xff) << 3;
        (leaves, to) = _transitions();
        return (leaves >> shift & 0xff, to >> shift & 0xff);
    }

    function _fold(bytes32 current, uint256 status, bytes32 digest, uint256 meta) private pure returns (bytes32 next) {
        assembly ("memory-safe") {
            mstore(0x00, digest)
            mstore(0x20, meta)
            mstore(0x20, keccak256(0x00, 0x40))
            mstore(0x00, current)
            next := or(shl(248, status), shr(8, keccak256(0x00, 0x40)))
        }
    }
}
