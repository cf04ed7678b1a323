//! A capability whose jobs do what a test asks of them.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use jiff::{SignedDuration, Timestamp};
use mamori_runtime::{
    App, Capability, JobContext, JobError, JobKind, NewJob, RetryPolicy, Schedule,
};

/// What the jobs did: kept in a slot of the application.
#[derive(Default)]
pub struct Diary {
    /// Runs of `test.note`, in order.
    pub notes: Mutex<Vec<(String, Option<Timestamp>)>>,
    /// How often `test.fragile` should still fail.
    pub failures_left: AtomicUsize,
    /// Runs of `test.fragile`.
    pub tries: AtomicUsize,
}

impl Diary {
    pub fn texts(&self) -> Vec<String> {
        let notes = self.notes.lock().expect("not poisoned");
        notes.iter().map(|(text, _)| text.clone()).collect()
    }

    /// Instants the schedules meant, as Japanese civil time.
    pub fn instants(&self) -> Vec<String> {
        let notes = self.notes.lock().expect("not poisoned");
        notes
            .iter()
            .filter_map(|(_, at)| *at)
            .map(|at| {
                mamori_kernel::clock::tokyo_datetime(at)
                    .strftime("%m-%d %H:%M")
                    .to_string()
            })
            .collect()
    }
}

pub fn diary(app: &App) -> Arc<Diary> {
    app.slot_or_default::<Diary>()
}

pub const FRAGILE_PAUSES: RetryPolicy = RetryPolicy {
    attempts: 3,
    first_pause: SignedDuration::from_mins(1),
    longest_pause: SignedDuration::from_mins(30),
};

pub fn capability(schedules: Vec<Schedule>) -> Capability {
    Capability {
        id: "test",
        title_ja: "試験",
        jobs: vec![
            JobKind::new("test.note", RetryPolicy::LOCAL, note),
            JobKind::new("test.fragile", FRAGILE_PAUSES, fragile),
            JobKind::new("test.panic", FRAGILE_PAUSES, panics),
            JobKind::new("test.hopeless", RetryPolicy::LOCAL, hopeless),
            JobKind::new("test.slow", RetryPolicy::LOCAL, slow)
                .with_lease(SignedDuration::from_secs(2)),
        ],
        schedules,
        ..Capability::default()
    }
}

async fn note(context: JobContext) -> Result<(), JobError> {
    let text = context.payload["text"].as_str().unwrap_or("").to_owned();
    diary(&context.app)
        .notes
        .lock()
        .expect("not poisoned")
        .push((text, context.scheduled_for));
    Ok(())
}

async fn fragile(context: JobContext) -> Result<(), JobError> {
    let diary = diary(&context.app);
    diary.tries.fetch_add(1, Ordering::SeqCst);
    let left = diary.failures_left.load(Ordering::SeqCst);
    if left > 0 {
        diary.failures_left.store(left - 1, Ordering::SeqCst);
        return Err("relay is away".into());
    }
    Ok(())
}

async fn panics(context: JobContext) -> Result<(), JobError> {
    diary(&context.app).tries.fetch_add(1, Ordering::SeqCst);
    panic!("index out of bounds");
}

async fn hopeless(_: JobContext) -> Result<(), JobError> {
    Err(JobError::Permanent("no such form".to_owned()))
}

async fn slow(context: JobContext) -> Result<(), JobError> {
    let pause = context.payload["ms"].as_u64().unwrap_or(10_000);
    tokio::time::sleep(std::time::Duration::from_millis(pause)).await;
    note(context).await
}

/// Queues one job in a transaction of its own.
pub async fn queue(app: &App, job: NewJob) -> bool {
    let mut tx = app.db.begin_write().await.expect("a transaction");
    let queued = app.enqueue(&mut tx, job).await.expect("queued").is_some();
    tx.commit().await.expect("committed");
    queued
}
