//! Rehearsal: a whole contract year through the real engine, registers, jobs and documents, with a
//! driven clock and invented events.
//!
//! It answers before the year begins: which duties the evidence that we plan to collect will show
//! as met, which papers come out when, and what is left for people. Everything it writes is marked
//! 見本; its records never enter a real installation's ledger (the demo's installation is marked
//! as a whole).

mod payload;
pub mod people;
pub mod plan;
pub mod report;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context as _;
use jiff::civil::{Date, DateTime};
use jiff::{SignedDuration, Timestamp, ToSpan as _};
use mamori_kernel::DrivenClock;
use mamori_kernel::clock::{tokyo_date, tokyo_datetime, tokyo_instant, tokyo_midnight};
use mamori_kernel::ledger::{Actor, NewRecord};
use mamori_office::Office;
use mamori_office::contracts::{Live, open_day};
use mamori_office::documents::{Papers, Submission, deliverable_dues};
use mamori_office::register::Side;
use mamori_office::register::{DeskError, Order};
use mamori_runtime::App;
use mamori_runtime::job::Runner;
use mamori_runtime::schedule::Rule;
use serde_json::{Map, Value, json};

pub use report::Report;

/// What to rehearse.
#[derive(Debug, Clone)]
pub struct Options {
    /// First day; the term's first day unless told.
    pub from: Option<Date>,
    /// Last day; the term's last day unless told.
    pub to: Option<Date>,
    /// Seed of everything invented.
    pub seed: u64,
    /// Who acts.
    pub people: People,
}

/// The persons of a rehearsal, as ids of actors.
#[derive(Debug, Clone)]
pub struct People {
    /// Who acts for the contractor.
    pub staff: String,
    /// Who acts for the city.
    pub city: String,
}

impl Default for People {
    /// Nobody with an account.
    fn default() -> Self {
        Self {
            staff: "rehearsal-staff".to_owned(),
            city: "rehearsal-city".to_owned(),
        }
    }
}

impl People {
    fn actor(&self, city: bool) -> Actor {
        Actor::person(if city { &self.city } else { &self.staff })
    }
}

/// Tells how far a rehearsal is: day, days done, days in all.
pub type Progress<'a> = &'a mut dyn FnMut(Date, u64, u64);

/// Rehearses the contract `source` in an application whose clock is `clock`.
pub async fn run(
    app: &App,
    clock: &DrivenClock,
    name: &str,
    source: &str,
    options: &Options,
    progress: Progress<'_>,
) -> anyhow::Result<Report> {
    let started = Instant::now();
    let office = app
        .slot::<Office>()
        .context("the office capability is not started")?;
    let (parsed, _) = mamori_contract::Contract::parse(name, source)
        .map_err(|report| anyhow::anyhow!("{report}"))?;
    let term = parsed.term;
    let from = options.from.unwrap_or(term.first()).max(term.first());
    let to = options.to.unwrap_or(term.last()).min(term.last());
    anyhow::ensure!(
        from <= to,
        "期間が契約期間（{}〜{}）の外です",
        term.first(),
        term.last()
    );

    clock.set(tokyo_instant(term.first().at(0, 1, 0, 0)));
    mark(app).await?;
    let (live, ..) = office
        .contracts
        .activate(name, source, options.people.actor(false))
        .await?;
    let mut stage = Stage::new(app.clone(), office, live, clock.clone(), options);
    let runner = Runner::new(app.clone());
    let days = i64::from(term.first().until((jiff::Unit::Day, to))?.get_days()) + 1;
    for number in 0..days {
        let day = term.first().checked_add(number.days())?;
        // Days before `from` are played too: their evidence is what later periods stand on.
        stage
            .day(day, to, &runner)
            .await
            .with_context(|| format!("on {day}"))?;
        progress(day, number as u64 + 1, days as u64);
    }
    let end = to.checked_add(1.day())?;
    clock.set(tokyo_midnight(end));
    stage.office.contracts.save_states().await?;
    let mut report = report::make(&stage.office, &stage.live, from, to, app_now(clock)).await?;
    report.refused = stage.refused;
    report.records = app
        .db
        .ledger_head(stage.live.id())
        .await?
        .map_or(0, |head| head.seq);
    report.seconds = started.elapsed().as_secs_f64();
    Ok(report)
}

