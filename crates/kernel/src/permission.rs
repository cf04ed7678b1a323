//! What a signed-in person may do: permissions named by capabilities, granted by roles.
//!
//! A permission is an area (`work`, `document`, `ledger`, …) and a depth of access. Capabilities
//! name their own areas, so a new capability needs no change here; roles grant by depth. This
//! module decides, it does not enforce: pages and routes carry the permission that they need.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// How deep an act reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Access {
    /// Look (閲覧).
    Read,
    /// Record what happened (記録).
    Write,
    /// Submit, approve inside the contractor's house (提出・社内承認).
    Decide,
    /// The city's own acts: receive, accept, return, approve (受領・検収・承認).
    Accept,
    /// Users, keys, erasure, contract files (管理).
    Administer,
}

impl Access {
    /// `read`, `write`, `decide`, `accept` or `administer`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Decide => "decide",
            Self::Accept => "accept",
            Self::Administer => "administer",
        }
    }

    /// Japanese name for pages.
    pub const fn title_ja(self) -> &'static str {
        match self {
            Self::Read => "閲覧",
            Self::Write => "記録",
            Self::Decide => "提出・社内承認",
            Self::Accept => "受領・検収・承認",
            Self::Administer => "管理",
        }
    }
}

/// The right to act at a depth in an area. Prints as `work.write`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Permission {
    /// Area: the id of a capability.
    pub area: &'static str,
    /// Depth.
    pub access: Access,
}

impl Permission {
    /// A permission; `const`, so that capabilities can declare theirs.
    pub const fn new(area: &'static str, access: Access) -> Self {
        Self { area, access }
    }

    /// Looking into an area.
    pub const fn read(area: &'static str) -> Self {
        Self::new(area, Access::Read)
    }

    /// Recording in an area.
    pub const fn write(area: &'static str) -> Self {
        Self::new(area, Access::Write)
    }

    /// Submitting or approving in an area.
    pub const fn decide(area: &'static str) -> Self {
        Self::new(area, Access::Decide)
    }

    /// The city's acts in an area.
    pub const fn accept(area: &'static str) -> Self {
        Self::new(area, Access::Accept)
    }

    /// Administering an area.
    pub const fn administer(area: &'static str) -> Self {
        Self::new(area, Access::Administer)
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.area, self.access.as_str())
    }
}

/// Areas of the contractor's own house: people, settings, the machine.
pub const HOUSE: [&str; 7] = [
    AUDIT, "job", "metrics", "setting", "system", "user", "webhook",
];

/// Who looked at personal data: for administrators and auditors.
pub const AUDIT: &str = "audit";

/// Asking the contractor something (a question, a request): the city and the counsellors may.
pub const ASKING: &str = "ask";

/// What a counsellor may look at.
const DESK: [&str; 4] = [ASKING, "chat", "help", "question"];
/// What a counsellor may write.
const DESK_WRITES: [&str; 2] = [ASKING, "chat"];

/// What a user is, in a contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Looks only (auditor, successor) — 閲覧者.
    Viewer,
    /// The city's staff: looks, receives and accepts — 市担当者.
    City,
    /// A counsellor of the desk: answers visitors in the chat, asks the contractor — 相談員.
    Counsellor,
    /// The contractor's engineer: looks and records — 担当者.
    Staff,
    /// The contractor's person in charge: also submits and approves — 責任者.
    Manager,
    /// Administers the installation. May do everything except what only the city may — 管理者.
    Administrator,
}

impl Role {
    /// All roles, weakest first.
    pub const ALL: [Self; 6] = [
        Self::Viewer,
        Self::City,
        Self::Counsellor,
        Self::Staff,
        Self::Manager,
        Self::Administrator,
    ];

