//! The certificate of the sample site, from an authority of its own that only the sample believes.

use jiff::{Timestamp, ToSpan as _};
use mamori_kernel::clock::tokyo_date;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose,
};

use super::{Files, SampleError};
use crate::acme::keep;
use crate::certificates::facts::Facts;

/// Its life in days, some of which are over: certificates are not made on the day they are looked at.
const LIFE: i64 = 90;
const OLD: i64 = 24;

/// Makes the certificate, unless one is there that lasts.
pub(super) fn put(files: &Files, hosts: &[String], now: Timestamp) -> Result<(), SampleError> {
    let lasts = std::fs::read(&files.certificate)
        .ok()
        .and_then(|pem| Facts::of_pem(&pem))
        .is_some_and(|facts| facts.due() > now && facts.covers(hosts));
    if lasts && files.authority.exists() {
        return Ok(());
    }
    let key = KeyPair::generate()?;
    let mut authority = params(&[], "見本の認証局", now)?;
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let root = authority.self_signed(&key)?;
    let issuer = Issuer::new(authority, key);
    let own = KeyPair::generate()?;
    let name = hosts.first().map_or("", String::as_str);
    let mut site = params(hosts, name, now)?;
    site.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let site = site.signed_by(&own, &issuer)?;
    let chain = format!("{}{}", site.pem(), own.serialize_pem());
    for (file, text) in [(&files.authority, root.pem()), (&files.certificate, chain)] {
        keep::write(file, text.as_bytes()).map_err(SampleError::File)?;
    }
    Ok(())
}

fn params(hosts: &[String], name: &str, now: Timestamp) -> Result<CertificateParams, rcgen::Error> {
    let mut params = CertificateParams::new(hosts)?;
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    let day = |days: i64| {
        let day = tokyo_date(now).saturating_add(days.days());
        rcgen::date_time_ymd(
            i32::from(day.year()),
            day.month().unsigned_abs(),
            day.day().unsigned_abs(),
        )
    };
    params.not_before = day(-OLD);
    params.not_after = day(LIFE - OLD);
    Ok(params)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_made_once_and_again_when_it_ends() {
        let folder = tempfile::tempdir().expect("a folder");
        let hosts = ["www.example.jp".to_owned()];
        let now: Timestamp = "2026-11-23T00:00:00Z".parse().expect("an instant");
        let files = Files {
            rules: folder.path().join("rules"),
            authority: folder.path().join("authority.pem"),
            certificate: folder.path().join("site.pem"),
        };
        let made = |now| {
            put(&files, &hosts, now).expect("made");
            std::fs::read(&files.certificate).expect("a file")
        };
        let first = made(now);
        let facts = Facts::of_pem(&first).expect("facts");
        assert_eq!(facts.issuer, "見本の認証局");
        assert_eq!(facts.days_left(now), LIFE - OLD);
        assert_eq!(made(now), first, "not made anew");
        let later = now + jiff::SignedDuration::from_hours(24 * 60);
        assert_ne!(made(later), first, "less than a third is left");
    }
}
