//! Lists as CSV: RFC 4180, UTF-8 with a byte order mark because Excel reads it only so, sent as it
//! is made. Cells that a spreadsheet would take for a formula get an apostrophe in front.

use std::convert::Infallible;

use axum::BoxError;
use axum::body::Body;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use tokio_stream::{Stream, StreamExt as _};

use super::percent_encoded;

/// Rows that go out together.
const BATCH: usize = 256;

/// An answer with these rows; `file_name` is without `.csv`.
pub fn response<R>(file_name: &str, header: &[String], rows: R) -> Response
where
    R: IntoIterator<Item = Vec<String>>,
    R::IntoIter: Send + 'static,
{
    let mut rows = rows.into_iter();
    let batches = std::iter::from_fn(move || {
        let batch: Vec<Vec<String>> = rows.by_ref().take(BATCH).collect();
        (!batch.is_empty()).then_some(Ok::<_, Infallible>(batch))
    });
    stream(file_name, header, tokio_stream::iter(batches))
}

/// An answer whose rows come in batches, such as the pages of a query. When one cannot be had the
/// answer is cut off, which a browser reports, rather than ended as if it were whole.
pub fn stream<S, E>(file_name: &str, header: &[String], batches: S) -> Response
where
    S: Stream<Item = Result<Vec<Vec<String>>, E>> + Send + 'static,
    E: Into<BoxError> + Send + 'static,
{
    let first = format!("\u{feff}{}", line(header));
    let rest =
        batches.map(|batch| batch.map(|rows| rows.iter().map(|row| line(row)).collect::<String>()));
    let body = tokio_stream::once(Ok(first)).chain(rest);
    let disposition = format!(
        "attachment; filename=\"list.csv\"; filename*=UTF-8''{}.csv",
        percent_encoded(file_name)
    );
    let mut response = Body::from_stream(body).into_response();
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/csv; charset=utf-8"),
    );
    headers.insert(
        header::CONTENT_DISPOSITION,
        HeaderValue::from_str(&disposition).expect("percent-encoded text is ASCII"),
    );
    response
}

fn line(cells: &[String]) -> String {
    let mut line = cells
        .iter()
        .map(|text| cell(text))
        .collect::<Vec<_>>()
        .join(",");
    line.push_str("\r\n");
    line
}

fn cell(text: &str) -> String {
    let text: String = text
        .replace("\r\n", "\n")
        .chars()
        .filter(|c| !c.is_control() || matches!(c, '\n' | '\t'))
        .collect();
    let guard = if is_formula(&text) { "'" } else { "" };
    if text.contains([',', '"', '\n', '\t']) || !guard.is_empty() {
        format!("\"{guard}{}\"", text.replace('"', "\"\""))
    } else {
        text
    }
}

/// Whether a spreadsheet would calculate it: OWASP's list with its full-width twins. A plain number
/// with a sign is none.
fn is_formula(text: &str) -> bool {
    let suspicious = text.starts_with(['=', '+', '-', '@', '\t', '\n', '＝', '＋', '－', '＠']);
    let number = |text: &str| {
        text.parse::<f64>().is_ok() && text.chars().skip(1).all(|c| c.is_ascii_digit() || c == '.')
    };
    suspicious && !number(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_when_they_must_be() {
        for (given, written) in [
            ("修正", "修正"),
            ("a,b", "\"a,b\""),
            ("言う \"はい\"", "\"言う \"\"はい\"\"\""),
            ("一行\r\n二行", "\"一行\n二行\""),
            ("", ""),
            ("\u{0}\u{1b}[31m赤", "[31m赤"),
        ] {
            assert_eq!(cell(given), written);
        }
    }

    #[test]
    fn formulas_are_disarmed_and_numbers_are_not() {
        for formula in [
            "=1+1",
            "+81-3-1",
            "-1+cmd|' /C calc'!A0",
            "@SUM(A1)",
            "＝1",
            "\t=1",
            "-inf",
        ] {
            assert!(cell(formula).starts_with("\"'"), "{formula}");
        }
        for number in ["-5", "-5.25", "+3", "12", "10:30"] {
            assert_eq!(cell(number), number);
        }
    }

    #[tokio::test]
    async fn an_answer_is_a_file_with_mark_header_and_every_row() {
        let header = ["番号".to_owned(), "件名".to_owned()];
        let rows = (0..600).map(|n| vec![n.to_string(), format!("件 {n}")]);
        let answer = response("作業 2026-10", &header, rows);
        assert_eq!(
            answer.headers()["content-disposition"],
            "attachment; filename=\"list.csv\"; filename*=UTF-8''%E4%BD%9C%E6%A5%AD%202026-10.csv"
        );
        let bytes = axum::body::to_bytes(answer.into_body(), usize::MAX)
            .await
            .expect("a body in memory");
        let text = String::from_utf8(bytes.to_vec()).expect("UTF-8");
        assert!(
            text.starts_with("\u{feff}番号,件名\r\n0,件 0\r\n"),
            "{text}"
        );
        assert_eq!(text.lines().count(), 601);
        assert!(text.ends_with("599,件 599\r\n"));
    }

    #[tokio::test]
    async fn an_answer_that_breaks_off_is_no_whole_file() {
        let batches = tokio_stream::iter([
            Ok(vec![vec!["1".to_owned()]]),
            Err("the database went away"),
        ]);
        let answer = stream("x", &["n".to_owned()], batches);
        assert!(
            axum::body::to_bytes(answer.into_body(), usize::MAX)
                .await
                .is_err()
        );
    }
}
