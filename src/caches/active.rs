//! Who was here this week, or today.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

/// Accounts remembered at most; one that is forgotten is written down once more, to no effect.
const MOST: usize = 200_000;

/// The accounts of one week, or day, that are written down already.
#[derive(Debug, Default)]
pub struct ActiveWeek {
    seen: Mutex<(i64, HashSet<i64>)>,
}

impl ActiveWeek {
    /// Whether an account was not seen before in a week (by its beginning) or day.
    pub fn is_first(&self, week: i64, account_id: i64) -> bool {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.0 != week || seen.1.len() >= MOST {
            *seen = (week, HashSet::new());
        }
        seen.1.insert(account_id)
    }
}
