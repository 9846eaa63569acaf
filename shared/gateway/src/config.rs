//! Configuration: typed, read once at cold start, and a missing or wrong value names itself.
//!
//! Every value is an environment variable that `template.yaml` sets; the local runner sets the same ones. A function
//! that does not use a table or queue is not given its name, so those may be empty.

use model::channel::ChannelKind;
use model::secret::Secret;
use provider::phone::settings::PhoneSettings;
use provider::token::Fetching;
use std::net::SocketAddr;
use std::path::PathBuf;
use store::{AwsSettings, Names, SealSettings};
use url::{Host, Url};

/// All settings of a function.
#[derive(Debug, Clone)]
pub struct Config {
    /// `AWS_REGION`, credentials (`AWS_ACCESS_KEY_ID`, …, set by Lambda) and endpoint overrides
    /// (`AWS_ENDPOINT_URL`, `AWS_ENDPOINT_URL_DYNAMODB`, `_SQS`, `_S3`, `_KMS`). `TUISONG_CONNECTIONS_URL`: where the
    /// connections of the WebSocket API are spoken to.
    pub aws: AwsSettings,
    /// `TUISONG_APPS_TABLE`, `TUISONG_TOKENS_TABLE`, `TUISONG_USERS_TABLE`, `TUISONG_TASKS_TABLE`, `TUISONG_BUCKET`,
    /// `TUISONG_TASKS_QUEUE_URL`, `TUISONG_INBOUND_QUEUE_URL`, `TUISONG_CALLBACKS_QUEUE_URL`, and `TUISONG_DELIVER_QUEUES`:
    /// what the names of the channels' queues begin with.
    pub names: Names,
    /// `TUISONG_KMS_KEY` (id or ARN), or `TUISONG_KEY_FILE` (32 bytes, one machine only).
    pub seal: SealSettings,
    /// `TUISONG_PUBLIC_URL`: where people reach this deployment, without a trailing slash. Pages link to it.
    pub public_url: String,
    /// `TUISONG_WECHAT_URL`: base URL of WeChat's API, default `https://api.weixin.qq.com`.
    pub wechat_url: String,
    /// `TUISONG_VENDOR_URLS`: where phone vendors are if not at their own hosts: `name=url`, separated by commas, with the
    /// names of [`PhoneSettings::read`]. `TUISONG_VENDOR_ROOTS`: PEM of the only roots that are believed of Apple and
    /// Google there. Default none.
    pub phones: PhoneSettings,
    /// `TUISONG_TOKEN_FETCH`: `here` (default), or `elsewhere` when only `refresh-tokens` may ask WeChat for tokens.
    pub fetching: Fetching,
    /// `TUISONG_STACK`: the stack's name; metrics of two stacks in one account are told apart by it. Empty by default.
    pub stack: String,
    /// `TUISONG_DAILY_LIMIT`: messages per UID and day, default 500.
    pub daily_limit: u32,
    /// `TUISONG_CALLS_PER_10S`: calls per app in ten seconds and function instance, default 20; 0 means no limit.
    pub calls_per_10s: u32,
    /// `TUISONG_UPSTREAM_TIMEOUT_MS`: how long a call to a vendor may take, default 8000.
    pub upstream_timeout_ms: u64,
    /// `TUISONG_CALLBACK_EXCEPTIONS`: `address:port`, separated by commas, that callbacks may go to, and pictures of pushes
    /// come from, although they are not on the public internet. For a developer's machine; refused in AWS. Default none.
    pub callback_exceptions: Vec<SocketAddr>,
    /// `TUISONG_VALIDATE_ATTACHMENTS`: `true` when the picture of a push is looked at before the push is accepted. Default
    /// `false`.
    pub validate_attachments: bool,
    /// `TUISONG_ADMIN_TOKEN_HASHES`: SHA-256 of the operator's token, in hex; during a change of tokens several, separated
    /// by commas. Without one nobody is let into `/admin`.
    pub admin_token_hashes: Vec<[u8; 32]>,
    /// `TUISONG_LOG`: level filter, default `info`.
    pub log: String,
}

