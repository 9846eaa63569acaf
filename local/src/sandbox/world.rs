//! Who exists upstream: accounts, their templates and the people who follow them.

use std::collections::{BTreeMap, HashSet};

use model::certificate::Certificate;
use model::secret::Secret;

/// Everything the stand-ins know from the start.
#[derive(Debug, Clone, Default)]
pub struct World {
    /// WeChat accounts, with distinct appids.
    pub wechat: Vec<WechatAccount>,
    /// Apps that phone vendors know, one for each vendor, by the certificates that their operators have.
    pub phones: Vec<Certificate>,
}

impl World {
    /// The demo seed: official account `wx00000000000000d1` with three followers and two templates, and mini program
    /// `wx00000000000000d2` with a subscription template. Its secrets are public.
    #[must_use]
    pub fn demo() -> Self {
        const SECRET: &str = "demo0000000000000000000000000000";
        let official = WechatAccount::official("wx00000000000000d1", SECRET)
            .with_followers(Followers::numbered("odemo", 23, 3))
            .with_template(Template::new("demo-keyword", &["first", "keyword1", "keyword2", "keyword3", "remark"]))
            .with_template(Template::new("demo-typed", &["thing1", "time2", "character_string3"]))
            .with_mini_program("wx00000000000000d2", true)
            // Whoever tries things out sends more than one a day.
            .with_mass_limits(MassLimits { per_day: 100, per_month: 1_000 });
        let mini_program = WechatAccount {
            kind: WechatKind::MiniProgram,
            grants: 1_000,
            ..WechatAccount::official("wx00000000000000d2", SECRET)
                .with_followers(Followers::numbered("odemo", 23, 3))
                .with_template(Template::new("demo-subscribe", &["thing1", "time2", "thing3", "thing4"]))
        };
        Self { wechat: vec![official, mini_program], phones: crate::seed::phones::certificates() }
    }
}

/// What an account may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WechatKind {
    /// A verified service account: template messages.
    Official,
    /// A mini program: subscription messages, but no template messages (48001).
    MiniProgram,
}

/// One WeChat account.
#[derive(Debug, Clone)]
pub struct WechatAccount {
    /// `wx` and 16 hexadecimal digits.
    pub appid: String,
    /// The appsecret.
    pub secret: Secret<String>,
    /// What it may do.
    pub kind: WechatKind,
    /// The account's template list.
    pub templates: Vec<Template>,
    /// Who follows it (or, for a mini program, uses it).
    pub followers: Followers,
    /// Mini programs bound to it.
    pub mini_programs: Vec<MiniProgram>,
    /// Template messages per Beijing day; one more is answered 45009.
    pub daily_quota: u64,
    /// Subscription messages of each template that everybody has allowed from the start.
    pub grants: u32,
    /// Messages to everybody.
    pub mass: MassLimits,
}

/// How many messages to everybody an account may send; one more is answered 45028.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MassLimits {
    /// On one Beijing day.
    pub per_day: usize,
    /// In thirty days.
    pub per_month: usize,
}

impl Default for MassLimits {
    /// Source: WeChat's page "mass message", read 2026-11.
    fn default() -> Self {
        Self { per_day: 1, per_month: 4 }
    }
}

impl WechatAccount {
    /// Template messages per day of an account with fewer than 100,000 followers.
    /// Source: WeChat's page "template message", read 2026-11.
    pub const DEFAULT_DAILY_QUOTA: u64 = 100_000;

    /// A service account without templates and followers.
    #[must_use]
    pub fn official(appid: &str, secret: &str) -> Self {
        Self {
            appid: appid.to_owned(),
            secret: Secret::new(secret.to_owned()),
            kind: WechatKind::Official,
            templates: Vec::new(),
            followers: Followers::default(),
            mini_programs: Vec::new(),
            daily_quota: Self::DEFAULT_DAILY_QUOTA,
            grants: 0,
            mass: MassLimits::default(),
        }
    }

    /// The same account with one more template.
    #[must_use]
    pub fn with_template(mut self, template: Template) -> Self {
        self.templates.push(template);
        self
    }

    /// The same account with these followers.
    #[must_use]
    pub fn with_followers(mut self, followers: Followers) -> Self {
        self.followers = followers;
        self
    }

    /// The same account with one more bound mini program.
    #[must_use]
    pub fn with_mini_program(mut self, appid: &str, published: bool) -> Self {
        self.mini_programs.push(MiniProgram { appid: appid.to_owned(), published });
        self
    }

