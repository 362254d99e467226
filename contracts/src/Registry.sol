// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Addresses} from "./Addresses.sol";
import {Governed} from "./Governed.sol";
import {IConsortium} from "./interfaces/IConsortium.sol";

/// @title Organisations, their accounts, issuer keys and namespaces; see IConsortium
abstract contract Registry is Governed, IConsortium {
    using Addresses for address[];

    /// @notice A suspension writes every account's slot, so their number is limited.
    uint256 private constant MAX_ACCOUNTS = 32;
    uint256 private constant MAX_ASSIGNMENTS = 64;
    uint8 private constant MAX_ALGORITHM = 3;

    // Storage: the order is documented in docs/contracts.md and fixed by a test; light nodes read slots 0 to 2.
    mapping(address account => Member) private _members; // slot 0
    mapping(uint32 organisation => mapping(bytes32 thumbprint => IssuerKey)) private _issuerKeys; // slot 1
    mapping(bytes32 namespace => Assignment[]) private _namespaces; // slot 2
    mapping(uint32 organisation => Organisation) private _organisations; // slot 3
    mapping(uint32 organisation => address[]) private _accounts; // slot 4

    // ---- read -----------------------------------------------------------------------------------------------------------

    /// @inheritdoc IConsortium
    function member(address account) external view returns (uint32, uint64) {
        Member storage found = _members[account];
        return (found.organisation, found.roles);
    }

    /// @inheritdoc IConsortium
    function organisationOf(uint32 id) external view returns (Organisation memory) {
        return _organisations[id];
    }

    /// @inheritdoc IConsortium
    function accountsOf(uint32 id) external view returns (address[] memory) {
        return _accounts[id];
    }

    /// @inheritdoc IConsortium
    function issuerKey(uint32 id, bytes32 thumbprint) external view returns (IssuerKey memory) {
        return _issuerKeys[id][thumbprint];
    }

    /// @inheritdoc IConsortium
    function assignmentsOf(bytes32 namespace) external view returns (Assignment[] memory) {
        return _namespaces[namespace];
    }

    // ---- organisations --------------------------------------------------------------------------------------------------

    /// @inheritdoc IConsortium
    function addOrganisation(uint32 id, uint64 roles, bytes32 metadata, address account) external onlyCouncil {
        require(id != 0 && _organisations[id].roles == 0, OrganisationExists(id));
        require(roles != 0, NoRoles(id));
        _organisations[id] = Organisation(roles, uint48(block.timestamp), false, metadata);
        emit OrganisationAdded(id, roles, metadata);
        if (account != address(0)) _addAccount(id, account);
    }

    /// @inheritdoc IConsortium
    function setOrganisation(uint32 id, uint64 roles, bytes32 metadata) external onlyCouncil {
        Organisation storage found = _known(id);
        require(roles != 0, NoRoles(id));
        found.roles = roles;
        found.metadata = metadata;
        _setRolesOfAccounts(id, found.suspended ? 0 : roles);
        emit OrganisationChanged(id, roles, metadata);
    }

    /// @inheritdoc IConsortium
    function suspendOrganisation(uint32 id) external onlyCouncil {
        _setSuspended(id, true);
        _setRolesOfAccounts(id, 0);
        emit OrganisationSuspended(id);
    }

    /// @inheritdoc IConsortium
    function resumeOrganisation(uint32 id) external onlyCouncil {
        _setSuspended(id, false);
        _setRolesOfAccounts(id, _organisations[id].roles);
        emit OrganisationResumed(id);
    }

    // ---- accounts -------------------------------------------------------------------------------------------------------

    /// @inheritdoc IConsortium
    function addAccount(uint32 id, address account) external {
        if (msg.sender != address(this)) _requireOwn(id);
        _known(id);
        _addAccount(id, account);
    }

    /// @inheritdoc IConsortium
    function removeAccount(uint32 id, address account) external {
        if (msg.sender != address(this)) {
            _requireOwn(id);
            require(_accounts[id].length > 1, LastAccount(id));
        }
        require(id != 0 && _members[account].organisation == id, NotAccountOf(account, id));
        delete _members[account];
        _accounts[id].take(account);
        emit AccountRemoved(id, account);
    }

    // ---- issuer keys ----------------------------------------------------------------------------------------------------

    /// @inheritdoc IConsortium
    function addIssuerKey(bytes32 thumbprint, uint48 validFrom, uint48 validUntil, uint8 algorithm, uint8 flags)
        external
    {
        uint32 id = _ownOrganisation();
        require(thumbprint != 0, InvalidThumbprint());
        require(algorithm != 0 && algorithm <= MAX_ALGORITHM, UnknownAlgorithm(algorithm));
        require(_issuerKeys[id][thumbprint].changedAt == 0, IssuerKeyExists(id, thumbprint));
        uint48 from = _notBeforeNow(validFrom);
        require(from < validUntil, EmptyValidity(from, validUntil));
        IssuerKey memory key = IssuerKey(from, validUntil, 0, uint48(block.timestamp), algorithm, flags);
        _issuerKeys[id][thumbprint] = key;
        emit IssuerKeyAdded(id, thumbprint, key);
    }

    /// @inheritdoc IConsortium
    function limitIssuerKey(bytes32 thumbprint, uint48 validUntil) external {
        uint32 id = _ownOrganisation();
        IssuerKey storage key = _unrevoked(id, thumbprint);
        uint48 until = _notBeforeNow(validUntil);
        require(until < key.validUntil, ValidityNotShortened(key.validUntil, until));
        key.validUntil = until;
        key.changedAt = uint48(block.timestamp);
        emit IssuerKeyLimited(id, thumbprint, until);
    }

    /// @inheritdoc IConsortium
    function revokeIssuerKey(bytes32 thumbprint) external {
        _revoke(_ownOrganisation(), thumbprint, uint48(block.timestamp));
    }

    /// @inheritdoc IConsortium
    function revokeIssuerKeyFrom(uint32 id, bytes32 thumbprint, uint48 revokedFrom) external onlyCouncil {
        require(revokedFrom != 0 && revokedFrom <= block.timestamp, RevocationInFuture(revokedFrom));
        IssuerKey storage key = _issuerKeys[id][thumbprint];
        if (key.revokedFrom == 0 || revokedFrom >= key.revokedFrom) return _revoke(id, thumbprint, revokedFrom);
        key.revokedFrom = revokedFrom; // changedAt stays: from the first revocation on nothing was in doubt
        emit IssuerKeyRevoked(id, thumbprint, revokedFrom);
    }

    // ---- namespaces -----------------------------------------------------------------------------------------------------

    /// @inheritdoc IConsortium
    function assignNamespace(bytes32 namespace, uint32 id) external onlyCouncil {
        require(namespace != 0, InvalidNamespace());
        if (id != 0) _known(id);
        Assignment[] storage assignments = _namespaces[namespace];
        uint256 position = assignments.length;
        require(position < MAX_ASSIGNMENTS, TooManyAssignments(namespace, MAX_ASSIGNMENTS));
        Assignment memory last = position == 0 ? Assignment(0, 0) : assignments[position - 1];
        require(last.organisation != id, NamespaceUnchanged(namespace, id));
        require(last.since < block.timestamp, NamespaceChangedNow(namespace));
        assignments.push(Assignment(id, uint48(block.timestamp)));
        emit NamespaceAssigned(namespace, id, uint48(block.timestamp), position);
    }

    // ---- inside ---------------------------------------------------------------------------------------------------------

    function _known(uint32 id) private view returns (Organisation storage found) {
        found = _organisations[id];
        require(found.roles != 0, UnknownOrganisation(id));
    }

    function _setSuspended(uint32 id, bool suspended) private {
        Organisation storage found = _known(id);
        require(found.suspended != suspended, SuspensionUnchanged(id, suspended));
        found.suspended = suspended;
    }

    function _setRolesOfAccounts(uint32 id, uint64 roles) private {
        address[] storage accounts = _accounts[id];
        for (uint256 i = 0; i < accounts.length; ++i) {
            _members[accounts[i]].roles = roles;
        }
    }

    function _addAccount(uint32 id, address account) private {
        require(account != address(0) && account != address(this), InvalidAddress(account));
        uint32 holder = _members[account].organisation;
        require(holder == 0, AccountTaken(account, holder));
        require(_accounts[id].length < MAX_ACCOUNTS, TooManyAccounts(id, MAX_ACCOUNTS));
        Organisation storage found = _organisations[id];
        _members[account] = Member(id, found.suspended ? 0 : found.roles);
        _accounts[id].push(account);
        emit AccountAdded(id, account);
    }

    /// @dev The caller's organisation, which must not be suspended.
    function _ownOrganisation() private view returns (uint32) {
        Member memory caller = _members[msg.sender];
        require(caller.roles != 0, NotActiveMember(msg.sender));
        return caller.organisation;
    }

    function _requireOwn(uint32 id) private view {
        require(_ownOrganisation() == id, NotOwnOrganisation(msg.sender, id));
    }

    function _notBeforeNow(uint48 time) private view returns (uint48) {
        uint48 current = uint48(block.timestamp);
        return time < current ? current : time;
    }

    function _unrevoked(uint32 id, bytes32 thumbprint) private view returns (IssuerKey storage key) {
        key = _issuerKeys[id][thumbprint];
        require(key.changedAt != 0, UnknownIssuerKey(id, thumbprint));
        require(key.revokedFrom == 0, IssuerKeyIsRevoked(id, thumbprint, key.revokedFrom));
    }

    function _revoke(uint32 id, bytes32 thumbprint, uint48 revokedFrom) private {
        IssuerKey storage key = _unrevoked(id, thumbprint);
        key.revokedFrom = revokedFrom;
        key.changedAt = uint48(block.timestamp);
        emit IssuerKeyRevoked(id, thumbprint, revokedFrom);
    }
}
