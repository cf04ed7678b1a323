//! One order, from the account to the certificate in its file.
//!
//! What was begun is kept before the next step, so a crash anywhere is gone on from: the key before
//! the order is finalized, the order's address with it. A certificate that was issued and not yet
//! fetched is fetched by the next try.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use instant_acme::{
    Account, AuthorizationStatus, CertificateIdentifier, ChallengeType, Error, ExternalAccountKey,
    Identifier, NewAccount, NewOrder, Order, OrderStatus,
};
use jiff::Timestamp;
use mamori_proxy::Certificate;
use mamori_proxy::visit::Visit;
use mamori_runtime::App;
use mamori_runtime::config::{Acme, AcmeChallenge, Gateway, GatewaySite};
use rcgen::{CertificateParams, DistinguishedName, KeyPair};

use super::keep::{self, Begun, Keep};
use super::trouble::{Kind, Trouble};
use super::wire::{PATIENCE, Way, Wire};
use crate::certificates;
use crate::certificates::facts::Facts;
use crate::certificates::store::{self, Challenge, Proof};
use crate::service::{self, Running};

/// How long our own gateway may take to answer a question of the authority.
const SERVED_WITHIN: Duration = Duration::from_secs(30);
/// How often it is asked.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// Gateways in other processes look every two seconds.
const OTHERS_TOO: Duration = Duration::from_millis(2_500);

/// Everything an order needs.
pub struct Orders<'a> {
    app: &'a App,
    gateway: &'a Gateway,
    site: &'a GatewaySite,
    keep: Keep,
    wire: Wire,
}

impl<'a> Orders<'a> {
    /// For a site.
    pub fn new(
        app: &'a App,
        gateway: &'a Gateway,
        site: &'a GatewaySite,
        way: Arc<dyn Way>,
    ) -> Result<Self, Trouble> {
        let authorities = match &gateway.acme.ca_file {
            None => Vec::new(),
            Some(file) => std::fs::read(file).map_err(|error| Trouble::file(file, &error))?,
        };
        Ok(Self {
            app,
            gateway,
            site,
            keep: Keep::new(&app.config.data_dir),
            wire: Wire::new(way, authorities),
        })
    }

    /// Orders a certificate, or goes on with an order, until it is in its file.
    pub async fn order(&self) -> Result<Facts, Trouble> {
        let outcome = self.ordered().await;
        let gone = store::answer(&self.app.db, &self.site.name, &[], self.app.now()).await;
        if let Err(error) = gone {
            tracing::warn!(%error, "answers to the authority were not taken back");
        }
        self.tell_gateway();
        outcome.map_err(|mut trouble| {
            trouble.again = self.wire.patience().until(self.app.now());
            trouble
        })
    }

    async fn ordered(&self) -> Result<Facts, Trouble> {
        let account = self.account().await?;
        match self.with(&account).await {
            Err(Failed::UnknownAccount) => {
                // The authority lost it: nothing that was begun there is left either.
                self.keep.forget_account(&self.acme().directory)?;
                self.keep.forget_begun(&self.site.name)?;
                let account = self.account().await?;
                self.with(&account).await.map_err(Trouble::from)
            }
            outcome => outcome.map_err(Trouble::from),
        }
    }

    async fn with(&self, account: &Account) -> Result<Facts, Failed> {
        let before = certificates::read(&self.keep, self.site);
        let (mut order, begun, gone_on) = self.begun_or_new(account).await?;
        let facts = self.finished(&mut order, &begun).await?;
        if gone_on && Some(&facts) == before.as_ref() {
            // It had been fetched long ago, and only the order was not forgotten.
            self.keep.forget_begun(&self.site.name)?;
            let (mut order, begun, _) = self.begun_or_new(account).await?;
            return self.finished(&mut order, &begun).await;
        }
        Ok(facts)
    }