/// A setting that is missing or wrong. The text names the variable and shows a value that would do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// A variable that must be there is not.
    #[error("environment variable `{name}` is missing; set it, for example to `{example}`")]
    Missing {
        /// Its name.
        name: String,
        /// A value that would do.
        example: &'static str,
    },
    /// A variable has a value that cannot be used.
    #[error("environment variable `{name}` {why}; set it, for example, to `{example}`")]
    Wrong {
        /// Its name.
        name: String,
        /// What is wrong with its value. Never the value itself, which might be a secret.
        why: String,
        /// A value that would do.
        example: &'static str,
    },
}

/// Where settings come from: the environment in Lambda, a map in the local runner.
pub type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

impl Config {
    /// Reads the settings of this process.
    pub fn from_env() -> Result<Self, ConfigError> {
        Self::read(&|name| std::env::var(name).ok())
    }

    /// Reads settings through `lookup`. An empty value counts as none.
    pub fn read(lookup: Lookup<'_>) -> Result<Self, ConfigError> {
        let source = Source(lookup);
        let everywhere = source.optional("AWS_ENDPOINT_URL");
        let [dynamodb_url, sqs_url, s3_url, kms_url] = SERVICES
            .map(|service| source.optional(&format!("AWS_ENDPOINT_URL_{service}")).or_else(|| everywhere.clone()));
        let aws = AwsSettings {
            region: source.required("AWS_REGION", "us-east-1")?,
            access_key_id: source.required("AWS_ACCESS_KEY_ID", "AKIA…")?,
            secret_access_key: Secret::new(source.required("AWS_SECRET_ACCESS_KEY", "the secret access key")?),
            session_token: source.optional("AWS_SESSION_TOKEN").map(Secret::new),
            dynamodb_url,
            sqs_url,
            s3_url,
            kms_url,
            connections_url: source.optional("TUISONG_CONNECTIONS_URL"),
        };
        let name = |name: &str| source.optional(name).unwrap_or_default();
        let queues = name("TUISONG_DELIVER_QUEUES");
        let names = Names {
            apps: name("TUISONG_APPS_TABLE"),
            tokens: name("TUISONG_TOKENS_TABLE"),
            users: name("TUISONG_USERS_TABLE"),
            tasks: name("TUISONG_TASKS_TABLE"),
            bucket: name("TUISONG_BUCKET"),
            tasks_queue: name("TUISONG_TASKS_QUEUE_URL"),
            inbound_queue: name("TUISONG_INBOUND_QUEUE_URL"),
            callbacks_queue: name("TUISONG_CALLBACKS_QUEUE_URL"),
            channel_queues: ChannelKind::ALL
                .iter()
                .map(|&channel| (channel, channel_queue(&name("TUISONG_TASKS_QUEUE_URL"), &queues, channel)))
                .collect(),
        };
        Ok(Self {
            aws,
            names,
            seal: source.seal()?,
            public_url: source.optional("TUISONG_PUBLIC_URL").unwrap_or_default().trim_end_matches('/').to_owned(),
            wechat_url: source
                .optional("TUISONG_WECHAT_URL")
                .unwrap_or_else(|| "https://api.weixin.qq.com".to_owned())
                .trim_end_matches('/')
                .to_owned(),
            phones: source.phones()?,
            fetching: source.fetching()?,
            stack: source.optional("TUISONG_STACK").unwrap_or_default(),
            daily_limit: source.number("TUISONG_DAILY_LIMIT", model::quota::DEFAULT_DAILY_LIMIT, "500")?,
            calls_per_10s: source.number("TUISONG_CALLS_PER_10S", 20, "20")?,
            upstream_timeout_ms: source.number("TUISONG_UPSTREAM_TIMEOUT_MS", 8_000, "8000")?,
            callback_exceptions: source.exceptions()?,
            validate_attachments: source.flag("TUISONG_VALIDATE_ATTACHMENTS")?,
            admin_token_hashes: source.hashes("TUISONG_ADMIN_TOKEN_HASHES")?,
            log: source.optional("TUISONG_LOG").unwrap_or_else(|| "info".to_owned()),
        })
    }
}

