//! The way out to addresses that others name: receivers of events, issuers of tokens. Not into the network of the server.
//!
//! Whoever may name a host has the server connect to it. Without a guard that would reach what only the server can
//! reach: the metadata service of its cloud, databases, other tenants. So the scheme is HTTPS, redirects are not followed,
//! and the address that a name resolves to is looked at where the connection takes it from: a name that resolves to
//! something else a moment later gains nothing. [`Outbound::request`] is the only way to a request, so that none of this
//! can be left out.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{Client, Method, RequestBuilder, Response, Url};

/// How long a request may take, from the name of the host to the end of the answer, unless it says otherwise.
pub const TIMEOUT: Duration = Duration::from_secs(15);
/// How long it may take to be connected.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Why an address may not be asked. The text is for whoever named it, and holds nothing secret of the address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refused(String);

/// Makes requests to public addresses, and to hosts that the operator allowed. Clones share the connections.
#[derive(Clone)]
pub struct Outbound {
    guard: Guard,
    http: Client,
}

impl fmt::Debug for Outbound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outbound").field("guard", &self.guard).finish_non_exhaustive()
    }
}

impl Outbound {
    /// Public addresses over HTTPS; and these hosts, whatever their address, over HTTP too.
    pub fn new(allowed: &[String]) -> Result<Self, reqwest::Error> {
        let allowed = allowed.iter().map(|host| host.to_ascii_lowercase()).collect();
        let guard = Guard { allowed };
        let http = Client::builder()
            .user_agent(concat!("muster/", env!("CARGO_PKG_VERSION")))
            .timeout(TIMEOUT)
            .connect_timeout(CONNECT_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            // A proxy would resolve names itself, past the guard.
            .no_proxy()
            .dns_resolver(Arc::new(guard.clone()))
            .build()?;
        Ok(Self { guard, http })
    }

    /// A request to that address. It ends after [`TIMEOUT`], and a redirect is its answer.
    pub fn request(&self, method: Method, address: &str) -> Result<RequestBuilder, Refused> {
        Ok(self.http.request(method, self.check(address)?))
    }

    /// The address, if it may be asked as far as can be said before its name is resolved.
    pub fn check(&self, address: &str) -> Result<Url, Refused> {
        self.guard.check(address).map_err(Refused)
    }

    /// Where a host is that is asked in another protocol than HTTP: connect to one of these, not to the name.
    pub async fn resolve(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, Refused> {
        let found = self.guard.lookup(host).await.map_err(|error| Refused(error.to_string()))?;
        let found: Vec<SocketAddr> =
            found.into_iter().map(|address| SocketAddr::new(address.ip(), port)).collect();
        if found.is_empty() {
            return Err(Refused(format!("`{host}` has no address")));
        }
        Ok(found)
    }
}

/// The body of an answer, which may not have more than `bytes_max` bytes.
pub async fn body(mut response: Response, bytes_max: usize) -> Result<Vec<u8>, Refused> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| Refused(reason(error)))? {
        if body.len() + chunk.len() > bytes_max {
            return Err(Refused(format!("the answer has more than {bytes_max} bytes")));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// Why there was no answer, without the address, which may be a secret.
pub fn reason(error: reqwest::Error) -> String {
    if error.is_timeout() {
        return "there was no answer in time".to_owned();
    }
    let error = error.without_url();
    let mut cause: &dyn std::error::Error = &error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}

/// Decides where requests may go.
#[derive(Debug, Clone)]
struct Guard {
    allowed: Arc<[String]>,
}

impl Guard {
    fn check(&self, address: &str) -> Result<Url, String> {
        let wrong = |_error| "this is not an address: expected https://HOST/PATH".to_owned();
        let url = Url::parse(address).map_err(wrong)?;
        let host = url.host_str().ok_or("the address has no host: expected https://HOST/PATH")?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err("an address must not hold a name or a password".to_owned());
        }
        if url.scheme() == "http" && self.allows(host) {
            return Ok(url);
        }
        if url.scheme() != "https" {
            return Err(format!("`{}` is not `https`", url.scheme()));
        }
        if literal(host).is_some_and(|literal| !public(literal)) && !self.allows(host) {
            return Err(refusal(host));
        }
        Ok(url)
    }

    /// The addresses of a host, none of which has to be kept from anyone.
    async fn lookup(&self, host: &str) -> Result<Vec<SocketAddr>, BoxError> {
        let host = host.to_ascii_lowercase();
        let found: Vec<SocketAddr> = match literal(&host) {
            Some(address) => vec![SocketAddr::new(address, 0)],
            None => tokio::net::lookup_host((host.as_str(), 0)).await?.collect(),
        };
        // One address that is not public spoils all: nobody needs such a name for anything good.
        if !self.allows(&host) && found.iter().any(|address| !public(address.ip())) {
            return Err(refusal(&host).into());
        }
        Ok(found)
    }

    fn allows(&self, host: &str) -> bool {
        self.allowed.iter().any(|allowed| allowed == host)
    }
}

type BoxError = Box<dyn std::error::Error + Send + Sync>;

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = self.clone();
        Box::pin(async move {
            let found = guard.lookup(name.as_str()).await?;
            let found: Addrs = Box::new(found.into_iter());
            Ok(found)
        })
    }
}

