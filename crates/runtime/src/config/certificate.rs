//! `[gateway.acme]` and where the certificate of a site comes from.
//!
//! ```toml
//! [gateway.acme]                                # only where a site says certificate = "acme"
//! contact = ["webmaster@example.lg.jp"]         # told by the authority before a certificate ends
//! directory = "https://acme-v02.api.letsencrypt.org/directory"
//! challenge = "http-01"                         # or "tls-alpn-01": port 443 alone is enough
//! ca_file = "secrets/authority.pem"             # of a directory that is not publicly known
//! key_id = "kid-1"                              # binding to an account at the authority,
//! key_file = "secrets/acme"                     # where it asks for one (base64url)
//! ```

use std::path::{Path, PathBuf};

use super::reader::Reader;
use super::{Place, Secret, http_url};

/// How an authority is shown that a name is ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AcmeChallenge {
    /// A file below `/.well-known/acme-challenge/` on port 80.
    #[default]
    Http,
    /// A certificate with the proof, in the handshake on port 443.
    TlsAlpn,
}

/// `[gateway.acme]`.
#[derive(Debug, Clone)]
pub struct Acme {
    /// Address of the authority's directory.
    pub directory: String,
    /// Mail addresses that the authority may write to.
    pub contact: Vec<String>,
    /// How names are proved.
    pub challenge: AcmeChallenge,
    /// Authorities (PEM) that the directory's own certificate, and those it issues, may come from;
    /// `None`: the publicly known ones.
    pub ca_file: Option<PathBuf>,
    /// Binding to an account that exists at the authority: id and key (base64url).
    pub external_account: Option<(String, Secret)>,
}

/// Let's Encrypt.
const DIRECTORY: &str = "https://acme-v02.api.letsencrypt.org/directory";

impl Default for Acme {
    fn default() -> Self {
        Self {
            directory: DIRECTORY.to_owned(),
            contact: Vec::new(),
            challenge: AcmeChallenge::default(),
            ca_file: None,
            external_account: None,
        }
    }
}

/// Where the certificate of a site comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SiteCertificate {
    /// Files of the chain and of its key, both PEM, that somebody else renews.
    Files(PathBuf, PathBuf),
    /// An authority is asked for it, see [`Acme`].
    Acme,
    /// Made here, believed by nobody: for trials.
    SelfMade,
}

const SECTION: &str = "gateway.acme";
const CONTACT: &str = "[\"webmaster@example.lg.jp\"]";

/// Reads `[gateway.acme]`.
pub(super) fn acme(reader: &mut Reader) -> Acme {
    let key = |name: &str| format!("{SECTION}.{name}");
    reader.secret_only_from_file("gateway.acme.key", "gateway.acme.key_file");
    let directory = reader.parsed(&key("directory"), &format!("\"{DIRECTORY}\""), |text| {
        http_url(text)?;
        if text.starts_with("https://") {
            Ok(text.to_owned())
        } else {
            Err("認証局との間は https:// だけです".to_owned())
        }
    });
    let contact = contact(reader);
    let challenge = reader.choice(
        &key("challenge"),
        &[
            ("http-01", AcmeChallenge::Http),
            ("tls-alpn-01", AcmeChallenge::TlsAlpn),
        ],
    );
    let ca_file = reader
        .text(&key("ca_file"), "\"secrets/authority.pem\"")
        .map(|path| reader.base().join(path));
    if let Some(file) = &ca_file {
        readable(reader, &key("ca_file"), file);
    }
    Acme {
        directory: directory.unwrap_or_else(|| DIRECTORY.to_owned()),
        contact,
        challenge: challenge.unwrap_or_default(),
        ca_file,
        external_account: external_account(reader),
    }
}

fn contact(reader: &mut Reader) -> Vec<String> {
    let key = format!("{SECTION}.contact");
    let list = reader.list(&key, CONTACT);
    for address in &list {
        let plain = address
            .split_once('@')
            .is_some_and(|(name, host)| !name.is_empty() && host.contains('.'));
        if !plain || address.contains([' ', ':', ',']) {
            reader.problem(
                &key,
                format!("{key} の「{address}」はメールアドレスではありません"),
                &format!("mailto: を付けずに書いてください。例: contact = {CONTACT}"),
            );
        }
    }
    list
}

fn readable(reader: &mut Reader, key: &str, file: &Path) {
    let wrong = match std::fs::read_to_string(file) {
        Ok(text) if text.contains("-----BEGIN CERTIFICATE-----") => return,
        Ok(_) => "証明書（PEM）がありません".to_owned(),
        Err(error) => format!("読めません（{error}）"),
    };
    reader.problem(
        key,
        format!("{key} のファイル「{}」: {wrong}", file.display()),
        "認証局の証明書を PEM で置いてください。Let's Encrypt のような公の認証局なら、この行は要りません。",
    );
}

