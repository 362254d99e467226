// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ICouncil} from "./interfaces/ICouncil.sol";

/// @title What only the council may do: the contract calls itself once enough administrators have confirmed
abstract contract Governed {
    modifier onlyCouncil() {
        require(msg.sender == address(this), ICouncil.NotCouncil(msg.sender));
        _;
    }
}
