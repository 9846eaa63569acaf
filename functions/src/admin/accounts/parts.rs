//! What an operator enters about an account, checked: templates, and how WeChat calls us.

use super::{CallbackChange, Mode, NewCallback, Shows, TemplateView};
use crate::admin::apps::set;
use crate::admin::call::named;
use base64::Engine;
use base64::engine::GeneralPurpose;
use base64::engine::general_purpose::GeneralPurposeConfig;
use gateway::ApiError;
use model::account::{CallbackMode, NoticeField, NoticePart, NoticeTemplate, WechatAccount, WechatCallback};
use model::secret::Secret;

/// Keys of a template.
const MOST_FIELDS: usize = 32;

/// How WeChat is to call us for a new account.
pub(super) fn callback(new: NewCallback) -> Result<WechatCallback, ApiError> {
    Ok(WechatCallback {
        original_id: new.original_id.trim().to_owned(),
        token: callback_token(&new.token)?,
        aes_key: new.aes_key.as_deref().map(aes_key).transpose()?,
        previous_aes_key: None,
        mode: mode(new.mode),
    })
}

/// The callback that stands, with a change made to it.
pub(super) fn changed(standing: Option<WechatCallback>, change: &CallbackChange) -> Result<WechatCallback, ApiError> {
    let token = change.token.as_deref().map(callback_token).transpose()?;
    let mut callback = match (standing, token) {
        (Some(standing), token) => {
            let mut standing = standing;
            set(&mut standing.token, token);
            standing
        }
        (None, Some(token)) => WechatCallback {
            original_id: String::new(),
            token,
            aes_key: None,
            previous_aes_key: None,
            mode: CallbackMode::default(),
        },
        (None, None) => {
            return Err(ApiError::invalid_field("callback.token", "there is none yet, so it must be given"));
        }
    };
    let key = change.aes_key.as_deref().map(aes_key).transpose()?;
    // The same key once more is a repeat: the one before it stays the one before it.
    if let Some(key) = key.filter(|key| callback.aes_key.as_ref() != Some(key)) {
        callback.previous_aes_key = callback.aes_key.replace(key);
    }
    match &change.previous_aes_key {
        None => {}
        Some(None) => callback.previous_aes_key = None,
        Some(Some(key)) => callback.previous_aes_key = Some(aes_key(key)?),
    }
    set(&mut callback.original_id, change.original_id.as_ref().map(|id| id.trim().to_owned()));
    set(&mut callback.mode, change.mode.map(mode));
    Ok(callback)
}

/// What WeChat calls us with must be readable in the mode that is set.
pub(super) fn check(account: &WechatAccount) -> Result<(), ApiError> {
    match &account.callback {
        Some(callback) if callback.mode != CallbackMode::Plain && callback.aes_key.is_none() => {
            Err(ApiError::invalid_field("callback.aes_key", "it is needed unless the mode is `plain`"))
        }
        _ => Ok(()),
    }
}

fn callback_token(text: &str) -> Result<Secret<String>, ApiError> {
    let text = text.trim();
    if (3..=32).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric()) {
        Ok(Secret::new(text.to_owned()))
    } else {
        Err(ApiError::invalid_field("callback.token", "it is not 3 to 32 letters or digits"))
    }
}

/// 43 characters are 258 bits: 32 bytes and two bits that WeChat does not promise to be zero.
const AES_KEY: GeneralPurpose =
    GeneralPurpose::new(&base64::alphabet::STANDARD, GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true));

fn aes_key(text: &str) -> Result<Secret<String>, ApiError> {
    let text = text.trim();
    let is_key = text.len() == 43
        && text.bytes().all(|b| b.is_ascii_alphanumeric())
        && AES_KEY.decode(format!("{text}=")).is_ok_and(|key| key.len() == 32);
    if is_key {
        Ok(Secret::new(text.to_owned()))
    } else {
        Err(ApiError::invalid_field(
            "callback.aes_key",
            "it is not 43 letters or digits, as WeChat's console shows them",
        ))
    }
}

/// A template of the account and what its keys show.
pub(super) fn template(new: &TemplateView) -> Result<NoticeTemplate, ApiError> {
    let template_id = named("notice_template.template_id", &new.template_id, 128)?;
    if new.fields.is_empty() || new.fields.len() > MOST_FIELDS {
        let text = format!("it names no key, or more than {MOST_FIELDS}");
        return Err(ApiError::invalid_field("notice_template.fields", text));
    }
    let mut fields: Vec<NoticeField> = Vec::new();
    for (at, field) in new.fields.iter().enumerate() {
        let name = format!("notice_template.fields[{at}].key");
        let key = named(&name, &field.key, 64)?;
        if fields.iter().any(|known| known.key == key) {
            return Err(ApiError::invalid_field(name, "it stands there twice"));
        }
        fields.push(NoticeField { key, shows: part(field.shows) });
    }
    Ok(NoticeTemplate { template_id, fields })
}

const fn part(shows: Shows) -> NoticePart {
    match shows {
        Shows::Summary => NoticePart::Summary,
        Shows::AppName => NoticePart::AppName,
        Shows::Reference => NoticePart::Reference,
        Shows::Time => NoticePart::Time,
        Shows::Hint => NoticePart::Hint,
        Shows::MuteHint => NoticePart::MuteHint,
    }
}

/// What a key shows, as it is told.
pub(super) const fn shows(part: NoticePart) -> Shows {
    match part {
        NoticePart::Summary => Shows::Summary,
        NoticePart::AppName => Shows::AppName,
        NoticePart::Reference => Shows::Reference,
        NoticePart::Time => Shows::Time,
        NoticePart::Hint => Shows::Hint,
        NoticePart::MuteHint => Shows::MuteHint,
    }
}

const fn mode(mode: Mode) -> CallbackMode {
    match mode {
        Mode::Safe => CallbackMode::Safe,
        Mode::Compatible => CallbackMode::Compatible,
        Mode::Plain => CallbackMode::Plain,
    }
}
