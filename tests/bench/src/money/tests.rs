//! The counts of small runs. Times are nowhere in them: what Lambda's time is reckoned with is given here.

use super::*;
use crate::prices::Prices;

/// More than was ever measured in release.
const CPU: Cpu = Cpu { accept: 0.005, fanout: 0.000_02, deliver: 0.000_1 };

async fn counted(call: Call, deliveries: u64) -> Used {
    let used = count(call, deliveries, CPU).await.expect("a count");
    assert_eq!(used.deliveries, deliveries, "{used:#?}");
    used
}

#[tokio::test]
async fn a_push_to_everybody_costs_three_cents_a_million_at_most() {
    let used = counted(Call::MobileAll(ChannelKind::Apns), 500).await;
    let invocations = ["mobile-notify", "fanout", "deliver"].map(|name| used.invocations[name]);
    assert_eq!((invocations, used.s3_puts, used.s3_gets), ([1; 3], 0, 0), "{used:#?}");
    // The task, the badges, its page of the plan; of the batch the claim and its record of 500, which fills two segments.
    assert!(used.write_units <= 6.0, "{used:#?}");
    assert!(used.read_units <= 16.0, "500 cards and what is read once: {used:#?}");
    // A hint is sent, received and deleted; so is a batch of more than 64 KB, which counts as two but for the delete.
    assert_eq!(used.sqs_requests, 8, "{used:#?}");
    let bill = used.bill(&Prices::read().expect("prices")).times(1e6 / used.deliveries as f64);
    // A larger audience is cheaper still: here the call itself is shared by 500 only.
    assert!(bill.total() - bill.http_api <= 0.03, "{bill:#?} {used:#?}");
}

#[tokio::test]
async fn no_phones_vendor_is_dearer() {
    for channel in ChannelKind::PHONES.iter().copied().filter(|channel| *channel != ChannelKind::Own) {
        let used = counted(Call::MobileAll(channel), 500).await;
        let bill = used.bill(&Prices::read().expect("prices")).times(1e6 / used.deliveries as f64);
        assert!(bill.total() - bill.http_api <= 0.03, "{channel}: {bill:#?} {used:#?}");
    }
}

#[tokio::test]
async fn a_message_to_one_costs_what_the_documents_say() {
    // (call, write units, read units): `docs/data.md`, without what is fetched once in a while.
    for (call, writes, reads) in
        [(Call::WxpusherUid, 3.2, 4.2), (Call::WechatTemplate, 2.2, 4.2), (Call::MobileAlias, 6.0, 6.2)]
    {
        let used = counted(call, 5).await;
        assert!(used.write_units <= writes * 5.0, "{call:?}: {used:#?}");
        assert!(used.read_units <= reads * 5.0, "{call:?}: {used:#?}");
        // Five hints, five batches; Lambda's pollers get and delete five at a time.
        assert_eq!(used.sqs_requests, 5 + 5 + 2 + 2, "{call:?}: {used:#?}");
        assert_eq!((used.invocations["fanout"], used.invocations["deliver"]), (1, 1), "{call:?}: {used:#?}");
    }
}

#[test]
fn memory_is_the_templates() {
    assert!((memory_gb("deliver") - 0.5).abs() < 1e-9 && (memory_gb("wxpusher-send") - 0.25).abs() < 1e-9);
    assert!(memory_gb("there is none") > 0.0, "the default");
}
