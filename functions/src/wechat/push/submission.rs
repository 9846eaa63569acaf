//! Reading a push, strictly: what cannot be sent as it is meant is refused, and the message names the field.

use gateway::ApiError;
use gateway::envelope::push::Refusal;
use model::cgi::{fit_values, is_openid};
use model::ids::OpenId;
use model::wechat::{
    Article, CustomMessage, MiniProgramJump, News, TemplateData, TemplateMessage, TemplateValue, WechatContent,
};
use serde_json::{Map, Value};
use std::collections::HashSet;

/// Distinct openids of one push.
const MOST_OPENIDS: usize = 10_000;
/// Bytes of what is said, which travels with every batch of recipients.
const MOST_CONTENT_BYTES: usize = 64 * 1024;

/// A push that can be accepted.
#[derive(Debug)]
pub(super) struct Submission {
    /// Distinct, in the order of first appearance.
    pub(super) openids: Vec<OpenId>,
    pub(super) content: WechatContent,
}

type Object = Map<String, Value>;

fn wrong(refusal: Refusal, message: impl Into<String>) -> ApiError {
    refusal.error(message)
}

impl Submission {
    /// Reads the body.
    pub(super) fn read(body: &[u8]) -> Result<Self, ApiError> {
        let Ok(Value::Object(fields)) = serde_json::from_slice(body) else {
            return Err(wrong(Refusal::Body, "the body must be a JSON object"));
        };
        let openids = openids(fields.get("openids"))?;
        let custom = object(&fields, "news_entity")?.map(article).transpose()?;
        let template = object(&fields, "template_entity")?.map(template).transpose()?;
        if custom.is_none() && template.is_none() {
            return Err(wrong(Refusal::Entity, "`news_entity` or `template_entity` is required"));
        }
        let content = WechatContent { custom, template, subscribe: None };
        // Strings into a buffer: this cannot fail.
        if serde_json::to_vec(&content).map_or(0, |bytes| bytes.len()) > MOST_CONTENT_BYTES {
            let message =
                format!("`news_entity` and `template_entity` have more than {MOST_CONTENT_BYTES} bytes together");
            return Err(wrong(Refusal::Content, message));
        }
        Ok(Self { openids, content })
    }
}

/// Trimmed, without blanks and repeats. One text may hold several with commas between them.
fn openids(given: Option<&Value>) -> Result<Vec<OpenId>, ApiError> {
    const CODE: Refusal = Refusal::Openids;
    let texts: Vec<&str> = match given {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::String(text)) => text.split(',').collect(),
        Some(Value::Array(values)) => {
            let text = |(at, value): (usize, &'_ Value)| match value {
                Value::String(_) => Ok(()),
                _ => Err(wrong(CODE, format!("`openids[{at}]` must be a text"))),
            };
            values.iter().enumerate().try_for_each(text)?;
            values.iter().filter_map(Value::as_str).collect()
        }
        Some(_) => return Err(wrong(CODE, "`openids` must be an array of texts")),
    };
    let mut seen = HashSet::new();
    let mut openids = Vec::new();
    for (at, text) in texts.into_iter().map(str::trim).enumerate().filter(|(_, text)| !text.is_empty()) {
        if !is_openid(text) {
            return Err(wrong(CODE, format!("`openids[{at}]` is no openid")));
        }
        if seen.insert(text) {
            openids.push(OpenId::new(text));
        }
    }
    match openids.len() {
        0 => Err(wrong(CODE, "`openids` names nobody")),
        count if count > MOST_OPENIDS => {
            Err(wrong(CODE, format!("`openids` names {count}, and at most {MOST_OPENIDS} are taken at a time")))
        }
        _ => Ok(openids),
    }
}

/// An object that is there.
fn object<'a>(fields: &'a Object, name: &str) -> Result<Option<&'a Object>, ApiError> {
    match fields.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Object(object)) => Ok(Some(object)),
        Some(_) => Err(wrong(Refusal::Entity, format!("`{name}` must be an object"))),
    }
}

/// A text that is there and not blank.
fn text(fields: &Object, of: &str, name: &str, code: Refusal) -> Result<Option<String>, ApiError> {
    match fields.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone()).filter(|text| !text.trim().is_empty())),
        Some(_) => Err(wrong(code, format!("`{of}.{name}` must be a text"))),
    }
}

fn article(fields: &Object) -> Result<CustomMessage, ApiError> {
    const CODE: Refusal = Refusal::News;
    let text = |name| text(fields, "news_entity", name, CODE);
    let required = |name| text(name)?.ok_or_else(|| wrong(CODE, format!("`news_entity.{name}` is required")));
    let article = Article {
        title: required("title")?,
        description: text("description")?,
        url: required("url")?,
        picurl: text("picurl")?,
    };
    Ok(CustomMessage::News { news: News { articles: [article] } })
}

