//! The crate a2 against the stand-in for APNs: `a2 <vendors.json> <count>`.

use a2::request::notification::NotificationOptions;
use a2::request::payload::PayloadLike;
use a2::{Client, ClientConfig, Error, Priority, PushType};
use serde::Serialize;
use serde_json::value::RawValue;
use std::fs::File;
use std::time::{SystemTime, UNIX_EPOCH};
use tuisong_bench_peers::{arguments, measure};

/// The bytes that every client sends.
#[derive(Debug, Serialize)]
struct Payload<'a> {
    body: &'a RawValue,
    #[serde(skip)]
    options: NotificationOptions<'a>,
    #[serde(skip)]
    token: &'a str,
}

impl PayloadLike for Payload<'_> {
    fn get_device_token(&self) -> &str {
        self.token
    }

    fn get_options(&self) -> &NotificationOptions<'_> {
        &self.options
    }

    fn to_json_string(&self) -> Result<String, Error> {
        Ok(self.body.get().to_owned())
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let (vendors, count) = arguments();
    let key = File::open(&vendors.apns_key).expect("the key can be read");
    let client = Client::token(key, &vendors.key_id, &vendors.team_id, ClientConfig::default()).expect("a client");
    let body = RawValue::from_string(vendors.payload.clone()).expect("the payload is JSON");
    let hour = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock").as_secs() + 3600;
    let send = async |number: usize| {
        let token = format!("{number:064x}");
        let options = NotificationOptions {
            apns_topic: Some(&vendors.topic),
            apns_priority: Some(Priority::High),
            apns_push_type: Some(PushType::Alert),
            apns_expiration: Some(hour),
            ..NotificationOptions::default()
        };
        client.send(Payload { body: &body, options, token: &token }).await.expect("it is accepted");
    };
    measure("a2", "0.10.0", count, send).await;
}
