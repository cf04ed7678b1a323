//! Configuration: what must be known before the database opens.
//!
//! `DIR/mamori.toml` (optional) with `MAMORI_…` variables above it; a variable is the key in
//! capitals with `_` for `.` (`smtp.host` → `MAMORI_SMTP_HOST`). Everything that the city or the
//! contractor changes in daily work lives in the database instead. Secrets come from files only
//! and never show in logs or errors. All problems are reported at once.
//!
//! ```toml
//! listen = "127.0.0.1:8080"        # a loopback address unless allow_remote = true
//! allow_remote = false
//! public_url = "https://mamori.example.lg.jp"
//!
//! [database]
//! url = "postgres://mamori@127.0.0.1/mamori"   # default: SQLite in the data directory
//! password_file = "secrets/database"
//!
//! [log]
//! format = "json"                   # text | json
//! filter = "info,mamori_web=debug"
//!
//! [mail]
//! from = "mamori@example.jp"
//! city = ["koho@example.lg.jp"]     # the city's addresses: daily head, notices
//! contractor = ["noc@example.jp"]
//!
//! [smtp]                            # without it mail goes to DATA/mail/*.eml
//! host = "relay.example.jp"
//! port = 587
//! security = "starttls"             # starttls | tls | none (loopback only)
//! user = "mamori"
//! password_file = "secrets/smtp"
//!
//! [[webhook]]
//! name = "noc"
//! url = "https://hooks.example.jp/mamori"
//! secret_file = "secrets/webhook"
//!
//! [webhooks]                        # those that people subscribe to contracts
//! allow_private = false             # loopback and private addresses as receivers
//!
//! [session]
//! idle_minutes = 60
//! absolute_hours = 12
//!
//! [oidc]                            # sign-in by the organisation's own accounts; off without it
//! issuer = "https://login.example.lg.jp"
//! client_id = "mamori"
//! client_secret_file = "secrets/oidc"
//! label = "職員アカウント"          # on the button; more keys: config/oidc.rs
//!
//! [access]
//! networks = ["203.0.113.0/24"]     # who reaches pages and API; none listed: everybody
//!
//! [gateway]                         # in front of the city's sites; off without it
//! http = ["0.0.0.0:80"]             # more keys and [[gateway.site]]: config/gateway.rs
//! ```

mod certificate;
mod gateway;
mod network;
mod oidc;
mod problem;
mod reader;
mod secret;
mod webhook;

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

pub use certificate::{Acme, AcmeChallenge, SiteCertificate};
pub use gateway::{Gateway, GatewayNetwork, GatewaySite, Protection};
pub use network::{Network, NotANetwork, admits};
pub use oidc::Oidc;
pub use problem::{Place, Problem};
use reader::Reader;
pub use secret::Secret;
pub use webhook::Webhook;

/// The configuration of one installation, complete and checked.
#[derive(Debug, Clone)]
pub struct Config {
    /// Directory that holds database, blobs, keys and the mail sink.
    pub data_dir: PathBuf,
    /// Address the console listens on.
    pub listen: SocketAddr,
    /// Whether `listen` may be other than loopback.
    pub allow_remote: bool,
    /// Address under which people reach the console, without a slash at the end.
    pub public_url: Option<String>,
    /// Database.
    pub database: Database,
    /// Logs.
    pub log: Log,
    /// Mail: addresses.
    pub mail: Mail,
    /// Mail: relay; `None` means the local sink.
    pub smtp: Option<Smtp>,
    /// Webhooks by name.
    pub webhooks: Vec<Webhook>,
    /// Whether subscribed webhooks may lead to loopback or private addresses.
    pub webhook_private: bool,
    /// Sign-in sessions.
    pub session: SessionLimits,
    /// Sign-in by the organisation's own accounts; `None`: off.
    pub oidc: Option<Oidc>,
    /// `[access]`: networks from which pages and API are reached; empty means from everywhere.
    pub networks: Vec<Network>,
    /// The gateway in front of the city's sites; `None`: off.
    pub gateway: Option<Gateway>,
}

/// `[database]`.
#[derive(Debug, Clone, Default)]
pub struct Database {
    /// `postgres://user@host/name`; `None` means SQLite in the data directory.
    pub url: Option<String>,
    /// Password of the PostgreSQL role.
    pub password: Option<Secret>,
}

/// `[log]`.
#[derive(Debug, Clone)]
pub struct Log {
    /// Form of the lines.
    pub format: LogFormat,
    /// `tracing` filter, e.g. `info,mamori_web=debug`.
    pub filter: String,
}

