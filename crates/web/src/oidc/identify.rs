//! Who came back from the provider: the code is exchanged, the token checked, and the
//! configuration asked whether it lets them in.

use mamori_runtime::App;
use mamori_runtime::config::Oidc;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::attempt::Waiting;
use super::id_token::{self, Claims, Expected};
use super::links::Identity;
use super::{OidcError, provider, settings};

/// What the provider sends back with the person.
#[derive(Deserialize)]
pub(super) struct Returned {
    #[serde(default)]
    pub(super) state: String,
    #[serde(default)]
    pub(super) code: String,
    #[serde(default)]
    pub(super) error: String,
    pub(super) iss: Option<String>,
}

/// Who came back, as far as it is proved.
pub(super) async fn identify(
    app: &App,
    waiting: &Waiting,
    returned: &Returned,
) -> Result<(Identity, Claims), OidcError> {
    let oidc = settings(app)?;
    let mut provider = provider::known(app).await?;
    if !provider.is_from_us(returned.iss.as_deref()) {
        return Err(OidcError::NotProved("from another issuer".to_owned()));
    }
    if !returned.error.is_empty() {
        let shown: String = returned.error.chars().take(60).collect();
        return Err(OidcError::Denied(shown));
    }
    if returned.code.is_empty() {
        return Err(OidcError::NotProved("it holds no code".to_owned()));
    }
    let tokens = provider
        .exchange(app, &returned.code, &waiting.verifier)
        .await?;
    if id_token::key_of(&provider.keys, &tokens.id_token)?.is_err() {
        provider = provider::with_new_keys(app).await?;
    }
    let key = id_token::key_of(&provider.keys, &tokens.id_token)?
        .map_err(|_| OidcError::NotProved("signed with a key that is not there".to_owned()))?;
    let expected = Expected {
        issuer: &oidc.issuer,
        client_id: &oidc.client_id,
        nonce: &waiting.nonce,
        now: app.now(),
    };
    let claims = id_token::check(&tokens.id_token, key, expected)?;
    let mut said = claims.others.clone();
    let wanted = oidc.claims.iter().map(|(name, _)| name.as_str());
    let missing = wanted
        .chain((!oidc.email_domains.is_empty()).then_some("email"))
        .any(|name| !said.contains_key(name));
    if missing {
        for (name, value) in provider.about(&tokens.access_token, &claims.sub).await? {
            said.entry(name).or_insert(value);
        }
    }
    let email = admitted(oidc, &said)?;
    let identity = Identity {
        issuer: oidc.issuer.clone(),
        subject: claims.sub.clone(),
        email,
    };
    Ok((identity, claims))
}

/// Whether the configuration lets this account in; gives its confirmed address, if it has one.
fn admitted(oidc: &Oidc, said: &Map<String, Value>) -> Result<Option<String>, OidcError> {
    for (name, wanted) in &oidc.claims {
        if !said.get(name).is_some_and(|value| holds(value, wanted)) {
            return Err(OidcError::NotAdmitted(format!("{name} is not {wanted}")));
        }
    }
    let confirmed = said
        .get("email_verified")
        .is_some_and(|value| *value == Value::Bool(true) || value == "true");
    let email = said
        .get("email")
        .and_then(Value::as_str)
        .filter(|text| confirmed && text.len() <= 254)
        .map(str::to_owned);
    if oidc.email_domains.is_empty() {
        return Ok(email);
    }
    let domain = email
        .as_deref()
        .and_then(|text| text.rsplit_once('@'))
        .map(|(_, domain)| domain.to_ascii_lowercase());
    if domain.is_some_and(|domain| oidc.email_domains.contains(&domain)) {
        Ok(email)
    } else {
        Err(OidcError::NotAdmitted(
            "no confirmed address of an admitted domain".to_owned(),
        ))
    }
}

/// Whether a claim is this value, or one of its values.
fn holds(value: &Value, wanted: &str) -> bool {
    match value {
        Value::String(text) => text == wanted,
        Value::Array(list) => list.iter().any(|one| holds(one, wanted)),
        Value::Bool(flag) => wanted == if *flag { "true" } else { "false" },
        Value::Number(number) => number.to_string() == wanted,
        Value::Null | Value::Object(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use mamori_runtime::Secret;
    use serde_json::json;

    use super::*;

    fn oidc(domains: &[&str], claims: &[(&str, &str)]) -> Oidc {
        Oidc {
            issuer: "https://login.example.lg.jp".to_owned(),
            client_id: "mamori".to_owned(),
            client_secret: Secret::new("secret"),
            label: String::new(),
            email_domains: domains.iter().map(|&one| one.to_owned()).collect(),
            claims: claims
                .iter()
                .map(|&(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
            second_factor: Vec::new(),
        }
    }

    #[test]
    fn only_confirmed_addresses_of_the_domains_and_the_right_claims_are_let_in() {
        let domains = oidc(&["example.lg.jp"], &[]);
        let tenant = oidc(&[], &[("tid", "7"), ("groups", "web")]);
        for (settings, said, in_) in [
            (
                &domains,
                json!({"email": "a@example.lg.jp", "email_verified": true}),
                true,
            ),
            (
                &domains,
                json!({"email": "a@EXAMPLE.lg.jp", "email_verified": "true"}),
                true,
            ),
            (
                &domains,
                json!({"email": "a@example.lg.jp", "email_verified": false}),
                false,
            ),
            (&domains, json!({"email": "a@example.lg.jp"}), false),
            (
                &domains,
                json!({"email": "a@example.lg.jp@evil.example", "email_verified": true}),
                false,
            ),
            (
                &domains,
                json!({"email": "a@sub.example.lg.jp", "email_verified": true}),
                false,
            ),
            (&domains, json!({}), false),
            (&tenant, json!({"tid": 7, "groups": ["mail", "web"]}), true),
            (&tenant, json!({"tid": "7", "groups": ["mail"]}), false),
            (&tenant, json!({"groups": ["web"]}), false),
        ] {
            let said = said.as_object().expect("an object").clone();
            assert_eq!(admitted(settings, &said).is_ok(), in_, "{said:?}");
        }
    }
}
