use super::{Own, OwnSender, Posted};
use crate::channel::{Call, Channel, Credentials};
use crate::testing::{ManualClock, MemoryLines, in_time};
use model::audience::Recipient;
use model::batch::{BatchId, Part};
use model::channel::{Address, ChannelKind, DeviceAddress, Way};
use model::clock::Timestamp;
use model::ids::{DeviceId, DeviceToken, MobileAppId, TaskId};
use model::message::{Message, PushMessage};
use model::notification::android::{Block, ClickAction, HuaweiBlock, VivoBlock};
use model::notification::badge::Badge;
use model::notification::ext::Ext;
use model::notification::{Ios, Kind, Notification};
use model::outcome::{Attempt, Outcome};
use model::own::OwnAddress;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

const NOW: Timestamp = Timestamp::from_millis(1_795_449_600_000);
const BATCH: BatchId = BatchId { task: TaskId::new(42), part: Part::Direct, number: 3 };

fn recipient(device: u64, silent: bool) -> Recipient {
    let token = OwnAddress { shard: 1, device: DeviceId::new(device) }.token();
    let way = Way { channel: ChannelKind::Own, token, bound: NOW, badge: None };
    let address = Address::Device(DeviceAddress { ways: vec![way], silent, hidden: false });
    Recipient { slot: device, address, quota_uid: None }
}

fn hello() -> Notification {
    Notification { title: "Hi".to_owned(), body: "你好".to_owned(), ..Notification::default() }
}

async fn send(lines: &Arc<MemoryLines>, notification: Notification, recipients: &[Recipient]) -> Vec<Attempt> {
    let channel = Own::new(lines.clone(), Arc::new(ManualClock::new(NOW)));
    let message = Message::Push(PushMessage { task: BATCH.task, notification: Box::new(notification) });
    let app = MobileAppId::parse("demo").unwrap();
    let credentials = Credentials::Own(OwnSender { app, batch: BATCH, expires: NOW });
    let recipients: Vec<&Recipient> = recipients.iter().collect();
    let call = Call { message: &message, recipients: &recipients, credentials: &credentials, until: in_time() };
    channel.send(call).await
}

/// Device 1 with one connection, device 2 with two.
fn lines() -> Arc<MemoryLines> {
    let lines = Arc::<MemoryLines>::default();
    lines.world(|world| {
        world.open.insert(DeviceId::new(1), vec!["a".to_owned()]);
        world.open.insert(DeviceId::new(2), vec!["b".to_owned(), "c".to_owned()]);
    });
    lines
}

fn elsewhere(attempt: &Attempt) -> bool {
    attempt.outcome == Outcome::Suppressed && attempt.elsewhere
}

#[tokio::test]
async fn every_connection_of_a_device_gets_it_and_it_counts_once() {
    let lines = lines();
    let attempts = send(&lines, hello(), &[recipient(1, false), recipient(2, true), recipient(3, false)]).await;
    assert_eq!(attempts[..2], [Attempt::ok(None), Attempt::ok(None)]);
    assert!(elsewhere(&attempts[2]), "who is offline may be reached in another way: {:?}", attempts[2]);
    lines.world(|world| {
        let frames: Vec<(String, Value)> =
            world.taken.iter().map(|(to, frame)| (to.clone(), serde_json::from_str(frame).unwrap())).collect();
        let message = json!({ "type": "text", "title": "Hi", "body": "你好", "badge": "+1" });
        let loud = json!({ "v": 1, "type": "message", "task_id": 42, "message": message });
        let silent = json!({ "v": 1, "type": "message", "task_id": 42, "silent": true, "message": message });
        let mut expected = vec![("a".to_owned(), loud), ("b".to_owned(), silent.clone()), ("c".to_owned(), silent)];
        expected.sort_by(|left, right| left.0.cmp(&right.0));
        let mut frames = frames;
        frames.sort_by(|left, right| left.0.cmp(&right.0));
        assert_eq!(frames, expected);
        let sent: Vec<_> = world.sent.iter().map(|(device, offer)| (device.get(), offer.batch, offer.silent)).collect();
        assert_eq!(sent, [(1, BATCH, false), (2, BATCH, true)], "once per device");
        assert_eq!(world.sent[0].1.until, NOW.plus(model::notification::DEFAULT_TTL));
    });
}

