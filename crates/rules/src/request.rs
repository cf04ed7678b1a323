//! A stored request: one JSON object.
//!
//! Texts are taken as the bytes they are written with, also where these are no UTF-8: requests in
//! other encodings and broken ones are what a firewall is tried with. Nothing is added: a header
//! that is not there did not arrive.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use base64::Engine as _;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::Deserialize;
use serde::de::{self, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;

/// Names and values in their order.
type Headers = Vec<(Vec<u8>, Vec<u8>)>;

/// One request as it arrived.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Request {
    /// Given back with the decision.
    pub id: Value,
    /// The method.
    pub method: Vec<u8>,
    /// The target of the request line.
    pub uri: Vec<u8>,
    /// The version of the request line: `HTTP/1.1`.
    pub version: Vec<u8>,
    /// Headers in their order.
    pub headers: Headers,
    /// The body without its framing.
    pub body: Vec<u8>,
    /// Who sent it.
    pub client: Option<SocketAddr>,
    /// What was answered, if it was kept too.
    pub response: Option<Response>,
    /// Names in the object that mean nothing here.
    pub unknown: Vec<String>,
}

/// A stored response.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Response {
    /// The status.
    pub status: u16,
    /// Headers in their order.
    pub headers: Headers,
    /// The body.
    pub body: Vec<u8>,
}

/// An object that is no request, with the remedy.
#[derive(Debug, thiserror::Error)]
#[error(
    "要求として読めません（{reason}）。1 行に {{\"id\":…,\"method\":\"GET\",\"uri\":\"/\",\"version\":\"HTTP/1.1\",\"headers\":[[\"Host\",\"…\"]],\"body\":\"…\"}} を 1 つ書いてください"
)]
pub struct BadRequest {
    /// What is wrong.
    pub reason: String,
    /// The id, where it could be read.
    pub id: Value,
}

impl Request {
    /// Reads one line.
    pub fn parse(line: &[u8]) -> Result<Self, BadRequest> {
        serde_json::from_slice(line).map_err(|error| BadRequest {
            reason: error.to_string(),
            id: serde_json::from_slice::<OnlyId>(line).map_or(Value::Null, |only| only.id),
        })
    }
}

#[derive(Debug, Deserialize)]
struct OnlyId {
    #[serde(default)]
    id: Value,
}

/// Text as bytes, without asking for UTF-8.
#[derive(Debug, Default)]
struct Bytes(Vec<u8>);

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Bytes;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text")
            }
            fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Bytes, E> {
                Ok(Bytes(bytes.to_vec()))
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Bytes, E> {
                Ok(Bytes(text.as_bytes().to_vec()))
            }
        }
        deserializer.deserialize_bytes(Text)
    }
}

/// A body that may be given as text or in Base64, once.
#[derive(Debug, Default)]
struct Body(Option<Vec<u8>>);

impl Body {
    fn text<'de, A: MapAccess<'de>>(&mut self, map: &mut A) -> Result<(), A::Error> {
        let text: Option<Bytes> = map.next_value()?;
        self.take(text.map(|Bytes(bytes)| bytes))
    }

    fn encoded<'de, A: MapAccess<'de>>(&mut self, map: &mut A) -> Result<(), A::Error> {
        const LENIENT: GeneralPurpose = GeneralPurpose::new(
            &base64::alphabet::STANDARD,
            GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
        );
        let text: Option<Bytes> = map.next_value()?;
        let decoded = text
            .map(|Bytes(text)| {
                LENIENT
                    .decode(&text)
                    .map_err(|error| de::Error::custom(format!("body_base64: {error}")))
            })
            .transpose()?;
        self.take(decoded)
    }

    fn take<E: de::Error>(&mut self, body: Option<Vec<u8>>) -> Result<(), E> {
        if body.is_some() && self.0.is_some() {
            return Err(E::custom("both body and body_base64"));
        }
        self.0 = body.or(self.0.take());
        Ok(())
    }
}

fn headers<'de, A: MapAccess<'de>>(map: &mut A) -> Result<Headers, A::Error> {
    let pairs: Vec<(Bytes, Bytes)> = map.next_value()?;
    Ok(pairs
        .into_iter()
        .map(|(Bytes(name), Bytes(value))| (name, value))
        .collect())
}

/// `192.0.2.1`, `[2001:db8::1]:443`: an address, perhaps with its port.
fn client<E: de::Error>(text: &str) -> Result<SocketAddr, E> {
    text.parse::<IpAddr>()
        .map(|address| SocketAddr::new(address, 0))
        .or_else(|_| text.parse())
        .map_err(|_| E::custom(format!("client {text:?} is no IP address")))
}

/// `1.1` stands for `HTTP/1.1`.
fn version(written: Vec<u8>) -> Vec<u8> {
    let number = !written.is_empty()
        && written
            .iter()
            .all(|byte| byte.is_ascii_digit() || *byte == b'.');
    if number {
        [b"HTTP/", written.as_slice()].concat()
    } else {
        written
    }
}

