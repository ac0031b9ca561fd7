//! Names that nobody may take here, besides those that are reserved.

use super::Ctx;
use crate::db::sign_up_rules::UsernameBlock;
use crate::db::{self, Conn};
use crate::error::{AppError, AppResult};

/// Longest pattern, in characters.
const MAX_PATTERN: usize = 30;

/// The form that names are compared in: in lower case, digits as the letters they stand for.
fn comparable(name: &str) -> String {
    name.trim()
        .chars()
        .flat_map(char::to_lowercase)
        .map(|c| match c {
            '0' => 'o',
            '1' => 'i',
            '2' => 'z',
            '3' => 'e',
            '4' => 'a',
            '5' => 's',
            '7' => 't',
            '8' => 'b',
            '9' => 'g',
            c => c,
        })
        .collect()
}

/// Whether nobody may take a name.
pub async fn blocks(conn: &mut Conn, name: &str) -> AppResult<bool> {
    let name = comparable(name);
    let rows = db::sign_up_rules::all_usernames(conn).await?;
    Ok(rows.iter().any(|row| {
        if row.whole {
            row.pattern == name
        } else {
            name.contains(&row.pattern)
        }
    }))
}

/// Blocks a name, or (`whole` false) all names that hold it. Those who have such a name keep it.
pub async fn add(tx: &mut Conn, ctx: &Ctx, pattern: &str, whole: bool) -> AppResult<UsernameBlock> {
    let pattern = comparable(pattern);
    if pattern.is_empty() || pattern.chars().count() > MAX_PATTERN {
        return Err(AppError::invalid(format!(
            "a name has 1 to {MAX_PATTERN} characters"
        )));
    }
    let row = UsernameBlock {
        id: ctx.ids.next(),
        pattern,
        whole,
        created_at: ctx.now(),
    };
    if !db::sign_up_rules::add_username(tx, &row).await? {
        return Err(AppError::invalid("this name is blocked already"));
    }
    Ok(row)
}

/// Lets a name be taken again; 404 for one that is not blocked.
pub async fn remove(tx: &mut Conn, pattern: &str) -> AppResult<UsernameBlock> {
    let row = db::sign_up_rules::username_by_pattern(tx, &comparable(pattern))
        .await?
        .ok_or_else(AppError::not_found)?;
    db::sign_up_rules::remove_username(tx, row.id).await?;
    Ok(row)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_look_alike_are_one() {
        assert_eq!(comparable("Adm1n"), comparable("admin"));
        assert_eq!(comparable("SUPP0RT"), "support");
        assert_ne!(comparable("alice"), comparable("malice"));
    }
}
