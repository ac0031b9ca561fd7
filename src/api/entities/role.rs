//! Roles.

use serde::Serialize;

use crate::domain::collections::MAX_COLLECTIONS;
use crate::domain::users::Role;

/// `Role`.
#[derive(Debug, Serialize)]
pub struct Entity {
    id: &'static str,
    name: &'static str,
    color: &'static str,
    permissions: String,
    highlighted: bool,
    collection_limit: i64,
}

/// Shows a role; everyone's has no name.
pub fn entity(role: Role) -> Entity {
    let staff = role != Role::User;
    Entity {
        id: role.id(),
        name: if staff { role.as_str() } else { "" },
        color: "",
        permissions: role.permissions().to_string(),
        highlighted: staff,
        collection_limit: MAX_COLLECTIONS,
    }
}
