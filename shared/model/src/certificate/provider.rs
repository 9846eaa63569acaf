//! Whose certificate it is.

use crate::channel::ChannelKind;
use serde::{Deserialize, Serialize};

/// Who issues a certificate, as the mobile family numbers them: one for each channel to phones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Provider {
    /// 1: Apple.
    Apns,
    /// 2: Huawei.
    Huawei,
    /// 3: Xiaomi.
    Xiaomi,
    /// 4: Meizu.
    Meizu,
    /// 5: vivo.
    Vivo,
    /// 6: OPPO.
    Oppo,
    /// 7: Google.
    Fcm,
}

impl Provider {
    /// Every one, in the order of their numbers.
    pub const ALL: &'static [Self] =
        &[Self::Apns, Self::Huawei, Self::Xiaomi, Self::Meizu, Self::Vivo, Self::Oppo, Self::Fcm];

    /// From the number of the call; `None` for anything but 1 to 7.
    pub fn from_number(number: i64) -> Option<Self> {
        Self::ALL.iter().copied().find(|provider| provider.number() == number)
    }

    /// From its name; `None` for a name that is none's.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|provider| provider.as_str() == name)
    }

    /// Of the channel; `None` for one that is no phone's.
    pub fn of(channel: ChannelKind) -> Option<Self> {
        Self::ALL.iter().copied().find(|provider| provider.channel() == channel)
    }

    /// The number in `GET /push/certificate`.
    pub const fn number(self) -> i64 {
        match self {
            Self::Apns => 1,
            Self::Huawei => 2,
            Self::Xiaomi => 3,
            Self::Meizu => 4,
            Self::Vivo => 5,
            Self::Oppo => 6,
            Self::Fcm => 7,
        }
    }

    /// The channel that needs its certificates.
    pub const fn channel(self) -> ChannelKind {
        match self {
            Self::Apns => ChannelKind::Apns,
            Self::Huawei => ChannelKind::Huawei,
            Self::Xiaomi => ChannelKind::Xiaomi,
            Self::Meizu => ChannelKind::Meizu,
            Self::Vivo => ChannelKind::Vivo,
            Self::Oppo => ChannelKind::Oppo,
            Self::Fcm => ChannelKind::Fcm,
        }
    }

    /// The word for it in keys and in the operator's API: the channel's.
    pub const fn as_str(self) -> &'static str {
        self.channel().as_str()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_phone_channel_has_one_provider() {
        assert_eq!(Provider::ALL.len(), ChannelKind::PHONES.len());
        for provider in Provider::ALL {
            assert_eq!(Provider::from_number(provider.number()), Some(*provider));
            assert_eq!(Provider::parse(provider.as_str()), Some(*provider));
            assert_eq!(Provider::of(provider.channel()), Some(*provider));
            assert!(provider.channel().is_phone());
        }
        assert_eq!((Provider::from_number(0), Provider::from_number(8)), (None, None));
        assert_eq!(Provider::of(ChannelKind::WechatCustom), None);
    }
}
