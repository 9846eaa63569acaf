//! What we say in the chat. Names are owners' words and WeChat shows links in texts, so their angle brackets are widened.

use model::app::AppProfile;
use model::ids::Uid;

/// The most subscriptions and choices that one answer names.
pub(super) const MOST_SUBSCRIPTIONS: usize = 12;
pub(super) const MOST_CHOICES: usize = 8;
/// The longest name that is shown whole, in characters, and the longest settings address that is linked, in bytes.
const NAME_CHARS: usize = 20;
const LINK_BYTES: usize = 300;
/// Bytes of a list, with room for its last line: WeChat cuts a text at 2,048, and shows a link that is cut as text.
const LIST_BYTES: usize = 2_000;

pub(super) fn welcome(uid: &Uid) -> String {
    format!("欢迎关注！\n你的UID：{uid}\n\n发送“#应用编号”关注应用，发送“帮助”查看更多。")
}

pub(super) fn welcome_by_scan() -> String {
    "欢迎关注！发送“帮助”查看可用的命令。".to_owned()
}

pub(super) fn my_uid(uid: &Uid) -> String {
    format!("你的UID：\n{uid}")
}

pub(super) fn followed(name: &str) -> String {
    format!("你已关注「{}」，它的消息会发送到这里。\n发送“我的订阅”查看或退订。", safe(name))
}

pub(super) fn already(name: &str) -> String {
    format!("你已经关注了「{}」。", safe(name))
}

pub(super) fn already_by_number(name: &str, number: u64) -> String {
    format!("你已经关注了「{}」。\n发送“#{number} 内容”可以向它发送消息。", safe(name))
}

pub(super) fn rejected(name: &str) -> String {
    format!("「{}」已将你拉黑，你暂时不能关注它，也不能向它发送消息。", safe(name))
}

pub(super) fn follow_first(name: &str, number: u64) -> String {
    format!("你还没有关注「{}」。请先发送“#{number}”关注，再发送消息。", safe(name))
}

pub(super) fn takes_no_messages(name: &str) -> String {
    format!("「{}」不接收消息。", safe(name))
}

pub(super) fn passed_on(name: &str) -> String {
    format!("已发送给「{}」。", safe(name))
}

pub(super) fn no_such_app(number: u64) -> String {
    format!("应用 #{number} 不存在，请核对编号。")
}

pub(super) fn unknown_code() -> String {
    "这个二维码无效，请联系提供者。".to_owned()
}

pub(super) fn bound() -> String {
    "绑定成功，之后的消息会发送到这里。".to_owned()
}

pub(super) fn expired_code() -> String {
    "这个二维码已过期，请联系提供者重新生成。".to_owned()
}

pub(super) fn muted(muted: bool) -> String {
    match muted {
        true => "消息已关闭，你不会再收到任何应用的消息。\n发送“开启消息”恢复。".to_owned(),
        false => "消息已开启。\n发送“关闭消息”可以再次关闭。".to_owned(),
    }
}

pub(super) fn left(left: bool) -> String {
    match left {
        true => "已退订。".to_owned(),
        false => "你没有这个订阅。发送“我的订阅”查看编号。".to_owned(),
    }
}

pub(super) fn choose(apps: &[(u64, String)]) -> String {
    let lines: Vec<String> = apps.iter().map(|(id, name)| format!("#{id} {}", safe(name))).collect();
    let first = apps.first().map_or(0, |(id, _)| *id);
    format!("你想发送给哪个应用？\n{}\n\n例如：#{first} 内容", lines.join("\n"))
}

pub(super) fn help() -> String {
    "你可以发送：\n#应用编号 —— 关注应用\n#应用编号 内容 —— 向应用发送消息\n我的UID —— 查看你的UID\n我的订阅 —— 查看和退订\n关闭消息 / 开启消息 —— 消息开关"
        .to_owned()
}

