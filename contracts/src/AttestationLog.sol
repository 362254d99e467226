// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Kinds} from "./Kinds.sol";
import {IAttestationLog} from "./interfaces/IAttestationLog.sol";
import {IConsortium} from "./interfaces/IConsortium.sol";

/// @title The histories of one type of asset; see IAttestationLog
abstract contract AttestationLog is IAttestationLog {
    uint256 public constant MAX_GENERATIONS = 8;
    uint256 private constant VERSION = 1 << 96;

    IConsortium public immutable consortium;
    IAttestationLog public immutable predecessor;
    uint256 public immutable generation;

    // Storage: the order is documented in docs/contracts.md and fixed by a test; light nodes read slots.
    mapping(bytes32 subject => bytes32) public head; // slot 0
    address public successor; // slot 1

    /// @dev Who writes: his organisation, its roles, and the meta word but for the kind.
    struct Writer {
        uint256 organisation;
        uint256 roles;
        uint256 meta;
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
        Writer memory writer = _writer();
        uint256 meta = writer.meta | uint256(kind) << 80;
        _append(writer, _permitted(writer, kind), meta, subject, kind, digest);
        emit Attested(subject, digest, meta);
    }

    /// @inheritdoc IAttestationLog
    function attestIf(bytes32 subject, uint16 kind, bytes32 digest, bytes32 expectedHead) external {
        Writer memory writer = _writer();
        uint256 meta = writer.meta | uint256(kind) << 80;
        uint256 entry = _permitted(writer, kind);
        (uint256 leaves, uint256 status) = _transition(kind);
        require(entry & Kinds.CHANGES_STATUS != 0 && leaves & 1 == 0, NotATransition(kind));
        bytes32 current = _current(subject);
        require(current != 0, UnknownSubject(subject));
        require(current == expectedHead, HeadMoved(subject, expectedHead, current));
        uint256 before = uint256(current) >> 248;
        require(leaves >> before & 1 != 0, IllegalTransition(subject, kind, uint8(before)));
        head[subject] = _fold(current, status, digest, meta);
        emit Attested(subject, digest, meta);
    }

    /// @inheritdoc IAttestationLog
    function attestMany(Item[] calldata items) external {
        require(items.length != 0, EmptyBatch());
        Writer memory writer = _writer();
        for (uint256 i = 0; i < items.length; ++i) {
            Item calldata item = items[i];
            (bytes32 subject, uint16 kind, bytes32 digest) = (item.subject, item.kind, item.digest);
            uint256 meta = writer.meta | uint256(kind) << 80;
            _append(writer, _permitted(writer, kind), meta, subject, kind, digest);
            emit Attested(subject, digest, meta);
        }
    }

    /// @inheritdoc IAttestationLog
    function attestPairs(uint16 kind, bytes32[2][] calldata pairs) external {
        require(pairs.length != 0, EmptyBatch());
        Writer memory writer = _writer();
        uint256 meta = writer.meta | uint256(kind) << 80;
        uint256 entry = _permitted(writer, kind);
        for (uint256 i = 0; i < pairs.length; ++i) {
            _append(writer, entry, meta, pairs[i][0], kind, pairs[i][1]);
        }
        emit AttestedMany(writer.organisation, meta, pairs);
    }

    /// @inheritdoc IAttestationLog
    function attestSeries(bytes32 subject, uint16 kind, bytes32[] calldata digests) external {
        require(digests.length != 0, EmptyBatch());
        Writer memory writer = _writer();
        uint256 meta = writer.meta | uint256(kind) << 80;
        require(_permitted(writer, kind) & Kinds.CHANGES_STATUS == 0, NotAnOrdinaryKind(kind));
        bytes32 current = _current(subject);
        require(current != 0, UnknownSubject(subject));
        uint256 status = uint256(current) >> 248;
        for (uint256 i = 0; i < digests.length; ++i) {
            bytes32 digest = digests[i];
            current = _fold(current, status, digest, meta);
            emit Attested(subject, digest, meta);
        }
        head[subject] = current;
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
        return _current(subject);
    }

    /// @inheritdoc IAttestationLog
    function latestHead(bytes32 subject) external view returns (bytes32 current) {
        current = head[subject];
        if (current == 0 && address(predecessor) != address(0)) current = predecessor.latestHead(subject);
    }

    /// @inheritdoc IAttestationLog
    function logNumber() public pure virtual returns (uint256);

    /// @dev The log's own kinds; a byte for each index (see Kinds).
    function _kinds() internal pure virtual returns (uint256);

    /// @dev For each of the log's own kinds the statuses that it may leave, and the status after it.
    function _transitions() internal pure virtual returns (uint256 leaves, uint256 to);

    /// @dev Append by an ordinary or a genesis kind that is known and permitted to the writer.
    function _append(Writer memory writer, uint256 entry, uint256 meta, bytes32 subject, uint16 kind, bytes32 digest)
        private
    {
        bytes32 current = _current(subject);
        uint256 status = uint256(current) >> 248;
        if (entry & Kinds.CHANGES_STATUS != 0) {
            uint256 leaves;
            (leaves, status) = _transition(kind);
            require(leaves & 1 != 0, ExpectedHeadRequired(kind));
            require(current == 0, SubjectExists(subject));
            bool own = uint256(subject) >> 224 == writer.organisation;
            require(own, ForeignSubject(subject, uint32(writer.organisation)));
        } else {
            require(current != 0, UnknownSubject(subject));
        }
        head[subject] = _fold(current, status, digest, meta);
    }

    /// @dev The head to build on. A predecessor answers only once it is closed: one life, one writable log.
    function _current(bytes32 subject) private view returns (bytes32 current) {
        current = head[subject];
        if (current == 0 && address(predecessor) != address(0)) current = predecessor.handOver(subject);
    }

    function _writer() private view returns (Writer memory writer) {
        address next = successor;
        require(next == address(0), LogClosed(next));
        (uint32 organisation, uint64 roles) = consortium.member(msg.sender);
        if (roles == 0) {
            require(organisation != 0, UnknownAccount(msg.sender));
            revert SuspendedOrganisation(organisation);
        }
        writer.organisation = organisation;
        writer.roles = roles;
        writer.meta = VERSION | uint256(organisation) << 48 | block.timestamp;
    }

    /// @dev The kind's byte of the table. An index beyond it shifts everything out, and nothing is known there.
    function _permitted(Writer memory writer, uint16 kind) private pure returns (uint256 entry) {
        uint256 log = kind >> 8 & 3;
        uint256 role = kind >> 10;
        uint256 table = log == 0 ? Kinds.ANY : log == logNumber() ? _kinds() : 0;
        entry = table >> (uint256(kind & 0xff) << 3) & 0xff;
        require(entry & ~Kinds.CHANGES_STATUS == (Kinds.KNOWN | role), UnknownKind(kind));
        require(writer.roles >> role & 1 != 0, MissingRole(uint32(writer.organisation), kind));
    }

    function _transition(uint16 kind) private pure returns (uint256 leaves, uint256 to) {
        uint256 shift = uint256(kind & 0xff) << 3;
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