fn external_account(reader: &mut Reader) -> Option<(String, Secret)> {
    let id = reader.text("gateway.acme.key_id", "\"kid-1\"");
    let secret = reader.secret_file("gateway.acme.key_file");
    let there = |reader: &Reader, key: &str| reader.place_of(key) != Place::Nowhere;
    let (has_id, has_file) = (
        there(reader, "gateway.acme.key_id"),
        there(reader, "gateway.acme.key_file"),
    );
    if has_id != has_file {
        reader.problem(
            SECTION,
            "[gateway.acme] に key_id と key_file の片方しかありません".to_owned(),
            "認証局から受け取った番号と鍵のファイルの両方を書くか、両方を消してください。",
        );
    }
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_=".contains(&byte);
    if let Some(secret) = &secret
        && !secret.expose().bytes().all(plain)
    {
        reader.problem(
            "gateway.acme.key_file",
            "gateway.acme.key_file の鍵は base64url ではありません".to_owned(),
            "認証局から受け取った鍵を、そのまま 1 行で置いてください（英数字と - _ だけです）。",
        );
    }
    id.zip(secret)
}

/// What listens, as far as certificates need it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Listens {
    pub(super) http: bool,
    pub(super) https: bool,
}

/// Reads where the certificate of the site at `place` comes from.
pub(super) fn of_site(
    reader: &mut Reader,
    place: &str,
    hosts: &[String],
    listens: Listens,
    challenge: AcmeChallenge,
) -> Option<SiteCertificate> {
    let key = |name: &str| format!("{place}.{name}");
    let base = reader.base();
    let from_authority =
        reader.choice(&key("certificate"), &[("acme", true), ("self-made", false)]);
    let chain = reader
        .text(&key("certificate_file"), "\"secrets/site.pem\"")
        .map(|path| base.join(path));
    let secret = reader
        .text(&key("key_file"), "\"secrets/site.key\"")
        .map(|path| base.join(path));
    if chain.is_some() != secret.is_some() {
        reader.problem(
            place,
            "certificate_file と key_file の片方しかありません".to_owned(),
            "証明書と鍵の両方を書くか、両方を消してください。",
        );
    }
    if chain.is_some() && !listens.https {
        reader.problem(
            &key("certificate_file"),
            "証明書がありますが、gateway.https がありません".to_owned(),
            "https = [\"0.0.0.0:443\"] を書くか、証明書の行を消してください。",
        );
    }
    let Some(from_authority) = from_authority else {
        let (chain, secret) = chain.zip(secret)?;
        return Some(SiteCertificate::Files(chain, secret));
    };
    let at = key("certificate");
    if chain.is_some() || secret.is_some() {
        reader.problem(
            &at,
            "certificate と certificate_file の両方があります".to_owned(),
            "自分で用意した証明書なら certificate を、そうでなければ certificate_file と key_file を消してください。",
        );
    }
    if !listens.https {
        reader.problem(
            &at,
            "certificate がありますが、gateway.https がありません".to_owned(),
            "https = [\"0.0.0.0:443\"] を書くか、certificate の行を消してください。",
        );
    }
    if !from_authority {
        return Some(SiteCertificate::SelfMade);
    }
    provable(reader, &at, hosts, listens, challenge);
    Some(SiteCertificate::Acme)
}

/// Whether an authority can be shown that these names are ours.
fn provable(
    reader: &mut Reader,
    at: &str,
    hosts: &[String],
    listens: Listens,
    challenge: AcmeChallenge,
) {
    if challenge == AcmeChallenge::Http && !listens.http {
        reader.problem(
            at,
            "certificate = \"acme\" ですが、gateway.http がありません".to_owned(),
            "認証局は 80 番で確かめます。http = [\"0.0.0.0:80\"] を書くか、[gateway.acme] に challenge = \"tls-alpn-01\" と書いてください。",
        );
    }
    for host in hosts {
        let name =
            host.contains('.') && !host.contains('*') && host.parse::<std::net::IpAddr>().is_err();
        if !name {
            reader.problem(
                at,
                format!("「{host}」の証明書は認証局から自動で受け取れません"),
                "www.example.lg.jp のような名前を 1 つずつ hosts に書いてください。* の付いた名前には、自分で用意した証明書（certificate_file と key_file）が要ります。",
            );
        }
    }
}
