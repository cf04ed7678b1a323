//! Logs and metrics. Logs go to standard error, as text or as one JSON object per line; metrics
//! are kept in memory and rendered in Prometheus' text format. Nothing is sent anywhere. The newest
//! warnings stay in memory for the console ([`crate::RecentLogs`]).

use std::io;
use std::sync::OnceLock;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _};

use crate::config::{Log, LogFormat};
use crate::recent_logs::{Keeping, RecentLogs};

/// Starts logging for the process. A second call changes nothing (tests open many apps).
pub fn start_logs(log: &Log) {
    let filter = EnvFilter::try_new(&log.filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let lines = tracing_subscriber::fmt::layer().with_writer(io::stderr);
    let lines = match log.format {
        // No colours: they would need a further crate, and logs are mostly read from files.
        LogFormat::Text => lines.with_target(false).with_ansi(false).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    let kept = Keeping(RecentLogs::global()).with_filter(LevelFilter::WARN);
    // An error means that a subscriber is there already, which is what we want.
    let _ = tracing_subscriber::registry()
        .with(lines.with_filter(filter))
        .with(kept)
        .try_init();
}

/// Seconds in which durations of requests, jobs and ledger appends are counted.
const DURATION_BUCKETS: [f64; 12] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0,
];

/// Metrics of the process. Clones are handles to the same figures: the `metrics` crate has one
/// recorder per process, so several applications in one process (tests) share it.
#[derive(Clone)]
pub struct Metrics(PrometheusHandle);

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Metrics")
    }
}

impl Metrics {
    /// The process's metrics; installs the recorder at the first call.
    pub fn global() -> Self {
        static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
        let handle = HANDLE.get_or_init(|| {
            let recorder = PrometheusBuilder::new()
                .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &DURATION_BUCKETS)
                .expect("the list of buckets is not empty")
                .build_recorder();
            let handle = recorder.handle();
            // Another recorder can only be there if a dependent crate installed it; ours then
            // renders nothing, and nothing else depends on it.
            let _ = metrics::set_global_recorder(recorder);
            describe();
            handle
        });
        Self(handle.clone())
    }

    /// The figures in Prometheus' text format (version 0.0.4).
    pub fn render(&self) -> String {
        self.0.run_upkeep();
        self.0.render()
    }
}

/// Runs of jobs by kind and outcome (`done`, `retry`, `failed`).
pub const JOB_RUNS: &str = "mamori_job_runs_total";
/// Duration of job runs in seconds by kind.
pub const JOB_SECONDS: &str = "mamori_job_seconds";
/// Scheduled runs that came too late, by schedule.
pub const JOB_MISSED: &str = "mamori_job_missed_total";
/// Duration of HTTP requests in seconds by route and status class.
pub const HTTP_SECONDS: &str = "mamori_http_seconds";
/// Notifications by channel and outcome.
pub const NOTIFICATIONS: &str = "mamori_notifications_total";
/// Records appended to the ledger through this process, by kind.
pub const LEDGER_RECORDS: &str = "mamori_ledger_records_total";

fn describe() {
    metrics::describe_counter!(JOB_RUNS, "Runs of jobs by kind and outcome");
    metrics::describe_histogram!(JOB_SECONDS, "Duration of job runs");
    metrics::describe_counter!(JOB_MISSED, "Scheduled runs that came too late");
    metrics::describe_histogram!(HTTP_SECONDS, "Duration of HTTP requests");
    metrics::describe_counter!(NOTIFICATIONS, "Notifications by channel and outcome");
    metrics::describe_counter!(LEDGER_RECORDS, "Records appended to the ledger by kind");
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The writer panics when it is asked for a feature it was built without.
    #[test]
    fn logs_start_in_both_forms_and_more_than_once() {
        for format in [LogFormat::Text, LogFormat::Json, LogFormat::Text] {
            start_logs(&Log {
                format,
                filter: "off".to_owned(),
            });
        }
    }

    #[test]
    fn figures_come_out_in_prometheus_text() {
        let shared = Metrics::global();
        metrics::counter!(JOB_RUNS, "kind" => "test.telemetry", "outcome" => "done").increment(3);
        metrics::histogram!(JOB_SECONDS, "kind" => "test.telemetry").record(0.02);
        let text = shared.render();
        assert!(
            text.contains("mamori_job_runs_total{kind=\"test.telemetry\",outcome=\"done\"} 3"),
            "{text}"
        );
        assert!(text.contains("le=\"0.025\"} 1"), "{text}");
    }
}
