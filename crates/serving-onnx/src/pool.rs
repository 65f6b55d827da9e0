//! A few instances of something, lent one at a time. Last in, first out, so the one lent is the one whose memory is still warm.

use std::fmt;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long a request waits for a free instance before it is told to come back.
pub const CHECKOUT_WAIT: Duration = Duration::from_secs(5);

/// The instances. The lock is held for a push or a pop, never while one works.
pub(crate) struct Pool<T> {
    idle: Mutex<Vec<T>>,
    freed: Condvar,
    size: usize,
}

/// An instance on loan; dropping it, also in a panic, gives it back.
struct Loan<'a, T> {
    pool: &'a Pool<T>,
    instance: Option<T>,
}

impl<T> Pool<T> {
    pub(crate) fn new(instances: Vec<T>) -> Self {
        Self { size: instances.len(), idle: Mutex::new(instances), freed: Condvar::new() }
    }

    /// How many instances there are, lent or not.
    pub(crate) const fn size(&self) -> usize {
        self.size
    }

    /// Lends a free instance to `work`; waits for one up to `wait`, and gives `None` when none became free.
    pub(crate) fn with<R>(&self, wait: Duration, work: impl FnOnce(&mut T) -> R) -> Option<R> {
        let mut loan = Loan { pool: self, instance: self.take(wait) };
        loan.instance.as_mut().map(work)
    }

    fn take(&self, wait: Duration) -> Option<T> {
        let waited = self.freed.wait_timeout_while(self.idle(), wait, |idle| idle.is_empty());
        waited.unwrap_or_else(PoisonError::into_inner).0.pop()
    }

    fn idle(&self) -> MutexGuard<'_, Vec<T>> {
        // Nothing that could panic runs under the lock, so a poisoned one still guards a whole vector.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> fmt::Debug for Pool<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("size", &self.size).field("idle", &self.idle().len()).finish()
    }
}

impl<T> Drop for Loan<'_, T> {
    fn drop(&mut self) {
        if let Some(instance) = self.instance.take() {
            self.pool.idle().push(instance);
            self.pool.freed.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn the_last_one_back_is_the_first_one_out() {
        let pool = Pool::new(vec!["a", "b"]);
        pool.with(Duration::ZERO, |first| {
            assert_eq!(*first, "b");
            pool.with(Duration::ZERO, |second| {
                assert_eq!(*second, "a");
                assert!(pool.with(Duration::ZERO, |_| ()).is_none(), "both are out");
            });
        });
        assert_eq!(pool.with(Duration::ZERO, |first| *first), Some("b"));
        assert_eq!(pool.size(), 2);
    }

    #[test]
    fn an_instance_is_never_lent_twice_and_a_panic_gives_it_back() {
        let pool = Pool::new(vec![AtomicUsize::new(0), AtomicUsize::new(0)]);
        std::thread::scope(|scope| {
            for thread in 0..8 {
                let pool = &pool;
                scope.spawn(move || {
                    for round in 0..500 {
                        let panics = thread == 0 && round % 100 == 0;
                        let work = |lent: &mut AtomicUsize| {
                            assert_eq!(lent.fetch_add(1, Ordering::SeqCst), 0, "alone with it");
                            lent.fetch_sub(1, Ordering::SeqCst);
                            if panics {
                                std::panic::resume_unwind(Box::new("a model gave up"));
                            }
                        };
                        let lend = std::panic::AssertUnwindSafe(|| pool.with(CHECKOUT_WAIT, work).unwrap());
                        assert_eq!(std::panic::catch_unwind(lend).is_err(), panics);
                    }
                });
            }
        });
        assert_eq!(pool.idle().len(), 2);
    }
}