#[tokio::test]
async fn a_connection_that_is_gone_is_struck_off_and_another_way_is_tried() {
    let lines = lines();
    lines.world(|world| {
        for connection in ["a", "b"] {
            world.answers.insert(connection.to_owned(), vec![Posted::Gone]);
        }
    });
    let attempts = send(&lines, hello(), &[recipient(1, false), recipient(2, false)]).await;
    assert!(elsewhere(&attempts[0]));
    assert_eq!(attempts[0].vendor_code, Some(410));
    assert_eq!(attempts[1], Attempt::ok(None), "the other tab is open");
    lines.world(|world| {
        assert_eq!(world.gone, ["a", "b"]);
        assert_eq!(world.sent.len(), 1, "who did not get it is not offered it again");
    });
}

#[tokio::test]
async fn who_was_sent_it_before_goes_no_other_way_when_the_batch_comes_again() {
    let lines = lines();
    let mut both = [recipient(1, false), recipient(2, false)];
    for recipient in &mut both {
        let Address::Device(device) = &mut recipient.address else { panic!("a device") };
        let token = DeviceToken::new("vendor");
        device.ways.push(Way { channel: ChannelKind::Huawei, token, bound: NOW, badge: None });
    }
    assert_eq!(send(&lines, hello(), &both).await, [Attempt::ok(None), Attempt::ok(None)]);
    // One has closed its app, the other's connections turn out to be gone.
    lines.world(|world| {
        world.open.remove(&DeviceId::new(1));
        for connection in ["b", "c"] {
            world.answers.insert(connection.to_owned(), vec![Posted::Gone]);
        }
    });
    assert_eq!(send(&lines, hello(), &both).await, [Attempt::ok(None), Attempt::ok(None)], "they have it");
    lines.world(|world| {
        world.open.clear();
        world.sent.retain(|(device, _)| device.get() == 2);
    });
    let attempts = send(&lines, hello(), &both).await;
    assert!(elsewhere(&attempts[0]), "it was never sent there: {:?}", attempts[0]);
    assert_eq!(attempts[1], Attempt::ok(None));
}

/// Whether it came back on another connection cannot be looked up, so the message is to be sent once more. By then it is
/// offline, and no vendor knows it.
#[tokio::test]
async fn who_was_sent_it_and_has_no_other_way_counts_when_the_batch_comes_again() {
    let lines = lines();
    lines.world(|world| world.breaks_after = true);
    let attempts = send(&lines, hello(), &[recipient(1, false)]).await;
    assert!(matches!(attempts[0].outcome, Outcome::Retry { .. }), "{attempts:?}");
    lines.world(|world| {
        assert_eq!((world.taken.len(), world.sent.len()), (1, 1), "it was sent");
        (world.broken, world.open) = (false, BTreeMap::new());
    });
    let attempts = send(&lines, hello(), &[recipient(1, false), recipient(2, false)]).await;
    assert_eq!(attempts[0], Attempt::ok(None), "it has it");
    assert!(elsewhere(&attempts[1]), "the other was never sent anything: {:?}", attempts[1]);
    lines.world(|world| assert_eq!((world.taken.len(), world.sent.len()), (1, 1), "nothing more"));
}

#[tokio::test]
async fn who_comes_back_while_it_is_sent_gets_it_on_the_new_connection_too() {
    let lines = lines();
    lines.world(|world| world.opens_after = Some((DeviceId::new(1), "new".to_owned())));
    let both = [recipient(1, false), recipient(2, false)];
    assert_eq!(send(&lines, hello(), &both).await, [Attempt::ok(None), Attempt::ok(None)]);
    lines.world(|world| {
        let mut to: Vec<&str> = world.taken.iter().map(|(to, _)| to.as_str()).collect();
        to.sort_unstable();
        assert_eq!(to, ["a", "b", "c", "new"], "nobody else gets it twice");
        assert_eq!(world.sent.len(), 2, "written down once each");
        world.opens_after = Some((DeviceId::new(1), "newer".to_owned()));
        world.answers.insert("newer".to_owned(), vec![Posted::Failed("429".into())]);
    });
    let attempts = send(&lines, hello(), &both).await;
    assert!(matches!(attempts[0].outcome, Outcome::Retry { .. }), "{:?}", attempts[0]);
    assert_eq!(attempts[1], Attempt::ok(None));
}

