//! The variables of SecLang that this engine fills.

use std::fmt;

/// Whether a variable has one value or named ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// One value, no selector.
    Scalar,
    /// Named values.
    Collection,
}

/// When the values of a variable change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Class {
    /// Set before a request phase starts and still during it.
    Request,
    /// Set before a response phase starts and still during it.
    Response,
    /// May change with every rule.
    Dynamic,
}

macro_rules! variables {
    ($($text:literal $name:ident $shape:ident $class:ident;)*) => {
        /// A variable.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Variable {
            $(
                #[doc = concat!("`", $text, "`")]
                $name,
            )*
        }

        const TABLE: &[(&str, Variable, Shape, Class)] = &[
            $(($text, Variable::$name, Shape::$shape, Class::$class),)*
        ];
    };
}

variables! {
    "ARGS" Args Collection Request;
    "ARGS_COMBINED_SIZE" ArgsCombinedSize Scalar Request;
    "ARGS_GET" ArgsGet Collection Request;
    "ARGS_GET_NAMES" ArgsGetNames Collection Request;
    "ARGS_NAMES" ArgsNames Collection Request;
    "ARGS_POST" ArgsPost Collection Request;
    "ARGS_POST_NAMES" ArgsPostNames Collection Request;
    "AUTH_TYPE" AuthType Scalar Request;
    "DURATION" Duration Scalar Dynamic;
    "ENV" Env Collection Dynamic;
    "FILES" Files Collection Request;
    "FILES_COMBINED_SIZE" FilesCombinedSize Scalar Request;
    "FILES_NAMES" FilesNames Collection Request;
    "FILES_SIZES" FilesSizes Collection Request;
    "FULL_REQUEST" FullRequest Scalar Request;
    "FULL_REQUEST_LENGTH" FullRequestLength Scalar Request;
    "GLOBAL" Global Collection Dynamic;
    "HIGHEST_SEVERITY" HighestSeverity Scalar Dynamic;
    "INBOUND_DATA_ERROR" InboundDataError Scalar Request;
    "IP" Ip Collection Dynamic;
    "MATCHED_VAR" MatchedVar Scalar Dynamic;
    "MATCHED_VARS" MatchedVars Collection Dynamic;
    "MATCHED_VAR_NAME" MatchedVarName Scalar Dynamic;
    "MATCHED_VARS_NAMES" MatchedVarsNames Collection Dynamic;
    "MULTIPART_BOUNDARY_QUOTED" MultipartBoundaryQuoted Scalar Request;
    "MULTIPART_BOUNDARY_WHITESPACE" MultipartBoundaryWhitespace Scalar Request;
    "MULTIPART_CRLF_LF_LINES" MultipartCrlfLfLines Scalar Request;
    "MULTIPART_DATA_AFTER" MultipartDataAfter Scalar Request;
    "MULTIPART_DATA_BEFORE" MultipartDataBefore Scalar Request;
    "MULTIPART_FILENAME" MultipartFilename Collection Request;
    "MULTIPART_FILE_LIMIT_EXCEEDED" MultipartFileLimitExceeded Scalar Request;
    "MULTIPART_HEADER_FOLDING" MultipartHeaderFolding Scalar Request;
    "MULTIPART_INVALID_HEADER_FOLDING" MultipartInvalidHeaderFolding Scalar Request;
    "MULTIPART_INVALID_PART" MultipartInvalidPart Scalar Request;
    "MULTIPART_INVALID_QUOTING" MultipartInvalidQuoting Scalar Request;
    "MULTIPART_LF_LINE" MultipartLfLine Scalar Request;
    "MULTIPART_MISSING_SEMICOLON" MultipartMissingSemicolon Scalar Request;
    "MULTIPART_NAME" MultipartName Collection Request;
    "MULTIPART_PART_HEADERS" MultipartPartHeaders Collection Request;
    "MULTIPART_STRICT_ERROR" MultipartStrictError Scalar Request;
    "MULTIPART_UNMATCHED_BOUNDARY" MultipartUnmatchedBoundary Scalar Request;
    "OUTBOUND_DATA_ERROR" OutboundDataError Scalar Response;
    "PATH_INFO" PathInfo Scalar Request;
    "QUERY_STRING" QueryString Scalar Request;
    "REMOTE_ADDR" RemoteAddr Scalar Request;
    "REMOTE_HOST" RemoteHost Scalar Request;
    "REMOTE_PORT" RemotePort Scalar Request;
    "REMOTE_USER" RemoteUser Scalar Request;
    "REQBODY_ERROR" ReqbodyError Scalar Request;
    "REQBODY_ERROR_MSG" ReqbodyErrorMsg Scalar Request;
    "REQBODY_PROCESSOR" ReqbodyProcessor Scalar Dynamic;
    "REQUEST_BASENAME" RequestBasename Scalar Request;
    "REQUEST_BODY" RequestBody Scalar Request;
    "REQUEST_BODY_LENGTH" RequestBodyLength Scalar Request;
    "REQUEST_COOKIES" RequestCookies Collection Request;
    "REQUEST_COOKIES_NAMES" RequestCookiesNames Collection Request;
    "REQUEST_FILENAME" RequestFilename Scalar Request;
    "REQUEST_HEADERS" RequestHeaders Collection Request;
    "REQUEST_HEADERS_NAMES" RequestHeadersNames Collection Request;
    "REQUEST_LINE" RequestLine Scalar Request;
    "REQUEST_METHOD" RequestMethod Scalar Request;
    "REQUEST_PROTOCOL" RequestProtocol Scalar Request;
    "REQUEST_URI" RequestUri Scalar Request;
    "REQUEST_URI_RAW" RequestUriRaw Scalar Request;
    "RESOURCE" Resource Collection Dynamic;
    "RESPONSE_BODY" ResponseBody Scalar Response;
    "RESPONSE_CONTENT_LENGTH" ResponseContentLength Scalar Response;
    "RESPONSE_CONTENT_TYPE" ResponseContentType Scalar Response;
    "RESPONSE_HEADERS" ResponseHeaders Collection Response;
    "RESPONSE_HEADERS_NAMES" ResponseHeadersNames Collection Response;
    "RESPONSE_PROTOCOL" ResponseProtocol Scalar Response;
    "RESPONSE_STATUS" ResponseStatus Scalar Response;
    "RULE" Rule Collection Dynamic;
    "SERVER_ADDR" ServerAddr Scalar Request;
    "SERVER_NAME" ServerName Scalar Request;
    "SERVER_PORT" ServerPort Scalar Request;
    "SESSION" Session Collection Dynamic;
    "SESSIONID" Sessionid Scalar Dynamic;
    "STATUS_LINE" StatusLine Scalar Response;
    "TIME" Time Scalar Dynamic;
    "TIME_DAY" TimeDay Scalar Dynamic;
    "TIME_EPOCH" TimeEpoch Scalar Dynamic;
    "TIME_HOUR" TimeHour Scalar Dynamic;
    "TIME_MIN" TimeMin Scalar Dynamic;
    "TIME_MON" TimeMon Scalar Dynamic;
    "TIME_SEC" TimeSec Scalar Dynamic;
    "TIME_WDAY" TimeWday Scalar Dynamic;
    "TIME_YEAR" TimeYear Scalar Dynamic;
    "TX" Tx Collection Dynamic;
    "UNIQUE_ID" UniqueId Scalar Dynamic;
    "URLENCODED_ERROR" UrlencodedError Scalar Request;
    "USER" User Collection Dynamic;
    "USERID" Userid Scalar Dynamic;
    "WEBAPPID" Webappid Scalar Dynamic;
    "XML" Xml Collection Request;
}

