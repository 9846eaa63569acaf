//! Which addresses a URL that a stranger gave us may lead to: the public internet and nothing else.
//!
//! [`super::HttpClient::guarded`] resolves a name first, refuses it when any of its addresses is not public, and
//! connects to the very addresses that were checked. Literal hosts are checked in the form that `url` normalises them
//! to, so `0x7f.1`, `2130706433` and `0177.0.0.1` are all `127.0.0.1`. The ranges are those of the IANA special-purpose
//! address registries (<https://www.iana.org/assignments/iana-ipv4-special-registry>,
//! <https://www.iana.org/assignments/iana-ipv6-special-registry>, read 2026-11).

use super::Refusal;
use http::Uri;
use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;
use url::{Host, Url};

/// The connection was refused by the guard.
#[derive(Debug, thiserror::Error)]
#[error("not a public internet address")]
pub(super) struct Forbidden;

/// Whether `address` belongs to the public internet.
///
/// IPv6 forms that carry an IPv4 address (mapped, compatible, NAT64, 6to4, Teredo, ISATAP) are judged by what they carry.
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

/// Whether the host of `url` can be refused without asking the resolver: a literal address that is not public, or a
/// name that only ever means this machine. For a check at the door; the client checks again when it connects.
pub fn is_forbidden_host(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => !is_public_v4(address),
        Some(Host::Ipv6(address)) => !is_public_v6(address),
        // RFC 6761, section 6.3: these names mean loopback whatever a resolver says.
        Some(Host::Domain(name)) => {
            let name = name.trim_end_matches('.');
            name.eq_ignore_ascii_case("localhost") || name.to_ascii_lowercase().ends_with(".localhost")
        }
        None => true,
    }
}

/// Why `text` cannot be saved as a URL that will be called; `None` when nothing speaks against it today.
///
/// The checks of a guarded client, without a call: form, scheme, credentials, literal address, and what the name
/// resolves to. A name that does not resolve (yet) passes, for nothing can be reached through it; the client checks
/// again whenever it connects.
pub async fn refuses(text: &str, exceptions: &[SocketAddr]) -> Option<Refusal> {
    let Ok(url) = Url::parse(text) else { return Some(Refusal::Malformed) };
    if !matches!(url.scheme(), "http" | "https") {
        return Some(Refusal::Scheme);
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Some(Refusal::Credentials);
    }
    let (Some(host), Some(port)) = (url.host(), url.port_or_known_default()) else { return Some(Refusal::Malformed) };
    let addresses: Vec<SocketAddr> = match host {
        Host::Ipv4(address) => vec![SocketAddr::new(address.into(), port)],
        Host::Ipv6(address) => vec![SocketAddr::new(address.into(), port)],
        Host::Domain(name) => {
            match tokio::time::timeout(RESOLVING, tokio::net::lookup_host((name, port))).await {
                Ok(Ok(addresses)) => addresses.collect(),
                // A name that only ever means this machine is refused whatever the resolver says.
                Ok(Err(_)) | Err(_) if is_forbidden_host(&url) => return Some(Refusal::Address),
                Ok(Err(_)) | Err(_) => Vec::new(),
            }
        }
    };
    let closed = |address: &SocketAddr| !is_public(address.ip()) && !exceptions.contains(address);
    addresses.iter().any(closed).then_some(Refusal::Address)
}

/// How long a name may take to resolve at the door.
const RESOLVING: Duration = Duration::from_secs(2);

/// Checks a host that is an address; a name passes, for the resolver to judge.
pub(super) fn check_literal(uri: &Uri, exceptions: &HashSet<SocketAddr>) -> Result<(), Forbidden> {
    let Some(host) = uri.host() else { return Err(Forbidden) };
    let Ok(address) = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() else { return Ok(()) };
    let port = uri.port_u16().unwrap_or(if uri.scheme_str() == Some("https") { 443 } else { 80 });
    if is_public(address) || exceptions.contains(&SocketAddr::new(address, port)) { Ok(()) } else { Err(Forbidden) }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    !matches!(
        (a, b, c),
        (0, ..)                     // "this network", unspecified
            | (10, ..)              // private
            | (100, 64..=127, _)    // carrier-grade NAT; Alibaba Cloud's metadata service is here
            | (127, ..)             // loopback
            | (169, 254, _)         // link-local; the metadata service of AWS and most clouds
            | (172, 16..=31, _)     // private
            | (192, 0, 0)           // IETF protocol assignments; Oracle Cloud's metadata service is here
            | (192, 0, 2)           // documentation
            | (192, 31, 196)        // AS112, a sink
            | (192, 52, 193)        // AMT relays
            | (192, 88, 99)         // 6to4 relays, retired
            | (192, 168, _)         // private
            | (192, 175, 48)        // AS112, a sink
            | (198, 18..=19, _)     // benchmarks
            | (198, 51, 100)        // documentation
            | (203, 0, 113)         // documentation
            | (224..=255, ..) // multicast, reserved, broadcast
    ) && address != AZURE_WIRE_SERVER
}

/// Azure's platform service answers here although the address is a public one
/// (<https://learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16>).
const AZURE_WIRE_SERVER: Ipv4Addr = Ipv4Addr::new(168, 63, 129, 16);

fn is_public_v6(address: Ipv6Addr) -> bool {
    let s = address.segments();
    let v4 = |high: u16, low: u16| {
        let [a, b] = high.to_be_bytes();
        let [c, d] = low.to_be_bytes();
        is_public_v4(Ipv4Addr::new(a, b, c, d))
    };
    // ISATAP (RFC 5214) hides an IPv4 address in the interface part, under any prefix.
    if matches!(s[4], 0x0000 | 0x0200) && s[5] == 0x5efe {
        return v4(s[6], s[7]);
    }
    match s {
        // Unspecified, loopback and the retired compatible form ::a.b.c.d; mapped ::ffff:a.b.c.d; translated
        // ::ffff:0:a.b.c.d (RFC 2765).
        [0, 0, 0, 0, 0, 0, high, low] => high != 0 && v4(high, low),
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0, 0, 0, 0, 0xffff, 0, high, low] => v4(high, low),
        // NAT64 (RFC 6052). Its local-use prefix 64:ff9b:1::/48 leads into somebody's own network.
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => v4(high, low),
        // Teredo carries the client's address with all bits turned, and the server's in the clear.
        [0x2001, 0, server_high, server_low, _, _, high, low] => v4(server_high, server_low) && v4(!high, !low),
        // 6to4.
        [0x2002, high, low, ..] => v4(high, low),
        // IETF protocol assignments (ORCHID, benchmarks …) and documentation.
        [0x2001, second, ..] if second < 0x0200 || second == 0x0db8 => false,
        [0x3fff, second, ..] if second < 0x1000 => false,
        // What is left of global unicast, 2000::/3. Everything outside it is refused: unique local fc00::/7 (there is
        // AWS's fd00:ec2::254), link-local fe80::/10, site-local fec0::/10, multicast ff00::/8, discard 100::/64,
        // segment routing 5f00::/16, and what is not assigned.
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests;