    /// `viewer`, `city`, `counsellor`, `staff`, `manager` or `administrator`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::City => "city",
            Self::Counsellor => "counsellor",
            Self::Staff => "staff",
            Self::Manager => "manager",
            Self::Administrator => "administrator",
        }
    }

    /// Japanese name for pages.
    pub const fn title_ja(self) -> &'static str {
        match self {
            Self::Viewer => "閲覧者",
            Self::City => "市担当者",
            Self::Counsellor => "相談員",
            Self::Staff => "担当者",
            Self::Manager => "責任者",
            Self::Administrator => "管理者",
        }
    }

    /// Whether the role grants `permission`. The contractor can never accept on the city's
    /// behalf: an acceptance that the supplier could write would prove nothing.
    ///
    /// Depth decides in the contract's areas. The contractor's own house ([`HOUSE`]) is closed to
    /// the city, and a counsellor sees nothing but the desk's own work ([`DESK`]).
    pub fn allows(self, permission: Permission) -> bool {
        let area = permission.area;
        match self {
            Self::Counsellor => {
                DESK.contains(&area) && matches!(permission.access, Access::Read)
                    || DESK_WRITES.contains(&area) && matches!(permission.access, Access::Write)
            }
            Self::City if HOUSE.contains(&area) => false,
            Self::City if ASKING == area => {
                matches!(permission.access, Access::Read | Access::Write)
            }
            Self::Viewer if HOUSE.contains(&area) && area != AUDIT => false,
            _ => self.allows_depth(permission.access),
        }
    }

    fn allows_depth(self, access: Access) -> bool {
        match access {
            Access::Read => true,
            Access::Write => matches!(self, Self::Staff | Self::Manager | Self::Administrator),
            Access::Decide => matches!(self, Self::Manager | Self::Administrator),
            Access::Accept => matches!(self, Self::City),
            Access::Administer => matches!(self, Self::Administrator),
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text names no role.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "役割 {0:?} はありません(viewer・city・counsellor・staff・manager・administrator のどれかです)"
)]
pub struct UnknownRole(pub String);

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(text: &str) -> Result<Self, UnknownRole> {
        Self::ALL
            .into_iter()
            .find(|role| role.as_str() == text)
            .ok_or_else(|| UnknownRole(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_grant_by_depth_and_only_the_city_accepts() {
        let table = [
            (Role::Viewer, [true, false, false, false, false]),
            (Role::City, [true, false, false, true, false]),
            (Role::Counsellor, [false, false, false, false, false]),
            (Role::Staff, [true, true, false, false, false]),
            (Role::Manager, [true, true, true, false, false]),
            (Role::Administrator, [true, true, true, false, true]),
        ];
        let depths = [
            Access::Read,
            Access::Write,
            Access::Decide,
            Access::Accept,
            Access::Administer,
        ];
        for (role, expected) in table {
            let granted = depths.map(|access| role.allows(Permission::new("work", access)));
            assert_eq!(granted, expected, "{role}");
        }
    }

    #[test]
    fn the_house_is_closed_to_the_city_and_the_desk_is_all_a_counsellor_sees() {
        for area in HOUSE {
            assert!(!Role::City.allows(Permission::read(area)), "{area}");
            assert!(!Role::Counsellor.allows(Permission::read(area)), "{area}");
            assert!(Role::Staff.allows(Permission::read(area)), "{area}");
        }
        assert!(Role::Viewer.allows(Permission::read(AUDIT)));
        assert!(!Role::Viewer.allows(Permission::read("user")));
        assert!(Role::Counsellor.allows(Permission::read("question")));
        assert!(!Role::Counsellor.allows(Permission::write("question")));
        for role in [Role::Counsellor, Role::City, Role::Staff] {
            assert!(role.allows(Permission::write(ASKING)), "{role}");
        }
        assert!(!Role::Viewer.allows(Permission::write(ASKING)));
    }

    #[test]
    fn names_are_stable() {
        assert_eq!(Permission::write("work").to_string(), "work.write");
        for role in Role::ALL {
            assert_eq!(role.to_string().parse(), Ok(role));
        }
        assert!("root".parse::<Role>().is_err());
    }
}