/// The times of a day at which schedules fall due; those that recur within hours are left to the
/// others' times, since nothing happens between them.
fn job_times(app: &App, day: Date) -> Vec<DateTime> {
    let open_days = app.open_days();
    let mut times = Vec::new();
    for schedule in app
        .capabilities()
        .iter()
        .flat_map(|capability| &capability.schedules)
    {
        if matches!(schedule.rule, Rule::EveryMinutes(_)) {
            continue;
        }
        let mut after = tokyo_midnight(day) - SignedDuration::from_secs(1);
        while let Some(next) = schedule.rule.next_after(after, open_days.as_ref()) {
            let civil = tokyo_datetime(next);
            if civil.date() != day {
                break;
            }
            times.push(civil);
            after = next;
        }
    }
    times.sort_unstable();
    times.dedup();
    times
}

fn app_now(clock: &DrivenClock) -> Timestamp {
    use mamori_kernel::Clock as _;
    clock.now()
}

/// Runs the jobs between the end of a rehearsal and `now`, each at its time, so that a server that
/// starts afterwards finds nothing late.
pub async fn catch_up(app: &App, clock: &DrivenClock, now: Timestamp) -> anyhow::Result<()> {
    let runner = Runner::new(app.clone());
    let mut day = tokyo_date(app_now(clock));
    while day <= tokyo_date(now) {
        for moment in job_times(app, day).into_iter().map(tokyo_instant) {
            if app_now(clock) <= moment && moment <= now {
                clock.set(moment);
                runner.run_due(moment).await?;
            }
        }
        day = day.checked_add(1.day())?;
    }
    clock.set(now);
    Ok(())
}

/// Marks the whole installation as sample data.
pub async fn mark(app: &App) -> anyhow::Result<()> {
    let before = app.slot::<mamori_web::Installation>().unwrap_or_default();
    app.provide(Arc::new(mamori_web::Installation {
        sample: true,
        ..(*before).clone()
    }));
    app.db
        .execute(
            "INSERT INTO setting (key, value) VALUES ($1, '1') \
             ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            mamori_store::args![mamori_web::SAMPLE_SETTING],
        )
        .await?;
    Ok(())
}

/// The players and what they still have to do.
struct Stage {
    app: App,
    office: Arc<Office>,
    live: Arc<Live>,
    clock: DrivenClock,
    seed: u64,
    people: People,
    evidence: std::iter::Peekable<std::vec::IntoIter<plan::Evidence>>,
    acts: std::iter::Peekable<std::vec::IntoIter<people::Act>>,
    /// Numbers of the items that named acts opened.
    named: BTreeMap<String, String>,
    refused: Vec<String>,
}

impl Stage {
    fn new(
        app: App,
        office: Arc<Office>,
        live: Arc<Live>,
        clock: DrivenClock,
        options: &Options,
    ) -> Self {
        let seed = options.seed;
        let contract = Arc::clone(live.contract());
        let open = |day: Date| open_day(&contract, day);
        Self {
            evidence: plan::machine_evidence(&contract.file, seed)
                .into_iter()
                .peekable(),
            acts: people::acts(&contract.file, seed, &open)
                .into_iter()
                .peekable(),
            app,
            office,
            live,
            clock,
            seed,
            people: options.people.clone(),
            named: BTreeMap::new(),
            refused: Vec::new(),
        }
    }

    /// Plays one day: machines, people and jobs in the order of their times. The paper work is
    /// done in the afternoon.
    async fn day(&mut self, day: Date, last: Date, runner: &Runner) -> anyhow::Result<()> {
        let office = day.at(16, 0, 0, 0);
        let mut moments = job_times(&self.app, day);
        moments.push(office);
        moments.sort_unstable();
        moments.dedup();
        for moment in moments {
            self.events(moment).await?;
            self.clock.set(tokyo_instant(moment));
            if moment == office {
                self.papers(day, last).await?;
            }
            runner.run_due(app_now(&self.clock)).await?;
        }
        self.events(day.at(23, 59, 0, 0)).await
    }

    /// Everything that machines and people do up to `end`.
    async fn events(&mut self, end: DateTime) -> anyhow::Result<()> {
        loop {
            let act = self.acts.peek().map(|act| act.at).filter(|at| *at <= end);
            let machine = self
                .evidence
                .peek()
                .map(|evidence| evidence.at)
                .filter(|at| *at <= end);
            match (machine, act) {
                (None, None) => return Ok(()),
                (Some(_), None) => self.machines(end).await?,
                (Some(machine), Some(act)) if machine <= act => self.machines(act).await?,
                _ => self.person().await?,
            }
        }
    }

    /// Appends everything that machines record up to `until`, in one transaction.
    async fn machines(&mut self, until: DateTime) -> anyhow::Result<()> {
        let mut tx = self.app.db.begin_write().await?;
        while let Some(evidence) = self.evidence.next_if(|evidence| evidence.at <= until) {
            let at = tokyo_instant(evidence.at);
            self.clock.set(at);
            let record = NewRecord::new(
                self.live.id(),
                at,
                Actor::machine("rehearsal"),
                evidence.kind,
                evidence.subject,
                &evidence.payload,
            )?;
            tx.append(record).await?;
        }
        tx.commit().await?;
        Ok(())
    }

