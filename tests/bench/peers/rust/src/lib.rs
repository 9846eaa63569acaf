//! Sends many notifications with some of them in flight, and says what that cost this process.

use futures::StreamExt;
use futures::stream;
use serde::Deserialize;
use std::time::{Duration, Instant};

/// Notifications under way at a time.
const IN_FLIGHT: usize = 100;

/// Where the stand-ins are, and what they want to see.
#[derive(Debug, Deserialize)]
pub struct Vendors {
    /// File with the key that APNs knows.
    pub apns_key: String,
    /// Its id.
    pub key_id: String,
    /// Whose it is.
    pub team_id: String,
    /// The app.
    pub topic: String,
    /// Body of a notification.
    pub payload: String,
    /// File with a service account of Google's.
    pub service_account: String,
    /// Its project.
    pub project: String,
}

/// The arguments: a file with the vendors, and how many notifications.
pub fn arguments() -> (Vendors, usize) {
    let mut arguments = std::env::args().skip(1);
    let file = arguments.next().expect("a file with the vendors");
    let vendors = std::fs::read(file).expect("the file can be read");
    let count = arguments.next().expect("a count").parse().expect("the count is a number");
    (serde_json::from_slice(&vendors).expect("the file is as the bench writes it"), count)
}

/// Calls `send` for `1..=count`. The first notification, which connects, is not counted.
pub async fn measure<F: Future<Output = ()>>(name: &str, version: &str, count: usize, send: impl Fn(usize) -> F) {
    send(0).await;
    let (cpu, started) = (cpu(), Instant::now());
    stream::iter(1..=count).map(&send).buffer_unordered(IN_FLIGHT).for_each(async |()| ()).await;
    let (cpu, seconds) = (self::cpu() - cpu, started.elapsed());
    println!(
        "{}",
        serde_json::json!({
            "name": name,
            "version": version,
            "deliveries": count,
            "cpu_seconds": cpu.as_secs_f64(),
            "seconds": seconds.as_secs_f64(),
        })
    );
}

/// What this process has used, in user and kernel mode.
fn cpu() -> Duration {
    let mut usage = std::mem::MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: `getrusage` fills the struct that it is given, and zeroes are a valid one to begin with.
    let usage = unsafe {
        assert_eq!(libc::getrusage(libc::RUSAGE_SELF, usage.as_mut_ptr()), 0);
        usage.assume_init()
    };
    let time = |time: libc::timeval| {
        Duration::from_secs(time.tv_sec.unsigned_abs()) + Duration::from_micros(time.tv_usec.unsigned_abs())
    };
    time(usage.ru_utime) + time(usage.ru_stime)
}
