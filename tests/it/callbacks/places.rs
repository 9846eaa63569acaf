//! Where callbacks must not go: this machine, its network, and whatever leads there.

use super::{APP, allowing, record, set_url, state_of, tell_of};
use local::Options;
use model::callback::{AttemptOutcome, CallbackState};
use support::receiver::{Answer, Receiver};
use support::{Town, until};

/// Edge case 51, the calling side: a URL that was saved and leads to a closed address, as a name may later on, is not
/// called. The receiver listens where the disguised loopback addresses lead.
#[tokio::test]
async fn row_51_no_closed_address_is_called() {
    let receiver = Receiver::start().await;
    let port = receiver.address().port();
    let town = Town::with(Options::for_tests()).await;
    for host in [
        "127.0.0.1",
        "localhost",
        // This machine's name, which its own table of names resolves to a closed address.
        &gethostname(),
        "10.0.0.1",
        "172.16.0.1",
        "192.168.0.1",
        "169.254.169.254",
        "[fd00:ec2::254]",
        "100.100.100.200",
        "224.0.0.1",
        "[::1]",
        "[fe80::1]",
        "[::ffff:127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "2130706433",
        "0x7f.1",
        "0177.0.0.1",
        "0",
    ] {
        set_url(&town, APP, &format!("http://{host}:{port}/")).await;
        let id = tell_of(&town, APP, host).await;
        until("the attempt", || async { record(&town, APP, &id).await.attempts.len() == 1 }).await;
        let attempt = record(&town, APP, &id).await.attempts.remove(0);
        assert_eq!(attempt.outcome, AttemptOutcome::Forbidden, "{host}");
        assert!(attempt.duration_ms < 3_000, "{host} took {} ms", attempt.duration_ms);
    }
    assert!(receiver.told().is_empty());
    town.close().await;
}

/// The machine's own name: it resolves, by `/etc/hosts`, to an address of this machine.
fn gethostname() -> String {
    std::fs::read_to_string("/etc/hostname").map_or_else(|_| "localhost".to_owned(), |name| name.trim().to_owned())
}

#[tokio::test]
async fn a_redirect_is_not_followed_wherever_it_leads() {
    let (receiver, behind) = (Receiver::start().await, Receiver::start().await);
    let town = Town::with(allowing(&[receiver.address()])).await;
    set_url(&town, APP, &receiver.url("/")).await;
    receiver.will([Answer::Redirect(behind.url("/inside")), Answer::Redirect(receiver.url("/elsewhere"))]);
    for content in ["一", "二"] {
        let id = tell_of(&town, APP, content).await;
        until("the attempt", || async { record(&town, APP, &id).await.attempts.len() == 1 }).await;
        let attempt = record(&town, APP, &id).await.attempts.remove(0);
        assert_eq!((attempt.outcome, attempt.status), (AttemptOutcome::Status, Some(302)));
    }
    assert!(behind.told().is_empty());
    assert!(receiver.told().iter().all(|told| told.target == "/"));
    town.close().await;
}

#[tokio::test]
async fn an_exception_opens_one_port_and_no_other() {
    let (open, closed) = (Receiver::start().await, Receiver::start().await);
    let town = Town::with(allowing(&[open.address()])).await;
    set_url(&town, APP, &closed.url("/")).await;
    let id = tell_of(&town, APP, "一").await;
    until("the attempt", || async { record(&town, APP, &id).await.attempts.len() == 1 }).await;
    assert!(closed.told().is_empty());
    set_url(&town, APP, &open.url("/")).await;
    let id = tell_of(&town, APP, "二").await;
    state_of(&town, APP, &id, CallbackState::Delivered).await;
    town.close().await;
}