/// The address that a host is written as, if it is no name.
fn literal(host: &str) -> Option<IpAddr> {
    host.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

fn refusal(host: &str) -> String {
    format!(
        "`{host}` is not a public address: the operator of the server may allow it with --allow-private-host"
    )
}

/// Whether an address is one of the public internet, by the registries of
/// [IPv4](https://www.iana.org/assignments/iana-ipv4-special-registry) and
/// [IPv6](https://www.iana.org/assignments/iana-ipv6-special-registry) addresses.
fn public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => public_v4(address),
        IpAddr::V6(address) => public_v6(address),
    }
}

/// Networks of IPv4 that are not of the public internet, and how many of their bits count.
const SPECIAL_V4: [([u8; 4], u32); 16] = [
    // This network, private, shared by customers of a carrier, loopback.
    ([0, 0, 0, 0], 8),
    ([10, 0, 0, 0], 8),
    ([100, 64, 0, 0], 10),
    ([127, 0, 0, 0], 8),
    // Link-local, with the metadata services of most clouds; that of another is on an address that looks public.
    ([169, 254, 0, 0], 16),
    ([168, 63, 129, 16], 32),
    // Private, protocol assignments, documentation, relays, private, benchmarks, documentation twice.
    ([172, 16, 0, 0], 12),
    ([192, 0, 0, 0], 24),
    ([192, 0, 2, 0], 24),
    ([192, 88, 99, 0], 24),
    ([192, 168, 0, 0], 16),
    ([198, 18, 0, 0], 15),
    ([198, 51, 100, 0], 24),
    ([203, 0, 113, 0], 24),
    // Multicast; reserved, and broadcast.
    ([224, 0, 0, 0], 4),
    ([240, 0, 0, 0], 4),
];

fn public_v4(address: Ipv4Addr) -> bool {
    let within = |(network, bits): ([u8; 4], u32)| {
        let differing = address.to_bits() ^ Ipv4Addr::from(network).to_bits();
        differing.leading_zeros() >= bits
    };
    !SPECIAL_V4.into_iter().any(within)
}

