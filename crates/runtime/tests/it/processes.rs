//! Several runners on one database, as several processes would be: own connections, own memory.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use jiff::civil::{date, time};
use mamori_kernel::DrivenClock;
use mamori_runtime::schedule::{At, Rule};
use mamori_runtime::{App, Config, NewJob, Runner, Schedule};
use mamori_store::args;
use mamori_testkit::PrivatePostgres;
use serde_json::json;

use crate::capability::{capability, diary, queue};

/// One "process": an application with its own pools on a shared database.
async fn process(folder: &Path, url: Option<&str>, clock: &DrivenClock) -> App {
    let mut config = Config::for_data_dir(folder);
    config.database.url = url.map(str::to_owned);
    let daily = Schedule::new("test.daily", "test.note", Rule::Daily(At::new(8, 30)));
    App::open(
        config,
        Arc::new(clock.clone()),
        vec![capability(vec![daily])],
    )
    .await
    .expect("opens")
}

fn clock() -> DrivenClock {
    DrivenClock::at(date(2026, 10, 1), time(9, 0, 0, 0))
}

async fn databases() -> Vec<(tempfile::TempDir, Option<String>)> {
    let mut all = vec![(tempfile::tempdir().expect("folder"), None)];
    if let Some(server) = PrivatePostgres::shared() {
        let url = server.fresh_database().await;
        all.push((tempfile::tempdir().expect("folder"), Some(url)));
    }
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_runners_run_each_job_once() {
    for (folder, url) in databases().await {
        let clock = clock();
        let apps = [
            process(folder.path(), url.as_deref(), &clock).await,
            process(folder.path(), url.as_deref(), &clock).await,
        ];
        let mut tx = apps[0].db.begin_write().await.expect("a transaction");
        for n in 0..60 {
            let job = NewJob::new("test.note", &json!({ "text": format!("{n:02}") }));
            apps[0].enqueue(&mut tx, job).await.expect("queued");
        }
        tx.commit().await.expect("committed");
        let runs = apps.clone().map(|app| {
            let now = clock.now_again();
            tokio::spawn(async move { Runner::new(app).run_due(now).await.expect("runs") })
        });
        let mut done = 0;
        for run in runs {
            done += run.await.expect("no panic").done;
        }
        assert_eq!(done, 60, "{url:?}");
        let mut texts = [diary(&apps[0]).texts(), diary(&apps[1]).texts()].concat();
        texts.sort();
        let expected: Vec<String> = (0..60).map(|n| format!("{n:02}")).collect();
        assert_eq!(texts, expected, "{url:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_runners_catch_up_each_period_once() {
    for (folder, url) in databases().await {
        let clock = clock();
        let apps = [
            process(folder.path(), url.as_deref(), &clock).await,
            process(folder.path(), url.as_deref(), &clock).await,
        ];
        Runner::new(apps[0].clone())
            .run_due(clock.now_again())
            .await
            .expect("runs");
        clock.advance(SignedDuration::from_hours(24 * 20));
        let runs = apps.clone().map(|app| {
            let now = clock.now_again();
            tokio::spawn(async move { Runner::new(app).run_due(now).await.expect("runs") })
        });
        for run in runs {
            run.await.expect("no panic");
        }
        let mut instants = [diary(&apps[0]).instants(), diary(&apps[1]).instants()].concat();
        instants.sort();
        let expected: Vec<String> = (2..=21).map(|day| format!("10-{day:02} 08:30")).collect();
        assert_eq!(instants, expected, "{url:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_killed_runner_leaves_its_job_to_another() {
    for (folder, url) in databases().await {
        let clock = clock();
        let first = process(folder.path(), url.as_deref(), &clock).await;
        let second = process(folder.path(), url.as_deref(), &clock).await;
        queue(
            &first,
            NewJob::new("test.slow", &json!({ "ms": 60_000, "text": "one" })),
        )
        .await;
        let now = clock.now_again();
        let killed = tokio::spawn(async move { Runner::new(first).run_due(now).await });
        while second.job_counts().await.expect("counts").running == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        killed.abort();
        let _ = killed.await;
        // Within the lease nobody else touches it; afterwards it runs again.
        let runner = Runner::new(second.clone());
        clock.advance(SignedDuration::from_secs(30));
        assert_eq!(
            runner
                .run_due(clock.now_again())
                .await
                .expect("runs")
                .runs(),
            0
        );
        second
            .db
            .execute(
                "UPDATE job SET payload = $1 WHERE kind = 'test.slow'",
                args![json!({ "ms": 1, "text": "two" }).to_string()],
            )
            .await
            .expect("updated");
        clock.advance(SignedDuration::from_secs(31));
        assert_eq!(
            runner.run_due(clock.now_again()).await.expect("runs").done,
            1
        );
        assert_eq!(diary(&second).texts(), ["two"], "{url:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_long_job_keeps_its_lease_by_heartbeat() {
    let folder = tempfile::tempdir().expect("folder");
    let clock = clock();
    let first = process(folder.path(), None, &clock).await;
    let second = process(folder.path(), None, &clock).await;
    // The lease of test.slow is two seconds: renewed after two thirds of a second.
    queue(
        &first,
        NewJob::new("test.slow", &json!({ "ms": 1500, "text": "long" })),
    )
    .await;
    let now = clock.now_again();
    let app = first.clone();
    let running = tokio::spawn(async move { Runner::new(app).run_due(now).await });
    while second.job_counts().await.expect("counts").running == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let claimed = lease(&second).await;
    clock.advance(SignedDuration::from_secs(59));
    tokio::time::sleep(Duration::from_millis(900)).await;
    assert_ne!(lease(&second).await, claimed, "renewed");
    // Past the first lease, within the renewed one.
    clock.advance(SignedDuration::from_millis(1_500));
    let other = Runner::new(second.clone());
    assert_eq!(
        other.run_due(clock.now_again()).await.expect("runs").runs(),
        0
    );
    assert_eq!(running.await.expect("no panic").expect("runs").done, 1);
    assert_eq!(diary(&first).texts(), ["long"]);
}

async fn lease(app: &App) -> i64 {
    app.db
        .fetch_one(
            "SELECT lease_until FROM job WHERE kind = 'test.slow'",
            args![],
        )
        .await
        .expect("a row")
        .i64("lease_until")
        .expect("running")
}

/// `Clock::now` without importing the trait into every test.
trait NowAgain {
    fn now_again(&self) -> jiff::Timestamp;
}

impl NowAgain for DrivenClock {
    fn now_again(&self) -> jiff::Timestamp {
        mamori_kernel::Clock::now(self)
    }
}

#[tokio::test]
async fn people_see_the_queue_and_change_it_on_both_databases() {
    use mamori_kernel::ledger::Actor;
    use mamori_runtime::{JobAct, JobFilter, JobState};
    for (folder, url) in databases().await {
        let clock = clock();
        let app = process(folder.path(), url.as_deref(), &clock).await;
        let note = |text: &str| NewJob::new("test.note", &json!({ "text": text }));
        let later = clock.now_again() + SignedDuration::from_hours(1);
        assert!(queue(&app, note("a").dedup("k").at(later)).await);
        let waiting = app
            .jobs(&JobFilter {
                states: vec![JobState::Queued],
                kind: Some("test.note"),
                limit: 10,
                ..JobFilter::default()
            })
            .await
            .expect("jobs");
        assert_eq!(waiting.len(), 1);
        let id = &waiting[0].id;
        let who = || Actor::person("p1");
        app.change_job(id, JobAct::Cancel, who())
            .await
            .expect("taken back");
        // The key is free again, and stays with the newer job when the older one comes back.
        assert!(queue(&app, note("b").dedup("k").at(later)).await);
        app.change_job(id, JobAct::Retry, who())
            .await
            .expect("again");
        assert!(app.change_job(id, JobAct::Release, who()).await.is_err());
        assert!(
            app.change_job("nothing", JobAct::Retry, who())
                .await
                .is_err()
        );
        let now = clock.now_again();
        let summary = Runner::new(app.clone()).run_due(now).await.expect("runs");
        assert_eq!(summary.done, 1);
        assert_eq!(diary(&app).texts(), ["a"]);
        let done = app
            .jobs(&JobFilter {
                limit: 10,
                ..JobFilter::default()
            })
            .await
            .expect("jobs");
        let states: Vec<JobState> = done.iter().map(|job| job.state).collect();
        assert_eq!(states, [JobState::Queued, JobState::Done]);
        let schedules = app.schedules().await.expect("schedules");
        assert!(schedules[0].next_at.is_some_and(|next| next > now));
        assert!(schedules.iter().any(|one| one.name == "test.daily"));
        let figures = app.db.figures().await.expect("figures");
        assert_eq!(figures.database == "PostgreSQL", url.is_some());
        assert!(figures.size_bytes > 0 && !figures.migrations.is_empty());
        assert!(mamori_store::free_disk_bytes(folder.path()).is_some_and(|free| free > 0));
    }
}
