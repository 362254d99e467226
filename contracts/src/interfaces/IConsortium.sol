// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ICouncil} from "./ICouncil.sol";

/// @title Who may write what: organisations, accounts, issuer keys, namespaces, validators
/// @notice Functions called actions are the council's (see ICouncil). Changes of council, validators, namespaces and
/// logs wait the delay; all other actions act at once.
interface IConsortium is ICouncil {
    /// @notice An account's organisation; one slot.
    /// @param organisation 0: no account of anybody.
    /// @param roles Bit r for role r of the kind table; 0 while the organisation is suspended.
    struct Member {
        uint32 organisation;
        uint64 roles;
    }

    /// @param roles As granted, whether suspended or not; 0: no such organisation.
    /// @param metadata Digest of a public document about the organisation.
    struct Organisation {
        uint64 roles;
        uint48 since;
        bool suspended;
        bytes32 metadata;
    }

    /// @notice A key that signs credentials; one slot.
    /// @param validFrom Never back-dated.
    /// @param validUntil Exclusive; only falls, never below the time of the change.
    /// @param revokedFrom 0: not revoked. In the past only by the council, which may also move it to an earlier time:
    /// else who revokes a stolen key himself would save what was signed with it before.
    /// @param changedAt Time of the last change, the first revocation at the latest. What was attested from revokedFrom
    /// until then is disputed.
    /// @param algorithm 1 ES256, 2 ES256K, 3 EdDSA.
    /// @param flags Free for the organisation's use, e.g. 1: key of a device.
    struct IssuerKey {
        uint48 validFrom;
        uint48 validUntil;
        uint48 revokedFrom;
        uint48 changedAt;
        uint8 algorithm;
        uint8 flags;
    }

    /// @notice From when a namespace was whose; organisation 0: nobody's.
    struct Assignment {
        uint32 organisation;
        uint48 since;
    }

    event OrganisationAdded(uint32 indexed organisation, uint64 roles, bytes32 metadata);
    event OrganisationChanged(uint32 indexed organisation, uint64 roles, bytes32 metadata);
    event OrganisationSuspended(uint32 indexed organisation);
    event OrganisationResumed(uint32 indexed organisation);
    event AccountAdded(uint32 indexed organisation, address indexed account);
    event AccountRemoved(uint32 indexed organisation, address indexed account);
    event IssuerKeyAdded(uint32 indexed organisation, bytes32 indexed thumbprint, IssuerKey key);
    event IssuerKeyLimited(uint32 indexed organisation, bytes32 indexed thumbprint, uint48 validUntil);
    event IssuerKeyRevoked(uint32 indexed organisation, bytes32 indexed thumbprint, uint48 revokedFrom);
    event NamespaceAssigned(bytes32 indexed namespace, uint32 indexed organisation, uint48 since, uint256 position);
    event ValidatorAdded(address indexed validator);
    event ValidatorRemoved(address indexed validator);
    event LogRetired(address indexed log, address indexed successor);

    error UnknownOrganisation(uint32 organisation);
    error OrganisationExists(uint32 organisation);
    error NoRoles(uint32 organisation);
    error SuspensionUnchanged(uint32 organisation, bool suspended);
    /// @notice The account is not one of an organisation that may act now.
    error NotActiveMember(address account);
    error NotOwnOrganisation(address account, uint32 organisation);
    error AccountTaken(address account, uint32 organisation);
    error NotAccountOf(address account, uint32 organisation);
    error TooManyAccounts(uint32 organisation, uint256 limit);
    /// @notice An organisation cannot take away its own last account; the council can.
    error LastAccount(uint32 organisation);
    error InvalidThumbprint();
    error UnknownAlgorithm(uint8 algorithm);
    error IssuerKeyExists(uint32 organisation, bytes32 thumbprint);
    error UnknownIssuerKey(uint32 organisation, bytes32 thumbprint);
    error IssuerKeyIsRevoked(uint32 organisation, bytes32 thumbprint, uint48 revokedFrom);
    error EmptyValidity(uint48 validFrom, uint48 validUntil);
    /// @notice A validity only falls.
    error ValidityNotShortened(uint48 validUntil, uint48 proposed);
    error RevocationInFuture(uint48 revokedFrom);
    error InvalidNamespace();
    error NamespaceUnchanged(bytes32 namespace, uint32 organisation);
    error NamespaceChangedNow(bytes32 namespace);
    error TooManyAssignments(bytes32 namespace, uint256 limit);
    error AlreadyValidator(address validator);
    error NotValidator(address validator);
    error LastValidator(address validator);
    error TooManyValidators(uint256 limit);
    /// @notice One change of the validators a block, so that neighbouring sets differ by one.
    error ValidatorsChangedNow(uint256 blockNumber);

