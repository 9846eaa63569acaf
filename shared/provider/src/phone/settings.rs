//! Where the phone vendors are. Read once at start.

use crate::apns::settings::ApnsSettings;
use crate::fcm::settings::FcmSettings;
use crate::huawei::settings::HuaweiSettings;
use crate::oppo::settings::OppoSettings;
use crate::xiaomi::settings::XiaomiSettings;
use crate::{meizu, vivo};

/// Where the phone vendors are. The default: their own hosts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PhoneSettings {
    /// Apple.
    pub apns: ApnsSettings,
    /// Google.
    pub fcm: FcmSettings,
    /// Huawei.
    pub huawei: HuaweiSettings,
    /// Xiaomi.
    pub xiaomi: XiaomiSettings,
    /// OPPO.
    pub oppo: OppoSettings,
    /// vivo.
    pub vivo_base_url: String,
    /// Meizu.
    pub meizu_base_url: String,
}

impl Default for PhoneSettings {
    fn default() -> Self {
        Self {
            apns: ApnsSettings::default(),
            fcm: FcmSettings::default(),
            huawei: HuaweiSettings::default(),
            xiaomi: XiaomiSettings::default(),
            oppo: OppoSettings::default(),
            vivo_base_url: vivo::settings::BASE_URL.to_owned(),
            meizu_base_url: meizu::settings::BASE_URL.to_owned(),
        }
    }
}

/// A list of URLs that cannot be read. The text says what is wrong and quotes no URL, which might hold a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MalformedUrls {
    /// An entry that is no `name=url`.
    #[error("has an entry that is not `name=http://…` or `name=https://…`")]
    Entry,
    /// A name that is no vendor's.
    #[error("names `{0}`, which is none of {names}", names = NAMES.join(", "))]
    Name(String),
}

/// The names that a list of URLs may use.
const NAMES: [&str; 15] = [
    "apns",
    "apns-development",
    "fcm",
    "fcm-token",
    "huawei",
    "huawei-token",
    "xiaomi",
    "xiaomi-singapore",
    "xiaomi-europe",
    "xiaomi-russia",
    "xiaomi-india",
    "oppo",
    "oppo-overseas",
    "vivo",
    "meizu",
];

impl PhoneSettings {
    /// The vendors' own hosts, but for those that `urls` names: `name=url`, separated by commas. `roots`: PEM of the only
    /// roots that are believed of Apple and Google; `None` believes the system's.
    pub fn read(urls: &str, roots: Option<String>) -> Result<Self, MalformedUrls> {
        let mut settings = Self::default();
        for entry in urls.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
            let (name, url) = entry.split_once('=').ok_or(MalformedUrls::Entry)?;
            let is_url = url::Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
            let place = settings.place(name.trim()).ok_or_else(|| MalformedUrls::Name(name.trim().to_owned()))?;
            if !is_url {
                return Err(MalformedUrls::Entry);
            }
            url.trim_end_matches('/').clone_into(place);
        }
        settings.apns.roots.clone_from(&roots);
        settings.fcm.roots = roots;
        Ok(settings)
    }

    fn place(&mut self, name: &str) -> Option<&mut String> {
        Some(match name {
            "apns" => &mut self.apns.production_url,
            "apns-development" => &mut self.apns.development_url,
            "fcm" => &mut self.fcm.base_url,
            "fcm-token" => &mut self.fcm.token_url,
            "huawei" => &mut self.huawei.base_url,
            "huawei-token" => &mut self.huawei.token_url,
            "xiaomi" => &mut self.xiaomi.mainland,
            "xiaomi-singapore" => &mut self.xiaomi.singapore,
            "xiaomi-europe" => &mut self.xiaomi.europe,
            "xiaomi-russia" => &mut self.xiaomi.russia,
            "xiaomi-india" => &mut self.xiaomi.india,
            "oppo" => &mut self.oppo.mainland,
            "oppo-overseas" => &mut self.oppo.overseas,
            "vivo" => &mut self.vivo_base_url,
            "meizu" => &mut self.meizu_base_url,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_has_its_place_and_the_others_keep_their_hosts() {
        for name in NAMES {
            let read = PhoneSettings::read(&format!(" {name}=http://127.0.0.1:1/{name}/ "), None).unwrap();
            assert_ne!(read, PhoneSettings::default(), "{name}");
            assert_eq!(format!("{read:?}").matches("127.0.0.1").count(), 1, "{name}");
        }
        assert_eq!(PhoneSettings::read("", None).unwrap(), PhoneSettings::default());
        let roots = PhoneSettings::read("", Some("PEM".to_owned())).unwrap();
        assert_eq!((roots.apns.roots.as_deref(), roots.fcm.roots.as_deref()), (Some("PEM"), Some("PEM")));
    }

    #[test]
    fn what_is_no_url_of_a_vendor_is_said() {
        assert_eq!(PhoneSettings::read("nokia=http://a", None), Err(MalformedUrls::Name("nokia".to_owned())));
        for bad in ["huawei", "huawei=", "huawei=ftp://a", "huawei=secret"] {
            assert_eq!(PhoneSettings::read(bad, None), Err(MalformedUrls::Entry), "{bad}");
        }
    }

    #[test]
    fn vendors_are_called_over_tls_unless_a_setting_says_otherwise() {
        let text = format!("{:?}", PhoneSettings::default());
        assert_eq!(text.matches("https://").count(), NAMES.len());
        assert!(!text.contains("http://"));
    }
}
