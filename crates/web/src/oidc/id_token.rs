//! What an ID token must be to be believed (OpenID Connect Core 3.1.3.7).

use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::jwk::{Jwk, PublicKeyUse};
use jsonwebtoken::{DecodingKey, Header, Validation, decode, decode_header};
use serde::Deserialize;
use serde_json::{Map, Value};
use subtle::ConstantTimeEq as _;

use super::{OidcError, signature};

/// How far the provider's clock may be from ours.
pub(super) const SKEW: SignedDuration = SignedDuration::from_secs(60);
/// A token of a sign-in is young.
const OLDEST: SignedDuration = SignedDuration::from_mins(10);

/// What we asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Expected<'a> {
    pub(super) issuer: &'a str,
    pub(super) client_id: &'a str,
    pub(super) nonce: &'a str,
    pub(super) now: Timestamp,
}

/// What a believed token says.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Claims {
    iss: String,
    /// The provider's own number of the person.
    pub(super) sub: String,
    aud: Audience,
    azp: Option<String>,
    exp: i64,
    iat: i64,
    nbf: Option<i64>,
    nonce: String,
    /// When the person last showed the provider who they are.
    pub(super) auth_time: Option<i64>,
    acr: Option<String>,
    #[serde(default)]
    amr: Vec<String>,
    /// Everything else, for the claims that the configuration asks for.
    #[serde(flatten)]
    pub(super) others: Map<String, Value>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

impl Claims {
    /// Whether the provider says that it asked for one of these.
    pub(super) fn shows(&self, methods: &[String]) -> bool {
        self.amr
            .iter()
            .chain(&self.acr)
            .any(|said| methods.contains(said))
    }
}

/// Which key the token names is not there (any more).
#[derive(Debug)]
pub(super) struct UnknownKey;

fn refused(why: impl std::fmt::Display) -> OidcError {
    OidcError::NotProved(why.to_string())
}

/// The key that the token was signed with. The provider's keys change: one that is not there may
/// be there when asked again.
pub(super) fn key_of<'k>(
    keys: &'k [Jwk],
    token: &str,
) -> Result<Result<&'k Jwk, UnknownKey>, OidcError> {
    let header = decode_header(token).map_err(refused)?;
    if !signature::ALGORITHMS.contains(&header.alg) {
        return Err(refused(format!("signed with {:?}", header.alg)));
    }
    let mut fitting = keys.iter().filter(|key| may_sign(key, &header));
    let key = match &header.kid {
        Some(kid) => fitting.find(|key| key.common.key_id.as_ref() == Some(kid)),
        // Without a name there must be no choice.
        None => fitting.next().filter(|_| fitting.next().is_none()),
    };
    Ok(key.ok_or(UnknownKey))
}

fn may_sign(key: &Jwk, header: &Header) -> bool {
    let for_signing = key
        .common
        .public_key_use
        .as_ref()
        .is_none_or(|one| *one == PublicKeyUse::Signature);
    let for_this = key
        .common
        .key_algorithm
        .is_none_or(|one| one.to_string() == format!("{:?}", header.alg));
    let same_family =
        DecodingKey::from_jwk(key).is_ok_and(|decoding| decoding.family() == header.alg.family());
    for_signing && for_this && same_family
}

/// The token's claims, when everything about it fits.
pub(super) fn check(token: &str, key: &Jwk, expected: Expected<'_>) -> Result<Claims, OidcError> {
    signature::install();
    let header = decode_header(token).map_err(refused)?;
    // The times are compared below with this program's clock, the rest with what was sent.
    let mut validation = Validation::new(header.alg);
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation.required_spec_claims.clear();
    let key = DecodingKey::from_jwk(key).map_err(refused)?;
    let claims = decode::<Claims>(token, &key, &validation)
        .map_err(refused)?
        .claims;
    fits(&claims, expected)?;
    Ok(claims)
}

fn fits(claims: &Claims, expected: Expected<'_>) -> Result<(), OidcError> {
    if claims.iss != expected.issuer {
        return Err(refused(format!("issued by {}", claims.iss)));
    }
    let (for_us, others) = match &claims.aud {
        Audience::One(one) => (one == expected.client_id, false),
        Audience::Several(list) => (
            list.iter().any(|one| one == expected.client_id),
            list.len() > 1,
        ),
    };
    let party = claims.azp.as_deref();
    if !for_us || party.map_or(others, |party| party != expected.client_id) {
        return Err(refused("issued for another program"));
    }
    if !bool::from(claims.nonce.as_bytes().ct_eq(expected.nonce.as_bytes())) {
        return Err(refused("issued for another sign-in"));
    }
    if claims.sub.is_empty() || claims.sub.len() > 255 {
        return Err(refused("names nobody"));
    }
    let at = |second: i64| Timestamp::from_second(second).map_err(refused);
    let now = expected.now;
    if now.duration_since(at(claims.exp)?) >= SKEW {
        return Err(refused("has expired"));
    }
    let age = now.duration_since(at(claims.iat)?);
    if age < -SKEW || age > OLDEST + SKEW {
        return Err(refused("was not issued just now"));
    }
    if let Some(nbf) = claims.nbf
        && at(nbf)?.duration_since(now) > SKEW
    {
        return Err(refused("is not valid yet"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Keys and tokens of RFC 7515, appendices A.2 (RSA) and A.3 (P-256): their signatures fit, and
    /// fit nothing else.
    #[test]
    fn signatures_of_the_rfc_are_known() {
        const RSA_KEY: &str = r#"{"kty":"RSA","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ","e":"AQAB"}"#;
        const RSA_TOKEN: &str = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";
        const EC_KEY: &str = r#"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#;
        const EC_TOKEN: &str = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
        signature::install();
        let keys: Vec<Jwk> = [RSA_KEY, EC_KEY]
            .iter()
            .map(|text| serde_json::from_str(text).expect("a key"))
            .collect();
        for (place, token) in [(0, RSA_TOKEN), (1, EC_TOKEN)] {
            let found = key_of(&keys, token).expect("read").expect("there");
            assert_eq!(found, &keys[place]);
            let decoded = |token: &str| {
                let mut validation = Validation::new(decode_header(token).expect("a head").alg);
                validation.validate_exp = false;
                validation.required_spec_claims.clear();
                let key = DecodingKey::from_jwk(found).expect("a key");
                decode::<Value>(token, &key, &validation)
            };
            assert_eq!(decoded(token).expect("fits").claims["iss"], "joe");
            // One sign of the payload changed.
            let other = token.replacen("eyJpc3Mi", "eyJpc3Ni", 1);
            assert_ne!(other, token);
            decoded(&other).expect_err("does not fit");
        }
    }

    #[test]
    fn tokens_without_a_key_pair_find_no_key() {
        let keys: Vec<Jwk> =
            vec![serde_json::from_str(r#"{"kty":"oct","k":"c2VjcmV0"}"#).expect("a shared secret")];
        // {"alg":"HS256"} and {"alg":"none"}
        for head in ["eyJhbGciOiJIUzI1NiJ9", "eyJhbGciOiJub25lIn0"] {
            key_of(&keys, &format!("{head}.e30.")).expect_err("refused by its head alone");
        }
    }
}