/// How many variables there are.
pub(crate) const COUNT: usize = TABLE.len();

impl Variable {
    /// The variable of that name, in any case.
    pub fn named(name: &str) -> Option<Self> {
        TABLE
            .iter()
            .find(|row| row.0.eq_ignore_ascii_case(name))
            .map(|row| row.1)
    }

    /// Its name in rules.
    pub fn name(self) -> &'static str {
        TABLE[self as usize].0
    }

    pub(crate) fn shape(self) -> Shape {
        TABLE[self as usize].2
    }

    pub(crate) fn class(self) -> Class {
        TABLE[self as usize].3
    }
}

impl Variable {
    /// The variables that this one is made of, if it is made of others.
    pub(crate) fn parts(self) -> &'static [Self] {
        match self {
            Self::Args => &[Self::ArgsGet, Self::ArgsPost],
            Self::ArgsNames => &[Self::ArgsGetNames, Self::ArgsPostNames],
            _ => &[],
        }
    }
}

/// A set of variables.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct VariableSet(u128);

const _: () = assert!(COUNT <= 128, "a set of variables has a bit for each");

impl VariableSet {
    pub(crate) fn contains(self, variable: Variable) -> bool {
        self.0 & (1 << variable as u32) != 0
    }

    /// Adds a variable and what it is made of.
    pub(crate) fn insert_all_of(&mut self, variable: Variable) {
        for one in [variable].iter().chain(variable.parts()) {
            self.0 |= 1 << *one as u32;
        }
    }
}

impl fmt::Display for Variable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_leads_back_to_its_variable() {
        for (at, (name, variable, ..)) in TABLE.iter().enumerate() {
            assert_eq!(*variable as usize, at);
            assert_eq!(Variable::named(&name.to_lowercase()), Some(*variable));
        }
        assert_eq!(Variable::named("ARG"), None);
    }
}
