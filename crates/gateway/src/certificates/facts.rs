//! What a certificate says of itself.

use jiff::{SignedDuration, Timestamp};
use x509_parser::extensions::GeneralName;
use x509_parser::pem::Pem;
use x509_parser::prelude::{FromDer as _, X509Certificate, X509Name};

/// What a certificate says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// Who issued it.
    pub issuer: String,
    /// The names it is for.
    pub names: Vec<String>,
    /// From when it is good.
    pub not_before: Timestamp,
    /// Until when.
    pub not_after: Timestamp,
}

impl Facts {
    /// Of the first certificate in a PEM text; `None`: there is none that can be read.
    pub fn of_pem(pem: &[u8]) -> Option<Self> {
        let first = Pem::iter_from_buffer(pem)
            .filter_map(Result::ok)
            .find(|block| block.label == "CERTIFICATE")?;
        Self::of_der(&first.contents)
    }

    /// Of a certificate in DER.
    pub fn of_der(der: &[u8]) -> Option<Self> {
        let (_, parsed) = X509Certificate::from_der(der).ok()?;
        let instant = |at: i64| Timestamp::from_second(at).ok();
        let names = parsed.subject_alternative_name().ok().flatten();
        let names = names.iter().flat_map(|names| &names.value.general_names);
        Some(Self {
            issuer: said(parsed.issuer()),
            names: names
                .filter_map(|name| match name {
                    GeneralName::DNSName(name) => Some((*name).to_owned()),
                    _ => None,
                })
                .collect(),
            not_before: instant(parsed.validity().not_before.timestamp())?,
            not_after: instant(parsed.validity().not_after.timestamp())?,
        })
    }

    /// Whole days until it ends; negative when it has ended.
    pub fn days_left(&self, now: Timestamp) -> i64 {
        self.not_after
            .duration_since(now)
            .as_secs()
            .div_euclid(24 * 3600)
    }

    /// When a third of its life is left: the time to renew it.
    pub fn due(&self) -> Timestamp {
        let life = self.not_after.duration_since(self.not_before);
        self.not_after
            .checked_sub(SignedDuration::from_secs(life.as_secs() / 3))
            .unwrap_or(self.not_after)
    }

    /// Whether all these names are in it.
    pub fn covers(&self, hosts: &[String]) -> bool {
        hosts.iter().all(|host| {
            let above = host.split_once('.').map(|(_, above)| format!("*.{above}"));
            self.names.iter().any(|name| {
                name.eq_ignore_ascii_case(host)
                    || above
                        .as_ref()
                        .is_some_and(|above| name.eq_ignore_ascii_case(above))
            })
        })
    }
}

/// Organisation and name, as browsers show an issuer.
fn said(name: &X509Name<'_>) -> String {
    let text = |part: Option<&x509_parser::x509::AttributeTypeAndValue<'_>>| {
        part.and_then(|part| part.as_str().ok()).map(str::to_owned)
    };
    let parts = [
        text(name.iter_organization().next()),
        text(name.iter_common_name().next()),
    ];
    let known: Vec<String> = parts.into_iter().flatten().collect();
    if known.is_empty() {
        name.to_string()
    } else {
        known.join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_tells_names_days_and_when_it_is_due() {
        let mut params = rcgen::CertificateParams::new(vec![
            "www.example.jp".to_owned(),
            "*.sub.example.jp".to_owned(),
        ])
        .expect("names");
        params.not_before = rcgen::date_time_ymd(2026, 1, 1);
        params.not_after = rcgen::date_time_ymd(2026, 4, 1);
        let name = &mut params.distinguished_name;
        name.push(rcgen::DnType::OrganizationName, "Some Authority");
        name.push(rcgen::DnType::CommonName, "R1");
        let key = rcgen::KeyPair::generate().expect("a key");
        let pem = params.self_signed(&key).expect("made").pem();
        let both = format!("{}{pem}", key.serialize_pem());
        let facts = Facts::of_pem(both.as_bytes()).expect("a certificate");
        assert_eq!(facts.issuer, "Some Authority R1");
        assert_eq!(facts.due().to_string(), "2026-03-02T00:00:00Z");
        let at = |text: &str| text.parse::<Timestamp>().expect("an instant");
        assert_eq!(facts.days_left(at("2026-03-31T00:00:01Z")), 0);
        assert_eq!(facts.days_left(at("2026-04-01T00:00:01Z")), -1);
        let covers = |hosts: &[&str]| {
            let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
            facts.covers(&hosts)
        };
        assert!(covers(&["WWW.example.jp", "a.sub.example.jp"]));
        assert!(!covers(&["www.example.jp", "example.jp"]));
        assert!(!covers(&["a.b.sub.example.jp"]));
        assert_eq!(Facts::of_pem(b"nothing"), None);
    }
}