    // ---- read ---------------------------------------------------------------------------------------------------

    /// @notice The organisation of an account and what it may do now.
    function member(address account) external view returns (uint32 organisation, uint64 roles);

    function organisationOf(uint32 id) external view returns (Organisation memory);
    function accountsOf(uint32 organisation) external view returns (address[] memory);
    function issuerKey(uint32 organisation, bytes32 thumbprint) external view returns (IssuerKey memory);

    /// @notice Every assignment of a namespace, oldest first; each holds until the next.
    /// @param namespace keccak256(scheme ‖ prefix), scheme one byte.
    function assignmentsOf(bytes32 namespace) external view returns (Assignment[] memory);

    /// @notice The validators of the next block, for QBFT engines that take their set from a contract. Never empty,
    /// never a duplicate, never reverting.
    function getValidators() external view returns (address[] memory);

    // ---- actions of the council -----------------------------------------------------------------------------------

    /// @notice Action: enrol an organisation with its first account.
    /// @param id Not 0, not yet used; stands in the subjects that it registers.
    /// @param account May be 0: none yet.
    function addOrganisation(uint32 id, uint64 roles, bytes32 metadata, address account) external;

    /// @notice Action: change what an organisation may do, or the digest of its document.
    function setOrganisation(uint32 id, uint64 roles, bytes32 metadata) external;

    /// @notice Action: refuse all later writes of an organisation, at once. What it wrote stays as it is.
    function suspendOrganisation(uint32 id) external;

    function resumeOrganisation(uint32 id) external;

    /// @notice Action: revoke an organisation's key, also from a time in the past, and also one that is revoked already
    /// if from a later time.
    function revokeIssuerKeyFrom(uint32 organisation, bytes32 thumbprint, uint48 revokedFrom) external;

    /// @notice Action: assign a namespace from now on, after the delay; organisation 0 leaves it to nobody.
    function assignNamespace(bytes32 namespace, uint32 organisation) external;

    /// @notice Action: add a validator, after the delay.
    function addValidator(address validator) external;

    /// @notice Action: remove a validator, after the delay; never the last.
    function removeValidator(address validator) external;

    /// @notice Action: close a log for good and name the log that goes on, after the delay.
    function retireLog(address log, address successor) external;

    // ---- accounts: the council or the organisation itself -----------------------------------------------------------

    function addAccount(uint32 organisation, address account) external;
    function removeAccount(uint32 organisation, address account) external;

    // ---- issuer keys: the organisation itself ---------------------------------------------------------------------

    /// @notice Add an own key.
    /// @param thumbprint RFC 7638, SHA-256.
    /// @param validFrom The past counts as now.
    /// @param validUntil Exclusive; 2^48 − 1 for no end.
    function addIssuerKey(bytes32 thumbprint, uint48 validFrom, uint48 validUntil, uint8 algorithm, uint8 flags)
        external;

    /// @notice Let an own key end earlier.
    /// @param validUntil The past counts as now.
    function limitIssuerKey(bytes32 thumbprint, uint48 validUntil) external;

    /// @notice Revoke an own key from now on.
    function revokeIssuerKey(bytes32 thumbprint) external;
}
