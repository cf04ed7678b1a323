//! Whether communication with a site is encrypted, found out by connecting to it as visitors do.

use jiff::Timestamp;
use mamori_proxy::TlsVersion;
use mamori_proxy::visit::{Seen, Visit};
use mamori_runtime::config::{Gateway, GatewaySite};

use super::facts::Facts;

/// What was found under one name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Examined {
    /// The name.
    pub host: String,
    /// What the certificate that came says of itself.
    pub facts: Option<Facts>,
    /// The version that was agreed on: `1.2`, `1.3`.
    pub version: Option<&'static str>,
    /// What is wrong with the certificate or the handshake.
    pub tls: Vec<String>,
    /// What is wrong with the rest of the way: old versions, plain answers.
    pub way: Vec<String>,
}

impl Examined {
    /// Whether browsers believe the certificate and the version is one of today.
    pub fn believed(&self) -> bool {
        self.facts.is_some() && self.tls.is_empty()
    }

    /// Whether everything that is communicated is encrypted.
    pub fn encrypted(&self) -> bool {
        self.facts.is_some() && self.way.is_empty()
    }
}

/// The names that visitors of a site use, one for each wildcard.
pub fn hosts(site: &GatewaySite) -> impl Iterator<Item = String> {
    site.hosts
        .iter()
        .filter(|host| *host != "*")
        .map(|host| match host.strip_prefix("*.") {
            Some(above) => format!("www.{above}"),
            None => host.clone(),
        })
}

/// Looks at a name of the gateway.
pub async fn examine(gateway: &Gateway, host: &str, now: Timestamp) -> Examined {
    let mut examined = Examined {
        host: host.to_owned(),
        ..Examined::default()
    };
    let authorities = match &gateway.acme.ca_file {
        None => Vec::new(),
        // What cannot be read is believed by nobody.
        Some(file) => std::fs::read(file).unwrap_or_default(),
    };
    let Some(listener) = gateway.https.first() else {
        examined.tls.push("TLS で待ち受けていません".to_owned());
        return examined;
    };
    let visit = Visit {
        listener: *listener,
        host,
        protocol: b"http/1.1",
        authorities: &authorities,
        at: now,
    };
    match visit.over_tls(Some(&request(host))).await {
        Ok(seen) => judge(&mut examined, &seen),
        Err(error) => {
            examined
                .tls
                .push(format!("TLS でつながりません（{error}）"));
            return examined;
        }
    }
    for (minor, name) in [(1, "TLS 1.0"), (2, "TLS 1.1")] {
        match visit.refuses(minor).await {
            Ok(true) => {}
            Ok(false) => {
                examined.tls.push(format!("{name} を受け入れます"));
                examined.way.push(format!("{name} を受け入れます"));
            }
            Err(error) => examined
                .way
                .push(format!("{name} を断るか確かめられません（{error}）")),
        }
    }
    if let Some(plain) = gateway.http.first() {
        let plain = Visit {
            listener: *plain,
            ..visit
        };
        match plain.plainly(&request(host)).await {
            Ok(answer) if sends_to_tls(&answer) => {}
            Ok(_) => examined
                .way
                .push("HTTP で来た人を HTTPS に送りません".to_owned()),
            Err(error) => examined
                .way
                .push(format!("HTTP を確かめられません（{error}）")),
        }
    }
    examined
}

fn judge(examined: &mut Examined, seen: &Seen) {
    examined.facts = seen.chain.first().and_then(|own| Facts::of_der(own));
    examined.version = match seen.version {
        Some(TlsVersion::Tls12) => Some("1.2"),
        Some(TlsVersion::Tls13) => Some("1.3"),
        None => None,
    };
    if examined.facts.is_none() {
        examined.tls.push("証明書が読めません".to_owned());
    }
    if let Some(doubt) = &seen.doubt {
        examined
            .tls
            .push(format!("ブラウザーが信頼しない証明書です（{doubt}）"));
    }
    if field(&seen.answer, "strict-transport-security").is_none() {
        examined
            .way
            .push("HSTS（Strict-Transport-Security）がありません".to_owned());
    }
}

fn request(host: &str) -> Vec<u8> {
    format!(
        "HEAD / HTTP/1.1\r\nHost: {host}\r\nUser-Agent: Mozilla/5.0 (compatible; mamori)\r\n\
         Accept: text/html\r\nConnection: close\r\n\r\n"
    )
    .into_bytes()
}

/// The value of a field in the head of an answer.
fn field(answer: &[u8], name: &str) -> Option<String> {
    let text = String::from_utf8_lossy(answer);
    let head = text.split("\r\n\r\n").next()?;
    head.lines().skip(1).find_map(|line| {
        let (own, value) = line.split_once(':')?;
        own.trim()
            .eq_ignore_ascii_case(name)
            .then(|| value.trim().to_owned())
    })
}

fn sends_to_tls(answer: &[u8]) -> bool {
    let status = answer.split(|byte| *byte == b' ').nth(1);
    let redirects =
        status.is_some_and(|status| matches!(status, b"301" | b"302" | b"307" | b"308"));
    redirects && field(answer, "location").is_some_and(|to| to.starts_with("https://"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_as_browsers_do() {
        let there = b"HTTP/1.1 308 Permanent Redirect\r\nLocation: https://www.example.jp/\r\n\r\n";
        assert!(sends_to_tls(there));
        assert!(!sends_to_tls(
            b"HTTP/1.1 308 x\r\nLocation: http://www.example.jp/\r\n\r\n"
        ));
        assert!(!sends_to_tls(
            b"HTTP/1.1 200 OK\r\nLocation: https://a/\r\n\r\n"
        ));
        assert!(!sends_to_tls(b""));
        assert_eq!(
            field(b"HTTP/1.1 200 OK\r\nA: b\r\n\r\nC: d", "a").as_deref(),
            Some("b")
        );
        assert_eq!(field(b"HTTP/1.1 200 OK\r\nA: b\r\n\r\nC: d", "c"), None);
    }

    #[tokio::test]
    async fn a_gateway_that_nobody_runs_encrypts_nothing() {
        let gateway = Gateway {
            https: vec!["127.0.0.1:1".parse().expect("an address")],
            ..Gateway::default()
        };
        let examined = examine(&gateway, "www.example.jp", Timestamp::UNIX_EPOCH).await;
        assert!(
            !examined.believed() && !examined.encrypted(),
            "{examined:?}"
        );
        assert!(examined.tls[0].contains("127.0.0.1:1"), "{examined:?}");
        let plain = examine(&Gateway::default(), "www.example.jp", Timestamp::UNIX_EPOCH).await;
        assert!(!plain.believed() && !plain.encrypted());
    }

    #[test]
    fn a_wildcard_is_looked_at_under_one_name() {
        let site = GatewaySite {
            name: "site".to_owned(),
            contract: "c1".to_owned(),
            hosts: vec!["*".to_owned(), "*.example.jp".to_owned(), "a.jp".to_owned()],
            upstreams: Vec::new(),
            certificate: None,
            inspect_answers: false,
        };
        let names: Vec<String> = hosts(&site).collect();
        assert_eq!(names, ["www.example.jp", "a.jp"]);
    }
}