/// Services of AWS, as the variables of their endpoints name them.
const SERVICES: [&str; 4] = ["DYNAMODB", "SQS", "S3", "KMS"];

/// The URL of a channel's queue. A stack's queues lie side by side and differ in their names alone: a variable for each
/// would fill the 4 KB that Lambda has for the environment. Empty where a function knows no queues.
fn channel_queue(beside: &str, prefix: &str, channel: ChannelKind) -> String {
    match beside.rsplit_once('/') {
        Some((folder, _)) if !prefix.is_empty() => format!("{folder}/{prefix}{channel}"),
        _ => String::new(),
    }
}

struct Source<'a>(Lookup<'a>);

impl Source<'_> {
    fn optional(&self, name: &str) -> Option<String> {
        (self.0)(name).filter(|value| !value.is_empty())
    }

    fn required(&self, name: &str, example: &'static str) -> Result<String, ConfigError> {
        self.optional(name).ok_or_else(|| ConfigError::Missing { name: name.to_owned(), example })
    }

    fn number<T: std::str::FromStr>(&self, name: &str, default: T, example: &'static str) -> Result<T, ConfigError> {
        let Some(text) = self.optional(name) else { return Ok(default) };
        let wrong =
            || ConfigError::Wrong { name: name.to_owned(), why: "is not a number in range".to_owned(), example };
        text.parse().map_err(|_| wrong())
    }

    fn flag(&self, name: &str) -> Result<bool, ConfigError> {
        match self.optional(name).as_deref() {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => {
                let why = "is neither `true` nor `false`".to_owned();
                Err(ConfigError::Wrong { name: name.to_owned(), why, example: "false" })
            }
        }
    }

    fn exceptions(&self) -> Result<Vec<SocketAddr>, ConfigError> {
        let name = "TUISONG_CALLBACK_EXCEPTIONS";
        let wrong =
            |why: &str| ConfigError::Wrong { name: name.to_owned(), why: why.to_owned(), example: "127.0.0.1:9000" };
        let Some(text) = self.optional(name) else { return Ok(Vec::new()) };
        // Lambda sets the first one; nothing else does. An AWS at a loopback address is none: it is on this machine.
        if self.optional("AWS_LAMBDA_FUNCTION_NAME").is_some() && !self.is_aws_on_this_machine() {
            return Err(wrong(
                "opens addresses inside a network to whoever may name a URL, so it is refused in AWS; remove it",
            ));
        }
        let parse =
            |address: &str| address.trim().parse().map_err(|_| wrong("is not a list of addresses with their ports"));
        text.split(',').map(parse).collect()
    }

    fn phones(&self) -> Result<PhoneSettings, ConfigError> {
        let name = "TUISONG_VENDOR_URLS";
        let urls = self.optional(name).unwrap_or_default();
        PhoneSettings::read(&urls, self.optional("TUISONG_VENDOR_ROOTS")).map_err(|error| ConfigError::Wrong {
            name: name.to_owned(),
            why: error.to_string(),
            example: "huawei=http://127.0.0.1:8081/huawei,huawei-token=http://127.0.0.1:8081/huawei/oauth2/v3/token",
        })
    }

    /// Whether every service of AWS is at a loopback address, where Lambda has nothing.
    fn is_aws_on_this_machine(&self) -> bool {
        if SERVICES.iter().any(|service| self.optional(&format!("AWS_ENDPOINT_URL_{service}")).is_some()) {
            return false;
        }
        let url = self.optional("AWS_ENDPOINT_URL").and_then(|url| Url::parse(&url).ok());
        match url.as_ref().and_then(Url::host) {
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            Some(Host::Domain(_)) | None => false,
        }
    }

    fn fetching(&self) -> Result<Fetching, ConfigError> {
        let name = "TUISONG_TOKEN_FETCH";
        match self.optional(name).as_deref() {
            None | Some("here") => Ok(Fetching::Here),
            Some("elsewhere") => Ok(Fetching::Elsewhere),
            Some(_) => {
                let why = "is neither `here` nor `elsewhere`".to_owned();
                Err(ConfigError::Wrong { name: name.to_owned(), why, example: "here" })
            }
        }
    }

    fn hashes(&self, name: &str) -> Result<Vec<[u8; 32]>, ConfigError> {
        let wrong = || ConfigError::Wrong {
            name: name.to_owned(),
            why: "is not a list of SHA-256 hashes, 64 hexadecimal digits each".to_owned(),
            example: "what `printf %s TOKEN | sha256sum` prints",
        };
        let parse = |text: &str| -> Option<[u8; 32]> {
            let text = text.trim();
            if text.len() != 64 || !text.is_ascii() {
                return None;
            }
            let mut hash = [0; 32];
            for (at, byte) in hash.iter_mut().enumerate() {
                *byte = u8::from_str_radix(text.get(at * 2..at * 2 + 2)?, 16).ok()?;
            }
            Some(hash)
        };
        let text = self.optional(name).unwrap_or_default();
        text.split(',').filter(|hash| !hash.trim().is_empty()).map(|hash| parse(hash).ok_or_else(wrong)).collect()
    }

    fn seal(&self) -> Result<SealSettings, ConfigError> {
        let name = "TUISONG_KEY_FILE";
        if let Some(path) = self.optional(name) {
            let wrong = |why: String| ConfigError::Wrong { name: name.to_owned(), why, example: "seal.key" };
            let bytes =
                std::fs::read(PathBuf::from(path)).map_err(|error| wrong(format!("cannot be read: {error}")))?;
            let key = <[u8; 32]>::try_from(bytes).map_err(|_| wrong("does not hold exactly 32 bytes".to_owned()))?;
            return Ok(SealSettings::Key(Secret::new(key)));
        }
        // A function that seals nothing is given no key; one that needs it fails at the call with KMS's own words.
        Ok(SealSettings::Kms(self.optional("TUISONG_KMS_KEY").unwrap_or_default()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    fn environment() -> HashMap<&'static str, &'static str> {
        HashMap::from([
            ("AWS_REGION", "us-east-1"),
            ("AWS_ACCESS_KEY_ID", "id"),
            ("AWS_SECRET_ACCESS_KEY", "hunter2"),
            ("TUISONG_TASKS_TABLE", "tasks"),
            ("TUISONG_PUBLIC_URL", "https://push.example.com/"),
            ("TUISONG_TASKS_QUEUE_URL", "https://sqs/1/tasks"),
            ("TUISONG_DELIVER_QUEUES", "push-deliver-"),
            ("AWS_ENDPOINT_URL", "http://127.0.0.1:4566"),
            ("AWS_ENDPOINT_URL_SQS", "http://127.0.0.1:9324"),
        ])
    }

    fn read(environment: &HashMap<&str, &str>) -> Result<Config, ConfigError> {
        Config::read(&|name| environment.get(name).map(ToString::to_string))
    }

    #[test]
    fn defaults_and_overrides() {
        let config = read(&environment()).unwrap();
        assert_eq!(config.public_url, "https://push.example.com");
        assert_eq!(config.wechat_url, "https://api.weixin.qq.com");
        assert_eq!(config.daily_limit, 500);
        assert_eq!(
            config.names.channel_queue(ChannelKind::WechatTemplate),
            "https://sqs/1/push-deliver-wechat-template"
        );
        assert_eq!(config.aws.dynamodb_url.as_deref(), Some("http://127.0.0.1:4566"));
        assert_eq!(config.aws.sqs_url.as_deref(), Some("http://127.0.0.1:9324"));
    }

    #[test]
    fn a_missing_value_names_itself() {
        let mut environment = environment();
        environment.remove("AWS_REGION");
        let error = read(&environment).unwrap_err().to_string();
        assert_eq!(error, "environment variable `AWS_REGION` is missing; set it, for example to `us-east-1`");
    }

    #[test]
    fn a_wrong_value_names_itself_but_is_not_shown() {
        let mut environment = environment();
        environment.insert("TUISONG_DAILY_LIMIT", "many");
        let error = read(&environment).unwrap_err().to_string();
        assert!(error.contains("TUISONG_DAILY_LIMIT") && error.contains("500") && !error.contains("many"), "{error}");
    }

    #[test]
    fn exceptions_for_callbacks_are_for_one_machine_only() {
        let mut environment = environment();
        assert!(read(&environment).unwrap().callback_exceptions.is_empty());
        environment.insert("TUISONG_CALLBACK_EXCEPTIONS", "127.0.0.1:9000, [::1]:9000");
        assert_eq!(read(&environment).unwrap().callback_exceptions.len(), 2);
        environment.insert("AWS_LAMBDA_FUNCTION_NAME", "tuisong-CallbackFunction");
        environment.insert("AWS_ENDPOINT_URL", "http://127.0.0.1:4566");
        assert!(read(&environment).is_err(), "one service is elsewhere, whatever the others are");
        environment.remove("AWS_ENDPOINT_URL_SQS");
        assert_eq!(read(&environment).unwrap().callback_exceptions.len(), 2, "an AWS on this machine");
        for elsewhere in ["", "https://dynamodb.eu-west-1.amazonaws.com", "http://localhost.example", "http://10.0.0.1"]
        {
            environment.insert("AWS_ENDPOINT_URL", elsewhere);
            assert!(read(&environment).is_err(), "{elsewhere}");
        }
        let error = read(&environment).unwrap_err().to_string();
        assert!(error.contains("TUISONG_CALLBACK_EXCEPTIONS") && error.contains("refused in AWS"), "{error}");
        environment.remove("AWS_LAMBDA_FUNCTION_NAME");
        environment.insert("TUISONG_CALLBACK_EXCEPTIONS", "localhost");
        assert!(read(&environment).is_err());
    }

    #[test]
    fn who_fetches_tokens_is_one_of_two() {
        let mut environment = environment();
        assert_eq!(read(&environment).unwrap().fetching, Fetching::Here);
        environment.insert("TUISONG_TOKEN_FETCH", "elsewhere");
        assert_eq!(read(&environment).unwrap().fetching, Fetching::Elsewhere);
        environment.insert("TUISONG_TOKEN_FETCH", "nowhere");
        let error = read(&environment).unwrap_err().to_string();
        assert!(error.contains("TUISONG_TOKEN_FETCH") && !error.contains("nowhere"), "{error}");
    }

    #[test]
    fn vendors_are_elsewhere_where_a_setting_says_so() {
        let mut environment = environment();
        assert_eq!(read(&environment).unwrap().phones, PhoneSettings::default());
        environment.insert("TUISONG_VENDOR_URLS", "meizu=http://127.0.0.1:1/meizu/");
        assert_eq!(read(&environment).unwrap().phones.meizu_base_url, "http://127.0.0.1:1/meizu");
        environment.insert("TUISONG_VENDOR_URLS", "nokia=http://127.0.0.1:1");
        let error = read(&environment).unwrap_err().to_string();
        assert!(error.contains("TUISONG_VENDOR_URLS") && error.contains("nokia"), "{error}");
    }

    #[test]
    fn hashes_are_read_and_checked() {
        let mut environment = environment();
        let (one, two) = ("00".repeat(32), "fF".repeat(32));
        let list = format!("{one}, {two}");
        environment.insert("TUISONG_ADMIN_TOKEN_HASHES", &list);
        assert_eq!(read(&environment).unwrap().admin_token_hashes, [[0; 32], [255; 32]]);
        for bad in ["the token itself", &one[1..], "zz"] {
            environment.insert("TUISONG_ADMIN_TOKEN_HASHES", bad);
            let error = read(&environment).unwrap_err().to_string();
            assert!(error.contains("TUISONG_ADMIN_TOKEN_HASHES") && !error.contains("itself"), "{error}");
        }
    }

    #[test]
    fn debug_shows_no_secret() {
        let text = format!("{:?}", read(&environment()).unwrap());
        assert!(!text.contains("hunter2"), "{text}");
    }
}
