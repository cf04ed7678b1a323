use std::path::Path;

use proptest::prelude::*;

use super::*;

fn parse(source: &str) -> Result<Config, ConfigError> {
    parse_with(source, &[])
}

fn parse_with(source: &str, environment: &[(&str, &str)]) -> Result<Config, ConfigError> {
    Config::parse(
        Path::new("data"),
        Path::new("mamori.toml"),
        source,
        environment
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
    )
}

fn problems(source: &str) -> String {
    parse(source).expect_err("must be refused").to_string()
}

#[test]
fn nothing_written_means_defaults() {
    let config = parse("").expect("defaults");
    assert_eq!(config.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.database_url().expose(), "sqlite:data/mamori.db");
    assert!(config.smtp.is_none());
}

#[test]
fn all_problems_come_at_once_in_file_order_with_place_and_hint() {
    let text = problems(
        "listen = 8080\n\n[databse]\nurl = \"mysql://x\"\n\n[log]\nformat = \"jsn\"\n\n[session]\nidle_minutes = 1\n",
    );
    assert_eq!(
        text,
        "設定に誤りが 4 件あります\n  \
         mamori.toml:1:10: listen には文字列が必要ですが、整数が書かれています\n    \
         → 例: listen = \"127.0.0.1:8080\"\n  \
         mamori.toml:4:1: databse.url という設定はありません\n    \
         → 「database.url」ではありませんか。使わないなら行を消してください。\n  \
         mamori.toml:7:10: log.format の値「jsn」は選べません\n    \
         → 「json」ではありませんか。選べる値: text, json\n  \
         mamori.toml:10:16: session.idle_minutes の値 1 は範囲の外です\n    \
         → 5 から 1440 までの整数を書いてください。"
    );
}

#[test]
fn syntax_errors_have_a_place_and_do_not_hide_the_rest() {
    let text = problems("listen = \nallow_remot = true\n");
    assert!(text.contains("mamori.toml:1:"), "{text}");
    assert!(text.contains("allow_remote"), "{text}");
}

#[test]
fn column_counts_characters_not_bytes() {
    let text = problems("\"日本語\" = 1\n");
    assert!(
        text.contains("mamori.toml:1:1: 日本語 という設定"),
        "{text}"
    );
}

#[test]
fn the_environment_wins_and_its_mistakes_are_named() {
    let config = parse_with(
        "listen = \"127.0.0.1:1\"\n",
        &[
            ("MAMORI_LISTEN", "127.0.0.1:2"),
            ("MAMORI_MAIL_CITY", "a@example.jp, b@example.jp"),
            ("MAMORI_DATA_DIR", "elsewhere"),
            ("MAMORI_TEST_DATABASE_URL", "x"),
        ],
    )
    .expect("valid");
    assert_eq!(config.listen.port(), 2);
    assert_eq!(config.mail.city.len(), 2);
    let text = parse_with("", &[("MAMORI_LISTN", "127.0.0.1:2")])
        .expect_err("unknown variable")
        .to_string();
    assert!(text.contains("MAMORI_LISTEN ではありませんか"), "{text}");
}

#[test]
fn a_remote_address_needs_consent() {
    assert!(problems("listen = \"0.0.0.0:80\"\n").contains("allow_remote = true"));
    parse("listen = \"0.0.0.0:80\"\nallow_remote = true\n").expect("allowed");
}

#[test]
fn secrets_come_from_files_and_never_show() {
    let folder = tempfile::tempdir().expect("folder");
    let secret = folder.path().join("pw");
    std::fs::write(&secret, "s3cr3t/@\n").expect("write");
    let source = "[database]\nurl = \"postgres://m@localhost/m\"\npassword_file = \"pw\"\n";
    let file = folder.path().join("mamori.toml");
    let open = Config::parse(folder.path(), &file, source, []);
    restrict(&secret, 0o644);
    let loose = Config::parse(folder.path(), &file, source, []).expect_err("others can read it");
    assert!(loose.to_string().contains("chmod 600"), "{loose}");
    drop(open);
    restrict(&secret, 0o600);
    let config = Config::parse(folder.path(), &file, source, []).expect("valid");
    assert_eq!(
        config.database_url().expose(),
        "postgres://m:s3cr3t%2F%40@localhost/m"
    );
    assert!(!format!("{config:?} {}", config.database_url()).contains("s3cr3t"));
}

