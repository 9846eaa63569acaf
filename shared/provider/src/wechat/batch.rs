//! One call per recipient, some at a time.

use crate::channel::{Call, Credentials};
use futures::StreamExt;
use futures::future::BoxFuture;
use model::account::WechatAccount;
use model::audience::Recipient;
use model::ids::OpenId;
use model::outcome::{Attempt, Outcome};
use std::num::NonZeroUsize;

/// Calls `deliver` for each recipient, `in_flight` at a time, and answers one attempt per recipient, in order.
///
/// What belongs to another family cannot come here; if it does, it is not sent.
pub(crate) async fn to_each<'a>(
    call: Call<'a>,
    in_flight: NonZeroUsize,
    deliver: impl Fn(&'a WechatAccount, &'a Recipient, &'a OpenId) -> BoxFuture<'a, Attempt>,
) -> Vec<Attempt> {
    let misrouted = || Attempt::failed(Outcome::Content, None);
    let Credentials::Wechat(account) = call.credentials else { return vec![misrouted(); call.recipients.len()] };
    let deliveries: Vec<BoxFuture<'a, Attempt>> = (call.recipients.iter())
        .map(|&recipient| match recipient.address.openid() {
            Some(openid) => deliver(account, recipient, openid),
            None => Box::pin(std::future::ready(misrouted())),
        })
        .collect();
    futures::stream::iter(deliveries).buffered(in_flight.get()).collect().await
}
