//! What is done about certificates by itself: orders when they are due, the daily look at what
//! visitors get, and the warning before one ends.

use jiff::Timestamp;
use jiff::civil::Date;
use mamori_kernel::clock::tokyo_date;
use mamori_runtime::config::{Gateway, GatewaySite, SiteCertificate};
use mamori_runtime::job::{JobContext, JobError, JobKind, NewJob, RetryPolicy, Schedule};
use mamori_runtime::schedule::{At, Rule};
use mamori_runtime::{App, Notification};
use serde_json::json;

use super::examine::{self, Examined};
use super::facts::Facts;
use super::{read, store};
use crate::acme::keep::Keep;
use crate::acme::{self, Standing};
use crate::evidence;
use crate::jobs::append_about;

/// Orders what is due.
const ORDER: &str = "gateway.certificates";
/// Looks at what visitors get.
const EXAMINE: &str = "gateway.encryption";
/// Days before the end that people are warned at.
const WARNINGS: [i64; 3] = [1, 7, 21];

/// The kinds of job.
pub fn kinds() -> Vec<JobKind> {
    vec![
        JobKind::new(ORDER, RetryPolicy::LOCAL, order),
        JobKind::new(EXAMINE, RetryPolicy::LOCAL, examine_all),
    ]
}

/// When they run. Orders are asked for by the gateway that serves: without one no name can be
/// proved.
pub fn schedules() -> Vec<Schedule> {
    vec![Schedule::new(EXAMINE, EXAMINE, Rule::Daily(At::new(6, 20))).latest_only()]
}

/// Queues an order where one is due. What fails is tried again with the next look.
pub async fn ask_for_what_is_due(app: &App) {
    if let Err(error) = ask(app).await {
        tracing::warn!(%error, "orders of certificates were not looked at");
    }
}

async fn ask(app: &App) -> Result<(), mamori_runtime::job::JobQueueError> {
    let Some(gateway) = &app.config.gateway else {
        return Ok(());
    };
    let keep = Keep::new(&app.config.data_dir);
    for site in acme::sites(gateway) {
        let facts = read(&keep, site);
        let state = store::state(&app.db, &site.name).await?;
        let now = app.now();
        let due = acme::standing(site, facts.as_ref(), &state, now) == Standing::Due;
        if due || acme::should_ask(facts.as_ref(), &state, now) {
            let mut tx = app.db.begin_write().await?;
            queue(app, &mut tx).await?;
            tx.commit().await?;
            return Ok(());
        }
    }
    Ok(())
}

/// Queues a look at all orders, unless one waits already.
pub async fn queue(
    app: &App,
    tx: &mut mamori_store::Tx,
) -> Result<(), mamori_runtime::job::JobQueueError> {
    app.enqueue(tx, NewJob::new(ORDER, &json!({})).dedup(ORDER))
        .await?;
    Ok(())
}

async fn order(context: JobContext) -> Result<(), JobError> {
    let app = &context.app;
    if let Some(gateway) = &app.config.gateway {
        for site in acme::sites(gateway) {
            acme::look_after(app, gateway, site, context.actor()).await?;
        }
    }
    Ok(())
}

async fn examine_all(context: JobContext) -> Result<(), JobError> {
    let app = &context.app;
    let Some(gateway) = &app.config.gateway else {
        return Ok(());
    };
    let day = tokyo_date(context.about());
    for site in gateway
        .sites
        .iter()
        .filter(|site| site.certificate.is_some())
    {
        for host in examine::hosts(site) {
            let examined = examine::examine(gateway, &host, app.now()).await;
            note(&context, site, &examined, day).await?;
        }
        warn(app, gateway, site).await?;
    }
    Ok(())
}

/// Two records for one name: its certificate (5(1)イ(エ)), and the way as a whole (別紙2 通信回線).
async fn note(
    context: &JobContext,
    site: &GatewaySite,
    examined: &Examined,
    day: Date,
) -> Result<(), JobError> {
    let now = context.app.now();
    let mut tls = json!({
        "host": examined.host,
        "date": day.to_string(),
        "ok": examined.believed(),
        "findings": examined.tls.len(),
        "source": source_word(site),
    });
    if let Some(facts) = &examined.facts {
        tls["not_after"] = tokyo_date(facts.not_after).to_string().into();
        tls["days_left"] = facts.days_left(now).into();
        tls["issuer"] = facts.issuer.clone().into();
    }
    if let Some(version) = examined.version {
        tls["version"] = version.into();
    }
    let mut way = json!({
        "host": examined.host,
        "date": day.to_string(),
        "ok": examined.encrypted(),
        "findings": examined.way.len(),
    });
    for (payload, troubles) in [(&mut tls, &examined.tls), (&mut way, &examined.way)] {
        if !troubles.is_empty() {
            payload["trouble"] = troubles.join("、").into();
        }
    }
    for (kind, payload) in [
        (evidence::TLS_CHECKED, &tls),
        (evidence::ENCRYPTION_CHECKED, &way),
    ] {
        append_about(context, site, kind, &examined.host, day, payload).await?;
    }
    Ok(())
}

