//! Uses of form ids and sends of a day (Tokens table), for the calls of WeChat's API that we serve.

use crate::StoreError;
use crate::db::{Update, Updated};
use crate::item::{Reader, n};
use crate::keys::{self, hash};
use model::clock::{Day, Timestamp};
use model::ids::AccountId;
use std::time::Duration;

capability! {
    /// Counts uses of form ids.
    Forms: [("dynamodb:GetItem", Tokens), ("dynamodb:UpdateItem", Tokens)]
}

capability! {
    /// Counts an account's sends of a day.
    Sends: [("dynamodb:UpdateItem", Tokens)]
}

/// How long a form id lives from its first use. WeChat: seven days from the submission, which we do not see.
const FORM_LIFE: Duration = Duration::from_secs(7 * 86_400);

impl Forms {
    /// Counts a use of `form_id`, of which there are `most`. `false`: it was used up before, and nothing was counted.
    pub async fn take(
        &self,
        account: &AccountId,
        form_id: &str,
        most: u32,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let update = Update::default()
            .add("uses", 1)
            .set("expires_at", n(now.plus(FORM_LIFE).seconds()))
            .when("attribute_not_exists(#uses) OR #uses < :most")
            .value(":most", n(most));
        Ok(self.0.update(&self.0.names().tokens, keys::form(account, &hash(form_id)), update).await?.is_done())
    }

    /// Whether `form_id` has been used `most` times.
    pub async fn is_used_up(&self, account: &AccountId, form_id: &str, most: u32) -> Result<bool, StoreError> {
        let item = self.0.get(&self.0.names().tokens, keys::form(account, &hash(form_id)), true).await?;
        let uses: u32 = item.map_or(Ok(0), |item| Reader::new("form id", &item).number("uses"))?;
        Ok(uses >= most)
    }

    /// Gives back a use that came to nothing.
    pub async fn give_back(&self, account: &AccountId, form_id: &str) -> Result<(), StoreError> {
        let update = Update::default().add("uses", -1).when("#uses > :none").value(":none", n(0));
        self.0.update(&self.0.names().tokens, keys::form(account, &hash(form_id)), update).await?;
        Ok(())
    }
}

impl Sends {
    /// Counts a send of `account` on `day`, of which there are `most`. `false`: they are used up, and nothing was counted.
    pub async fn take(&self, account: &AccountId, day: Day, most: u32) -> Result<bool, StoreError> {
        let update = Update::default()
            .add("sends", 1)
            .set("expires_at", n(day.end().seconds() + 86_400))
            .when("attribute_not_exists(#sends) OR #sends < :most")
            .value(":most", n(most));
        match self.0.update(&self.0.names().tokens, keys::sends(account, day), update).await? {
            Updated::Done(_) => Ok(true),
            Updated::Refused(_) => Ok(false),
        }
    }
}
