//! `[oidc]`: sign-in by the accounts of an organisation (OpenID Connect), off without it.
//!
//! ```toml
//! [oidc]
//! issuer = "https://login.example.lg.jp"
//! client_id = "mamori"
//! client_secret_file = "secrets/oidc"
//! label = "職員アカウント"          # on the button
//! email_domains = ["example.lg.jp"] # confirmed addresses of these only; none listed: all
//! claims = ["tid=0000"]             # what the provider must say of a person
//! second_factor = ["mfa"]           # amr or acr that stand for our own code; none: we ask for it
//! ```

use super::reader::Reader;
use super::{Config, Place, Secret, http_url};

/// `[oidc]`.
#[derive(Debug, Clone)]
pub struct Oidc {
    /// The provider's address, exactly as it names itself.
    pub issuer: String,
    /// Under which name the provider knows this installation.
    pub client_id: String,
    /// Shared with the provider.
    pub client_secret: Secret,
    /// On the button.
    pub label: String,
    /// Only people whose confirmed e-mail address ends so; empty: everybody the provider knows.
    pub email_domains: Vec<String>,
    /// What the provider must say of a person: names and values of claims.
    pub claims: Vec<(String, String)>,
    /// Values of `amr` or `acr` that count as second factor; empty: our own code is asked for.
    pub second_factor: Vec<String>,
}

const SECTION: &str = "oidc";
const DOMAINS: &str = "[\"example.lg.jp\"]";
const CLAIMS: &str = "[\"tid=0000\"]";

impl Config {
    pub(super) fn read_oidc(&mut self, reader: &mut Reader) {
        reader.secret_only_from_file("oidc.client_secret", "oidc.client_secret_file");
        let wanted = reader.mentions(SECTION);
        let issuer = reader.parsed("oidc.issuer", "\"https://login.example.lg.jp\"", |text| {
            http_url(text).map(|()| text.to_owned())
        });
        let client_id = reader.text("oidc.client_id", "\"mamori\"");
        let client_secret = reader.secret_file("oidc.client_secret_file");
        let label = reader.text("oidc.label", "\"職員アカウント\"");
        let email_domains = email_domains(reader);
        let claims = claims(reader);
        let second_factor = reader.list("oidc.second_factor", "[\"mfa\"]");
        if !wanted {
            return;
        }
        for (key, there) in [
            ("issuer", issuer.is_some()),
            ("client_id", client_id.is_some()),
            ("client_secret_file", client_secret.is_some()),
        ] {
            if !there && reader.place_of(&format!("{SECTION}.{key}")) == Place::Nowhere {
                reader.problem(
                    SECTION,
                    format!("[oidc] に {key} がありません"),
                    "issuer, client_id, client_secret_file の 3 つを書いてください。",
                );
            }
        }
        if self.public_url.is_none() {
            reader.problem(
                SECTION,
                "[oidc] を使うには public_url が要ります".to_owned(),
                "認証サーバーから戻る先のアドレスです。例: public_url = \"https://mamori.example.lg.jp\"",
            );
        }
        if let (Some(issuer), Some(client_id), Some(client_secret)) =
            (issuer, client_id, client_secret)
        {
            self.oidc = Some(Oidc {
                issuer,
                client_id,
                client_secret,
                label: label.unwrap_or_else(|| "職員アカウント".to_owned()),
                email_domains,
                claims,
                second_factor,
            });
        }
    }
}

fn email_domains(reader: &mut Reader) -> Vec<String> {
    let key = "oidc.email_domains";
    let list = reader.list(key, DOMAINS);
    for domain in &list {
        if domain.contains(['@', '*', ' ', '/']) || !domain.contains('.') {
            reader.problem(
                key,
                format!("{key} の「{domain}」はドメイン名ではありません"),
                &format!("@ や * を付けずに書いてください。例: email_domains = {DOMAINS}"),
            );
        }
    }
    list.iter().map(|one| one.to_ascii_lowercase()).collect()
}

fn claims(reader: &mut Reader) -> Vec<(String, String)> {
    let key = "oidc.claims";
    let mut pairs = Vec::new();
    for text in reader.list(key, CLAIMS) {
        match text.split_once('=') {
            Some((name, value)) if !name.trim().is_empty() && !value.trim().is_empty() => {
                pairs.push((name.trim().to_owned(), value.trim().to_owned()));
            }
            _ => reader.problem(
                key,
                format!("{key} の「{text}」は 名前=値 の形ではありません"),
                &format!("例: claims = {CLAIMS}"),
            ),
        }
    }
    pairs
}
