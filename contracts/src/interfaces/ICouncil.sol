// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Administrators who decide together, M of N
/// @notice An action is a call of one of the contract's own functions. `confirm` proposes it, confirms it and, once
/// enough administrators have confirmed and its delay is over, executes it. The same action may be decided again under
/// another salt.
interface ICouncil {
    /// @notice The state of a proposal.
    /// @param proposedAt Time of the first confirmation; 0: never proposed.
    /// @param readyAt From when it can be executed; 0: not confirmed by enough administrators.
    /// @param executedAt When it was executed; 0: not yet. Never deleted, so that nothing is executed twice.
    struct Proposal {
        uint48 proposedAt;
        uint48 readyAt;
        uint48 executedAt;
    }

    event Proposed(bytes32 indexed id, address indexed administrator, bytes32 salt, bytes action);
    event Confirmed(bytes32 indexed id, address indexed administrator);
    event Withdrawn(bytes32 indexed id, address indexed administrator);
    event Scheduled(bytes32 indexed id, uint48 readyAt);
    event Executed(bytes32 indexed id);
    event AdministratorAdded(address indexed administrator);
    event AdministratorRemoved(address indexed administrator);
    event ThresholdChanged(uint256 threshold);

    /// @notice Only the council may do this, through `confirm`.
    error NotCouncil(address account);
    error NotAdministrator(address account);
    error UnknownAction(bytes4 selector);
    error AlreadyConfirmed(bytes32 id, address administrator);
    error NotConfirmed(bytes32 id, address administrator);
    error ProposalExecuted(bytes32 id, uint48 executedAt);
    error ProposalExpired(bytes32 id, uint48 expiredAt);
    error ProposalNotReady(bytes32 id, uint48 readyAt);
    error AlreadyAdministrator(address account);
    error InvalidAddress(address account);
    /// @notice Fewer administrators than the threshold, more than the limit, or a threshold of 0.
    error UnreachableThreshold(uint256 threshold, uint256 administrators);
    error DelayTooLong(uint48 delay, uint48 limit);

    /// @notice Propose, confirm or execute an action.
    /// @param action Calldata for this contract.
    /// @param salt Tells apart repeated decisions of the same action.
    /// @return id The proposal.
    /// @return executed Whether it was executed by this call.
    function confirm(bytes calldata action, bytes32 salt) external returns (bytes32 id, bool executed);

    /// @notice Take back one's own confirmation. A proposal that loses its majority waits its delay again, also where
    /// it was lost by the end of an administrator's term or by a higher threshold.
    function withdraw(bytes32 id) external;

    /// @notice Action: add an administrator, after the delay.
    function addAdministrator(address administrator) external;

    /// @notice Action: remove an administrator, after the delay; never below the threshold. His confirmations end with
    /// his term, and do not come back if he is added again.
    function removeAdministrator(address administrator) external;

    /// @notice Action: set how many must confirm, after the delay; at least 1, at most all.
    function setThreshold(uint256 newThreshold) external;

    function delay() external view returns (uint48);
    function threshold() external view returns (uint256);
    function getAdministrators() external view returns (address[] memory);
    function proposalId(bytes calldata action, bytes32 salt) external pure returns (bytes32);
    function proposal(bytes32 id) external view returns (Proposal memory state, address[] memory confirmedBy);
}
