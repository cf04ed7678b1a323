//! 証跡台帳: searching records, one record with its proof, heads and checkpoints, the export.
//!
//! | page | what |
//! |---|---|
//! | `/ledger?kind&subject&actor&from&to&before` | records, the newest first, 50 at a time |
//! | `/ledger/{seq}` | one record: payload, canonical JSON, the proof step by step |
//! | `/ledger/{seq}/proof` | the proof as a file for `mamori ledger verify-record` |
//! | `/ledger/checkpoints` | what the installation signed, and when |
//! | `/ledger/export` | the ZIP for `mamori ledger verify` |

mod checkpoints;
pub(crate) mod export;
mod list;
mod record;

use mamori_kernel::ledger::Record;
use mamori_runtime::Route;
use mamori_web::Page;

use super::LEDGER;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/c/{contract}/ledger", LEDGER, list::page),
        Route::get(
            "/c/{contract}/ledger/checkpoints",
            LEDGER,
            checkpoints::page,
        ),
        Route::get("/c/{contract}/ledger/export", LEDGER, export::page).within(export::WITHIN),
        Route::get("/c/{contract}/ledger/{seq}", LEDGER, record::page),
        Route::get("/c/{contract}/ledger/{seq}/proof", LEDGER, record::file),
    ]
}

/// What a record is about: the number that people know, where there is one.
fn subject(record: &Record) -> String {
    match record.payload.value()["number"].as_str() {
        Some(number) => number.to_owned(),
        None => record.subject.clone(),
    }
}

/// Where the thing that a record is about has a page; empty when it has none.
fn subject_href(page: &Page, record: &Record) -> String {
    let Some((register, _)) = record.subject.split_once(':') else {
        return String::new();
    };
    let payload = record.payload.value();
    let Some(number) = payload["number"].as_str() else {
        return String::new();
    };
    match register {
        "document" => page.at(&format!("/documents/{number}")),
        register if crate::register(register).is_some() => {
            page.at(&format!("/{register}/{number}"))
        }
        _ => String::new(),
    }
}