    /// What the authority suggests about renewing a certificate: the window, if it says one.
    pub async fn suggestion(&self, pem: &[u8]) -> Result<Option<(Timestamp, Timestamp)>, Trouble> {
        let Some(der) = x509_parser::pem::Pem::iter_from_buffer(pem)
            .filter_map(Result::ok)
            .find(|block| block.label == "CERTIFICATE")
        else {
            return Ok(None);
        };
        let der = der.contents.into();
        let Ok(id) = CertificateIdentifier::try_from(&der) else {
            return Ok(None);
        };
        let account = self.account().await?;
        match account.renewal_info(&id).await {
            Ok((info, _)) => {
                let window = info.suggested_window;
                let instant = |at: i64| Timestamp::from_second(at).ok();
                Ok(
                    instant(window.start.unix_timestamp())
                        .zip(instant(window.end.unix_timestamp())),
                )
            }
            Err(Error::Unsupported(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn acme(&self) -> &Acme {
        &self.gateway.acme
    }

    fn tell_gateway(&self) {
        service::told(self.app);
    }

    /// The account as it is kept, or a new one.
    async fn account(&self) -> Result<Account, Trouble> {
        let acme = self.acme();
        let builder = || Account::builder_with_http(Box::new(self.wire.clone()));
        if let Some(kept) = self.keep.account(&acme.directory)? {
            let same = kept.contact == acme.contact;
            let account = builder().from_credentials(kept.credentials).await?;
            if !same {
                self.rename(&account).await?;
            }
            return Ok(account);
        }
        let contact = mailto(&acme.contact);
        let contact: Vec<&str> = contact.iter().map(String::as_str).collect();
        let new = NewAccount {
            contact: &contact,
            terms_of_service_agreed: true,
            only_return_existing: false,
        };
        let external = external(acme)?;
        let (account, credentials) = builder()
            .create(&new, acme.directory.clone(), external.as_ref())
            .await
            .map_err(|error| match Trouble::from(error) {
                // Whatever an authority has against a new account is about who we are.
                trouble if trouble.kind == Kind::Answer || trouble.kind == Kind::Unproved => {
                    Trouble {
                        kind: Kind::Account,
                        ..trouble
                    }
                }
                trouble => trouble,
            })?;
        self.keep.put_account(
            &acme.directory,
            &keep::Account {
                contact: acme.contact.clone(),
                credentials,
            },
        )?;
        tracing::info!(
            directory = acme.directory,
            "an account for certificates was made"
        );
        Ok(account)
    }

    /// Tells the authority other addresses of ours.
    async fn rename(&self, account: &Account) -> Result<(), Trouble> {
        let acme = self.acme();
        let contact = mailto(&acme.contact);
        let contact: Vec<&str> = contact.iter().map(String::as_str).collect();
        match account.update_contacts(&contact).await {
            // The order that follows finds out the same and begins anew.
            Err(error) if Trouble::is_unknown_account(&error) => return Ok(()),
            told => told?,
        }
        if let Some(kept) = self.keep.account(&acme.directory)? {
            let renamed = keep::Account {
                contact: acme.contact.clone(),
                credentials: kept.credentials,
            };
            self.keep.put_account(&acme.directory, &renamed)?;
        }
        Ok(())
    }

    /// The order that was begun, as long as it can still lead to a certificate; or a new one. The
    /// last of the three: whether it was begun before.
    async fn begun_or_new(&self, account: &Account) -> Result<(Order, Begun, bool), Failed> {
        let (site, directory) = (&self.site.name, &self.acme().directory);
        let hosts = hosts(self.site);
        // A file that cannot be read is of no use; the order it was about ends by itself.
        if let Ok(Some(begun)) = self.keep.begun(site)
            && (&begun.directory, &begun.hosts) == (directory, &hosts)
        {
            match account.order(begun.order.clone()).await {
                Ok(mut order) => {
                    if order.state().status != OrderStatus::Invalid {
                        return Ok((order, begun, true));
                    }
                }
                Err(error) if Trouble::is_unknown_account(&error) => return Err(error.into()),
                // The authority does not know it any more.
                Err(Error::Api(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        self.keep.forget_begun(site)?;
        let identifiers: Vec<Identifier> = hosts.iter().cloned().map(Identifier::Dns).collect();
        let order = account.new_order(&NewOrder::new(&identifiers)).await?;
        let key = KeyPair::generate().map_err(|error| Trouble::new(Kind::Answer, error))?;
        let begun = Begun {
            directory: directory.clone(),
            hosts,
            order: order.url().to_owned(),
            key: key.serialize_pem(),
        };
        self.keep.put_begun(site, &begun)?;
        Ok((order, begun, false))
    }

    /// Leads an order from wherever it stands to the certificate in its file.
    async fn finished(&self, order: &mut Order, begun: &Begun) -> Result<Facts, Failed> {
        if order.state().status == OrderStatus::Pending {
            self.prove(order).await?;
        }
        if order.state().status == OrderStatus::Ready {
            order.finalize_csr(&request(begun)?).await?;
        }
        let chain = order.poll_certificate(&PATIENCE).await?;
        let facts = self.fits(&chain, begun)?;
        let file = self.keep.certificate(&self.site.name);
        keep::write(
            &file,
            format!("{}\n{}", chain.trim_end(), begun.key).as_bytes(),
        )?;
        self.keep.forget_begun(&self.site.name)?;
        Ok(facts)
    }

    /// Shows the authority that the names are ours.
    async fn prove(&self, order: &mut Order) -> Result<(), Failed> {
        let asked = self.asked(order).await?;
        if !asked.is_empty() {
            let now = self.app.now();
            let kept = store::answer(&self.app.db, &self.site.name, &asked, now).await;
            kept.map_err(|error| Trouble::new(Kind::Files, error))?;
            self.tell_gateway();
            self.served(&asked).await?;
            self.ready(order).await?;
        }
        match order.poll_ready(&PATIENCE).await {
            Ok(OrderStatus::Invalid) | Err(Error::Api(_)) => Err(self.refused(order).await.into()),
            Ok(_) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn kind_of_challenge(&self) -> ChallengeType {
        match self.acme().challenge {
            AcmeChallenge::Http => ChallengeType::Http01,
            AcmeChallenge::TlsAlpn => ChallengeType::TlsAlpn01,
        }
    }

    /// What the authority wants to see, for each name that is not proved yet.
    async fn asked(&self, order: &mut Order) -> Result<Vec<Challenge>, Failed> {
        let mut asked = Vec::new();
        let mut authorizations = order.authorizations();
        while let Some(next) = authorizations.next().await {
            let mut one = next?;
            if one.status != AuthorizationStatus::Pending {
                continue;
            }
            let host = one.identifier().to_string();
            let Some(challenge) = one.challenge(self.kind_of_challenge()) else {
                let detail = format!("{host}: the authority offers no such challenge");
                return Err(Trouble::new(Kind::Answer, detail).into());
            };
            let answer = challenge.key_authorization();
            asked.push(match self.acme().challenge {
                AcmeChallenge::Http => Challenge {
                    host,
                    proof: Proof::Http,
                    token: challenge.token.clone(),
                    answer: answer.as_str().to_owned(),
                },
                AcmeChallenge::TlsAlpn => Challenge {
                    host,
                    proof: Proof::TlsAlpn,
                    token: challenge.token.clone(),
                    answer: hex::encode(answer.digest()),
                },
            });
        }
        Ok(asked)
    }

    /// Waits until our own listener answers: a question that is asked too early is a failure that
    /// the authority counts.
    async fn served(&self, asked: &[Challenge]) -> Result<(), Trouble> {
        let began = tokio::time::Instant::now();
        for challenge in asked {
            while let Err(said) = self.answers(challenge).await {
                if began.elapsed() >= SERVED_WITHIN {
                    let status = self.app.slot_or_default::<Running>().status();
                    let trouble = status.trouble.unwrap_or_default();
                    let detail = format!("{}: {said} {trouble}", challenge.host);
                    return Err(Trouble::new(Kind::NotServing, detail));
                }
                tokio::time::sleep(LOOK_EVERY).await;
            }
        }
        tokio::time::sleep(OTHERS_TOO).await;
        Ok(())
    }

    async fn answers(&self, challenge: &Challenge) -> Result<(), String> {
        let visit = self
            .visit(&challenge.host)
            .map_err(|trouble| trouble.detail)?;
        let right = match challenge.proof {
            Proof::Http => {
                let request = format!(
                    "GET /.well-known/acme-challenge/{} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n",
                    challenge.token, challenge.host
                );
                let answer = visit.plainly(request.as_bytes()).await;
                let answer = answer.map_err(|error| error.to_string())?;
                let answer = String::from_utf8_lossy(&answer);
                answer.starts_with("HTTP/1.1 200") && answer.contains(&challenge.answer)
            }
            Proof::TlsAlpn => {
                let digest = hex::decode(&challenge.answer).map_err(|error| error.to_string())?;
                let proof = visit.certificate().await;
                let proof = proof.map_err(|error| error.to_string())?;
                proof.windows(digest.len()).any(|part| part == digest)
            }
        };
        if right {
            Ok(())
        } else {
            Err("the gateway answers something else".to_owned())
        }
    }

    /// Whether anybody listens where the authority will come to.
    pub async fn listens(&self) -> Result<(), Trouble> {
        let visit = self.visit("")?;
        let reached = visit.reaches().await;
        reached.map_err(|error| Trouble::new(Kind::NotServing, error))
    }

    fn visit<'b>(&self, host: &'b str) -> Result<Visit<'b>, Trouble> {
        let (listeners, protocol): (_, &[u8]) = match self.acme().challenge {
            AcmeChallenge::Http => (&self.gateway.http, b"http/1.1"),
            AcmeChallenge::TlsAlpn => (&self.gateway.https, b"acme-tls/1"),
        };
        let listener = listeners.first().copied();
        Ok(Visit {
            listener: listener
                .ok_or_else(|| Trouble::new(Kind::NotServing, "the gateway listens nowhere"))?,
            host,
            protocol,
            authorities: b"",
            at: self.app.now(),
        })
    }

    /// Says that the answers can be looked at.
    async fn ready(&self, order: &mut Order) -> Result<(), Failed> {
        let mut authorizations = order.authorizations();
        while let Some(next) = authorizations.next().await {
            let mut one = next?;
            if one.status != AuthorizationStatus::Pending {
                continue;
            }
            if let Some(mut challenge) = one.challenge(self.kind_of_challenge()) {
                challenge.set_ready().await?;
            }
        }
        Ok(())
    }

    /// Why the authority does not believe us: what it says about the first name it has to say
    /// something about.
    async fn refused(&self, order: &mut Order) -> Trouble {
        let mut authorizations = order.authorizations();
        while let Some(Ok(mut one)) = authorizations.next().await {
            let host = one.identifier().to_string();
            let Ok(state) = one.refresh().await else {
                continue;
            };
            let said = state.challenges.iter().find_map(|one| one.error.as_ref());
            if let Some(problem) = said {
                return Trouble::said(problem, Some(&host));
            }
        }
        match &order.state().error {
            Some(problem) => Trouble::said(problem, None),
            None => Trouble::new(Kind::Answer, "the order became invalid"),
        }
    }

    fn fits(&self, chain: &str, begun: &Begun) -> Result<Facts, Trouble> {
        let wrong = |detail: &str| Trouble::new(Kind::Misfit, detail);
        let facts =
            Facts::of_pem(chain.as_bytes()).ok_or_else(|| wrong("what came is no certificate"))?;
        Certificate::from_pem(chain.as_bytes(), begun.key.as_bytes())
            .map_err(|error| wrong(&error.to_string()))?;
        if !facts.covers(&begun.hosts) {
            return Err(wrong(
                "the certificate is not for all names that were ordered",
            ));
        }
        if facts.not_after <= self.app.now() {
            return Err(wrong("the certificate has ended already"));
        }
        Ok(facts)
    }
}

/// The names as an authority takes them.
fn hosts(site: &GatewaySite) -> Vec<String> {
    site.hosts
        .iter()
        .map(|host| host.trim_end_matches('.').to_ascii_lowercase())
        .collect()
}

fn mailto(contact: &[String]) -> Vec<String> {
    contact
        .iter()
        .map(|address| format!("mailto:{address}"))
        .collect()
}

fn external(acme: &Acme) -> Result<Option<ExternalAccountKey>, Trouble> {
    let Some((id, secret)) = &acme.external_account else {
        return Ok(None);
    };
    let key = BASE64_URL_SAFE_NO_PAD
        .decode(secret.expose().trim_end_matches('='))
        .map_err(|_| Trouble::new(Kind::Account, "gateway.acme.key_file is no base64url"))?;
    Ok(Some(ExternalAccountKey::new(id.clone(), &key)))
}

/// The request for a certificate, in DER.
fn request(begun: &Begun) -> Result<Vec<u8>, Trouble> {
    let failed = |error: rcgen::Error| Trouble::new(Kind::Answer, error);
    let key = KeyPair::from_pem(&begun.key).map_err(failed)?;
    let mut params = CertificateParams::new(begun.hosts.clone()).map_err(failed)?;
    params.distinguished_name = DistinguishedName::new();
    let request = params.serialize_request(&key).map_err(failed)?;
    Ok(request.der().to_vec())
}

/// Why a step did not lead on.
enum Failed {
    /// The authority does not know our account any more.
    UnknownAccount,
    Told(Trouble),
}

impl From<Trouble> for Failed {
    fn from(trouble: Trouble) -> Self {
        Self::Told(trouble)
    }
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        if Trouble::is_unknown_account(&error) {
            return Self::UnknownAccount;
        }
        Self::Told(error.into())
    }
}

impl From<Failed> for Trouble {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::UnknownAccount => {
                Self::new(Kind::Account, "the authority does not know the account")
            }
            Failed::Told(trouble) => trouble,
        }
    }
}
