//! What a message costs, how fast it goes, and how much memory it takes.
//!
//! `make bench` runs the program of this crate. Every figure becomes a [`row`](rows::Row); the table that is printed,
//! `bench.json` and `docs/performance.md` are made of all rows, also of those that other programs appended.
//!
//! | module | what it measures or does |
//! |---|---|
//! | [`all`] | everything, one after another |
//! | [`calls`], [`accept`] | the families' calls: requests a second, how long they take, the CPU that they cost |
//! | [`money`], [`prices`] | AWS calls of every family, counted by the local AWS, times list prices: the same on every machine |
//! | [`end_to_end`] | from the call to the last delivery |
//! | [`memory`] | the largest a worker becomes |
//! | [`deliver`] | deliveries per CPU second of the sender, channel by channel |
//! | [`bare`] | the same bytes without a gateway around them: through hyper's client, and through our own line |
//! | [`vendors`], [`cloud`] | the other side: vendors' stand-ins, and AWS, each in a process of its own |
//! | [`process`] | processes that measure themselves |
//! | [`rows`], [`report`], [`plots`] | what is made of the figures |
//!
//! CPU is the time that a process was on a processor, by its own clock (`CLOCK_PROCESS_CPUTIME_ID`): on a shared machine it
//! tells more than the time that passed.

pub mod accept;
pub mod all;
pub mod bare;
pub mod calls;
pub mod cloud;
pub mod deliver;
pub mod end_to_end;
pub mod memory;
pub mod money;
pub mod plots;
pub mod prices;
pub mod process;
pub mod report;
pub mod rows;
pub mod vendors;

/// People who follow the demo account beside those of the seed.
pub const WECHAT_CROWD: u64 = 1_000;

/// What ends a run.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;
