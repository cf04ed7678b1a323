//! Which routes show personal values of a register; the console writes down who was shown them.

use mamori_runtime::Route;

use crate::api::answer::seen_by;
use crate::register::Register;

/// Says of each of a register's routes that it shows the register's personal values, if it has any.
pub fn declare(register: &Register, routes: Vec<Route>) -> Vec<Route> {
    if !register.spec.has_personal() {
        return routes;
    }
    routes
        .into_iter()
        .map(|route| route.personal(register.spec.key, seen_by(register)))
        .collect()
}
