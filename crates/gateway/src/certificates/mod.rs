//! Certificates of the sites: where they come from, when they are due, how they come into force.
//!
//! A certificate comes from files that somebody else renews, from an authority (`acme`), or from
//! here (self-made, for trials). The data plane is handed what was read; what cannot be read of an
//! authority's certificate leaves the site without TLS rather than the gateway without the site.

pub mod api;
pub mod desk;
pub mod examine;
pub mod facts;
pub mod jobs;
pub mod store;

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use mamori_proxy::{Certificate, CertificateError, Challenges, PolicyParts};
use mamori_runtime::config::{Gateway, GatewaySite, SiteCertificate};
use rcgen::{CertificateParams, CustomExtension, DnType, KeyPair};

use crate::acme::keep::{self, Keep};
use crate::acme::trouble::Trouble;
use crate::policy::MakeError;
use facts::Facts;
use store::{Challenge, Proof};

/// How long a self-made certificate is good.
const SELF_MADE_DAYS: i64 = 90;

/// Where certificates lie, and what authorities ask at the moment.
#[derive(Debug, Clone)]
pub struct Sources {
    /// Files of our own.
    pub keep: Keep,
    /// Questions to be answered.
    pub challenges: Vec<Challenge>,
}

/// The files of a site: chain and key, which may be one.
pub fn files(keep: &Keep, site: &GatewaySite) -> Option<(PathBuf, PathBuf)> {
    Some(match site.certificate.as_ref()? {
        SiteCertificate::Files(chain, key) => (chain.clone(), key.clone()),
        SiteCertificate::Acme => {
            let file = keep.certificate(&site.name);
            (file.clone(), file)
        }
        SiteCertificate::SelfMade => {
            let file = keep.self_made(&site.name);
            (file.clone(), file)
        }
    })
}

/// What the certificate of a site says of itself; `None`: there is none, or none that can be read.
pub fn read(keep: &Keep, site: &GatewaySite) -> Option<Facts> {
    let (chain, _) = files(keep, site)?;
    Facts::of_pem(&std::fs::read(chain).ok()?)
}

/// Puts certificates and answers to authorities into a policy. Blocks.
pub fn put(
    parts: &mut PolicyParts,
    gateway: &Gateway,
    sources: &Sources,
    now: Timestamp,
) -> Result<(), MakeError> {
    for (site, own) in parts.sites.iter_mut().zip(&gateway.sites) {
        site.acme = own.certificate == Some(SiteCertificate::Acme);
        site.certificate = certificate(&sources.keep, own, now)?;
    }
    parts.challenges = answers(&sources.challenges)?;
    Ok(())
}

fn certificate(
    keep: &Keep,
    site: &GatewaySite,
    now: Timestamp,
) -> Result<Option<Certificate>, MakeError> {
    let Some((chain, key)) = files(keep, site) else {
        return Ok(None);
    };
    match site.certificate {
        Some(SiteCertificate::Acme) if !chain.exists() => return Ok(None),
        Some(SiteCertificate::SelfMade) => {
            make_self_made(&chain, site, now).map_err(|trouble| MakeError::Made {
                site: site.name.clone(),
                detail: trouble.detail,
            })?;
        }
        _ => {}
    }
    let loaded = load(site, &chain, &key);
    if let (Err(error), Some(SiteCertificate::Acme)) = (&loaded, &site.certificate) {
        // Ordered anew by the next look at it.
        tracing::error!(site = site.name, %error, "the certificate cannot be used");
        return Ok(None);
    }
    loaded.map(Some)
}

fn load(site: &GatewaySite, chain: &Path, key: &Path) -> Result<Certificate, MakeError> {
    let read = |file: &Path| {
        std::fs::read(file).map_err(|error| MakeError::File {
            site: site.name.clone(),
            file: file.display().to_string(),
            error,
        })
    };
    Certificate::from_pem(&read(chain)?, &read(key)?).map_err(|error| MakeError::Certificate {
        site: site.name.clone(),
        error,
    })
}

/// Makes a self-made certificate where there is none, or none that lasts.
fn make_self_made(file: &Path, site: &GatewaySite, now: Timestamp) -> Result<(), Trouble> {
    let there = std::fs::read(file)
        .ok()
        .and_then(|pem| Facts::of_pem(&pem))
        .is_some_and(|facts| facts.due() > now && facts.covers(&site.hosts));
    if there {
        return Ok(());
    }
    let pem = self_made(&site.hosts, now)
        .map_err(|error| Trouble::file(file, &std::io::Error::other(error)))?;
    keep::write(file, pem.as_bytes())
}

