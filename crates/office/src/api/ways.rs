//! Who may do an act of a register, and for whom they speak: the one answer that pages and API
//! both take.

use mamori_kernel::permission::{ASKING, Permission, Role};
use mamori_web::Visitor;

use crate::register::{ActSpec, Register, Side};

/// The permission that an act needs from the contractor's people. Handing a paper in and
/// replacing one speak for the house, as the person in charge does.
pub fn permission(register: &Register, act: &ActSpec) -> Permission {
    let area = register.spec.key;
    match act.side {
        Side::Either if is_asking(register, act) => Permission::write(ASKING),
        Side::Contractor if area == "document" && matches!(act.name, "submit" | "replace") => {
            Permission::decide(area)
        }
        Side::Contractor | Side::Either => Permission::write(area),
        Side::City => Permission::decide(area),
    }
}

/// Whether the act asks the contractor something, which the city and its counsellors do
/// themselves and on the same way as the contractor who was rung up.
fn is_asking(register: &Register, act: &ActSpec) -> bool {
    act.opens() && act.side == Side::Either && register.spec.key == "question"
}

/// A way on which an act can be done: for whom one speaks there, and with which permission.
#[derive(Debug, Clone, Copy)]
pub struct Way {
    /// For whom.
    pub side: Side,
    /// What its address ends in.
    pub suffix: &'static str,
    /// Who may go it.
    pub permission: Permission,
}

/// The ways on which an act can be done: the one list behind pages and API.
pub fn ways(register: &Register, act: &ActSpec) -> Vec<Way> {
    let mut ways = vec![Way {
        side: Side::Contractor,
        suffix: "",
        permission: permission(register, act),
    }];
    if act.side != Side::Contractor && !is_asking(register, act) {
        ways.push(Way {
            side: Side::City,
            suffix: "/as-city",
            permission: Permission::accept(register.spec.key),
        });
    }
    ways
}

/// The way that a person may go, the city's own before the contractor's.
pub fn way_for(register: &Register, act: &ActSpec, visitor: &Visitor) -> Option<Way> {
    ways(register, act)
        .into_iter()
        .rev()
        .find(|way| visitor.may(way.permission))
}

/// For whom a visitor speaks on a way: who asks for the city is the city.
pub fn speaker(register: &Register, act: &ActSpec, way: Side, visitor: &Visitor) -> Side {
    let asks_for_city = matches!(visitor.role, Role::City | Role::Counsellor);
    if asks_for_city && is_asking(register, act) {
        Side::City
    } else {
        way
    }
}

/// The act that opens an item; of several the first, they all have the same side.
pub fn opening(register: &Register) -> &'static ActSpec {
    register
        .spec
        .possible(None)
        .next()
        .expect("every register has an opening act")
}