/// Form of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people at a terminal.
    Text,
    /// One JSON object per line.
    Json,
}

/// `[mail]`.
#[derive(Debug, Clone)]
pub struct Mail {
    /// Sender address.
    pub from: String,
    /// The city's addresses (the ledger's daily head goes there).
    pub city: Vec<String>,
    /// The contractor's addresses.
    pub contractor: Vec<String>,
}

/// `[smtp]`.
#[derive(Debug, Clone)]
pub struct Smtp {
    /// Host of the relay.
    pub host: String,
    /// Port of the relay.
    pub port: u16,
    /// How the connection is protected.
    pub security: SmtpSecurity,
    /// User name and password, when the relay asks for them.
    pub credentials: Option<(String, Secret)>,
}

/// Protection of the connection to the relay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SmtpSecurity {
    /// RFC 3207: the connection must become TLS.
    StartTls,
    /// RFC 8314: TLS from the first byte.
    Tls,
    /// No protection; only towards a loopback relay.
    None,
}

/// `[session]`.
#[derive(Debug, Clone, Copy)]
pub struct SessionLimits {
    /// A session ends after this many minutes without a request.
    pub idle_minutes: i64,
    /// A session ends after this many hours in any case.
    pub absolute_hours: i64,
}

/// The configuration cannot be used: every problem found.
#[derive(Debug, thiserror::Error)]
pub struct ConfigError {
    /// The problems, in file order; never empty.
    pub problems: Vec<Problem>,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "設定に誤りが {} 件あります", self.problems.len())?;
        for problem in &self.problems {
            write!(f, "\n  {problem}")?;
        }
        Ok(())
    }
}

