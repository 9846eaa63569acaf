//! What hostile and what honest HTML becomes.

mod attacks;

use super::{SANITISER, leading_text, sanitise, style, vocabulary};
use attacks::ATTACKS;
use std::fmt::Write;
use std::time::{Duration, Instant};

/// Nothing in it acts, and a parser that reads it again finds the same: nothing is hidden in how it is written.
fn assert_inert(source: &str, html: &str) {
    assert_nothing_acts(source, html);
    let again = SANITISER.clean(html).to_string();
    assert_eq!(sorted_attributes(&again), sorted_attributes(html), "reads differently the second time: {source:?}");
}

/// Reads sanitised HTML far more strictly than a browser would, and fails on anything that could act: an unknown
/// element or attribute, a tag left open, a quote out of place, an address of another kind.
fn assert_nothing_acts(source: &str, html: &str) {
    let mut open: Vec<String> = Vec::new();
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        rest = &rest[at + 1..];
        let end = rest.starts_with('/');
        rest = rest.strip_prefix('/').unwrap_or(rest);
        let length = rest.find(|c: char| !c.is_ascii_alphanumeric()).expect("a tag ends");
        let (name, tail) = rest.split_at(length);
        rest = tail;
        let tag = vocabulary::find(name).unwrap_or_else(|| panic!("element {name:?} in {html:?} from {source:?}"));
        if end {
            assert_eq!(open.pop().as_deref(), Some(name), "nesting in {html:?} from {source:?}");
            rest = rest.strip_prefix('>').expect("an end tag has nothing but its name");
            continue;
        }
        while let Some(tail) = rest.strip_prefix(' ') {
            let (attribute, tail) = tail.split_once("=\"").expect("attributes are quoted");
            let (value, tail) = tail.split_once('"').expect("quotes are closed");
            rest = tail;
            assert_attribute_inert(tag, attribute, value, html, source);
        }
        rest = rest.strip_prefix('>').unwrap_or_else(|| panic!("tag {name:?} in {html:?} from {source:?}"));
        if tag.role != vocabulary::Role::Void {
            open.push(name.to_owned());
        }
    }
    assert!(open.is_empty(), "{open:?} left open in {html:?} from {source:?}");
}

/// The sanitiser appends the attributes it sets, so their order may change between two passes; nothing else may.
fn sorted_attributes(html: &str) -> Vec<(&str, Vec<&str>)> {
    let mut parts = Vec::new();
    for part in html.split('<') {
        let (tag, text) = part.split_once('>').unwrap_or(("", part));
        let (name, attributes) = tag.split_once(' ').unwrap_or((tag, ""));
        let mut attributes: Vec<&str> = attributes.split_inclusive("\" ").map(|a| a.trim_end_matches(' ')).collect();
        attributes.sort_unstable();
        attributes.push(text);
        parts.push((name, attributes));
    }
    parts
}

fn assert_attribute_inert(tag: &vocabulary::Tag, attribute: &str, value: &str, html: &str, source: &str) {
    let ours = match (tag.name, attribute) {
        ("a", "target") => value == "_blank",
        ("a", "rel") => value == "noopener noreferrer nofollow",
        ("button", "type") => value == "button",
        ("img", "loading") => value == "lazy",
        ("img", "referrerpolicy") => value == "no-referrer",
        _ => false,
    };
    assert!(ours || tag.allows(attribute), "attribute {attribute:?} in {html:?} from {source:?}");
    match attribute {
        "href" => assert!(
            ["http://", "https://", "mailto:", "tel:"].iter().any(|scheme| value.to_lowercase().starts_with(scheme)),
            "href {value:?} from {source:?}"
        ),
        "src" => assert!(
            ["http://", "https://"].iter().any(|scheme| value.to_lowercase().starts_with(scheme))
                || vocabulary::is_picture_data(value),
            "src {value:?} from {source:?}"
        ),
        "style" => {
            for word in ["url", "expression", "import", "\\", "@", "/*", "position", "fixed", "behavior", "&"] {
                assert!(!value.to_lowercase().contains(word), "style {value:?} from {source:?}");
            }
        }
        _ => {}
    }
}

#[test]
fn no_attack_leaves_anything_that_acts() {
    for source in ATTACKS {
        assert_inert(source, &sanitise(source).html);
    }
}

