// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IConsortium} from "./IConsortium.sol";

/// @title The histories of one type of asset, one slot each
/// @notice A subject's head is one byte of status and 31 bytes of hash. Every attestation folds into it:
///
///     meta  = version(8) ‖ kind(16) ‖ organisation(32) ‖ time(48)     right-aligned in 32 bytes; version 1
///     leaf  = keccak256(digest ‖ meta)
///     head' = status' ‖ first 248 bits of keccak256(head ‖ leaf)      the first head is 0
///
/// A kind is role << 10 | log << 8 | index; the organisation of the calling account needs that role in the consortium.
/// Genesis kinds register a subject, and only the organisation in its first four bytes may write them. Other kinds that
/// change the status go through `attestIf`. Ordinary kinds keep the status and are never refused because of it.
interface IAttestationLog {
    struct Item {
        bytes32 subject;
        uint16 kind;
        bytes32 digest;
    }

    event Attested(bytes32 indexed subject, bytes32 digest, uint256 meta);
    /// @param pairs Of (subject, digest), in the order in which they were folded.
    event AttestedMany(uint256 indexed organisation, uint256 meta, bytes32[2][] pairs);
    event SuccessorSet(address indexed successor);

    error LogClosed(address successor);
    error UnknownAccount(address account);
    error SuspendedOrganisation(uint32 organisation);
    error MissingRole(uint32 organisation, uint16 kind);
    /// @notice Not a kind of this log, or with another role than the kind table says.
    error UnknownKind(uint16 kind);
    error UnknownSubject(bytes32 subject);
    error SubjectExists(bytes32 subject);
    /// @notice The subject names another organisation as the one that registers it.
    error ForeignSubject(bytes32 subject, uint32 organisation);
    error ExpectedHeadRequired(uint16 kind);
    /// @notice `attestIf` is for kinds that change the status of a registered subject.
    error NotATransition(uint16 kind);
    error NotAnOrdinaryKind(uint16 kind);
    error HeadMoved(bytes32 subject, bytes32 expected, bytes32 actual);
    error IllegalTransition(bytes32 subject, uint16 kind, uint8 status);
    error EmptyBatch();
    error NotConsortium(address account);
    error NotSuccessor(address account);
    /// @notice The successor does not continue this log, or the predecessor is of another consortium or asset type.
    error UnsuitableLog(address log);
    error TooManyGenerations(uint256 limit);

    /// @notice Append one attestation of an ordinary kind, or register a subject with a genesis kind.
    /// @param digest SHA-256 of the credential.
    function attest(bytes32 subject, uint16 kind, bytes32 digest) external;

    /// @notice Append one attestation that changes the status, if nothing was appended since.
    /// @param expectedHead The head that the writer saw, and that his credential names.
    function attestIf(bytes32 subject, uint16 kind, bytes32 digest, bytes32 expectedHead) external;

    /// @notice Append many, in order, as `attest` does; all or none.
    function attestMany(Item[] calldata items) external;

    /// @notice Append many (subject, digest) of one kind, in order, with one event; all or none.
    function attestPairs(uint16 kind, bytes32[2][] calldata pairs) external;

    /// @notice Append many digests of one ordinary kind to one subject, in order.
    function attestSeries(bytes32 subject, uint16 kind, bytes32[] calldata digests) external;

    /// @notice The head in this log alone; 0 if nothing was appended here.
    function head(bytes32 subject) external view returns (bytes32);

    /// @notice The head on which the next attestation here would build: from here, or else from the predecessors.
    function latestHead(bytes32 subject) external view returns (bytes32);

    /// @notice The last head of a subject, for the successor alone: reverts while this log still accepts writes.
    function handOver(bytes32 subject) external view returns (bytes32);

    /// @notice Close this log for good. Only the consortium may, after the council's decision.
    function setSuccessor(address next) external;

    function consortium() external view returns (IConsortium);
    function predecessor() external view returns (IAttestationLog);
    function successor() external view returns (address);

    /// @notice How many logs came before this one.
    function generation() external view returns (uint256);

    /// @notice 1 battery, 2 vehicle, 3 part: two bits of the kinds that belong here.
    function logNumber() external pure returns (uint256);
}
