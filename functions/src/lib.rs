//! Every function of the gateway: a file per endpoint under its family, the workers behind them, and one table of all.
//!
//! A function is a constant named `FUNCTION` in its own file; `src/bin/<name>.rs` runs exactly that one, so a binary
//! holds no more than its function reaches.

mod accepting;
pub mod admin;
pub mod fallback;
pub mod mobile;
pub mod own;
pub mod page;
pub mod receipt;
pub mod routes;
pub mod service_account;
pub mod wechat;
pub mod workers;
pub mod wxpusher;
