//! What arrives: connection, request line, headers, and the same of the response.

use std::net::IpAddr;
use std::sync::Arc;

use super::store::Item;
use super::{Removal, Transaction};
use crate::body::urlencoded;
use crate::report::Decision;
use crate::seclang::ctl::BodyProcessor;
use crate::variable::Variable;

impl Transaction {
    /// Who connected, and to what.
    pub fn connection(&mut self, client: IpAddr, client_port: u16, server: IpAddr, port: u16) {
        let client = client.to_string();
        self.store.set(Variable::RemoteAddr, client.as_bytes());
        self.store.set(Variable::RemoteHost, client.as_bytes());
        self.store
            .set(Variable::RemotePort, client_port.to_string().as_bytes());
        self.store
            .set(Variable::ServerAddr, server.to_string().as_bytes());
        self.store
            .set(Variable::ServerPort, port.to_string().as_bytes());
    }

    /// The id under which this transaction is logged.
    pub fn unique_id(&mut self, id: &str) {
        self.store.set(Variable::UniqueId, id.as_bytes());
    }

    /// The time, for rules that look at it: seconds since 1970 and the offset of local time.
    pub fn time(&mut self, epoch: i64, offset: i32) {
        let local = epoch + i64::from(offset);
        let (days, seconds) = (local.div_euclid(86_400), local.rem_euclid(86_400));
        // The calendar repeats every 400 years of 146,097 days; years begin in March here.
        let shifted = days + 719_468;
        let era = shifted.div_euclid(146_097);
        let day_of_era = shifted.rem_euclid(146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
        let month = (month_from_march + 2) % 12 + 1;
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        for (variable, value) in [
            (Variable::TimeEpoch, epoch),
            (Variable::TimeYear, year),
            // As in C: January is 0, Sunday is 0.
            (Variable::TimeMon, month - 1),
            (Variable::TimeDay, day),
            (Variable::TimeWday, (days + 4).rem_euclid(7)),
            (Variable::TimeHour, hour),
            (Variable::TimeMin, minute),
            (Variable::TimeSec, second),
        ] {
            self.store.set(variable, value.to_string().as_bytes());
        }
        let clock = format!("{hour:02}:{minute:02}:{second:02}");
        self.store.set(Variable::Time, clock.as_bytes());
    }

    /// Method, target and version (`HTTP/1.1`) as they arrived.
    pub fn request_line(&mut self, method: &[u8], target: &[u8], version: &[u8]) {
        let mut line = Vec::with_capacity(method.len() + target.len() + version.len() + 2);
        line.extend_from_slice(method);
        line.push(b' ');
        line.extend_from_slice(target);
        if !version.is_empty() {
            line.push(b' ');
            line.extend_from_slice(version);
        }
        self.store.set(Variable::RequestLine, &line);
        self.store.set(Variable::RequestMethod, method);
        self.store.set(Variable::RequestProtocol, version);
        self.store.set(Variable::RequestUriRaw, target);
        let local = without_authority(target);
        self.store.set(Variable::RequestUri, local);
        let (path, query) = match memchr::memchr(b'?', local) {
            Some(at) => (&local[..at], &local[at + 1..]),
            None => (local, &b""[..]),
        };
        let mut decoded = Vec::with_capacity(path.len());
        decode_path(path, &mut decoded);
        self.store.set(Variable::RequestFilename, &decoded);
        let base = decoded
            .iter()
            .rposition(|byte| *byte == b'/' || *byte == b'\\')
            .map_or(0, |at| at + 1);
        self.store.set(Variable::RequestBasename, &decoded[base..]);
        self.store.set(Variable::QueryString, query);
        self.arguments(Variable::ArgsGet, query);
        if self.rules.wants_full_request {
            self.request.head.extend_from_slice(&line);
            self.request.head.extend_from_slice(b"\r\n");
        }
        self.choose_exclusions(path);
    }

    /// Adds the pairs of a form or query.
    pub(super) fn arguments(&mut self, variable: Variable, input: &[u8]) -> usize {
        let (separator, most) = (self.rules.settings.separator, self.rules.limits.values);
        let store = &mut self.store;
        let mut count = 0;
        let outcome = urlencoded::parse(input, separator, |name, value| {
            store.add(variable, name, value);
            count += 1;
            store.count < most
        });
        if outcome.invalid {
            self.store.set(Variable::UrlencodedError, b"1");
        }
        // What is not taken in cannot be inspected: the limit on cost decides.
        self.store.full |= outcome.stopped;
        count
    }

    fn choose_exclusions(&mut self, path: &[u8]) {
        let rules = Arc::clone(&self.rules);
        for (at, exclusion) in rules.exclusions.iter().enumerate() {
            if !exclusion.holds(path) {
                continue;
            }
            self.report.exclusions.push(exclusion.name.clone());
            let selection = &rules.selections[exclusion.selection as usize];
            if let Some(target) = &exclusion.target {
                self.narrowed_variables.insert_all_of(target.variable);
                self.narrowed.union(selection);
                self.removals.push(Removal::Exclusion(at as u32));
            } else {
                self.removed.union(selection);
            }
        }
    }

    /// One header of the request, as it arrived.
    pub fn request_header(&mut self, name: &[u8], value: &[u8]) {
        if self.store.count >= self.rules.limits.values {
            self.store.full = true;
            return;
        }
        self.store.add(Variable::RequestHeaders, name, value);
        if self.rules.wants_full_request {
            let head = &mut self.request.head;
            head.extend_from_slice(name);
            head.extend_from_slice(b": ");
            head.extend_from_slice(value);
            head.extend_from_slice(b"\r\n");
        }
        match name {
            _ if name.eq_ignore_ascii_case(b"cookie") => self.cookies(value),
            _ if name.eq_ignore_ascii_case(b"host") => {
                let end = match value.first() {
                    Some(b'[') => memchr::memchr(b']', value).map(|at| at + 1),
                    _ => memchr::memchr(b':', value),
                };
                let host = &value[..end.unwrap_or(value.len())];
                self.store.set(Variable::ServerName, host);
            }
            _ if name.eq_ignore_ascii_case(b"content-type") => {
                let starts = |kind: &[u8]| {
                    value
                        .get(..kind.len())
                        .is_some_and(|start| start.eq_ignore_ascii_case(kind))
                };
                if starts(b"application/x-www-form-urlencoded") {
                    self.request.processor = Some(BodyProcessor::UrlEncoded);
                } else if starts(b"multipart/form-data") {
                    self.request.processor = Some(BodyProcessor::Multipart);
                }
            }
            _ if name.eq_ignore_ascii_case(b"authorization") => {
                let kind = value.split(|byte| *byte == b' ').next().unwrap_or_default();
                self.store.set(Variable::AuthType, kind);
            }
            _ => {}
        }
    }

    fn cookies(&mut self, header: &[u8]) {
        for cookie in header.split(|byte| *byte == b';') {
            let cookie = cookie.trim_ascii();
            if cookie.is_empty() {
                continue;
            }
            if self.store.count >= self.rules.limits.values {
                self.store.full = true;
                return;
            }
            let (name, value) = match memchr::memchr(b'=', cookie) {
                Some(at) => (&cookie[..at], &cookie[at + 1..]),
                None => (cookie, &b""[..]),
            };
            self.store.add(Variable::RequestCookies, name, value);
        }
    }

    /// All headers of the request are there: phase 1.
    pub fn request_headers(&mut self) -> Decision {
        self.request.headers_seen = true;
        self.combined_size();
        self.run(1)
    }

    pub(super) fn combined_size(&mut self) {
        let sum: usize = [Variable::ArgsGet, Variable::ArgsPost]
            .iter()
            .flat_map(|variable| self.store.items(*variable))
            .map(|Item { name, value }| {
                self.store.bytes(*name).len() + self.store.bytes(*value).len()
            })
            .sum();
        self.store
            .set(Variable::ArgsCombinedSize, sum.to_string().as_bytes());
    }

    /// Status and version of the response.
    pub fn response_line(&mut self, status: u16, version: &[u8]) {
        let digits = status.to_string();
        self.store.set(Variable::ResponseStatus, digits.as_bytes());
        self.store.set(Variable::ResponseProtocol, version);
        let mut line = version.to_vec();
        line.push(b' ');
        line.extend_from_slice(digits.as_bytes());
        self.store.set(Variable::StatusLine, &line);
    }

    /// One header of the response.
    pub fn response_header(&mut self, name: &[u8], value: &[u8]) {
        if self.store.count >= self.rules.limits.values {
            self.store.full = true;
            return;
        }
        self.store.add(Variable::ResponseHeaders, name, value);
        if name.eq_ignore_ascii_case(b"content-type") {
            self.store.set(Variable::ResponseContentType, value);
        } else if name.eq_ignore_ascii_case(b"content-length") {
            self.store.set(Variable::ResponseContentLength, value);
        }
    }

    /// All headers of the response are there: phase 3.
    pub fn response_headers(&mut self) -> Decision {
        self.run(3)
    }

    /// Whether bodies of this type are inspected.
    pub(super) fn response_type_is_inspected(&self) -> bool {
        let kind = self
            .store
            .scalar(Variable::ResponseContentType)
            .unwrap_or_default();
        let kind = kind
            .split(|byte| *byte == b';')
            .next()
            .unwrap_or_default()
            .trim_ascii();
        let types = &self.rules.settings.response_types;
        if kind.is_empty() {
            return types.iter().any(|own| own == "null");
        }
        types
            .iter()
            .any(|own| own.as_bytes().eq_ignore_ascii_case(kind))
    }
}

/// Path and query without scheme and host.
fn without_authority(target: &[u8]) -> &[u8] {
    let lower = target.get(..8).unwrap_or(target).to_ascii_lowercase();
    let skip = if lower.starts_with(b"https://") {
        8
    } else if lower.starts_with(b"http://") {
        7
    } else {
        return target;
    };
    let rest = &target[skip..];
    match rest.iter().position(|byte| matches!(byte, b'/' | b'?')) {
        Some(at) => &rest[at..],
        None => b"/",
    }
}

/// Decodes `%HH` of a path; a plus is a plus there.
fn decode_path(path: &[u8], out: &mut Vec<u8>) {
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    let mut rest = path;
    while let Some(at) = memchr::memchr(b'%', rest) {
        out.extend_from_slice(&rest[..at]);
        match rest.get(at + 1..at + 3) {
            Some([a, b]) if digit(a).is_some() && digit(b).is_some() => {
                let value = digit(a).unwrap_or(0) << 4 | digit(b).unwrap_or(0);
                out.push(value as u8);
                rest = &rest[at + 3..];
            }
            _ => {
                out.push(b'%');
                rest = &rest[at + 1..];
            }
        }
    }
    out.extend_from_slice(rest);
}