    /// The same account with other limits of messages to everybody.
    #[must_use]
    pub fn with_mass_limits(mut self, limits: MassLimits) -> Self {
        self.mass = limits;
        self
    }

    /// The same account with another daily quota, in messages.
    #[must_use]
    pub fn with_daily_quota(mut self, messages: u64) -> Self {
        self.daily_quota = messages;
        self
    }
}

/// A mini program that cards of an account may open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MiniProgram {
    /// Its appid.
    pub appid: String,
    /// Whether it has a published version; a card that opens one without is answered 40165.
    pub published: bool,
}

/// One template in an account's list.
///
/// A key named by a type and a number (`thing1`, `time2`) is required and its value must fit the type; other keys
/// (`keyword1`) take any text and may be missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    /// `template_id`.
    pub id: String,
    /// Its keys, in the order a card shows them.
    pub keys: Vec<String>,
    /// For `const` keys, the values to choose from. A `const` key that is not here takes any text of its length.
    pub constants: BTreeMap<String, Vec<String>>,
}

impl Template {
    /// A template with these keys.
    #[must_use]
    pub fn new(id: &str, keys: &[&str]) -> Self {
        Self { id: id.to_owned(), keys: keys.iter().map(|&key| key.to_owned()).collect(), constants: BTreeMap::new() }
    }

    /// The same template, with the values that a `const` key may have.
    #[must_use]
    pub fn with_constants(mut self, key: &str, values: &[&str]) -> Self {
        let values = values.iter().map(|&value| value.to_owned()).collect();
        self.constants.insert(key.to_owned(), values);
        self
    }
}

/// The openids that follow an account: a list, or a rule that needs no memory however many they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Followers {
    /// Exactly these openids.
    Listed(HashSet<Box<str>>),
    /// `prefix` and a number from 1 to `count`, padded with zeros to `digits`.
    Numbered {
        /// What every openid starts with.
        prefix: String,
        /// Digits after the prefix.
        digits: usize,
        /// How many there are.
        count: u64,
    },
}

impl Default for Followers {
    fn default() -> Self {
        Self::Listed(HashSet::new())
    }
}

impl Followers {
    /// Exactly these openids.
    pub fn listed<'a>(openids: impl IntoIterator<Item = &'a str>) -> Self {
        Self::Listed(openids.into_iter().map(Box::from).collect())
    }

    /// `prefix` and a number from 1 to `count`, padded with zeros to `digits`.
    #[must_use]
    pub fn numbered(prefix: &str, digits: usize, count: u64) -> Self {
        Self::Numbered { prefix: prefix.to_owned(), digits, count }
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        match self {
            Self::Listed(openids) => openids.len() as u64,
            Self::Numbered { count, .. } => *count,
        }
    }

    /// At most `count` of them, the first in order.
    #[must_use]
    pub fn some(&self, count: usize) -> Vec<String> {
        match self {
            Self::Listed(openids) => {
                let mut sorted: Vec<&str> = openids.iter().map(|openid| &**openid).collect();
                sorted.sort_unstable();
                sorted.into_iter().take(count).map(str::to_owned).collect()
            }
            Self::Numbered { prefix, digits, count: all } => {
                (1..=*all).take(count).map(|number| format!("{prefix}{number:0digits$}")).collect()
            }
        }
    }

    /// Whether `openid` is one of them.
    #[must_use]
    pub fn contains(&self, openid: &str) -> bool {
        match self {
            Self::Listed(openids) => openids.contains(openid),
            Self::Numbered { prefix, digits, count } => openid
                .strip_prefix(prefix.as_str())
                .filter(|number| number.len() == *digits)
                .filter(|number| number.bytes().all(|byte| byte.is_ascii_digit()))
                .and_then(|number| number.parse::<u64>().ok())
                .is_some_and(|number| (1..=*count).contains(&number)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn demo_followers_are_the_three_openids_of_the_seed() {
        let world = World::demo();
        let followers = &world.wechat[0].followers;
        for openid in ["odemo00000000000000000000001", "odemo00000000000000000000002", "odemo00000000000000000000003"] {
            assert_eq!(openid.len(), 28);
            assert!(followers.contains(openid), "{openid}");
        }
        for openid in [
            "odemo00000000000000000000000",
            "odemo00000000000000000000004",
            "odemo1",
            "odemo0000000000000000000+001",
            "",
        ] {
            assert!(!followers.contains(openid), "{openid}");
        }
    }

    #[test]
    fn secrets_do_not_show_in_debug_output() {
        assert!(!format!("{:?}", World::demo()).contains("demo0000000000000000000000000000"));
    }
}
