//! Where the stand-ins are, in the words of the functions' settings.

/// Vendors that are called over HTTP/1.1, in the words of the settings and of the sandbox's paths.
const PLAIN: [&str; 6] = ["huawei", "xiaomi", "oppo", "oppo-overseas", "vivo", "meizu"];
/// Those that are called over TLS with HTTP/2.
const SECURE: [&str; 3] = ["apns", "apns-development", "fcm"];

/// Where the stand-ins are.
#[derive(Debug, Clone)]
pub struct Upstreams {
    /// Base URL over HTTP, without a slash at the end.
    pub plain: String,
    /// Base URL over TLS and HTTP/2, as Apple and Google are called.
    pub secure: String,
    /// PEM of the root to believe there.
    pub root: String,
}

impl Upstreams {
    /// The settings of functions that are to call them, by the names of the environment.
    #[must_use]
    pub fn settings(&self) -> [(&'static str, String); 3] {
        [
            ("TUISONG_WECHAT_URL", format!("{}/wechat", self.plain)),
            ("TUISONG_VENDOR_URLS", self.vendor_urls()),
            ("TUISONG_VENDOR_ROOTS", self.root.clone()),
        ]
    }

    fn vendor_urls(&self) -> String {
        let Self { plain, secure, .. } = self;
        let vendors = PLAIN.iter().map(|name| format!("{name}={plain}/{name}"));
        let secure = SECURE.iter().map(|name| format!("{name}={secure}/{name}"));
        let tokens = [format!("fcm-token={plain}/fcm/token"), format!("huawei-token={plain}/huawei/oauth2/v3/token")];
        vendors.chain(secure).chain(tokens).collect::<Vec<_>>().join(",")
    }
}
