//! Gathering what a paper is built from: registers, the engine's states, the ledger's head and
//! the sections of other capabilities.

use std::collections::BTreeMap;

use jiff::civil::Date;
use mamori_contract::language::Deliverable;
use mamori_document::LedgerHead;
use mamori_kernel::clock::tokyo_date;
use mamori_kernel::period::Period;
use mamori_runtime::capability::SectionRequest;

use super::asked::{deliverable_dues, months, remedy_due, signed_on, unknown_about};
use super::paper::Paper;
use super::service::{PaperError, Papers};
use super::sources::{About, PaperLine, Sources, Wanted};
use crate::approval::Approval;
use crate::attestation::Attestation;
use crate::consultation::Consultation;
use crate::contracts::{Live, work_counter};
use crate::register::DeskError;
use crate::register::rules::CityWait;
use crate::work::WorkEntry;

impl Papers {
    pub(super) async fn sources(&self, live: &Live, wanted: Wanted) -> Result<Sources, PaperError> {
        let contract = live.contract();
        let id = contract.file.contract.id.as_str();
        let today = tokyo_date(self.app.now());
        let deliverable: Deliverable = contract
            .deliverable(&wanted.document)
            .cloned()
            .ok_or_else(|| PaperError::Bug(format!("deliverable {}", wanted.document)))?;
        let (first, last) = match &wanted.about {
            About::Period(period) => (period.first(), period.last()),
            About::Item(_) => (contract.term.first(), contract.term.last()),
        };
        // Only two kinds of paper print work: a term's entries are many.
        let model = deliverable.model.as_deref().unwrap_or_default();
        let work = match model {
            "monthly-report" => self.work(id, first, last).await?,
            _ => Vec::new(),
        };
        let months = match model {
            "yearly-overview" => {
                let (first, last) = (contract.term.first(), contract.term.last());
                let entries = self.work(id, first, last).await?;
                months(&entries, first, today.min(last))
            }
            _ => Vec::new(),
        };
        let version = contract.versions.len() - 1;
        let cap = work_counter(contract).and_then(|(_, counter)| {
            Some((
                counter.title.clone(),
                contract.number(&counter.cap, version)? as u32,
            ))
        });
        let (approval, granted, consultation) =
            self.matter(live, &wanted.document, &wanted.about).await?;
        let head = self.app.db.ledger_head(id).await?;
        let sample = self
            .app
            .slot::<mamori_web::Installation>()
            .is_some_and(|installation| installation.sample);
        Ok(Sources {
            head: contract.file.contract.clone(),
            cap_minutes: cap.as_ref().map(|(_, minutes)| *minutes),
            cap_title: cap.map(|(title, _)| title).unwrap_or_default(),
            categories: contract
                .file
                .categories
                .iter()
                .map(|(key, category)| (key.clone(), category.title.clone()))
                .collect(),
            work,
            months,
            standings: live.standings(self.app.now()).await?,
            papers: self.lines(live, first, last).await?,
            waits: self.waits(id, first, last).await?,
            attestations: self.attestations(id).await?,
            approval,
            approval_granted: granted,
            consultation,
            signed_on: signed_on(live),
            remedy_due: remedy_due(live, &wanted.document),
            sections: self.sections(id, &wanted, model).await?,
            ledger_seq: head.as_ref().map_or(0, |head| head.seq),
            ledger_head: head.map(|head| LedgerHead {
                contract: id.to_owned(),
                seq: head.seq,
                on: today,
                hash: head.hash.to_hex(),
            }),
            sample,
            today,
            deliverable,
            wanted,
        })
    }

    /// Work entries in force, oldest first.
    async fn work(
        &self,
        contract: &str,
        first: Date,
        last: Date,
    ) -> Result<Vec<WorkEntry>, PaperError> {
        let register = crate::register("work").ok_or_else(|| PaperError::Bug("work".to_owned()))?;
        let items = self.desk.on_days(contract, register, first, last).await?;
        let mut entries: Vec<WorkEntry> = items
            .iter()
            .filter(|item| item.state != "withdrawn")
            .filter_map(|item| item.read().ok())
            .collect();
        entries.sort_by(|a, b| (a.date, &a.start).cmp(&(b.date, &b.start)));
        Ok(entries)
    }

