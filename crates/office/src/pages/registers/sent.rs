//! What a form sent: values and files, whichever way the browser packed them, as the JSON that
//! the desk reads from pages, API and command line alike.

use axum::extract::{Form, FromRequest, Multipart, Request};
use axum::http::header;
use axum::response::IntoResponse as _;
use mamori_web::WebError;
use serde_json::{Map, Value, json};

use super::Here;
use super::fields::{MAX_ROWS, row_name};
use crate::files::{self, FileError};
use crate::register::{ActSpec, FieldKind, FieldProblem, FieldSpec};

/// Ends the name of the hidden field that keeps a file between two tries.
pub(super) const KEPT: &str = ".kept";

/// A sent form.
#[derive(Debug, Default)]
pub(super) struct Sent {
    values: Vec<(String, String)>,
    files: Vec<(String, String, Vec<u8>)>,
}

impl Sent {
    /// Reads a request's body.
    pub(super) async fn read(request: Request) -> Result<Self, WebError> {
        let is_multipart = request
            .headers()
            .get(header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .is_some_and(|kind| kind.to_ascii_lowercase().starts_with("multipart/"));
        let unreadable = || WebError::invalid("送られた内容を読めませんでした");
        if !is_multipart {
            let Form(values) = Form::<Vec<(String, String)>>::from_request(request, &())
                .await
                .map_err(|_| unreadable())?;
            return Ok(Self {
                values,
                files: Vec::new(),
            });
        }
        let mut sent = Self::default();
        let mut parts = Multipart::from_request(request, &())
            .await
            .map_err(|_| unreadable())?;
        while let Some(part) = parts.next_field().await.map_err(|_| unreadable())? {
            let name = part.name().unwrap_or_default().to_owned();
            if let Some(file) = part.file_name().map(str::to_owned) {
                let bytes = part.bytes().await.map_err(|error| {
                    let too_large = error.into_response().status();
                    if too_large == axum::http::StatusCode::PAYLOAD_TOO_LARGE {
                        WebError::invalid("ファイルが大きすぎます。30 MB までにしてください")
                    } else {
                        unreadable()
                    }
                })?;
                // A file field that nobody used is sent without name and content.
                if !file.is_empty() {
                    sent.files.push((name, file, bytes.to_vec()));
                }
            } else {
                let value = part.text().await.map_err(|_| unreadable())?;
                sent.values.push((name, value));
            }
        }
        Ok(sent)
    }

    /// A value; `None` when the form has no such field.
    pub(super) fn value(&self, name: &str) -> Option<&str> {
        self.values
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// The key that makes sending the form a second time harmless.
    pub(super) fn once(&self) -> Option<String> {
        let key = self.value("once")?;
        let fits = (1..=100).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_graphic());
        fits.then(|| key.to_owned())
    }

    /// The revision that the person saw.
    pub(super) fn revision(&self) -> Option<i64> {
        self.value("revision")?.parse().ok()
    }

    /// What was typed into the act's fields, files stored. What is wrong with files comes beside
    /// it, so that it is said together with everything else.
    pub(super) async fn form(
        &mut self,
        here: &Here,
        act: &ActSpec,
    ) -> Result<(Map<String, Value>, Vec<FieldProblem>), WebError> {
        let mut form = Map::new();
        let mut problems = Vec::new();
        for field in act.fields {
            let value = match field.kind {
                FieldKind::Rows(inner) => Some(self.rows(here, field, inner, &mut problems).await?),
                FieldKind::File => self.file(here, field, field.name, &mut problems).await?,
                _ => self.value(field.name).map(|text| json!(text)),
            };
            if let Some(value) = value {
                form.insert(field.name.to_owned(), value);
            }
        }
        Ok((form, problems))
    }

    async fn rows(
        &mut self,
        here: &Here,
        field: &FieldSpec,
        inner: &[FieldSpec],
        problems: &mut Vec<FieldProblem>,
    ) -> Result<Value, WebError> {
        let mut rows = Vec::new();
        for row in 0..MAX_ROWS {
            let mut values = Map::new();
            for one in inner {
                let name = row_name(field.name, row, one.name);
                let value = match one.kind {
                    FieldKind::File => self.file(here, one, &name, problems).await?,
                    _ => self.value(&name).map(|text| json!(text)),
                };
                if let Some(value) = value {
                    values.insert(one.name.to_owned(), value);
                }
            }
            let is_empty = values
                .values()
                .all(|value| value.as_str().is_some_and(|text| text.trim().is_empty()));
            if !is_empty {
                rows.push(Value::Object(values));
            }
        }
        Ok(Value::Array(rows))
    }

    /// The file of a field: sent now, or kept from the try before.
    async fn file(
        &mut self,
        here: &Here,
        field: &FieldSpec,
        name: &str,
        problems: &mut Vec<FieldProblem>,
    ) -> Result<Option<Value>, WebError> {
        if let Some(at) = self.files.iter().position(|(key, _, _)| key == name) {
            let (_, file, bytes) = self.files.swap_remove(at);
            match files::store(&here.app, &file, bytes).await {
                Ok(file) => return Ok(Some(json!(file))),
                Err(FileError::Refused(message)) => {
                    problems.push(FieldProblem::new(name, field.label_ja, message));
                }
                Err(FileError::Store(error)) => return Err(error.into()),
                Err(error @ FileError::Task(_)) => return Err(WebError::bug(error)),
            }
        }
        let kept = self.value(&format!("{name}{KEPT}"));
        Ok(kept.and_then(|kept| serde_json::from_str(kept).ok()))
    }
}