fn restrict(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("chmod");
}

#[test]
fn a_secret_written_in_place_is_refused_without_being_repeated() {
    for source in [
        "[smtp]\nhost = \"localhost\"\npassword = \"hunter2\"\n",
        "[database]\npassword = \"hunter2\"\n",
        "[database]\nurl = \"postgres://m:hunter2@db/m\"\n",
    ] {
        let text = problems(source);
        assert!(text.contains("password_file"), "{text}");
        assert!(!text.contains("hunter2"), "{text}");
    }
    let text = parse_with("", &[("MAMORI_SMTP_PASSWORD", "hunter2")])
        .expect_err("secret in the environment")
        .to_string();
    assert!(
        text.contains("password_file") && !text.contains("hunter2"),
        "{text}"
    );
}

#[test]
fn plain_smtp_only_on_loopback() {
    assert!(
        problems("[smtp]\nhost = \"relay.example.jp\"\nsecurity = \"none\"\n")
            .contains("暗号化せずに")
    );
    let config = parse("[smtp]\nhost = \"127.0.0.1\"\nsecurity = \"none\"\nport = 2525\n")
        .expect("loopback relay");
    assert_eq!(config.smtp.expect("relay").port, 2525);
}

#[test]
fn webhooks_are_complete() {
    let text = problems("[[webhook]]\nname = \"a\"\nurl = \"http://example.jp/\"\ncolour = 1\n");
    assert!(text.contains("https:// だけ"), "{text}");
    assert!(text.contains("secret_file がありません"), "{text}");
    assert!(
        text.contains("webhook[0].colour という設定はありません"),
        "{text}"
    );
}

const KEYS: [&str; 8] = [
    "listen",
    "public_url",
    "allow_remote",
    "log.format",
    "log.filter",
    "mail.from",
    "session.idle_minutes",
    "smtp.port",
];

proptest! {
    /// Any text is either accepted or refused with at least one problem, each inside the text.
    #[test]
    fn any_text_is_answered(source in "[ -~\\n\u{3042}-\u{3048}]{0,200}") {
        if let Err(error) = parse(&source) {
            prop_assert!(!error.problems.is_empty());
            let lines = source.matches('\n').count() + 1;
            for problem in &error.problems {
                if let Place::File { line, column, .. } = &problem.place {
                    prop_assert!((1..=lines).contains(line));
                    prop_assert!(*column >= 1);
                    prop_assert!(!problem.remedy.is_empty());
                }
            }
        }
    }

    /// A key with one letter too much is refused, and the hint names the right key.
    #[test]
    fn one_letter_too_much_is_hinted(which in 0..KEYS.len(), letter in "[a-z]") {
        let key = KEYS[which];
        let wrong = format!("{key}{letter}");
        prop_assume!(!KEYS.contains(&wrong.as_str()));
        let error = parse(&format!("{wrong} = \"x\"\n")).expect_err("unknown key");
        let text = error.to_string();
        let hint = format!("「{key}」ではありませんか");
        prop_assert!(text.contains(&hint), "{}", text);
    }

    /// n unknown keys give n problems.
    #[test]
    fn none_is_swallowed(n in 1_usize..20) {
        let lines: Vec<String> = (0..n).map(|i| format!("zz{i} = {i}")).collect();
        let source = lines.join("\n");
        let error = parse(&source).expect_err("unknown keys");
        prop_assert_eq!(error.problems.len(), n);
    }
}

