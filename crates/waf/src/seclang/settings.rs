//! What a rule set says about the engine itself: modes, limits, separators.

use crate::seclang::ctl::Mode;

/// What happens with a body beyond its limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beyond {
    /// The transaction is refused.
    Reject,
    /// What fits is inspected, and the variable `INBOUND_DATA_ERROR` or `OUTBOUND_DATA_ERROR` says so.
    ProcessPartial,
}

/// Settings of a rule set. The defaults are those a public form needs, not the widest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// `SecRuleEngine`
    pub mode: Mode,
    /// `SecRequestBodyAccess`
    pub request_body: bool,
    /// `SecResponseBodyAccess`
    pub response_body: bool,
    /// `SecRequestBodyLimit`: the largest body with its files, in bytes.
    pub request_limit: u64,
    /// `SecRequestBodyNoFilesLimit`: the largest body without files, in bytes.
    pub request_limit_without_files: u64,
    /// `SecRequestBodyLimitAction`
    pub request_beyond: Beyond,
    /// `SecRequestBodyJsonDepthLimit`
    pub json_depth: usize,
    /// `SecResponseBodyLimit`
    pub response_limit: u64,
    /// `SecResponseBodyLimitAction`
    pub response_beyond: Beyond,
    /// `SecResponseBodyMimeType`, in lower case.
    pub response_types: Vec<String>,
    /// `SecArgumentsLimit`: beyond it the body counts as malformed.
    pub arguments: usize,
    /// `SecArgumentSeparator`
    pub separator: u8,
    /// `SecUploadFileLimit`
    pub files: usize,
    /// `SecWebAppId`
    pub application: String,
    /// `SecComponentSignature`: what rule sets say of themselves.
    pub components: Vec<String>,
    /// Directives and actions that were read but change nothing in this engine.
    pub without_effect: Vec<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            mode: Mode::Off,
            request_body: false,
            response_body: false,
            request_limit: 13_107_200,
            request_limit_without_files: 131_072,
            request_beyond: Beyond::Reject,
            json_depth: 512,
            response_limit: 524_288,
            response_beyond: Beyond::ProcessPartial,
            response_types: ["text/plain", "text/html", "text/xml"]
                .map(str::to_owned)
                .to_vec(),
            arguments: 1000,
            separator: b'&',
            files: 100,
            application: "default".to_owned(),
            components: Vec::new(),
            without_effect: Vec::new(),
        }
    }
}