impl Config {
    /// Defaults for a data directory: SQLite, loopback, mail into the sink.
    pub fn for_data_dir(data_dir: impl Into<PathBuf>) -> Self {
        Self {
            data_dir: data_dir.into(),
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)),
            allow_remote: false,
            public_url: None,
            database: Database::default(),
            log: Log {
                format: LogFormat::Text,
                filter: "info".to_owned(),
            },
            mail: Mail {
                from: "mamori@localhost".to_owned(),
                city: Vec::new(),
                contractor: Vec::new(),
            },
            smtp: None,
            webhooks: Vec::new(),
            webhook_private: false,
            session: SessionLimits {
                idle_minutes: 60,
                absolute_hours: 12,
            },
            oidc: None,
            networks: Vec::new(),
            gateway: None,
        }
    }

    /// Loads `file` (or `DIR/mamori.toml` when it exists) and the process environment.
    pub fn load(data_dir: &Path, file: Option<&Path>) -> Result<Self, ConfigError> {
        let default = data_dir.join("mamori.toml");
        let (path, required) = match file {
            Some(path) => (path.to_owned(), true),
            None => (default, false),
        };
        let source = match std::fs::read_to_string(&path) {
            Ok(source) => source,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && !required => {
                String::new()
            }
            Err(error) => {
                return Err(ConfigError {
                    problems: vec![Problem {
                        place: Place::Nowhere,
                        message: format!(
                            "設定ファイル {} が読めません（{error}）",
                            path.display()
                        ),
                        remedy: "パスと読み取り権限を確かめてください（--config または MAMORI_CONFIG）。"
                            .to_owned(),
                    }],
                });
            }
        };
        Self::parse(data_dir, &path, &source, std::env::vars())
    }

    /// Reads a configuration text; `file` only names it in problems and anchors relative paths.
    pub fn parse(
        data_dir: &Path,
        file: &Path,
        source: &str,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let mut config = Self::for_data_dir(data_dir);
        let mut reader = Reader::new(file, source, environment);
        config.read_console(&mut reader);
        config.read_database(&mut reader);
        config.read_log(&mut reader);
        config.read_mail(&mut reader);
        config.read_smtp(&mut reader);
        config.read_webhooks(&mut reader);
        config.read_session(&mut reader);
        config.read_oidc(&mut reader);
        config.read_access(&mut reader);
        config.read_gateway(&mut reader);
        let problems = reader.finish();
        if problems.is_empty() {
            Ok(config)
        } else {
            Err(ConfigError { problems })
        }
    }

    fn read_console(&mut self, reader: &mut Reader) {
        if let Some(allow) = reader.boolean("allow_remote") {
            self.allow_remote = allow;
        }
        if let Some(listen) = reader.parsed("listen", "\"127.0.0.1:8080\"", |text| {
            text.parse::<SocketAddr>()
                .map_err(|_| "アドレス:ポート ではありません".to_owned())
        }) {
            self.listen = listen;
        }
        if !self.listen.ip().is_loopback() && !self.allow_remote {
            let message = format!("listen = \"{}\" はこの機械の外からも届きます", self.listen);
            reader.problem("listen", message, REMOTE_REMEDY);
        }
        self.public_url = reader.parsed("public_url", "\"https://mamori.example.lg.jp\"", |text| {
            http_url(text).map(|()| text.trim_end_matches('/').to_owned())
        });
    }

    fn read_database(&mut self, reader: &mut Reader) {
        reader.secret_only_from_file("database.password", "database.password_file");
        let example = "\"postgres://mamori@127.0.0.1/mamori\"";
        if let Some(url) = reader.text("database.url", example) {
            match check_database_url(&url) {
                Ok(()) => self.database.url = Some(url),
                // The text itself is not repeated: it may hold a password.
                Err((message, remedy)) => {
                    reader.problem("database.url", message, remedy);
                }
            }
        }
        self.database.password = reader.secret_file("database.password_file");
        if self.database.password.is_some() && self.database.url.is_none() {
            reader.problem(
                "database.password_file",
                "database.url がないので database.password_file は使われません".to_owned(),
                "database.url を書くか、この行を消してください。",
            );
        }
    }

    fn read_log(&mut self, reader: &mut Reader) {
        if let Some(format) = reader.choice(
            "log.format",
            &[("text", LogFormat::Text), ("json", LogFormat::Json)],
        ) {
            self.log.format = format;
        }
        if let Some(filter) = reader.parsed("log.filter", "\"info\"", |text| {
            tracing_subscriber::EnvFilter::try_new(text)
                .map(|_| text.to_owned())
                .map_err(|error| error.to_string())
        }) {
            self.log.filter = filter;
        }
    }

    fn read_mail(&mut self, reader: &mut Reader) {
        if let Some(from) = reader.parsed("mail.from", "\"mamori@example.jp\"", |text| {
            address(text).map(|()| text.to_owned())
        }) {
            self.mail.from = from;
        }
        self.mail.city = addresses(reader, "mail.city", "[\"koho@example.lg.jp\"]");
        self.mail.contractor = addresses(reader, "mail.contractor", "[\"noc@example.jp\"]");
    }

    fn read_smtp(&mut self, reader: &mut Reader) {
        reader.secret_only_from_file("smtp.password", "smtp.password_file");
        let wanted = reader.mentions("smtp");
        let host = reader.text("smtp.host", "\"relay.example.jp\"");
        let security = reader
            .choice(
                "smtp.security",
                &[
                    ("starttls", SmtpSecurity::StartTls),
                    ("tls", SmtpSecurity::Tls),
                    ("none", SmtpSecurity::None),
                ],
            )
            .unwrap_or(SmtpSecurity::StartTls);
        let port = reader.integer("smtp.port", 1..=65535);
        let user = reader.text("smtp.user", "\"mamori\"");
        let password = reader.secret_file("smtp.password_file");
        if !wanted {
            return;
        }
        let Some(host) = host else {
            reader.problem(
                "smtp",
                "[smtp] に host がありません".to_owned(),
                "中継サーバーの名前を書いてください。例: host = \"relay.example.jp\"",
            );
            return;
        };
        if security == SmtpSecurity::None && !is_loopback_host(&host) {
            reader.problem(
                "smtp.security",
                format!("{host} へ暗号化せずにメールを送る設定です"),
                "security = \"starttls\" か \"tls\" にしてください。none はこの機械の中の中継だけに使えます。",
            );
        }
        let credentials = match (user, password) {
            (Some(user), Some(password)) => Some((user, password)),
            (None, None) => None,
            (Some(_), None) => {
                if reader.place_of("smtp.password_file") == Place::Nowhere {
                    reader.problem(
                        "smtp.user",
                        "smtp.user に対する smtp.password_file がありません".to_owned(),
                        "パスワードを書いたファイルのパスを smtp.password_file に書いてください。",
                    );
                }
                None
            }
            (None, Some(_)) => {
                reader.problem(
                    "smtp.password_file",
                    "smtp.password_file に対する smtp.user がありません".to_owned(),
                    "中継サーバーの利用者名を smtp.user に書いてください。",
                );
                None
            }
        };
        self.smtp = Some(Smtp {
            host,
            port: port.map_or(
                match security {
                    SmtpSecurity::StartTls => 587,
                    SmtpSecurity::Tls => 465,
                    SmtpSecurity::None => 25,
                },
                |port| port as u16,
            ),
            security,
            credentials,
        });
    }

    fn read_session(&mut self, reader: &mut Reader) {
        if let Some(minutes) = reader.integer("session.idle_minutes", 5..=24 * 60) {
            self.session.idle_minutes = minutes;
        }
        if let Some(hours) = reader.integer("session.absolute_hours", 1..=24 * 7) {
            self.session.absolute_hours = hours;
        }
    }

    fn read_access(&mut self, reader: &mut Reader) {
        const EXAMPLE: &str = "[\"203.0.113.0/24\"]";
        for text in reader.list("access.networks", EXAMPLE) {
            match text.parse() {
                Ok(network) => self.networks.push(network),
                Err(wrong) => reader.problem(
                    "access.networks",
                    format!("access.networks の{wrong}"),
                    &format!("例: networks = {EXAMPLE}"),
                ),
            }
        }
    }

    /// Whether people reach the console through TLS (decides the cookie's name and flags).
    pub fn is_https(&self) -> bool {
        self.public_url
            .as_deref()
            .is_some_and(|url| url.starts_with("https://"))
    }

    /// The URL that opens the database, with the password put in: do not log it.
    pub fn database_url(&self) -> Secret {
        let Some(url) = &self.database.url else {
            return Secret::new(format!(
                "sqlite:{}",
                self.data_dir.join("mamori.db").display()
            ));
        };
        match (&self.database.password, url.split_once('@')) {
            (Some(password), Some((user, rest))) => Secret::new(format!(
                "{user}:{}@{rest}",
                percent_encoded(password.expose())
            )),
            _ => Secret::new(url.clone()),
        }
    }
}