pub(super) fn subscribed_app(app: &AppProfile, uid: &Uid) -> String {
    let (id, name) = (app.app.id, safe(&app.app.name));
    let settings = app.settings_url.as_deref().map(|url| with_uid(url, uid)).filter(|url| url.len() <= LINK_BYTES);
    let settings = settings.map_or_else(String::new, |url| format!(" <a href=\"{url}\">设置</a>"));
    format!("· {name} #{id}{settings}（发送“退订 {id}”）")
}

pub(super) fn subscribed_topic(id: u64, name: &str) -> String {
    format!("· 主题 {}（发送“退订主题 {id}”）", safe(name))
}

pub(super) fn subscriptions(lines: &[String], count: usize) -> String {
    if lines.is_empty() {
        return "你还没有订阅。发送“#应用编号”关注应用。".to_owned();
    }
    let mut text = "我的订阅：".to_owned();
    let mut shown = 0;
    for line in lines {
        if shown > 0 && text.len() + line.len() > LIST_BYTES {
            break;
        }
        text.push('\n');
        text.push_str(line);
        shown += 1;
    }
    if count > shown {
        text.push_str(&format!("\n…… 共{count}个"));
    }
    text
}

/// An owner's settings address with the user's UID appended as a query parameter, safe inside an attribute.
fn with_uid(url: &str, uid: &Uid) -> String {
    let (address, fragment) = url.split_once('#').map_or((url, ""), |(address, fragment)| (address, fragment));
    let join = match address.split_once('?') {
        None => "?",
        Some((_, query)) if query.is_empty() || query.ends_with('&') => "",
        Some(_) => "&",
    };
    let fragment = if fragment.is_empty() { String::new() } else { format!("#{fragment}") };
    let whole = format!("{address}{join}uid={uid}{fragment}");
    whole.chars().filter(|c| !c.is_control() && !matches!(c, '"' | '<' | '>' | ' ')).collect()
}

/// A name that begins no link, and is short enough for a line.
fn safe(name: &str) -> String {
    let name: String = name
        .trim()
        .chars()
        .map(|c| match c {
            '<' => '＜',
            '>' => '＞',
            c if c.is_control() => ' ',
            c => c,
        })
        .collect();
    match name.char_indices().nth(NAME_CHARS) {
        None => name,
        Some((at, _)) => format!("{}…", &name[..at]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uid() -> Uid {
        Uid::parse("UID_demo000000000000000000000001").unwrap()
    }

    #[test]
    fn the_uid_is_appended_to_whatever_a_settings_address_has() {
        let appended = |url: &str| with_uid(url, &uid()).replace(uid().as_str(), "U");
        assert_eq!(appended("https://a.example/s"), "https://a.example/s?uid=U");
        assert_eq!(appended("https://a.example/s?a=1"), "https://a.example/s?a=1&uid=U");
        assert_eq!(appended("https://a.example/s?"), "https://a.example/s?uid=U");
        assert_eq!(appended("https://a.example/s?a=1#top"), "https://a.example/s?a=1&uid=U#top");
        assert_eq!(appended("https://a.example/\"><a href=x"), "https://a.example/ahref=x?uid=U");
    }

    #[test]
    fn a_name_makes_no_link() {
        assert_eq!(safe("<a href=\"http://evil.example\">x</a>\n"), "＜a href=\"http://evil…");
        assert_eq!(safe(&"字".repeat(21)), format!("{}…", "字".repeat(20)));
    }

    #[test]
    fn the_longest_list_fits_a_text() {
        for line in ["短".to_owned(), "字".repeat(40), "字".repeat(200)] {
            let list = subscriptions(&vec![line.clone(); MOST_SUBSCRIPTIONS], 999);
            assert!(list.len() <= 2_048 && list.contains(&line) && list.ends_with("共999个"), "{}", list.len());
        }
        assert!(!subscriptions(&["一".to_owned()], 1).contains("共"));
    }
}