fn template(fields: &Object) -> Result<TemplateMessage, ApiError> {
    const CODE: Refusal = Refusal::Template;
    let text = |name| text(fields, "template_entity", name, CODE);
    let template_id = text("template_id")?.ok_or_else(|| wrong(CODE, "`template_entity.template_id` is required"))?;
    let Some(Value::Object(given)) = fields.get("data") else {
        return Err(wrong(CODE, "`template_entity.data` is required: an object of `{\"value\"}` by key"));
    };
    let value = |(key, given): (&String, &Value)| {
        let wrong = || wrong(CODE, format!("`template_entity.data.{key}.value` must be a text"));
        let value = match &given["value"] {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            _ => return Err(wrong()),
        };
        let color = given["color"].as_str().filter(|color| !color.is_empty()).map(str::to_owned);
        Ok((key.clone(), TemplateValue { value, color }))
    };
    let data = given.iter().map(value).collect::<Result<TemplateData, ApiError>>()?;
    let data = fit_values(data)
        .map_err(|key| wrong(CODE, format!("`template_entity.data.{key}.value` does not fit the type of its key")))?;
    let miniprogram = match fields.get("miniprogram") {
        Some(Value::Object(jump)) => {
            let text = |name| self::text(jump, "template_entity.miniprogram", name, CODE);
            let pagepath = text("pagepath")?;
            text("appid")?.map(|appid| MiniProgramJump { appid, pagepath })
        }
        None | Some(Value::Null) => None,
        Some(_) => return Err(wrong(CODE, "`template_entity.miniprogram` must be an object")),
    };
    Ok(TemplateMessage { template_id, url: text("url")?, miniprogram, data })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn news() -> Value {
        json!({ "title": "标题", "url": "https://x.cn" })
    }

    fn read(body: Value) -> Result<Submission, String> {
        Submission::read(body.to_string().as_bytes()).map_err(|error| match error {
            ApiError::Refused { message, .. } => message,
            other => panic!("{other:?}"),
        })
    }

    #[test]
    fn row_70_openids_may_be_a_text_and_an_article_needs_no_picture() {
        let push = read(json!({ "openids": " oA , ,oB,oA", "news_entity": news() })).unwrap();
        assert_eq!(push.openids, [OpenId::new("oA"), OpenId::new("oB")]);
        assert!(push.content.custom.is_some() && push.content.template.is_none());
    }

    #[test]
    fn row_70_without_an_entity_or_an_openid_it_is_refused() {
        assert_eq!(read(json!({ "openids": ["oA"] })).unwrap_err(), "`news_entity` or `template_entity` is required");
        for nobody in [json!([]), json!(""), json!(" , "), Value::Null] {
            assert_eq!(
                read(json!({ "openids": nobody, "news_entity": news() })).unwrap_err(),
                "`openids` names nobody"
            );
        }
    }

    #[test]
    fn the_limit_counts_distinct_openids() {
        let many = |count: usize| (0..count).map(|n| json!(format!("o{n}"))).collect::<Vec<_>>();
        let twice = [many(10_000), many(10)].concat();
        assert_eq!(read(json!({ "openids": twice, "news_entity": news() })).unwrap().openids.len(), 10_000);
        assert!(read(json!({ "openids": many(10_001), "news_entity": news() })).unwrap_err().contains("10001"));
    }

    #[test]
    fn the_field_that_is_wrong_is_named() {
        let template = |change: Value| {
            let mut entity = json!({ "template_id": "t", "data": { "thing1": { "value": "x" } } });
            for (name, value) in change.as_object().unwrap() {
                entity[name] = value.clone();
            }
            read(json!({ "openids": ["oA"], "template_entity": entity })).map(|push| push.content.template.unwrap())
        };
        assert!(template(json!({ "template_id": "" })).unwrap_err().contains("`template_entity.template_id`"));
        assert!(template(json!({ "data": null })).unwrap_err().contains("`template_entity.data`"));
        let time = json!({ "data": { "time2": { "value": "soon" } } });
        assert!(template(time).unwrap_err().contains("`template_entity.data.time2.value`"));
        let long = json!({ "data": { "thing1": { "value": "字".repeat(21) } } });
        assert_eq!(template(long).unwrap().data["thing1"].value, format!("{}...", "字".repeat(17)));
        assert!(read(json!({ "openids": ["o A"], "news_entity": news() })).unwrap_err().contains("`openids[0]`"));
        let incomplete = json!({ "openids": ["oA"], "news_entity": { "title": "x" } });
        assert!(read(incomplete).unwrap_err().contains("`news_entity.url`"));
        assert!(read(json!([])).unwrap_err().contains("JSON object"));
    }

    #[test]
    fn what_would_not_fit_a_batch_is_refused() {
        let mut news = news();
        news["description"] = json!("x".repeat(70_000));
        assert!(read(json!({ "openids": ["oA"], "news_entity": news })).unwrap_err().contains("bytes together"));
    }
}