    async fn matter(
        &self,
        live: &Live,
        document: &str,
        about: &About,
    ) -> Result<(Option<Approval>, bool, Option<Consultation>), PaperError> {
        let About::Item(reference) = about else {
            return Ok((None, false, None));
        };
        for key in ["approval", "consultation"] {
            let Some(register) = crate::register(key) else {
                continue;
            };
            match self.desk.get(live.id(), register, reference).await {
                Ok(item) if key == "approval" => {
                    return Ok((item.read().ok(), item.state == "granted", None));
                }
                Ok(item) => return Ok((None, false, item.read().ok())),
                Err(DeskError::NotFound { .. }) => {}
                Err(other) => return Err(other.into()),
            }
        }
        Err(unknown_about(live, document, reference))
    }

    async fn attestations(
        &self,
        contract: &str,
    ) -> Result<BTreeMap<String, Attestation>, PaperError> {
        let Some(register) = crate::register("attestation") else {
            return Ok(BTreeMap::new());
        };
        let items = self.desk.all(contract, register, None).await?;
        Ok(items
            .iter()
            .filter(|item| item.state != "withdrawn")
            .filter_map(|item| item.read::<Attestation>().ok())
            .map(|paper| (paper.obligation.clone(), paper))
            .collect())
    }

    /// Papers due or submitted between two days.
    async fn lines(
        &self,
        live: &Live,
        first: Date,
        last: Date,
    ) -> Result<Vec<PaperLine>, PaperError> {
        let contract = live.contract();
        let made = self.all(&contract.file.contract.id).await?;
        let mut lines = Vec::new();
        for due in deliverable_dues(live, first, last) {
            let Some(key) = due.deliverable.as_deref() else {
                continue;
            };
            let paper = made
                .iter()
                .filter_map(|item| item.read::<Paper>().ok())
                .find(|paper| paper.document == key && paper.period == due.period.to_string());
            lines.push(PaperLine {
                title: due
                    .deliverable_title
                    .clone()
                    .unwrap_or_else(|| key.to_owned()),
                period: match due.period {
                    Period::Term(_) => String::new(),
                    period => period.japanese(),
                },
                due: due.due,
                submitted_on: paper.as_ref().and_then(|paper| paper.submitted_on),
                accepted_on: paper.as_ref().and_then(|paper| paper.accepted_on),
            });
        }
        Ok(lines)
    }

    /// Finished spans of waiting for the city that end in the period.
    async fn waits(
        &self,
        contract: &str,
        first: Date,
        last: Date,
    ) -> Result<Vec<(String, CityWait)>, PaperError> {
        let mut waits = Vec::new();
        let registers = ["request", "approval", "consultation"].map(crate::register);
        for register in registers.into_iter().flatten().chain([Self::register()]) {
            for item in self.desk.all(contract, register, None).await? {
                let spans: Vec<CityWait> = item
                    .data
                    .get("city_waits")
                    .cloned()
                    .and_then(|value| serde_json::from_value(value).ok())
                    .unwrap_or_default();
                waits.extend(
                    spans
                        .into_iter()
                        .filter(|wait| first <= wait.to && wait.to <= last)
                        .map(|wait| (item.number.clone(), wait)),
                );
            }
        }
        waits.sort_by_key(|(_, wait)| wait.from);
        Ok(waits)
    }

    async fn sections(
        &self,
        contract: &str,
        wanted: &Wanted,
        model: &str,
    ) -> Result<Vec<mamori_document::Section>, PaperError> {
        let About::Period(period) = wanted.about else {
            return Ok(Vec::new());
        };
        let mut sections = Vec::new();
        for hook in self
            .app
            .capabilities()
            .iter()
            .flat_map(|capability| &capability.sections)
        {
            // Contracts name their papers as they like; the model says what kind of paper it is.
            if hook.document != wanted.document && hook.document != model {
                continue;
            }
            let failed = |message: String| PaperError::Section {
                section: hook.section.to_owned(),
                message,
            };
            let request = SectionRequest {
                contract: contract.to_owned(),
                document: wanted.document.clone(),
                period,
            };
            let value = hook
                .build(self.app.clone(), request)
                .await
                .map_err(|e| failed(e.to_string()))?;
            if !value.is_null() {
                sections.push(serde_json::from_value(value).map_err(|e| failed(e.to_string()))?);
            }
        }
        Ok(sections)
    }
}
