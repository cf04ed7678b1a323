//! The one list of capabilities. To add one: make its crate (or module) with
//! `pub fn capability() -> Capability`, and name it here. Nothing else in the tree lists them;
//! tests walk over this list.

use mamori_runtime::Capability;

/// Every capability of the program, the ground first.
pub fn all() -> Vec<Capability> {
    vec![
        mamori_web::capability(),
    ]
}