/// Where a certificate comes from, in a word.
pub fn source_word(site: &GatewaySite) -> &'static str {
    match site.certificate {
        Some(SiteCertificate::Files(..)) => "files",
        Some(SiteCertificate::Acme) => "acme",
        Some(SiteCertificate::SelfMade) => "self-made",
        None => "none",
    }
}

/// Which warning is due; `None`: it lasts, or will be renewed in time by itself.
fn warning(site: &GatewaySite, facts: &Facts, now: Timestamp) -> Option<i64> {
    // What renews itself is worth a word only when that has not worked.
    let by_itself = !matches!(site.certificate, Some(SiteCertificate::Files(..)));
    if by_itself && facts.due() > now {
        return None;
    }
    let left = facts.days_left(now);
    WARNINGS.into_iter().find(|days| left <= *days)
}

/// Writes to people before a certificate ends, once for each of [`WARNINGS`].
async fn warn(app: &App, gateway: &Gateway, site: &GatewaySite) -> Result<(), JobError> {
    let keep = Keep::new(&app.config.data_dir);
    let now = app.now();
    let Some(facts) = read(&keep, site) else {
        return Ok(());
    };
    let Some(days) = warning(site, &facts, now) else {
        return Ok(());
    };
    let to = app
        .contractor_addresses(&site.contract)
        .await
        .map_err(|error| JobError::Permanent(error.to_string()))?;
    let mut tx = app.db.begin_write().await?;
    let first = store::warn_once(&mut tx, &site.name, facts.not_after, days, now).await?;
    if first && !to.is_empty() {
        let mail = Notification {
            to,
            contract: Some(site.contract.clone()),
            subject: subject(site, &facts, now),
            body: body(gateway, site, &facts),
            ..Notification::default()
        };
        app.notify(&mut tx, &mail)
            .await
            .map_err(|error| JobError::Permanent(error.to_string()))?;
    }
    tx.commit().await?;
    Ok(())
}

fn subject(site: &GatewaySite, facts: &Facts, now: Timestamp) -> String {
    let name = site.hosts.first().unwrap_or(&site.name);
    match facts.days_left(now) {
        left if left < 0 => format!("【まもり】{name} の証明書の期限が切れています"),
        left => format!("【まもり】{name} の証明書はあと {left} 日で切れます"),
    }
}

fn body(gateway: &Gateway, site: &GatewaySite, facts: &Facts) -> String {
    let next = match &site.certificate {
        Some(SiteCertificate::Files(chain, _)) => format!(
            "新しい証明書と鍵を受け取り、{} と鍵のファイルを置き換えてください。数秒で使い始めます。",
            chain.display()
        ),
        Some(SiteCertificate::Acme) => format!(
            "自動の更新がうまくいっていません（認証局 {}）。管理画面の「ゲートウェイ」→「証明書」で理由と次にすることを見てください。",
            gateway.acme.directory
        ),
        _ => "管理画面の「ゲートウェイ」→「証明書」を見てください。".to_owned(),
    };
    format!(
        "サイト: {}（{}）\n発行者: {}\n期限: {}\n\n次にすること: {next}\n",
        site.name,
        site.hosts.join("、"),
        facts.issuer,
        tokyo_date(facts.not_after),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_are_warned_of_what_does_not_renew_itself() {
        let at = |text: &str| text.parse::<Timestamp>().expect("an instant");
        let facts = Facts {
            issuer: String::new(),
            names: Vec::new(),
            not_before: at("2026-01-01T00:00:00Z"),
            not_after: at("2026-04-01T00:00:00Z"),
        };
        let mut site = GatewaySite {
            name: "site".to_owned(),
            contract: "c1".to_owned(),
            hosts: vec!["www.example.jp".to_owned()],
            upstreams: Vec::new(),
            certificate: Some(SiteCertificate::Files("a".into(), "b".into())),
            inspect_answers: false,
        };
        let steps = [
            ("2026-03-10T00:00:00Z", None),
            ("2026-03-11T00:00:00Z", Some(21)),
            ("2026-03-25T00:00:00Z", Some(7)),
            ("2026-03-31T00:00:00Z", Some(1)),
            ("2026-05-01T00:00:00Z", Some(1)),
        ];
        for (day, due) in steps {
            assert_eq!(warning(&site, &facts, at(day)), due, "{day}");
        }
        // A short life: a third of it is less than three weeks.
        let short = Facts {
            not_before: at("2026-03-01T00:00:00Z"),
            ..facts
        };
        site.certificate = Some(SiteCertificate::Acme);
        assert_eq!(warning(&site, &short, at("2026-03-15T00:00:00Z")), None);
        assert_eq!(warning(&site, &short, at("2026-03-23T00:00:00Z")), Some(21));
        assert!(subject(&site, &short, at("2026-04-02T00:00:00Z")).contains("切れています"));
    }
}
