//! Header fields that belong to one connection and not to the message, and those that two readers
//! would understand differently.

use http::header::{
    CONNECTION, COOKIE, EXPECT, HeaderName, HeaderValue, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION,
    TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderMap, header};

/// Fields of one connection (RFC 9110, 7.6.1), whether `Connection` names them or not.
const HOP_BY_HOP: [HeaderName; 8] = [
    CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
    PROXY_AUTHENTICATE,
];

/// Takes away what belongs to the connection.
pub(crate) fn strip(headers: &mut HeaderMap) {
    if headers.contains_key(CONNECTION) {
        let named: Vec<HeaderName> = headers
            .get_all(CONNECTION)
            .iter()
            .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
            .filter_map(|name| HeaderName::from_bytes(name.trim_ascii()).ok())
            // Framing and the host are never for the client to take away.
            .filter(|name| *name != header::HOST && *name != header::CONTENT_LENGTH)
            .collect();
        for name in named {
            headers.remove(name);
        }
    }
    for name in HOP_BY_HOP {
        headers.remove(name);
    }
}

/// What a request loses before it goes to the site.
pub(crate) fn strip_request(headers: &mut HeaderMap) {
    strip(headers);
    for name in [
        EXPECT,
        PROXY_AUTHORIZATION,
        // Becomes `HTTP_PROXY` in CGI, and with it the proxy of whatever the site asks itself.
        HeaderName::from_static("proxy"),
    ] {
        headers.remove(name);
    }
    // CGI makes `_` of `-`: `X_Real_IP` would arrive as `X-Real-IP`.
    let odd: Vec<HeaderName> = headers
        .keys()
        .filter(|name| name.as_str().contains('_'))
        .cloned()
        .collect();
    for name in odd {
        headers.remove(name);
    }
    join_cookies(headers);
}

/// HTTP/2 splits cookies into many fields (RFC 9113, 8.2.3); HTTP/1 has one.
pub(crate) fn join_cookies(headers: &mut HeaderMap) {
    let mut cookies = headers.get_all(COOKIE).iter();
    let (Some(first), Some(second)) = (cookies.next(), cookies.next()) else {
        return;
    };
    let mut joined = first.as_bytes().to_vec();
    for cookie in [second].into_iter().chain(cookies) {
        joined.extend_from_slice(b"; ");
        joined.extend_from_slice(cookie.as_bytes());
    }
    if let Ok(joined) = HeaderValue::from_bytes(&joined) {
        headers.insert(COOKIE, joined);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn headers(fields: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    fn names(headers: &HeaderMap) -> Vec<&str> {
        let mut names: Vec<&str> = headers.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        names
    }

    #[test]
    fn fields_of_the_connection_do_not_pass() {
        let mut fields = headers(&[
            ("connection", "keep-alive, X-Private"),
            ("connection", "x-other, host, content-length"),
            ("x-private", "a"),
            ("x-other", "a"),
            ("host", "a"),
            ("content-length", "3"),
            ("te", "trailers"),
            ("transfer-encoding", "chunked"),
            ("upgrade", "h2c"),
            ("keep-alive", "timeout=5"),
            ("proxy-connection", "close"),
            ("accept", "a"),
        ]);
        strip(&mut fields);
        assert_eq!(names(&fields), ["accept", "content-length", "host"]);
    }

    #[test]
    fn fields_that_become_others_behind_do_not_pass() {
        let mut fields = headers(&[
            ("x_real_ip", "1.2.3.4"),
            ("content_length", "3"),
            ("proxy", "http://evil"),
            ("expect", "100-continue"),
            ("proxy-authorization", "a"),
            ("accept", "a"),
        ]);
        strip_request(&mut fields);
        assert_eq!(names(&fields), ["accept"]);
    }

    #[test]
    fn cookies_become_one_field() {
        let mut fields = headers(&[("cookie", "a=1"), ("cookie", "b=2"), ("cookie", "c=3")]);
        join_cookies(&mut fields);
        assert_eq!(fields.get_all("cookie").iter().count(), 1);
        assert_eq!(fields["cookie"], "a=1; b=2; c=3");
    }
}