/// What to do about an address that is not loopback.
pub const REMOTE_REMEDY: &str = "この機械の中だけで使うなら 127.0.0.1 にしてください。外から使うなら TLS を終端する機器の内側に置き、allow_remote = true と書いてください。";

fn check_database_url(url: &str) -> Result<(), (String, &'static str)> {
    const FORM: &str =
        "例: database.url = \"postgres://mamori@127.0.0.1/mamori\"（SQLite なら行ごと消します）";
    let Some((scheme, rest)) = url.split_once(':') else {
        return Err(("database.url に種類がありません".to_owned(), FORM));
    };
    match scheme {
        "sqlite" => return Ok(()),
        "postgres" | "postgresql" => {}
        other => {
            return Err((
                format!("database.url の種類 {other} には対応していません"),
                FORM,
            ));
        }
    }
    let authority = rest.trim_start_matches('/').split('/').next().unwrap_or("");
    match authority.rsplit_once('@') {
        Some((user, _)) if user.contains(':') => Err((
            "database.url にパスワードが書かれています".to_owned(),
            "パスワードを所有者だけが読めるファイルに移し、database.password_file にそのパスを書いてください。",
        )),
        _ => Ok(()),
    }
}

pub(crate) fn http_url(text: &str) -> Result<(), String> {
    let rest = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"))
        .ok_or("https:// で始まる URL ではありません")?;
    let authority = rest.split('/').next().unwrap_or("");
    if authority.is_empty() || text.chars().any(char::is_whitespace) {
        return Err("ホスト名がありません".to_owned());
    }
    if authority.contains('@') {
        return Err("URL に利用者名やパスワードは書けません".to_owned());
    }
    let host = authority
        .rsplit_once(':')
        .map_or(authority, |(host, _)| host);
    if text.starts_with("http://") && !is_loopback_host(host) {
        return Err("この機械の外へは https:// だけを使えます".to_owned());
    }
    Ok(())
}

fn is_loopback_host(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// Whether the text is one mail address (RFC 5321), or why not.
pub(crate) fn address(text: &str) -> Result<(), String> {
    text.parse::<lettre::Address>()
        .map(|_| ())
        .map_err(|_| "メールアドレスではありません".to_owned())
}

fn addresses(reader: &mut Reader, key: &str, example: &str) -> Vec<String> {
    let list = reader.list(key, example);
    for text in &list {
        if let Err(why) = address(text) {
            reader.problem(
                key,
                format!("{key} の「{text}」は使えません（{why}）"),
                &format!("例: {key} = {example}"),
            );
        }
    }
    list
}

fn percent_encoded(text: &str) -> String {
    use std::fmt::Write as _;
    text.bytes().fold(String::new(), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
        out
    })
}

#[cfg(test)]
mod tests;