impl<'de> Deserialize<'de> for Request {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Request;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Request, A::Error> {
                let mut request = Request {
                    version: b"HTTP/1.1".to_vec(),
                    ..Request::default()
                };
                let (mut method, mut uri, mut body) = (None, None, Body::default());
                while let Some(key) = map.next_key::<String>()? {
                    match key.as_str() {
                        "id" => request.id = map.next_value()?,
                        "method" => method = Some(map.next_value::<Bytes>()?.0),
                        "uri" => uri = Some(map.next_value::<Bytes>()?.0),
                        "version" => request.version = version(map.next_value::<Bytes>()?.0),
                        "headers" => request.headers = headers(&mut map)?,
                        "body" => body.text(&mut map)?,
                        "body_base64" => body.encoded(&mut map)?,
                        "client" => {
                            let text: Option<String> = map.next_value()?;
                            request.client = text.as_deref().map(client).transpose()?;
                        }
                        "response" => request.response = map.next_value()?,
                        _ => {
                            map.next_value::<IgnoredAny>()?;
                            request.unknown.push(key);
                        }
                    }
                }
                request.method = method.ok_or_else(|| de::Error::missing_field("method"))?;
                request.uri = uri.ok_or_else(|| de::Error::missing_field("uri"))?;
                request.body = body.0.unwrap_or_default();
                Ok(request)
            }
        }
        deserializer.deserialize_map(Object)
    }
}

impl<'de> Deserialize<'de> for Response {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Response;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object with status, headers and body")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Response, A::Error> {
                let mut response = Response {
                    status: 200,
                    ..Response::default()
                };
                let mut body = Body::default();
                while let Some(key) = map.next_key::<String>()? {
                    match key.as_str() {
                        "status" => response.status = map.next_value()?,
                        "headers" => response.headers = headers(&mut map)?,
                        "body" => body.text(&mut map)?,
                        "body_base64" => body.encoded(&mut map)?,
                        _ => {
                            map.next_value::<IgnoredAny>()?;
                        }
                    }
                }
                response.body = body.0.unwrap_or_default();
                Ok(response)
            }
        }
        deserializer.deserialize_map(Object)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(line: &str) -> String {
        Request::parse(line.as_bytes()).expect_err(line).to_string()
    }

    #[test]
    fn bytes_stay_bytes() {
        let line = b"{\"id\":\"a\",\"method\":\"POST\",\"uri\":\"/\xe9\",\"version\":\"1.0\",\
            \"headers\":[[\"Host\",\"x\"],[\"X\",\"\x82\xa0\"]],\"body\":\"a\\u3042\\u0000\",\"client\":\"192.0.2.7\"}";
        let request = Request::parse(line).expect("read");
        assert_eq!(request.uri, b"/\xe9");
        assert_eq!(request.version, b"HTTP/1.0");
        assert_eq!(request.headers[1].1, b"\x82\xa0");
        assert_eq!(request.body, "a\u{3042}\0".as_bytes());
        assert_eq!(
            request.client.map(|client| client.to_string()).as_deref(),
            Some("192.0.2.7:0")
        );
    }

    #[test]
    fn little_is_needed_and_nothing_is_invented() {
        let request = Request::parse(br#"{"uri":"/","method":"GET","label":1}"#).expect("read");
        assert!(request.headers.is_empty() && request.body.is_empty());
        assert_eq!((request.id, request.client), (Value::Null, None));
        assert_eq!(request.version, b"HTTP/1.1");
        assert_eq!(request.unknown, ["label"]);
        let body = |line: &str| Request::parse(line.as_bytes()).expect(line).body;
        assert_eq!(
            body(r#"{"method":"P","uri":"/","body":null,"body_base64":"/wA="}"#),
            b"\xff\0"
        );
        assert_eq!(
            body(r#"{"method":"P","uri":"/","body_base64":"/wA"}"#),
            b"\xff\0"
        );
    }

    #[test]
    fn what_is_wrong_is_said() {
        assert!(reason("{").contains("EOF"));
        assert!(reason("[]").contains("an object"));
        assert!(reason(r#"{"uri":"/"}"#).contains("`method`"));
        assert!(reason(r#"{"method":"GET"}"#).contains("`uri`"));
        assert!(
            reason(r#"{"method":"P","uri":"/","body":"a","body_base64":"YQ=="}"#).contains("both")
        );
        assert!(reason(r#"{"method":"P","uri":"/","body_base64":"*"}"#).contains("body_base64"));
        assert!(reason(r#"{"method":"P","uri":"/","client":"me"}"#).contains("no IP address"));
        assert!(reason(r#"{"method":"P","uri":"/","headers":{"a":"b"}}"#).contains("sequence"));
        let bad = Request::parse(br#"{"id":7,"method":1}"#).expect_err("no text");
        assert_eq!(bad.id, 7);
    }
}