#[test]
fn networks_are_read_and_mistakes_among_them_told() {
    let config = parse("[access]\nnetworks = [\"203.0.113.0/24\", \"::1\"]\n").expect("fine");
    let networks: Vec<String> = config.networks.iter().map(ToString::to_string).collect();
    assert_eq!(networks, ["203.0.113.0/24", "::1/128"]);
    let config = parse_with("", &[("MAMORI_ACCESS_NETWORKS", "203.0.113.0/24")]).expect("fine");
    assert_eq!(config.networks.len(), 1);
    let text = problems("[access]\nnetworks = [\"office\"]\n");
    assert!(
        text.contains("「office」はネットワークではありません"),
        "{text}"
    );
}

#[test]
fn the_organisations_accounts_need_all_that_belongs_to_them() {
    let text = problems("[oidc]\nclient_secret = \"x\"\nissuer = \"http://login.example.lg.jp\"\n");
    for part in [
        "client_id がありません",
        "client_secret_file がありません",
        "client_secret_file",
        "oidc.issuer の値",
        "public_url が要ります",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let text = problems(
        "[oidc]\nemail_domains = [\"@example.lg.jp\"]\nclaims = [\"tid\"]\nclient_id = \"m\"\n",
    );
    assert!(text.contains("ドメイン名ではありません"), "{text}");
    assert!(text.contains("名前=値"), "{text}");
    assert!(parse("").expect("defaults").oidc.is_none());

    let folder = tempfile::tempdir().expect("a folder");
    let secret = folder.path().join("secret");
    std::fs::write(&secret, "s\n").expect("written");
    {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o600)).expect("set");
    }
    let source = format!(
        "public_url = \"https://mamori.example.lg.jp\"\n[oidc]\nissuer = \"https://login.example.lg.jp\"\n\
         client_id = \"mamori\"\nclient_secret_file = \"{}\"\nemail_domains = [\"Example.LG.jp\"]\n\
         claims = [\"tid = 7\"]\n",
        secret.display()
    );
    let oidc = parse(&source).expect("is right").oidc.expect("is on");
    assert_eq!(oidc.email_domains, ["example.lg.jp"]);
    assert_eq!(oidc.claims, [("tid".to_owned(), "7".to_owned())]);
    assert!(
        !format!("{oidc:?}").contains("\"s\""),
        "the secret is not shown"
    );
}