#[test]
fn no_attack_works_when_nested_in_honest_html() {
    for source in ATTACKS {
        let source = format!("<table><tr><td><p><b>{source}<li>x</b></td></tr></table><pre>{source}");
        assert_inert(&source, &sanitise(&source).html);
    }
}

#[test]
fn the_sanitiser_is_safe_without_the_step_before_it() {
    for source in ATTACKS {
        // Links nested in tables wander when they are read again; the step before closes them.
        assert_nothing_acts(source, &SANITISER.clean(source).to_string());
    }
}

#[test]
fn alarm_mails_keep_their_tables_and_colours() {
    let source = "<table border=1 cellpadding=4><tr bgcolor='#ffcccc'><th>主机<th>状态<tr><td style='color:red; \
                  position:fixed; background-color: rgb(255, 240, 240)'>web-1<td align=center>宕机</table>";
    let rich = sanitise(source);
    assert_inert(source, &rich.html);
    assert_eq!(
        rich.html,
        "<table border=\"1\" cellpadding=\"4\"><tbody><tr bgcolor=\"#ffcccc\"><th>主机</th><th>状态</th></tr><tr>\
         <td style=\"color:red;background-color:rgb(255, 240, 240)\">web-1</td><td align=\"center\">宕机</td></tr>\
         </tbody></table>"
    );
    assert!(rich.coloured);
    assert!(!sanitise("<p>color background</p>").coloured);
}

#[test]
fn links_open_outside_and_tell_nothing() {
    let html = sanitise("<a href='HTTPS://a.example/?a=1&amp;b=2' target=_top rel=opener>x</a>").html;
    assert_inert("link", &html);
    for part in ["href=\"https://a.example/?a=1&amp;b=2\"", "target=\"_blank\"", "rel=\"noopener noreferrer nofollow\""]
    {
        assert!(html.contains(part), "{part} in {html}");
    }
}

#[test]
fn pictures_keep_their_address() {
    for (source, address) in [
        ("<img src=http://a.example/x.png>", "http://a.example/x.png"),
        ("<img src='//a.example/x.png'>", "https://a.example/x.png"),
        ("<img src='data:image/png;base64,iVBORw0KGgo='>", "data:image/png;base64,iVBORw0KGgo="),
    ] {
        let html = sanitise(source).html;
        assert!(html.contains(&format!("src=\"{address}\"")), "{html}");
        assert!(html.contains("referrerpolicy=\"no-referrer\""), "{html}");
    }
}

#[test]
fn copy_elements_become_buttons_and_other_buttons_vanish() {
    let rich = sanitise("<copy data-clipboard-text=\"6 &amp; 7\">复制</copy>");
    assert_eq!(rich.html, "<button data-copy=\"6 &amp; 7\" type=\"button\">复制</button>");
    assert!(rich.has_copy_button);
    let rich = sanitise("<button data-copy=x>send</button>&lt;button x&gt;");
    assert_eq!(rich.html, "send&lt;button x&gt;");
    assert!(!rich.has_copy_button);
}

#[test]
fn whatever_is_left_open_is_closed() {
    for (source, expected) in [
        ("<div><b>x", "<div><b>x</b></div>"),
        ("</div></div>x</p>", "x"),
        ("<p>a<p>b<ul><li>c<li>d", "<p>a</p><p>b</p><ul><li>c</li><li>d</li></ul>"),
        ("<b><p>a</b>b</p>c", "<b><p>a</p></b>bc"),
        ("<b>a<div>b</b>c</div>d", "<b>a<div>bc</div>d</b>"),
        ("<dl><dt>a<dd>b<dt>c</dl>", "<dl><dt>a</dt><dd>b</dd><dt>c</dt></dl>"),
        ("a < b > c & d", "a &lt; b &gt; c &amp; d"),
        ("<p>x<br/>y<hr/>z", "<p>x<br>y</p><hr>z"),
        (
            "<table><tr><td><div>x</td><td>y</table>z",
            "<table><tbody><tr><td><div>x</div></td><td>y</td></tr></tbody></table>z",
        ),
    ] {
        assert_eq!(sanitise(source).html, expected, "{source}");
    }
}

#[test]
fn allow_lists_are_in_the_order_the_search_needs() {
    assert!(style::PROPERTIES.is_sorted());
    assert!(vocabulary::TAGS.is_sorted_by_key(|tag| tag.name));
}