fn self_made(hosts: &[String], now: Timestamp) -> Result<String, rcgen::Error> {
    let mut params = CertificateParams::new(hosts)?;
    let name = &mut params.distinguished_name;
    *name = rcgen::DistinguishedName::new();
    name.push(DnType::CommonName, "mamori self-made");
    let day = |days: i64| {
        let day =
            mamori_kernel::clock::tokyo_date(now).saturating_add(jiff::Span::new().days(days));
        rcgen::date_time_ymd(
            i32::from(day.year()),
            day.month().unsigned_abs(),
            day.day().unsigned_abs(),
        )
    };
    // A clock that is a little behind believes it too.
    params.not_before = day(-1);
    params.not_after = day(SELF_MADE_DAYS);
    let key = KeyPair::generate()?;
    let made = params.self_signed(&key)?;
    Ok(format!("{}{}", made.pem(), key.serialize_pem()))
}

fn answers(challenges: &[Challenge]) -> Result<Challenges, MakeError> {
    let mut answers = Challenges::default();
    for challenge in challenges {
        match challenge.proof {
            Proof::Http => {
                answers
                    .http
                    .insert(challenge.token.clone(), challenge.answer.clone());
            }
            Proof::TlsAlpn => {
                let made = proof(challenge).map_err(|error| MakeError::Certificate {
                    site: challenge.host.clone(),
                    error,
                })?;
                answers.tls.insert(challenge.host.clone(), made);
            }
        }
    }
    Ok(answers)
}

/// The certificate that carries a proof (RFC 8737): its key matters to nobody.
fn proof(challenge: &Challenge) -> Result<Certificate, CertificateError> {
    let failed = |error: &dyn std::fmt::Display| CertificateError::Mismatch(error.to_string());
    let digest = hex::decode(&challenge.answer).map_err(|error| failed(&error))?;
    if digest.len() != 32 {
        return Err(failed(&"the proof is no SHA-256"));
    }
    let mut params =
        CertificateParams::new(vec![challenge.host.clone()]).map_err(|error| failed(&error))?;
    params.custom_extensions = vec![CustomExtension::new_acme_identifier(&digest)];
    let key = KeyPair::generate().map_err(|error| failed(&error))?;
    let made = params.self_signed(&key).map_err(|error| failed(&error))?;
    Certificate::proof_from_pem(made.pem().as_bytes(), key.serialize_pem().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site(hosts: &[&str]) -> GatewaySite {
        GatewaySite {
            name: "site".to_owned(),
            contract: "c1".to_owned(),
            hosts: hosts.iter().map(|host| (*host).to_owned()).collect(),
            upstreams: vec!["127.0.0.1:1".to_owned()],
            certificate: Some(SiteCertificate::SelfMade),
            inspect_answers: false,
        }
    }

    #[test]
    fn a_self_made_certificate_is_made_once_and_again_when_it_must() {
        let folder = tempfile::tempdir().expect("a folder");
        let keep = Keep::new(folder.path());
        let now: Timestamp = "2026-10-01T00:00:00Z".parse().expect("an instant");
        let site_a = site(&["www.example.jp"]);
        let certificate_of = |site: &GatewaySite, now| {
            certificate(&keep, site, now)
                .expect("usable")
                .expect("there");
            std::fs::read(keep.self_made("site")).expect("a file")
        };
        let first = certificate_of(&site_a, now);
        let facts = read(&keep, &site_a).expect("facts");
        assert_eq!(
            (facts.issuer.as_str(), facts.days_left(now)),
            ("mamori self-made", 90)
        );
        assert_eq!(certificate_of(&site_a, now), first, "not made anew");
        let both = site(&["www.example.jp", "example.jp"]);
        let second = certificate_of(&both, now);
        assert_ne!(second, first, "another name");
        let later = now + jiff::SignedDuration::from_hours(24 * 70);
        assert_ne!(
            certificate_of(&both, later),
            second,
            "less than a third is left"
        );
    }

    #[test]
    fn what_an_authority_issued_and_is_broken_leaves_the_site_plain() {
        let folder = tempfile::tempdir().expect("a folder");
        let keep = Keep::new(folder.path());
        let now = Timestamp::UNIX_EPOCH;
        let mut site = site(&["www.example.jp"]);
        site.certificate = Some(SiteCertificate::Acme);
        assert!(certificate(&keep, &site, now).expect("none yet").is_none());
        keep::write(&keep.certificate("site"), b"torn").expect("written");
        assert!(certificate(&keep, &site, now).expect("none").is_none());
        let file = keep.certificate("site");
        site.certificate = Some(SiteCertificate::Files(file.clone(), file));
        assert!(certificate(&keep, &site, now).is_err(), "a file is told");
    }

    #[test]
    fn a_proof_carries_its_digest() {
        let challenge = |answer: &str| Challenge {
            host: "www.example.jp".to_owned(),
            proof: Proof::TlsAlpn,
            token: String::new(),
            answer: answer.to_owned(),
        };
        let answers = answers(&[challenge(&"ab".repeat(32))]).expect("made");
        assert!(answers.tls.contains_key("www.example.jp"));
        assert!(proof(&challenge("ab")).is_err());
        assert!(proof(&challenge("no")).is_err());
    }
}
