#![allow(clippy::unwrap_used)]

use super::*;

fn parts() -> PolicyParts {
    PolicyParts {
        listeners: vec![Listener {
            name: "http".into(),
            tls: false,
        }],
        sites: vec![Site::new(
            "city",
            vec![
                Host::parse("www.example.jp").unwrap(),
                Host::parse("*.example.jp").unwrap(),
            ],
            &["127.0.0.1:8080"],
        )],
        ..PolicyParts::default()
    }
}

fn error(change: impl FnOnce(&mut PolicyParts)) -> PolicyError {
    let mut parts = parts();
    change(&mut parts);
    Policy::new(parts).unwrap_err()
}

#[test]
fn the_nearest_name_wins() {
    let mut parts = parts();
    let mut other = |name: &str, host: &str| {
        parts.sites.push(Site::new(
            name,
            vec![Host::parse(host).unwrap()],
            &["127.0.0.1:8081"],
        ));
    };
    other("deep", "*.a.example.jp");
    other("rest", "*");
    let policy = Policy::new(parts).unwrap();
    let name = |host: &str| policy.site(host).unwrap().name.to_string();
    assert_eq!(name("www.example.jp"), "city");
    assert_eq!(name("b.example.jp"), "city");
    assert_eq!(name("b.a.example.jp"), "deep");
    assert_eq!(
        name("example.jp"),
        "rest",
        "the family does not hold its head"
    );
    assert_eq!(name("192.0.2.1"), "rest");
}

#[test]
fn what_cannot_be_served_is_said_with_its_remedy() {
    let cases = [
        (error(|parts| parts.listeners.clear()), "add a listener"),
        (
            error(|parts| parts.listeners.push(parts.listeners[0].clone())),
            "a name of its own",
        ),
        (
            error(|parts| parts.listeners[0].tls = true),
            "no site has a certificate",
        ),
        (error(|parts| parts.sites.clear()), "no site"),
        (
            error(|parts| parts.sites.push(parts.sites[0].clone())),
            "two sites are called city",
        ),
        (
            error(|parts| {
                let mut twin = parts.sites[0].clone();
                twin.name = "twin".into();
                parts.sites.push(twin);
            }),
            "belongs to both city and twin",
        ),
        (error(|parts| parts.sites[0].hosts.clear()), "no host names"),
        (
            error(|parts| parts.sites[0].upstreams.clear()),
            "no server behind",
        ),
        (
            error(|parts| parts.sites[0].upstreams[0].address = "http://a/".into()),
            "host:port",
        ),
        (
            error(|parts| parts.sites[0].upstreams[0].address = "localhost".into()),
            "host:port",
        ),
        (
            error(|parts| parts.sites[0].to_https = true),
            "give it a certificate",
        ),
        (
            error(|parts| parts.sites[0].firewall.mode = WafMode::Block),
            "load a rule set",
        ),
        (
            error(|parts| {
                parts.sites[0].firewall.paths.push(PathMode {
                    path: "wp-admin".to_owned(),
                    mode: WafMode::Off,
                });
            }),
            "begin it with a slash",
        ),
        (
            error(|parts| parts.limits.connections_of_client = 0),
            "connections_of_client",
        ),
        (
            error(|parts| {
                parts
                    .challenges
                    .http
                    .insert("../x".to_owned(), "y".to_owned());
            }),
            "certificate authority",
        ),
    ];
    for (error, expected) in cases {
        assert!(error.to_string().contains(expected), "{error}");
    }
    assert!(HeaderPolicy::new(&["Content-Length"], &[], &[]).is_err());
    assert!(HeaderPolicy::new(&[], &[("X-A", "a\nb")], &[]).is_err());
    assert!(HeaderPolicy::new(&["X-B"], &[("X-A", "a")], &[]).is_ok());
}

#[test]
fn names_of_hosts_are_read() {
    assert_eq!(
        Host::parse("WWW.Example.JP."),
        Some(Host::Exact("www.example.jp".to_owned()))
    );
    for wrong in ["", "*.", "a:80", "a/b", "市.jp", "a b", "*.*.jp"] {
        assert_eq!(Host::parse(wrong), None, "{wrong}");
    }
}

#[test]
fn a_path_that_could_mean_another_is_never_treated_more_softly() {
    let firewall = FirewallPolicy {
        mode: WafMode::Block,
        paths: vec![
            PathMode {
                path: "/wp-admin".to_owned(),
                mode: WafMode::Detect,
            },
            PathMode {
                path: "/wp-admin/upload".to_owned(),
                mode: WafMode::Off,
            },
        ],
        ..FirewallPolicy::default()
    };
    for (path, mode) in [
        ("/", WafMode::Block),
        ("/wp-admin", WafMode::Detect),
        ("/wp-admin/post.php", WafMode::Detect),
        ("/wp-administrator", WafMode::Block),
        ("/wp-admin/upload/x", WafMode::Off),
        ("/wp-admin/../contact", WafMode::Block),
        ("/wp-admin/%2e%2e/contact", WafMode::Block),
        ("/wp-admin//x", WafMode::Block),
    ] {
        assert_eq!(firewall.mode_on(path), mode, "{path}");
    }
}

#[test]
fn certificates_and_keys_belong_together() {
    let make = || rcgen::generate_simple_self_signed(vec!["example.jp".to_owned()]).unwrap();
    let (one, two) = (make(), make());
    let chain = one.cert.pem();
    assert!(
        Certificate::from_pem(chain.as_bytes(), one.signing_key.serialize_pem().as_bytes()).is_ok()
    );
    assert!(matches!(
        Certificate::from_pem(chain.as_bytes(), two.signing_key.serialize_pem().as_bytes()),
        Err(CertificateError::Mismatch(_))
    ));
    assert_eq!(
        Certificate::from_pem(b"", b"").unwrap_err(),
        CertificateError::Chain
    );
    assert_eq!(
        Certificate::from_pem(chain.as_bytes(), b"").unwrap_err(),
        CertificateError::Key
    );
}

#[test]
fn a_certificate_is_for_the_names_of_its_site() {
    let certificate = |names: &[&str]| {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let made = rcgen::generate_simple_self_signed(names).unwrap();
        let key = made.signing_key.serialize_pem();
        Certificate::from_pem(made.cert.pem().as_bytes(), key.as_bytes()).unwrap()
    };
    let with = |names: &[&str], acme: bool| {
        let mut parts = parts();
        parts.listeners.push(Listener {
            name: "https".into(),
            tls: true,
        });
        parts.sites[0].certificate = (!names.is_empty()).then(|| certificate(names));
        parts.sites[0].acme = acme;
        parts.sites[0].to_https = true;
        Policy::new(parts)
    };
    assert!(with(&["*.example.jp"], false).is_ok());
    for names in [&["www.example.jp"][..], &["example.com"]] {
        let error = with(names, false).unwrap_err().to_string();
        assert!(
            error.contains("is not for") && error.contains("acme"),
            "{error}"
        );
        let policy = with(names, true).unwrap();
        assert!(!policy.sends_to_https(0));
        let last = policy.uncovered().last().unwrap();
        assert_eq!(
            (&**last.0, last.1.to_string().as_str()),
            ("city", "*.example.jp")
        );
    }
    assert_eq!(with(&[], true).unwrap().uncovered().count(), 2);
    let policy = with(&["*.example.jp"], true).unwrap();
    assert!(policy.sends_to_https(0) && policy.uncovered().next().is_none());
}