#[test]
fn styles_keep_what_is_plain() {
    assert_eq!(
        style::keep("COLOR : Red ; font-size:14PX!important").as_deref(),
        Some("color:Red;font-size:14PX!important")
    );
    assert_eq!(
        style::keep("font-family:Arial,sans-serif;padding:0 .5em").as_deref(),
        Some("font-family:Arial,sans-serif;padding:0 .5em")
    );
    for gone in
        ["", ";;", "color", "color:", "color:url(x)", "color:rgb(", "width:calc(1px)", "color:var(--ink)", "top:0"]
    {
        assert_eq!(style::keep(gone), None, "{gone}");
    }
}

#[test]
fn text_is_what_a_reader_sees() {
    for (source, expected) in [
        ("<style>p{}</style><script>x</script><p>a</p>b", " a b"),
        ("a<br> <br>b<b>c</b>", "a bc"),
        ("&lt;b&gt; &amp;amp; &copy;&nbsp;&#20013;&hellip;", "<b> &amp; © 中…"),
        ("<!-- x --><img src=x alt=y>", ""),
        ("1 < 2 & 3 > 2 \"q\"", "1 < 2 & 3 > 2 \"q\""),
    ] {
        assert_eq!(leading_text(source), expected, "{source}");
    }
}

/// 40,000 characters made to hurt: deep nesting, unclosed everything, attributes by the thousand.
fn hostile() -> Vec<String> {
    const SIZE: usize = 40_000;
    let mut sources: Vec<String> = [
        "<b>",
        "<a>",
        "<p>",
        "<i><p>",
        "<div>",
        "<table>",
        "<table><td>",
        "<table><b>",
        "<ul><li>",
        "<li>",
        "<dl><dt>",
        "<svg>",
        "<math><mi>",
        "<select>",
        "<form>",
        "<template>",
        "<h1>",
        "<a><b><p>",
        "<copy>",
        "<button><a>",
        "<font color=red>",
        "<",
        "</",
        "<!",
        "<!--",
        "&",
        "&amp",
        "&#",
        "<a ",
        "<a b=\"",
        "</p>",
        "</b>",
        "<p></b>",
        "</script",
        "<script></",
        "<b></p>",
        "·",
        "&nbsp;",
        "&lt;",
        "&x",
        "<span><div>",
        "<pre>\n",
        "<col>",
        "<caption>",
        "<tbody><tr><td>",
        "<b><i><u><s><p>",
        "<nobr>",
        "\0",
        "<\0",
    ]
    .iter()
    .map(|unit| unit.repeat(SIZE / unit.len()))
    .collect();
    sources.push(format!("{}{}", "<div>".repeat(3600), "</div>".repeat(3600)));
    sources.push(format!("<div {}>", "a ".repeat(19_000)));
    sources.push(format!("<div style='{}'>", "color:red;".repeat(3_900)));
    sources.push(format!("<div style='color:{}'>", "(".repeat(30_000)));
    sources.push(format!("<img src='data:image/png;base64,{}'>", "A".repeat(39_000)));
    sources.push(format!("<img src='data:image/png;base64,{}'>", "&".repeat(39_000)));
    sources.push(format!("<copy data-clipboard-text='{}'>", "&".repeat(39_000)));
    // Formatting elements that differ, so that a parser keeps them all and opens them again in each paragraph.
    let mut different = String::new();
    for number in 0..1500 {
        write!(different, "<b lang=x{number}>").expect("a string takes it");
    }
    different.push_str(&"<p>x".repeat(5_000));
    sources.push(different);
    let long = "y".repeat(2_000);
    sources.push(format!("<p>{}{}", format!("<font face={long}>").repeat(10), "<p>x".repeat(5_000)));
    sources.push(format!(
        "<table>{}{}",
        format!("<font face={long}><table>").repeat(9),
        "<td><p>x</table>".repeat(1_300)
    ));
    sources
}

#[test]
fn hostile_nesting_takes_little_time_and_no_stack() {
    for source in hostile() {
        let start: String = source.chars().take(30).collect();
        let before = Instant::now();
        let html = sanitise(&source).html;
        let text = leading_text(&source);
        let took = before.elapsed();
        // This leaves room for a busy machine and no optimisation; work that grows with the square takes longer.
        assert!(took < Duration::from_secs(5), "{start} took {took:?}");
        assert!(html.len() < 1_000_000, "{start} became {} bytes", html.len());
        assert!(text.len() < 40_000, "{start}");
    }
}