#[tokio::test]
async fn trouble_on_the_way_is_tried_again_and_what_is_too_large_is_not() {
    let lines = lines();
    let failed = || Posted::Failed("429".into());
    lines.world(|world| {
        world.answers.insert("a".to_owned(), vec![failed()]);
        world.answers.insert("b".to_owned(), vec![failed()]);
        world.answers.insert("c".to_owned(), vec![Posted::Gone]);
    });
    let attempts = send(&lines, hello(), &[recipient(1, false), recipient(2, false)]).await;
    assert!(attempts.iter().all(|attempt| matches!(attempt.outcome, Outcome::Retry { .. })), "{attempts:?}");
    lines.world(|world| world.answers.insert("a".to_owned(), vec![Posted::TooLarge]));
    assert_eq!(send(&lines, hello(), &[recipient(1, false)]).await[0].outcome, Outcome::TooLarge);
    lines.world(|world| world.answers.insert("a".to_owned(), vec![Posted::Forbidden]));
    assert_eq!(send(&lines, hello(), &[recipient(1, false)]).await[0].outcome, Outcome::Config);
    lines.world(|world| world.broken = true);
    let attempts = send(&lines, hello(), &[recipient(1, false)]).await;
    assert!(matches!(attempts[0].outcome, Outcome::Retry { .. }), "a store that is down costs time only");
}

#[tokio::test]
async fn what_is_over_is_not_sent() {
    let lines = lines();
    let over = Notification { show_end: Some(NOW), ..hello() };
    let attempts = send(&lines, over, &[recipient(1, false)]).await;
    assert_eq!(attempts[0], Attempt::failed(Outcome::Suppressed, None), "and goes no other way either");
    lines.world(|world| assert!(world.taken.is_empty()));
}

#[tokio::test]
async fn the_whole_message_is_carried_under_the_names_of_the_call() {
    let block = Block {
        sound: Some("ring".to_owned()),
        channel_id: Some("ch".to_owned()),
        click_action: Some(ClickAction::Intent),
        intent: Some("I".to_owned()),
    };
    let notification = Notification {
        kind: Kind::Image,
        title: "Hi".to_owned(),
        body: "Body".to_owned(),
        attachment_url: Some("https://example.com/a.png".to_owned()),
        big_text: Some("long".to_owned()),
        badge: Badge::Set(5),
        ext: Some(Ext::parse(r#"{"k": 12345678901234567890.5}"#).unwrap()),
        show_begin: Some(Timestamp::from_seconds(1_795_440_000)),
        show_end: Some(Timestamp::from_seconds(1_795_453_200)),
        ios: Ios { sound: Some("a.caf".to_owned()), collapse_id: Some("c1".to_owned()), ..Ios::default() },
        android: block.clone(),
        huawei: HuaweiBlock { badge_class: Some("com.a.Main".to_owned()), ..HuaweiBlock::default() },
        vivo: VivoBlock { test_push: true, system_message: true, ..VivoBlock::default() },
        meizu: Block { click_action: Some(ClickAction::OpenApp), ..Block::default() },
        ..Notification::default()
    };
    let lines = lines();
    send(&lines, notification, &[recipient(1, false)]).await;
    let frame = lines.world(|world| world.taken[0].1.clone());
    assert!(frame.contains("12345678901234567890.5"), "numbers of the caller's stay as they are: {frame}");
    let frame: Value = serde_json::from_str(&frame).unwrap();
    let mut message = frame["message"].clone();
    message.as_object_mut().unwrap().remove("ext");
    assert_eq!(
        message,
        json!({
            "type": "image", "title": "Hi", "body": "Body", "attachment_url": "https://example.com/a.png",
            "big_text": "long", "badge": "5", "show_begin_time": 1_795_440_000, "show_end_time": 1_795_453_200,
            "ios": { "sound": "a.caf", "apns_collapse_id": "c1" },
            "android": { "sound": "ring", "channel_id": "ch", "click_action": "intent", "intent": "I" },
            "huawei": { "badge_class": "com.a.Main" },
            "vivo": { "push_mode": 1, "classification": 1 },
            "flyme": { "click_action": "open_app" },
        })
    );
}
