//! Bodies: taking them in within their limits, and reading them into values.

use super::Transaction;
use super::store::{Item, Store};
use crate::body::multipart::{Flags, Multipart};
use crate::body::{self, BodyError, Sink};
use crate::report::{Decision, Why};
use crate::seclang::ctl::{BodyProcessor, Mode};
use crate::seclang::settings::Beyond;
use crate::variable::Variable;

/// Values go into the store until there are too many.
struct Values<'s> {
    store: &'s mut Store,
    variable: Variable,
    left: usize,
}

impl Sink for Values<'_> {
    fn value(&mut self, name: &[u8], value: &[u8]) -> bool {
        if self.left == 0 {
            return false;
        }
        self.left -= 1;
        self.store.add(self.variable, name, value);
        true
    }
}

impl Transaction {
    /// Takes a part of the request body. Files of forms are not kept.
    pub fn request_body_chunk(&mut self, chunk: &[u8]) -> Decision {
        if !self.wants_request_body() || chunk.is_empty() {
            return self.report.decision.clone();
        }
        if self.request.processor == Some(BodyProcessor::Multipart)
            && self.request.multipart.is_none()
        {
            self.request.multipart = Some(Box::new(self.multipart_reader()));
        }
        let request = &mut self.request;
        request.received += chunk.len() as u64;
        let multipart = request.processor == Some(BodyProcessor::Multipart);
        let limit = if multipart {
            request.limit
        } else {
            request.limit.min(request.limit_without_files)
        };
        let mut taken = chunk;
        let mut too_large = request.received > limit;
        if too_large {
            let over = (request.received - limit).min(chunk.len() as u64);
            taken = &chunk[..chunk.len() - over as usize];
        }
        if multipart {
            if let Some(reader) = &mut request.multipart {
                reader.feed(taken);
                too_large |= reader.kept > request.limit_without_files;
            }
        } else {
            request.body.extend_from_slice(taken);
        }
        if too_large {
            request.cut = true;
            self.store.set(Variable::InboundDataError, b"1");
            if self.request.beyond == Beyond::Reject {
                let status = self.rules.limits.status;
                self.refuse(status, Why::RequestBodyTooLarge);
            }
        }
        self.report.decision.clone()
    }

    fn multipart_reader(&self) -> Multipart {
        let content_type = self
            .store
            .items(Variable::RequestHeaders)
            .iter()
            .find(|item| {
                self.store
                    .bytes(item.name)
                    .eq_ignore_ascii_case(b"content-type")
            })
            .map(|item| self.store.bytes(item.value))
            .unwrap_or_default();
        let (files, parts) = (self.rules.settings.files, self.rules.limits.values);
        Multipart::new(content_type, files, parts)
    }

    /// The request is complete: its body is read, and phase 2 runs.
    pub fn request_body(&mut self) -> Decision {
        if self.mode == Mode::Off || !self.report.decision.passes() {
            return self.report.decision.clone();
        }
        if self.request.access {
            self.read_request_body();
            self.combined_size();
        }
        if self.rules.wants_full_request {
            let mut all = std::mem::take(&mut self.request.head);
            all.extend_from_slice(b"\r\n");
            all.extend_from_slice(&self.request.body);
            self.store.set(
                Variable::FullRequestLength,
                all.len().to_string().as_bytes(),
            );
            self.store.set(Variable::FullRequest, &all);
        }
        self.run(2)
    }

    fn read_request_body(&mut self) {
        let length = self.request.received.to_string();
        self.store
            .set(Variable::RequestBodyLength, length.as_bytes());
        if self.request.received == 0 {
            return;
        }
        let body = std::mem::take(&mut self.request.body);
        let most = self.rules.settings.arguments;
        let outcome = match self.request.processor {
            Some(BodyProcessor::UrlEncoded) => {
                self.store.set(Variable::RequestBody, &body);
                let count = self.arguments(Variable::ArgsPost, &body);
                self.count_limit(count)
            }
            Some(BodyProcessor::Multipart) => {
                // Without a reader the processor was chosen after the body had begun to arrive.
                let reader = self.request.multipart.take().map_or_else(
                    || {
                        let mut reader = self.multipart_reader();
                        reader.feed(&body);
                        reader
                    },
                    |reader| *reader,
                );
                self.read_multipart(reader)
            }
            Some(BodyProcessor::Json) => {
                let depth = self.rules.settings.json_depth;
                let mut values = Values {
                    store: &mut self.store,
                    variable: Variable::ArgsPost,
                    left: most,
                };
                body::json::parse(&body, depth, &mut values)
            }
            Some(BodyProcessor::Xml) => {
                let depth = self.rules.settings.json_depth;
                let mut values = Values {
                    store: &mut self.store,
                    variable: Variable::Xml,
                    left: self.rules.limits.values,
                };
                body::xml::parse(&body, depth, &mut values)
            }
            None => {
                if self.request.force_body_variable {
                    self.store.set(Variable::RequestBody, &body);
                }
                Ok(())
            }
        };
        if let Err(error) = outcome {
            self.store.set(Variable::ReqbodyError, b"1");
            self.store
                .set(Variable::ReqbodyErrorMsg, error.to_string().as_bytes());
        }
        self.request.body = body;
    }