/// Global unicast without what carries IPv4 addresses inside. Mapped and translated addresses, loopback, unique local,
/// link-local and multicast are outside of `2000::/3`.
fn public_v6(address: Ipv6Addr) -> bool {
    let special = match address.segments() {
        // Protocol assignments, Teredo among them; documentation.
        [0x2001, second, ..] => second <= 0x1ff || second == 0xdb8,
        // 6to4.
        [0x2002, ..] => true,
        // Documentation.
        [0x3fff, second, ..] => second <= 0xfff,
        [first, ..] => first & 0xe000 != 0x2000,
    };
    !special
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    const PRIVATE: [&str; 34] = [
        "0.0.0.0",
        "10.0.0.1",
        "100.64.0.1",
        "100.100.100.200",
        "127.0.0.1",
        "127.255.255.254",
        "168.63.129.16",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.192",
        "192.0.2.1",
        "192.168.1.1",
        "198.18.0.1",
        "198.51.100.1",
        "203.0.113.1",
        "224.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "::ffff:10.0.0.1",
        "::ffff:8.8.8.8",
        "64:ff9b::a00:1",
        "64:ff9b:1::1",
        "100::1",
        "2001::1",
        "2001:db8::1",
        "2002:a00:1::",
        "3fff::1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "ff02::1",
    ];
    const PUBLIC: [&str; 6] = [
        "8.8.8.8",
        "100.128.0.1",
        "172.32.0.1",
        "192.0.1.1",
        "2606:4700::1111",
        "2a00:1450:4001::1",
    ];

    #[test]
    fn addresses_of_the_public_internet_are_told_from_others() {
        for (addresses, expected) in [(PRIVATE.as_slice(), false), (PUBLIC.as_slice(), true)] {
            for address in addresses {
                assert_eq!(public(address.parse().unwrap()), expected, "{address}");
            }
        }
    }

    fn allowing(hosts: &[&str]) -> Outbound {
        let hosts: Vec<String> = hosts.iter().map(|&host| host.to_owned()).collect();
        Outbound::new(&hosts).unwrap()
    }

    #[test]
    fn an_address_is_looked_at_before_its_name_is_resolved() {
        let outbound = allowing(&["Allowed.internal", "127.0.0.1"]);
        for (address, expected) in [
            ("https://hooks.example.com/x", None),
            ("https://8.8.8.8/", None),
            ("https://allowed.internal/", None),
            ("http://ALLOWED.internal:8080/x", None),
            ("http://127.0.0.1:8080/", None),
            ("http://hooks.example.com/", Some("is not `https`")),
            ("ftp://allowed.internal/", Some("is not `https`")),
            ("https://10.0.0.1/", Some("--allow-private-host")),
            ("https://[::1]/", Some("--allow-private-host")),
            ("https://[::ffff:127.0.0.1]/", Some("--allow-private-host")),
            // Other ways to write 127.0.0.2.
            ("https://0x7f000002/", Some("--allow-private-host")),
            ("https://127.2/", Some("--allow-private-host")),
            ("https://2130706434/", Some("--allow-private-host")),
            ("https://me:secret@hooks.example.com/", Some("a name or a password")),
            ("hooks.example.com", Some("expected https://HOST/PATH")),
            ("", Some("expected https://HOST/PATH")),
        ] {
            match (outbound.check(address), expected) {
                (Ok(_), None) => {}
                (Err(found), Some(expected)) if found.to_string().contains(expected) => {}
                (found, _) => panic!("{address}: {found:?}"),
            }
        }
    }

    /// What a request came to, and whether anything connected to the listener on the loopback.
    async fn asked(outbound: &Outbound, host: &str, listener: &TcpListener) -> (String, bool) {
        let port = listener.local_addr().unwrap().port();
        let request = outbound.request(Method::GET, &format!("https://{host}:{port}/")).unwrap();
        tokio::select! {
            answer = request.send() => (reason(answer.unwrap_err()), false),
            connected = listener.accept() => {
                drop(connected);
                (String::new(), true)
            }
        }
    }

    #[tokio::test]
    async fn a_name_that_resolves_to_a_private_address_is_not_connected_to() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (said, connected) = asked(&allowing(&[]), "localhost", &listener).await;
        assert!(said.contains("`localhost` is not a public address"), "{said}");
        assert!(!connected);
        assert!(asked(&allowing(&["localhost"]), "localhost", &listener).await.1);
    }

    #[tokio::test]
    async fn a_host_of_another_protocol_is_looked_at_when_it_is_resolved() {
        for (allowed, host, expected) in [
            (&[][..], "localhost", None),
            (&[], "127.0.0.1", None),
            (&[], "::ffff:10.0.0.1", None),
            (&[], "8.8.8.8", Some("8.8.8.8:25")),
            (&["localhost"], "LOCALHOST", Some(":25")),
        ] {
            match (allowing(allowed).resolve(host, 25).await, expected) {
                (Ok(found), Some(end)) => assert!(found[0].to_string().ends_with(end), "{found:?}"),
                (Err(refused), None) => {
                    assert!(refused.to_string().contains("--allow-private-host"), "{refused}");
                }
                (found, _) => panic!("{host}: {found:?}"),
            }
        }
    }

    #[tokio::test]
    async fn a_redirect_is_an_answer_and_a_body_has_a_bound() {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}/", listener.local_addr().unwrap());
        let serving = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let _read = stream.read(&mut [0; 4096]).await.unwrap();
            let answer =
                b"HTTP/1.1 302 Found\r\nlocation: /there\r\ncontent-length: 5\r\n\r\nhello";
            stream.write_all(answer).await.unwrap();
        });
        let outbound = allowing(&["127.0.0.1"]);
        let answer = outbound.request(Method::GET, &address).unwrap().send().await.unwrap();
        assert_eq!(answer.status(), 302);
        let refused = body(answer, 4).await.unwrap_err();
        assert_eq!(refused.to_string(), "the answer has more than 4 bytes");
        serving.await.unwrap();
    }
}
