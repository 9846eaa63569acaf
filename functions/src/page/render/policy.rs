//! Our own style sheet and script, and the content security policy that names them.

/// The style sheet of every page.
pub(super) const STYLE: &str = include_str!("page.css");

/// SHA-256 of [`STYLE`], base64. A test computes it again and prints the right value.
pub(super) const STYLE_SHA256: &str = "4ORv5NhJCk3bFRh6Xh8fb66C886cmecoqdUUa4GHScc=";

/// The style sheet of the pages of QR codes, and its SHA-256, base64.
pub(super) const FOLLOW_STYLE: &str = include_str!("follow.css");
pub(super) const FOLLOW_STYLE_SHA256: &str = "aJSLNccwNbL4qiRT7tPT/kAzNuzilRYqwT0TVxbcqco=";

/// The script behind the copy buttons; a page without such a button does not carry it.
pub(super) const SCRIPT: &str = include_str!("copy.js");

/// SHA-256 of [`SCRIPT`], base64.
pub(super) const SCRIPT_SHA256: &str = "URhIZTdASAB//1tFjG/DtKl41GGBd3I/fXTZcT+yRQI=";

/// What a page has to be allowed beyond our own style sheet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Needs {
    /// Nothing.
    Nothing,
    /// Pictures and `style` attributes, both through the sanitiser.
    Pictures,
    /// The same, and our own script.
    Copying,
}

/// The policy for a page with these needs.
///
/// Style elements are named by hash also where `style` attributes are allowed; browsers that do not know the two
/// directives apart (WeChat's older web views) fall back to `style-src`. The sandbox leaves out `allow-same-origin` on
/// purpose, and lets links open as ordinary pages.
pub(super) fn content_security_policy(needs: Needs) -> String {
    let fixed = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
    let sandbox = "sandbox allow-popups allow-popups-to-escape-sandbox";
    let rich = format!(
        "img-src https: http: data:; style-src 'unsafe-inline'; style-src-elem 'sha256-{STYLE_SHA256}'; \
         style-src-attr 'unsafe-inline'"
    );
    match needs {
        Needs::Nothing => format!("{fixed}; style-src 'sha256-{STYLE_SHA256}'; {sandbox}"),
        Needs::Pictures => format!("{fixed}; {rich}; {sandbox}"),
        Needs::Copying => format!("{fixed}; {rich}; script-src 'sha256-{SCRIPT_SHA256}'; {sandbox} allow-scripts"),
    }
}
