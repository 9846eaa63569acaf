//! The crate fcm_v1 against the stand-in for FCM: `fcm_v1 <vendors.json> <count>`.

use fcm_v1::Client;
use fcm_v1::auth::Authenticator;
use fcm_v1::message::{Message, Notification};
use std::time::Duration;
use tuisong_bench_peers::{arguments, measure};

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let (vendors, count) = arguments();
    let authenticator =
        Authenticator::service_account_from_file(&vendors.service_account).await.expect("a service account");
    let client = Client::new(authenticator, &vendors.project, false, Duration::from_secs(10));
    let send = async |number: usize| {
        let mut notification = Notification::default();
        notification.title = Some("Disk alert".to_owned());
        notification.body = Some("Less than ten per cent are free on /var.".to_owned());
        let mut message = Message::default();
        message.token = Some(format!("device-{number}"));
        message.notification = Some(notification);
        client.send(&message).await.expect("it is accepted");
    };
    measure("fcm_v1", "0.3.0", count, send).await;
}
