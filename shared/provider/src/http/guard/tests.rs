use super::*;
use crate::http::{HttpClient, HttpError, HttpRequest, HttpSettings, Refusal};
use crate::testing::server::{Reply, Server};

#[test]
fn the_public_internet_is_open() {
    for address in [
        "1.1.1.1",
        "8.8.8.8",
        "100.63.255.255",
        "100.128.0.1",
        "172.15.0.1",
        "172.32.0.1",
        "192.0.1.1",
        "198.17.0.1",
        "198.20.0.1",
        "223.255.255.255",
        "2606:4700:4700::1111",
        "2001:4860:4860::8888",
        "::ffff:8.8.8.8",
        "64:ff9b::8.8.8.8",
        "2002:808:808::1",
    ] {
        assert!(is_public(address.parse().unwrap()), "{address}");
    }
}

#[test]
fn every_other_address_is_closed() {
    for address in [
        // IPv4
        "0.0.0.0",
        "0.1.2.3",
        "10.0.0.1",
        "100.64.0.1",
        "100.100.100.200",
        "100.127.255.255",
        "127.0.0.1",
        "127.255.255.254",
        "168.63.129.16",
        "169.254.169.254",
        "169.254.170.2",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.192",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.0.1",
        "198.18.0.1",
        "198.19.255.255",
        "198.51.100.1",
        "203.0.113.1",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.1",
        "255.255.255.255",
        // IPv6
        "::",
        "::1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "febf::1",
        "fec0::1",
        "ff02::1",
        "100::1",
        "2001:db8::1",
        "2001:2::1",
        "2001:10::1",
        "2001:20::1",
        "3fff::1",
        "5f00::1",
        "64:ff9b:1::1",
        "4000::1",
        // IPv4 in IPv6
        "::127.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::ffff:169.254.169.254",
        "::ffff:0:192.168.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b::169.254.169.254",
        "2002:7f00:1::1",
        "2002:a9fe:a9fe::1",
        "2002:c0a8:1::1",
        // Teredo: client 192.168.0.1 with its bits turned; server 10.0.0.1.
        "2001:0:808:808:0:0:3f57:fffe",
        "2001:0:a00:1:0:0:f7f7:f7f7",
        // ISATAP
        "2606:4700::5efe:10.0.0.1",
        "2606:4700::200:5efe:127.0.0.1",
    ] {
        assert!(!is_public(address.parse().unwrap()), "{address}");
    }
}

/// Ways to write an address that some parsers read and some checks miss.
const DISGUISES: &[&str] = &[
    "127.0.0.1",
    "127.0.0.1.",
    "127.1",
    "0x7f.1",
    "0x7f000001",
    "0177.0.0.1",
    "017700000001",
    "2130706433",
    "127.0.0.1%2e",
    "１２７.0.0.1",
    "127。0。0。1",
    "①②⑦.0.0.1",
    "0",
    "0.0.0.0",
    "169.254.169.254",
    "0xA9FEA9FE",
    "2852039166",
    "[::1]",
    "[::]",
    "[::ffff:7f00:1]",
    "[0:0:0:0:0:ffff:127.0.0.1]",
    "[64:ff9b::7f00:1]",
    "[2002:7f00:1::]",
    "[fd00:ec2::254]",
    "[fe80::1]",
    "localhost",
    "LOCALHOST",
    "localhost.",
    "a.localhost",
];

#[tokio::test]
async fn no_disguise_of_a_closed_address_is_called() {
    let server = Server::start(|_| Reply::json("{}")).await;
    let client = HttpClient::guarded(HttpSettings::default());
    let port = server.address.port();
    for host in DISGUISES {
        for url in [format!("http://{host}:{port}/"), format!("https://{host}:{port}/")] {
            let refused = client.send(HttpRequest::get(url.clone())).await;
            // Some are no URL at all to us, which is as good.
            assert!(
                matches!(refused, Err(HttpError::BadUrl { refusal: Refusal::Address | Refusal::Malformed, .. })),
                "{url}: {refused:?}"
            );
        }
    }
    assert_eq!(server.connections(), 0);
}

#[test]
fn the_door_knows_most_disguises_as_addresses() {
    let known = DISGUISES.iter().filter_map(|host| Url::parse(&format!("http://{host}/")).ok());
    for url in known {
        assert!(is_forbidden_host(&url), "{url}");
    }
    assert!(!is_forbidden_host(&Url::parse("https://example.com/").unwrap()));
    assert!(!is_forbidden_host(&Url::parse("https://notlocalhost/").unwrap()));
}

#[tokio::test]
async fn the_door_refuses_what_the_client_would() {
    for host in DISGUISES {
        let refused = refuses(&format!("https://{host}/hook"), &[]).await;
        assert!(matches!(refused, Some(Refusal::Address | Refusal::Malformed)), "{host}: {refused:?}");
    }
    for (url, refusal) in [
        ("hook", Refusal::Malformed),
        ("ftp://198.200.1.1/", Refusal::Scheme),
        ("file:///etc/passwd", Refusal::Scheme),
        ("https://user@198.200.1.1/", Refusal::Credentials),
    ] {
        assert_eq!(refuses(url, &[]).await, Some(refusal), "{url}");
    }
    assert_eq!(refuses("https://198.200.1.1/hook?x=1", &[]).await, None);
    assert_eq!(refuses("https://does-not-resolve.invalid/", &[]).await, None, "nothing is reached through it");
    let open = "127.0.0.1:9000".parse().unwrap();
    assert_eq!(refuses("http://127.0.0.1:9000/hook", &[open]).await, None);
    assert_eq!(refuses("http://127.0.0.1:9001/hook", &[open]).await, Some(Refusal::Address), "another port");
}

#[tokio::test]
async fn a_name_is_judged_by_what_it_resolves_to() {
    let server = Server::start(|_| Reply::json("{}")).await;
    // An exception, so that the name gets as far as the resolver.
    let client = HttpClient::guarded_except(HttpSettings::default(), ["192.0.2.1:80".parse().unwrap()]);
    let url = format!("http://localhost:{}/", server.address.port());
    let refused = client.send(HttpRequest::get(url)).await;
    assert!(matches!(refused, Err(HttpError::BadUrl { refusal: Refusal::Address, .. })), "{refused:?}");
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn an_exception_opens_one_port_of_one_address() {
    let (open, closed) = (Server::start(|_| Reply::json("{}")).await, Server::start(|_| Reply::json("{}")).await);
    let client = HttpClient::guarded_except(HttpSettings::default(), [open.address]);
    assert!(client.send(HttpRequest::get(open.url("/"))).await.is_ok());
    assert!(client.send(HttpRequest::get(closed.url("/"))).await.is_err());
    assert_eq!(closed.connections(), 0);
}

#[tokio::test]
async fn an_open_client_goes_where_its_settings_say() {
    let server = Server::start(|_| Reply::json("{}")).await;
    assert!(HttpClient::new(HttpSettings::default()).send(HttpRequest::get(server.url("/"))).await.is_ok());
}
