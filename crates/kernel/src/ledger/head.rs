//! The head of a chain as text: what is printed in the footer of a report and mailed to the city.
//!
//! `mamori1:<contract>:<seq>:<64 hex digits>`, or in footers with the first
//! [`SHORT_HEX_DIGITS`] digits. The leading `1` is the version of the form.

use std::fmt;
use std::str::FromStr;

use super::{LedgerError, check_contract_id, refuse};
use crate::merkle::Digest;

/// Hex digits of the short form: 96 bits, beyond search for a second chain that ends alike.
pub const SHORT_HEX_DIGITS: usize = 24;

const PREFIX: &str = "mamori1:";

/// The head of a contract's chain.
#[derive(Debug, Clone, PartialEq, Eq, Hash, serde::Serialize)]
pub struct Head {
    /// Contract id.
    pub contract: String,
    /// Last position (0 for an empty chain).
    pub seq: u64,
    /// Hash of the last record ([`Digest::ZERO`] for an empty chain).
    pub hash: Digest,
}

impl Head {
    /// Short form for footers.
    pub fn short(&self) -> String {
        let hex = self.hash.to_hex();
        format!(
            "{PREFIX}{}:{}:{}",
            self.contract,
            self.seq,
            &hex[..SHORT_HEX_DIGITS]
        )
    }
}

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}:{}:{}", self.contract, self.seq, self.hash)
    }
}

/// A head as a person brings it: full or shortened.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct HeadText {
    /// Contract id.
    pub contract: String,
    /// Position.
    pub seq: u64,
    /// Leading hex digits of the hash, [`SHORT_HEX_DIGITS`] to 64 of them.
    hex: String,
}

/// How a head differs from the chain that it is held against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeadMismatch {
    /// It belongs to another contract.
    Contract,
    /// The hashes differ at the same position: the chain was changed.
    Hash,
}

impl HeadText {
    /// The digits given.
    pub fn hex(&self) -> &str {
        &self.hex
    }

    /// Compares with the chain's hash at [`HeadText::seq`].
    pub fn check(&self, contract: &str, hash: &Digest) -> Result<(), HeadMismatch> {
        if self.contract != contract {
            Err(HeadMismatch::Contract)
        } else if hash.to_hex().starts_with(&self.hex) {
            Ok(())
        } else {
            Err(HeadMismatch::Hash)
        }
    }
}

impl From<&Head> for HeadText {
    fn from(head: &Head) -> Self {
        Self {
            contract: head.contract.clone(),
            seq: head.seq,
            hex: head.hash.to_hex(),
        }
    }
}

impl fmt::Display for HeadText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}:{}:{}", self.contract, self.seq, self.hex)
    }
}

impl FromStr for HeadText {
    type Err = LedgerError;

    /// Accepts surrounding white space and upper-case digits: heads are typed off paper.
    fn from_str(text: &str) -> Result<Self, LedgerError> {
        let form = || {
            refuse(
                "head",
                format!(
                    "mamori1:<契約>:<番号>:<16進{SHORT_HEX_DIGITS}〜64桁> の形で書きます(got {text:?})"
                ),
            )
        };
        let rest = text.trim().strip_prefix(PREFIX).ok_or_else(form)?;
        let mut parts = rest.split(':');
        let (Some(contract), Some(seq), Some(hex), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(form());
        };
        check_contract_id(contract)?;
        let plain_number = !seq.is_empty()
            && seq.bytes().all(|b| b.is_ascii_digit())
            && (seq == "0" || !seq.starts_with('0'));
        let seq = seq.parse().ok().filter(|_| plain_number).ok_or_else(form)?;
        let hex = hex.to_ascii_lowercase();
        let digits = hex.bytes().all(|b| b.is_ascii_hexdigit());
        if !digits || !(SHORT_HEX_DIGITS..=64).contains(&hex.len()) {
            return Err(form());
        }
        Ok(Self {
            contract: contract.to_owned(),
            seq,
            hex,
        })
    }
}