    fn count_limit(&self, count: usize) -> Result<(), BodyError> {
        let most = self.rules.settings.arguments;
        if count > most {
            Err(BodyError::TooMany(most))
        } else {
            Ok(())
        }
    }

    fn read_multipart(&mut self, mut reader: Multipart) -> Result<(), BodyError> {
        let outcome = reader.finish();
        self.multipart_flags(&reader.flags);
        let mut combined = 0u64;
        let mut fields = 0;
        for part in &reader.parts {
            let name = part.name.as_deref().unwrap_or_default();
            self.store.add(Variable::MultipartName, name, name);
            for header in &part.headers {
                self.store.add(Variable::MultipartPartHeaders, name, header);
            }
            if let Some(filename) = &part.filename {
                combined += part.size;
                self.store.add(Variable::Files, name, filename);
                self.store.add(Variable::MultipartFilename, name, filename);
                let name_value = self.store.push(name);
                self.store.add_item(
                    Variable::FilesNames,
                    Item {
                        name: name_value,
                        value: name_value,
                    },
                );
                self.store
                    .add(Variable::FilesSizes, name, part.size.to_string().as_bytes());
            } else {
                fields += 1;
                self.store.add(Variable::ArgsPost, name, &part.value);
            }
        }
        self.store
            .set(Variable::FilesCombinedSize, combined.to_string().as_bytes());
        outcome.and_then(|()| self.count_limit(fields))
    }

    fn multipart_flags(&mut self, flags: &Flags) {
        for (variable, set) in [
            (Variable::MultipartBoundaryQuoted, flags.boundary_quoted),
            (
                Variable::MultipartBoundaryWhitespace,
                flags.boundary_whitespace,
            ),
            (Variable::MultipartDataBefore, flags.data_before),
            (Variable::MultipartDataAfter, flags.data_after),
            (Variable::MultipartHeaderFolding, flags.header_folding),
            (
                Variable::MultipartInvalidHeaderFolding,
                flags.invalid_header_folding,
            ),
            (Variable::MultipartLfLine, flags.lf_line),
            (
                Variable::MultipartCrlfLfLines,
                flags.lf_line && flags.crlf_line,
            ),
            (Variable::MultipartMissingSemicolon, flags.missing_semicolon),
            (Variable::MultipartInvalidQuoting, flags.invalid_quoting),
            (Variable::MultipartInvalidPart, flags.invalid_part),
            (
                Variable::MultipartFileLimitExceeded,
                flags.file_limit_exceeded,
            ),
            (Variable::MultipartStrictError, flags.strict_error()),
        ] {
            if set {
                self.store.set(variable, b"1");
            }
        }
        if flags.unmatched_boundary > 0 {
            let digit = [b'0' + flags.unmatched_boundary];
            self.store.set(Variable::MultipartUnmatchedBoundary, &digit);
        }
    }

    /// Takes a part of the response body.
    pub fn response_body_chunk(&mut self, chunk: &[u8]) -> Decision {
        if !self.wants_response_body() {
            return self.report.decision.clone();
        }
        let response = &mut self.response;
        let room = response.limit.saturating_sub(response.body.len() as u64);
        let taken = chunk.len().min(usize::try_from(room).unwrap_or(usize::MAX));
        response.body.extend_from_slice(&chunk[..taken]);
        if taken < chunk.len() {
            response.cut = true;
            self.store.set(Variable::OutboundDataError, b"1");
            if self.response.beyond == Beyond::Reject {
                let status = self.rules.limits.status;
                self.refuse(status, Why::ResponseBodyTooLarge);
            }
        }
        self.report.decision.clone()
    }

    /// The response is complete: phase 4.
    pub fn response_body(&mut self) -> Decision {
        if self.mode == Mode::Off || !self.report.decision.passes() {
            return self.report.decision.clone();
        }
        let body = std::mem::take(&mut self.response.body);
        if !body.is_empty() {
            self.store.set(Variable::ResponseBody, &body);
        }
        self.run(4)
    }
}
