// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Lists of addresses without duplicates, short enough to be searched
library Addresses {
    /// @notice Take an address out of a list that holds it; the last one takes its place.
    function take(address[] storage list, address gone) internal {
        uint256 last = list.length - 1;
        for (uint256 i = 0; i < last; ++i) {
            if (list[i] == gone) {
                list[i] = list[last];
                break;
            }
        }
        list.pop();
    }

    function contains(address[] storage list, address wanted) internal view returns (bool) {
        for (uint256 i = 0; i < list.length; ++i) {
            if (list[i] == wanted) return true;
        }
        return false;
    }
}
