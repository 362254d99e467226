// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Addresses} from "./Addresses.sol";
import {Governed} from "./Governed.sol";
import {ICouncil} from "./interfaces/ICouncil.sol";

/// @title Administrators who decide together; see ICouncil
abstract contract Council is Governed, ICouncil {
    using Addresses for address[];

    uint256 private constant MAX_ADMINISTRATORS = 32;
    uint48 private constant MAX_DELAY = 30 days;
    /// @notice How long a proposal may wait for its confirmations, and once ready for its execution.
    uint48 private constant PROPOSAL_LIFETIME = 30 days;

    uint48 public immutable delay;

    // Storage goes on from Registry's; see there.
    address[] private _administrators; // slot 5
    mapping(address administrator => uint32) private _terms; // slot 6; 0: none. Every term has a number of its own.
    mapping(bytes32 id => mapping(address administrator => uint32)) private _confirmations; // slot 7: in which term
    mapping(bytes32 id => Proposal) private _proposals; // slot 8
    uint32 private _threshold; // slot 9
    uint32 private _lastTerm; // slot 9

    constructor(address[] memory administrators, uint256 threshold_, uint48 delay_) {
        require(delay_ <= MAX_DELAY, DelayTooLong(delay_, MAX_DELAY));
        delay = delay_;
        for (uint256 i = 0; i < administrators.length; ++i) {
            _addAdministrator(administrators[i]);
        }
        _setThreshold(threshold_);
    }

    /// @inheritdoc ICouncil
    function confirm(bytes calldata action, bytes32 salt) external returns (bytes32 id, bool executed) {
        id = proposalId(action, salt);
        Proposal storage state = _proposals[id];
        if (state.proposedAt == 0) _propose(state, id, action, salt);
        bool confirmed = _recordConfirmation(state, id);
        uint256 count = _count(id);
        if (count < _threshold) {
            require(confirmed, AlreadyConfirmed(id, msg.sender));
            return (id, false);
        }
        // The confirmation that makes the majority: also one that was lost by a term that ended or a higher threshold.
        if (state.readyAt == 0 || (confirmed && count == _threshold)) {
            state.readyAt = uint48(block.timestamp) + _delayOf(bytes4(action));
            emit Scheduled(id, state.readyAt);
        }
        if (block.timestamp < state.readyAt) {
            require(confirmed, ProposalNotReady(id, state.readyAt));
            return (id, false);
        }
        _execute(state, id, action);
        return (id, true);
    }

    /// @inheritdoc ICouncil
    function withdraw(bytes32 id) external {
        Proposal storage state = _proposals[id];
        require(state.executedAt == 0, ProposalExecuted(id, state.executedAt));
        uint32 term = _termOf(msg.sender);
        require(_confirmations[id][msg.sender] == term, NotConfirmed(id, msg.sender));
        delete _confirmations[id][msg.sender];
        if (_count(id) < _threshold) state.readyAt = 0;
        emit Withdrawn(id, msg.sender);
    }

    /// @inheritdoc ICouncil
    function addAdministrator(address administrator) external onlyCouncil {
        _addAdministrator(administrator);
    }

    /// @inheritdoc ICouncil
    function removeAdministrator(address administrator) external onlyCouncil {
        _termOf(administrator);
        uint256 left = _administrators.length - 1;
        require(left >= _threshold, UnreachableThreshold(_threshold, left));
        _administrators.take(administrator);
        delete _terms[administrator];
        emit AdministratorRemoved(administrator);
    }

    /// @inheritdoc ICouncil
    function setThreshold(uint256 threshold_) external onlyCouncil {
        _setThreshold(threshold_);
    }

    /// @inheritdoc ICouncil
    function threshold() external view returns (uint256) {
        return _threshold;
    }

    /// @inheritdoc ICouncil
    function getAdministrators() external view returns (address[] memory) {
        return _administrators;
    }

    /// @inheritdoc ICouncil
    function proposal(bytes32 id) external view returns (Proposal memory state, address[] memory confirmedBy) {
        state = _proposals[id];
        confirmedBy = new address[](_count(id));
        address[] memory administrators = _administrators;
        uint256 found = 0;
        for (uint256 i = 0; i < administrators.length; ++i) {
            if (_hasConfirmed(id, administrators[i])) confirmedBy[found++] = administrators[i];
        }
    }

    /// @inheritdoc ICouncil
    function proposalId(bytes calldata action, bytes32 salt) public pure returns (bytes32) {
        return keccak256(abi.encode(keccak256(action), salt));
    }

    /// @dev How long an action waits between its last confirmation and its execution; reverts for what is no action.
    function _delayOf(bytes4 selector) internal view virtual returns (uint48) {
        require(
            selector == ICouncil.addAdministrator.selector || selector == ICouncil.removeAdministrator.selector
                || selector == ICouncil.setThreshold.selector,
            UnknownAction(selector)
        );
        return delay;
    }

    function _propose(Proposal storage state, bytes32 id, bytes calldata action, bytes32 salt) private {
        _termOf(msg.sender);
        _delayOf(bytes4(action));
        state.proposedAt = uint48(block.timestamp);
        emit Proposed(id, msg.sender, salt, action);
    }

    /// @return Whether the confirmation is new.
    function _recordConfirmation(Proposal storage state, bytes32 id) private returns (bool) {
        require(state.executedAt == 0, ProposalExecuted(id, state.executedAt));
        uint48 expiry = (state.readyAt == 0 ? state.proposedAt : state.readyAt) + PROPOSAL_LIFETIME;
        require(block.timestamp <= expiry, ProposalExpired(id, expiry));
        uint32 term = _termOf(msg.sender);
        if (_confirmations[id][msg.sender] == term) return false;
        _confirmations[id][msg.sender] = term;
        emit Confirmed(id, msg.sender);
        return true;
    }

    /// @dev Marked before the call: an action cannot execute itself again. Its own error is passed on.
    function _execute(Proposal storage state, bytes32 id, bytes calldata action) private {
        state.executedAt = uint48(block.timestamp);
        emit Executed(id);
        (bool done, bytes memory reason) = address(this).call(action);
        if (!done) {
            assembly ("memory-safe") {
                revert(add(reason, 32), mload(reason))
            }
        }
    }

    function _addAdministrator(address administrator) private {
        require(administrator != address(0) && administrator != address(this), InvalidAddress(administrator));
        require(_terms[administrator] == 0, AlreadyAdministrator(administrator));
        uint256 number = _administrators.length + 1;
        require(number <= MAX_ADMINISTRATORS, UnreachableThreshold(_threshold, number));
        _administrators.push(administrator);
        _terms[administrator] = ++_lastTerm;
        emit AdministratorAdded(administrator);
    }

    function _setThreshold(uint256 threshold_) private {
        uint256 number = _administrators.length;
        require(threshold_ != 0 && threshold_ <= number, UnreachableThreshold(threshold_, number));
        _threshold = uint32(threshold_);
        emit ThresholdChanged(threshold_);
    }

    function _count(bytes32 id) private view returns (uint256 count) {
        address[] memory administrators = _administrators;
        for (uint256 i = 0; i < administrators.length; ++i) {
            if (_hasConfirmed(id, administrators[i])) ++count;
        }
    }

    function _hasConfirmed(bytes32 id, address administrator) private view returns (bool) {
        return _confirmations[id][administrator] == _terms[administrator];
    }

    function _termOf(address account) private view returns (uint32 term) {
        term = _terms[account];
        require(term != 0, NotAdministrator(account));
    }
}
