// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Addresses} from "./Addresses.sol";
import {Council} from "./Council.sol";
import {Registry} from "./Registry.sol";
import {IAttestationLog} from "./interfaces/IAttestationLog.sol";
import {IConsortium} from "./interfaces/IConsortium.sol";

/// @title Who may write what; see IConsortium
contract Consortium is Registry, Council {
    using Addresses for address[];

    uint256 private constant MAX_VALIDATORS = 64;

    // Storage goes on from Registry's and Council's; see there.
    address[] private _validators; // slot 10
    uint256 private _validatorsChangedIn; // slot 11: block number

    constructor(address[] memory administrators, uint256 threshold_, uint48 delay_, address[] memory validators)
        Council(administrators, threshold_, delay_)
    {
        require(validators.length != 0, LastValidator(address(0)));
        for (uint256 i = 0; i < validators.length; ++i) {
            _addValidator(validators[i]);
        }
    }

    /// @inheritdoc IConsortium
    function getValidators() external view returns (address[] memory) {
        return _validators;
    }

    /// @inheritdoc IConsortium
    function addValidator(address validator) external onlyCouncil {
        _changeValidators();
        _addValidator(validator);
    }

    /// @inheritdoc IConsortium
    function removeValidator(address validator) external onlyCouncil {
        _changeValidators();
        require(_validators.contains(validator), NotValidator(validator));
        require(_validators.length > 1, LastValidator(validator));
        _validators.take(validator);
        emit ValidatorRemoved(validator);
    }

    /// @inheritdoc IConsortium
    function retireLog(address log, address successor) external onlyCouncil {
        emit LogRetired(log, successor);
        IAttestationLog(log).setSuccessor(successor);
    }

    function _delayOf(bytes4 selector) internal view override returns (uint48) {
        if (
            selector == IConsortium.addOrganisation.selector || selector == IConsortium.setOrganisation.selector
                || selector == IConsortium.suspendOrganisation.selector
                || selector == IConsortium.resumeOrganisation.selector || selector == IConsortium.addAccount.selector
                || selector == IConsortium.removeAccount.selector
                || selector == IConsortium.revokeIssuerKeyFrom.selector
        ) return 0;
        if (
            selector == IConsortium.assignNamespace.selector || selector == IConsortium.addValidator.selector
                || selector == IConsortium.removeValidator.selector || selector == IConsortium.retireLog.selector
        ) return delay;
        return super._delayOf(selector);
    }

    function _changeValidators() private {
        require(_validatorsChangedIn < block.number, ValidatorsChangedNow(block.number));
        _validatorsChangedIn = block.number;
    }

    function _addValidator(address validator) private {
        require(validator != address(0), InvalidAddress(validator));
        require(!_validators.contains(validator), AlreadyValidator(validator));
        require(_validators.length < MAX_VALIDATORS, TooManyValidators(MAX_VALIDATORS));
        _validators.push(validator);
        emit ValidatorAdded(validator);
    }
}
