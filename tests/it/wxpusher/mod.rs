//! WxPusher's API. Tests that stand for an edge case of the contract carry its number.

mod send;