#[test]
fn a_gateway_is_read_whole_and_missing_parts_are_named() {
    let config = parse(
        "[gateway]\nhttp = [\"127.0.0.1:8000\"]\nallowed = [\"203.0.113.0/24\"]\n\n[[gateway.site]]\n\
         name = \"site\"\ncontract = \"c1\"\nhosts = [\"www.example.jp\"]\nupstreams = [\"127.0.0.1:81\"]\n\
         inspect_answers = true\n",
    )
    .expect("a gateway");
    let gateway = config.gateway.expect("a gateway");
    assert_eq!(gateway.http.len(), 1);
    assert_eq!(gateway.plan_gigabytes, 400);
    assert_eq!(gateway.sites[0].hosts, ["www.example.jp"]);
    assert!(gateway.sites[0].certificate.is_none());
    assert!(gateway.sites[0].inspect_answers);
    assert_eq!(gateway.protection, Protection::WordPress);
    assert_eq!(gateway.access_days, 400);
    assert!(parse("").expect("defaults").gateway.is_none());
    let text = problems(
        "[gateway]\nhttps = [\"443\"]\n\n[[gateway.site]]\nname = \"a\"\ncertificate_file = \"a.pem\"\n\n\
         [[gateway.network]]\nname = \"n\"\nrefuses = \"all\"\n",
    );
    for part in [
        "gateway.https の「443」は アドレス:ポート ではありません",
        "contract がありません",
        "hosts がありません",
        "upstreams がありません",
        "certificate_file と key_file の片方しかありません",
        "[[gateway.network]] に file がありません",
        "gateway.network[0].refuses の値「all」は選べません",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn lists_of_networks_are_read_with_what_they_are_kept_out_of() {
    let config = parse(
        "[gateway]\nhttp = [\"127.0.0.1:8000\"]\nprotection = \"off\"\naccess_days = 30\n\n\
         [[gateway.site]]\nname = \"site\"\ncontract = \"c1\"\nhosts = [\"www.example.jp\"]\n\
         upstreams = [\"127.0.0.1:81\"]\n\n[[gateway.network]]\nname = \"office\"\n\
         file = \"office.txt\"\nrefuses = \"unlisted\"\npaths = [\"/wp-admin/\"]\nobserve = true\n",
    )
    .expect("a gateway");
    let gateway = config.gateway.expect("a gateway");
    assert_eq!(gateway.protection, Protection::Off);
    assert_eq!(gateway.access_days, 30);
    let list = &gateway.networks[0];
    assert!(list.observes && !list.refuses_listed && list.sites.is_empty());
    assert_eq!(list.paths, ["/wp-admin/"]);
}

#[test]
fn certificates_of_sites_come_from_files_an_authority_or_ourselves() {
    let site = |name: &str, hosts: &str, more: &str| {
        format!(
            "[[gateway.site]]\nname = \"{name}\"\ncontract = \"c1\"\nhosts = [{hosts}]\n\
             upstreams = [\"127.0.0.1:81\"]\n{more}\n"
        )
    };
    let listens = "[gateway]\nhttp = [\"127.0.0.1:80\"]\nhttps = [\"127.0.0.1:443\"]\n";
    let source = format!(
        "{listens}[gateway.acme]\ncontact = [\"web@example.jp\"]\nchallenge = \"tls-alpn-01\"\n{}{}{}",
        site("a", "\"a.example.jp\"", "certificate = \"acme\""),
        site("b", "\"b.example.jp\"", "certificate = \"self-made\""),
        site(
            "c",
            "\"*.example.jp\"",
            "certificate_file = \"c.pem\"\nkey_file = \"c.key\""
        ),
    );
    let gateway = parse(&source).expect("is right").gateway.expect("is on");
    assert_eq!(gateway.acme.challenge, AcmeChallenge::TlsAlpn);
    assert!(gateway.acme.directory.starts_with("https://acme-v02."));
    let sources: Vec<_> = gateway
        .sites
        .iter()
        .map(|site| site.certificate.clone())
        .collect();
    assert_eq!(
        sources[..2],
        [Some(SiteCertificate::Acme), Some(SiteCertificate::SelfMade)]
    );
    assert!(
        matches!(&sources[2], Some(SiteCertificate::Files(chain, _)) if chain.ends_with("c.pem"))
    );

    let text = problems(&format!(
        "[gateway]\nhttps = [\"127.0.0.1:443\"]\n[gateway.acme]\ndirectory = \"http://ca.example.jp/dir\"\n\
         contact = [\"mailto:a@b.jp\"]\nkey_id = \"k\"\nkey = \"s\"\nca_file = \"nowhere.pem\"\n{}{}{}",
        site("a", "\"*.example.jp\"", "certificate = \"acme\""),
        site(
            "b",
            "\"192.0.2.1\"",
            "certificate = \"acme\"\ncertificate_file = \"b.pem\""
        ),
        site("c", "\"c.example.jp\"", "certificate = \"acne\""),
    ));
    for part in [
        "https:// だけを使えます",
        "メールアドレスではありません",
        "key_id と key_file の片方しかありません",
        "gateway.acme.key_file",
        "nowhere.pem」: 読めません",
        "gateway.http がありません",
        "「*.example.jp」の証明書は認証局から自動で受け取れません",
        "「192.0.2.1」の証明書は",
        "certificate と certificate_file の両方があります",
        "「acme」ではありませんか",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let plain = problems(&format!(
        "[gateway]\nhttp = [\"127.0.0.1:80\"]\n{}",
        site("a", "\"a.example.jp\"", "certificate = \"self-made\"")
    ));
    assert!(plain.contains("gateway.https がありません"), "{plain}");
}
