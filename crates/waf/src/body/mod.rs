//! Body processors: bytes in, named values out. All are total: malformed input is reported, what was
//! read before stays.

pub(crate) mod json;
pub(crate) mod multipart;
pub(crate) mod urlencoded;
pub(crate) mod xml;

/// Why a body is not what it claims to be; becomes `REQBODY_ERROR_MSG`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BodyError {
    /// Not JSON.
    #[error("JSON: {reason} at byte {at}")]
    Json { reason: &'static str, at: usize },
    /// Not XML.
    #[error("XML: {0}")]
    Xml(String),
    /// Not multipart.
    #[error("multipart: {0}")]
    Multipart(&'static str),
    /// More values than the limit.
    #[error("more than {0} parameters")]
    TooMany(usize),
}

/// Takes the values of a body.
pub(crate) trait Sink {
    /// One named value. `false`: no more are wanted.
    fn value(&mut self, name: &[u8], value: &[u8]) -> bool;
}

#[cfg(test)]
mod tests;
