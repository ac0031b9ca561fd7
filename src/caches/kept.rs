//! One value that is kept until it is made stale.

use std::sync::{Arc, PoisonError, RwLock};

/// Keeps one value. As with [`super::Cache`], what was read before a change is not kept after it.
#[derive(Debug)]
pub struct Kept<T: ?Sized> {
    slot: RwLock<(u64, Option<Arc<T>>)>,
}

impl<T: ?Sized> Default for Kept<T> {
    fn default() -> Kept<T> {
        Kept {
            slot: RwLock::new((0, None)),
        }
    }
}

impl<T: ?Sized> Kept<T> {
    /// The value, if it is there.
    pub fn get(&self) -> Option<Arc<T>> {
        let slot = self.slot.read().unwrap_or_else(PoisonError::into_inner);
        slot.1.clone()
    }

    /// To be taken before reading what [`Kept::put`] will keep.
    pub fn ticket(&self) -> u64 {
        self.slot.read().unwrap_or_else(PoisonError::into_inner).0
    }

    /// Keeps a value, unless it was forgotten after the ticket was taken.
    pub fn put(&self, ticket: u64, value: Arc<T>) {
        let mut slot = self.slot.write().unwrap_or_else(PoisonError::into_inner);
        if slot.0 == ticket {
            slot.1 = Some(value);
        }
    }

    /// Forgets the value.
    pub fn forget(&self) {
        let mut slot = self.slot.write().unwrap_or_else(PoisonError::into_inner);
        slot.0 += 1;
        slot.1 = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_reader_does_not_bring_back_what_was_forgotten() {
        let kept: Kept<str> = Kept::default();
        let slow = kept.ticket();
        kept.forget();
        kept.put(slow, "old".into());
        assert!(kept.get().is_none());
        kept.put(kept.ticket(), "new".into());
        assert_eq!(kept.get().as_deref(), Some("new"));
    }
}