    async fn person(&mut self) -> anyhow::Result<()> {
        let Some(act) = self.acts.next() else {
            return Ok(());
        };
        self.clock.set(tokyo_instant(act.at));
        let register = mamori_office::register(act.register)
            .with_context(|| format!("no register {}", act.register))?;
        let mut form = act.form;
        self.put_numbers(&mut form);
        let item = match &act.on {
            Some(name) => match self.named.get(name) {
                Some(number) => Some(number.clone()),
                // The act that should have opened it was refused and is reported already.
                None => return Ok(()),
            },
            None => None,
        };
        let actor = self.people.actor(act.city);
        let mut order = Order::new(
            self.live.id(),
            register,
            item.as_deref(),
            act.verb,
            form,
            actor,
        );
        order.side = if act.city {
            Side::City
        } else {
            Side::Contractor
        };
        match self.office.desk.act(order).await {
            Ok(done) => {
                if let Some(name) = act.opens {
                    self.named.insert(name, done.item.number);
                }
            }
            Err(DeskError::Refused(refusal)) => self.refused.push(format!(
                "{} {}.{}: {refusal}",
                act.at.date(),
                act.register,
                act.verb
            )),
            Err(other) => return Err(other.into()),
        }
        Ok(())
    }

    /// Replaces `@name` by the number of the item of that name.
    fn put_numbers(&self, form: &mut Map<String, Value>) {
        form.retain(|_, value| {
            let Some(name) = value.as_str().and_then(|text| text.strip_prefix('@')) else {
                return true;
            };
            match self.named.get(name) {
                Some(number) => {
                    *value = json!(number);
                    true
                }
                None => false,
            }
        });
    }

    /// The office's paper work of a day: hand in what is due, the city accepts what lies there.
    async fn papers(&mut self, day: Date, last: Date) -> anyhow::Result<()> {
        if !open_day(self.live.contract(), day) {
            return Ok(());
        }
        let papers = self.office.papers.clone();
        let ahead = day.checked_add(1.day())?;
        for due in deliverable_dues(&self.live, day, ahead.max(self.next_open(day)?)) {
            let Some(document) = due.deliverable.clone() else {
                continue;
            };
            let about = due.period.to_string();
            // Handed in a day before, or on the day itself: people do either.
            let early = self.chance(&document, &about).is_multiple_of(3);
            if due.due != Some(day) && !early && day != last {
                continue;
            }
            self.hand_in(&papers, &document, &about, day).await?;
        }
        for item in papers.all(self.live.id()).await? {
            let submitted: Option<Date> = item
                .data
                .get("submitted_on")
                .and_then(Value::as_str)
                .and_then(|text| text.parse().ok());
            let Some(on) = submitted.filter(|_| item.state == "submitted") else {
                continue;
            };
            let wait = 2 + i64::try_from(self.chance(&item.number, "accept") % 6).unwrap_or(0);
            if on.saturating_add(wait.days()) <= day {
                let form = json!({ "accepted_on": day.to_string(), "by": "担当課（見本）" });
                let Value::Object(form) = form else { continue };
                papers
                    .answer(
                        self.live.id(),
                        &item.number,
                        "accept",
                        form,
                        self.people.actor(true),
                        Side::City,
                    )
                    .await?;
            }
        }
        Ok(())
    }

    async fn hand_in(
        &mut self,
        papers: &Papers,
        document: &str,
        about: &str,
        day: Date,
    ) -> anyhow::Result<()> {
        let id = self.live.id().to_owned();
        let made = papers
            .draft(&id, document, about, self.people.actor(false))
            .await?;
        if made.item.state != "draft" {
            return Ok(());
        }
        let submission = Submission {
            on: day,
            how: "mail".to_owned(),
            receipt: None,
        };
        papers
            .submit(&id, &made.item.number, submission, self.people.actor(false))
            .await?;
        Ok(())
    }

    fn next_open(&self, day: Date) -> anyhow::Result<Date> {
        let mut next = day.checked_add(1.day())?;
        for _ in 0..20 {
            if open_day(self.live.contract(), next) {
                break;
            }
            next = next.checked_add(1.day())?;
        }
        Ok(next)
    }

    /// A number that is the same for the same seed and names.
    fn chance(&self, a: &str, b: &str) -> u64 {
        a.bytes()
            .chain(b.bytes())
            .fold(self.seed ^ 0xcbf2_9ce4_8422_2325, |hash, byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
            })
            >> 7
    }
}
