//! Roles and what they permit (Mastodon documentation, entities/Role).

use crate::domain::users::Role;

/// All permissions there are, as a client is told who is an administrator.
pub const EVERYTHING: u32 = (1 << 20) - 1;

/// What a role may permit. The bits are Mastodon's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum Permission {
    ViewAuditLog = 1 << 2,
    ViewDashboard = 1 << 3,
    ManageReports = 1 << 4,
    ManageFederation = 1 << 5,
    ManageSettings = 1 << 6,
    ManageBlocks = 1 << 7,
    ManageTaxonomies = 1 << 8,
    ManageAppeals = 1 << 9,
    ManageUsers = 1 << 10,
    ManageInvites = 1 << 11,
    ManageRules = 1 << 12,
    ManageAnnouncements = 1 << 13,
    ManageCustomEmojis = 1 << 14,
    ManageRoles = 1 << 17,
    DeleteUserData = 1 << 19,
}

/// What a moderator may, as Mastodon's role of that name.
const MODERATOR: u32 = Permission::ViewAuditLog as u32
    | Permission::ViewDashboard as u32
    | Permission::ManageReports as u32
    | Permission::ManageTaxonomies as u32
    | Permission::ManageUsers as u32;

impl Role {
    /// The bits of what it permits.
    pub fn permissions(self) -> u32 {
        match self {
            Role::User => 0,
            Role::Moderator => MODERATOR,
            Role::Admin => EVERYTHING,
        }
    }

    /// Whether it permits something.
    pub fn can(self, permission: Permission) -> bool {
        self.permissions() & permission as u32 != 0
    }

    /// Its id in the API; that of everyone is Mastodon's.
    pub fn id(self) -> &'static str {
        match self {
            Role::User => "-99",
            Role::Moderator => "2",
            Role::Admin => "3",
        }
    }

    /// Reads [`Role::id`].
    pub fn of_id(id: &str) -> Option<Role> {
        [Role::User, Role::Moderator, Role::Admin]
            .into_iter()
            .find(|role| role.id() == id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moderators_manage_people_and_reports_and_nothing_of_the_server() {
        let may = |permission| Role::Moderator.can(permission);
        assert!(may(Permission::ManageUsers) && may(Permission::ManageReports));
        assert!(may(Permission::ViewAuditLog));
        for beyond in [
            Permission::ManageRoles,
            Permission::ManageAppeals,
            Permission::ManageFederation,
            Permission::ManageBlocks,
            Permission::DeleteUserData,
        ] {
            assert!(!may(beyond), "{beyond:?}");
            assert!(Role::Admin.can(beyond), "{beyond:?}");
            assert!(!Role::User.can(beyond), "{beyond:?}");
        }
        // As Mastodon counts them for its own moderators.
        assert_eq!(Role::Moderator.permissions(), 1308);
        assert_eq!(Role::User.permissions(), 0);
    }

    #[test]
    fn ranks_are_in_order_and_ids_read_back() {
        assert!(Role::User < Role::Moderator && Role::Moderator < Role::Admin);
        for role in [Role::User, Role::Moderator, Role::Admin] {
            assert_eq!(Role::of_id(role.id()), Some(role));
        }
        assert_eq!(Role::of_id("1"), None);
    }
}
