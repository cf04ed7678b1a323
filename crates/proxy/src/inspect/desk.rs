//! Where inspections run.
//!
//! A bounded number runs at the same time, a bounded number waits; beyond that nothing is inspected
//! and the policy says whether the request passes. A panic in the engine counts as not inspected.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Semaphore;

use crate::commons::{Asker, Commons, Portion};
use crate::policy::Inspection;

/// Memory for bodies is counted in these.
const UNIT: usize = 1024;

/// Why something was not inspected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Uninspected {
    /// The queue, or the memory for bodies, is full.
    Full,
    /// The inspection ended in a panic.
    Failed,
}

/// The places where inspections run.
#[derive(Debug)]
pub(crate) struct Desk {
    places: Semaphore,
    /// Kilobytes for bodies that are held back.
    room: Arc<Commons>,
    inside: Arc<AtomicUsize>,
    most: usize,
    settings: Inspection,
}

/// One that is inside, running or waiting.
struct Inside(Arc<AtomicUsize>);

impl Drop for Inside {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Desk {
    pub(crate) fn new(settings: Inspection) -> Self {
        Self {
            places: Semaphore::new(settings.threads.clamp(1, Semaphore::MAX_PERMITS)),
            room: Commons::new(
                settings.memory / UNIT,
                settings.memory_of_client.div_ceil(UNIT),
            ),
            inside: Arc::new(AtomicUsize::new(0)),
            most: settings.threads.saturating_add(settings.queue),
            settings,
        }
    }

    pub(crate) fn settings(&self) -> &Inspection {
        &self.settings
    }

    /// Room for a body of this many bytes. It is given back with the value.
    pub(crate) async fn room(&self, asker: &Asker, bytes: usize) -> Result<Portion, Uninspected> {
        let units = u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX);
        let room = self.room.take(asker, units, self.settings.wait).await;
        room.ok_or(Uninspected::Full)
    }

    /// Runs `work` on `subject`, which is `bytes` large.
    pub(crate) async fn run<S, T>(
        &self,
        bytes: usize,
        mut subject: S,
        work: impl FnOnce(&mut S) -> T + Send + 'static,
    ) -> Result<(S, T), Uninspected>
    where
        S: Send + 'static,
        T: Send + 'static,
    {
        if bytes <= self.settings.inline {
            let done = catch_unwind(AssertUnwindSafe(|| work(&mut subject)));
            return done
                .map(|outcome| (subject, outcome))
                .map_err(|_| Uninspected::Failed);
        }
        if self.inside.fetch_add(1, Ordering::Relaxed) >= self.most {
            self.inside.fetch_sub(1, Ordering::Relaxed);
            return Err(Uninspected::Full);
        }
        let inside = Inside(Arc::clone(&self.inside));
        let Ok(_place) = self.places.acquire().await else {
            return Err(Uninspected::Failed);
        };
        // The place inside goes with the work: work whose request has gone still holds it.
        tokio::task::spawn_blocking(move || {
            let _inside = inside;
            let outcome = work(&mut subject);
            (subject, outcome)
        })
        .await
        .map_err(|_| Uninspected::Failed)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    fn settings(inline: usize) -> Inspection {
        Inspection {
            threads: 1,
            queue: 1,
            inline,
            ..Inspection::default()
        }
    }

    #[tokio::test]
    async fn small_work_is_done_where_it_is_and_a_panic_is_told() {
        let desk = Desk::new(settings(100));
        let here = std::thread::current().id();
        let ((), there) = desk
            .run(100, (), |()| std::thread::current().id())
            .await
            .unwrap();
        assert_eq!(here, there);
        let ((), there) = desk
            .run(101, (), |()| std::thread::current().id())
            .await
            .unwrap();
        assert_ne!(here, there);
        for bytes in [1, 1000] {
            let outcome = desk
                .run(bytes, (), |()| panic!("a fault of the engine"))
                .await;
            assert_eq!(outcome.unwrap_err(), Uninspected::Failed);
        }
        assert_eq!(desk.inside.load(Ordering::Relaxed), 0);
    }

    #[tokio::test]
    async fn beyond_the_queue_nothing_is_taken() {
        let desk = Arc::new(Desk::new(settings(0)));
        let mut release = Vec::new();
        let mut running = Vec::new();
        for _ in 0..2 {
            let (sender, receiver) = mpsc::channel::<()>();
            release.push(sender);
            let desk = Arc::clone(&desk);
            running.push(tokio::spawn(async move {
                desk.run(1, (), move |()| {
                    let _ = receiver.recv();
                })
                .await
                .is_ok()
            }));
        }
        while desk.inside.load(Ordering::Relaxed) < 2 {
            tokio::task::yield_now().await;
        }
        assert_eq!(
            desk.run(1, (), |()| ()).await.unwrap_err(),
            Uninspected::Full
        );
        release.clear();
        for one in running {
            assert!(one.await.unwrap());
        }
        assert!(desk.run(1, (), |()| ()).await.is_ok());
    }
}
