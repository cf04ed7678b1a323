//! A body that is too large to be held back: it passes while it is inspected, always one batch
//! behind, so that its end comes after the verdict.

use std::collections::VecDeque;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};

use super::inspected::{Inspected, Whose, conclude, unless_decided, unless_refused};
use super::refused::Refused;
use super::{Job, Step};
use crate::body::{BodyFault, ClientBody, Outgoing, Pieces};
use crate::commons::Portion;
use crate::event::{Refusal, UpstreamTrouble};
use crate::inspect::{Case, Desk, Stop};
use crate::policy::WafMode;
use crate::upstream::Sent;

/// Bytes of a streaming body that are inspected at once.
const BATCH: usize = 64 * 1024;
/// How long a verdict may take that is on its way when the site has already failed.
const VERDICT_WITHIN: Duration = Duration::from_secs(1);

/// What became of a body that was inspected on its way.
enum Verdict {
    Passed(Case),
    Decided(Case),
    Stopped(Case, Stop),
    Failed(Case, BodyFault),
    /// It passes although it could not be inspected to its end: policy says so.
    Unseen,
    Uninspected,
}

/// A body that passes while it is inspected.
pub(super) struct Pump {
    verdict: oneshot::Receiver<Verdict>,
}

/// Lets a body pass while it is inspected.
pub(super) fn withheld(
    job: &Job,
    case: Case,
    held: VecDeque<Bytes>,
    body: ClientBody,
    left: Option<u64>,
    room: Portion,
) -> Inspected {
    let (sender, pieces) = mpsc::channel(2);
    let (tell, verdict) = oneshot::channel();
    let desk = Arc::clone(&job.active.desk);
    tokio::spawn(async move {
        let _room = room;
        let verdict = pump(&desk, case, held, body, &sender).await;
        let passed = matches!(verdict, Verdict::Passed(_) | Verdict::Unseen);
        // The verdict goes first: whoever sees the broken body can ask why.
        let _ = tell.send(verdict);
        if !passed {
            let _ = sender.send(Err(BodyFault::Stopped)).await;
        }
    });
    (
        Outgoing::Inspected { pieces, left },
        None,
        Some(Pump { verdict }),
    )
}

/// Passes a body on, always one batch behind what was inspected, so that its end comes after the
/// verdict.
async fn pump(
    desk: &Desk,
    mut case: Case,
    mut batch: VecDeque<Bytes>,
    mut body: ClientBody,
    sender: &mpsc::Sender<Result<Bytes, BodyFault>>,
) -> Verdict {
    let mode = case.mode;
    let mut behind: VecDeque<Bytes> = VecDeque::new();
    loop {
        let bytes = batch.iter().map(Bytes::len).sum();
        let cost = if case.is_packed() { usize::MAX } else { bytes };
        let kept = batch.clone();
        let judged = desk
            .run(cost, (case, batch), |(case, batch)| {
                let taken = case.take(batch);
                if taken.is_ok() && !case.wants_body() && case.decision().passes() {
                    // The limit of the rules is reached and they want a part judged.
                    case.judge_part();
                }
                taken
            })
            .await;
        let ((now, inspected), taken) = match judged {
            Ok(judged) => judged,
            Err(uninspected) => {
                if unless_refused(desk, mode, uninspected).is_err() {
                    return Verdict::Uninspected;
                }
                behind.extend(kept);
                return match rest(behind, body, sender).await {
                    Ok(()) => Verdict::Unseen,
                    Err(_) => Verdict::Uninspected,
                };
            }
        };
        case = now;
        match taken {
            Err(stop) if mode == WafMode::Block => return Verdict::Stopped(case, stop),
            Err(_) => case.judge_part(),
            Ok(()) => {}
        }
        if !case.decision().passes() {
            return Verdict::Decided(case);
        }
        if !pass(&mut behind, sender).await {
            return Verdict::Passed(case);
        }
        behind = inspected;
        if case.judged {
            return match rest(behind, body, sender).await {
                Ok(()) => Verdict::Passed(case),
                Err(fault) => Verdict::Failed(case, fault),
            };
        }
        let mut next = Pieces::default();
        let mut size = 0;
        while size < BATCH {
            match body.next().await {
                Some(Ok(piece)) => {
                    size += piece.len();
                    next.push(piece);
                }
                Some(Err(fault)) => return Verdict::Failed(case, fault),
                None => break,
            }
        }
        batch = next.done();
        if batch.is_empty() {
            break;
        }
    }
    let (mut case, judged) = match desk.run(usize::MAX, case, Case::judge_body).await {
        Ok(judged) => judged,
        Err(uninspected) => {
            if unless_refused(desk, mode, uninspected).is_err() {
                return Verdict::Uninspected;
            }
            pass(&mut behind, sender).await;
            return Verdict::Unseen;
        }
    };
    match judged {
        Err(stop) if mode == WafMode::Block => return Verdict::Stopped(case, stop),
        Err(_) => case.incomplete = true,
        Ok(()) => {}
    }
    if !case.decision().passes() {
        return Verdict::Decided(case);
    }
    pass(&mut behind, sender).await;
    Verdict::Passed(case)
}

/// The verdict is there; what is left passes.
async fn rest(
    mut behind: VecDeque<Bytes>,
    mut body: ClientBody,
    sender: &mpsc::Sender<Result<Bytes, BodyFault>>,
) -> Result<(), BodyFault> {
    let mut taken = pass(&mut behind, sender).await;
    while taken && let Some(piece) = body.next().await {
        taken = sender.send(Ok(piece?)).await.is_ok();
    }
    Ok(())
}

/// Whether the site still takes the body.
async fn pass(
    pieces: &mut VecDeque<Bytes>,
    sender: &mpsc::Sender<Result<Bytes, BodyFault>>,
) -> bool {
    while let Some(piece) = pieces.pop_front() {
        if sender.send(Ok(piece)).await.is_err() {
            return false;
        }
    }
    true
}

impl Pump {
    /// Lets the request be sent while its body is inspected.
    pub(super) async fn beside(
        mut self,
        job: &mut Job,
        sending: impl Future<Output = Result<Sent, UpstreamTrouble>>,
    ) -> Step<(Result<Sent, UpstreamTrouble>, Option<Case>)> {
        tokio::pin!(sending);
        tokio::select! {
            biased;
            verdict = &mut self.verdict => {
                let case = judged(job, verdict.unwrap_or(Verdict::Uninspected))?;
                Ok((sending.await, case))
            }
            outcome = &mut sending => {
                if outcome.is_err() {
                    // Perhaps it failed because the body was stopped.
                    let verdict = tokio::time::timeout(VERDICT_WITHIN, &mut self.verdict).await;
                    return match verdict {
                        Ok(Ok(verdict)) => Ok((outcome, judged(job, verdict)?)),
                        _ => Ok((outcome, None)),
                    };
                }
                // The site answered before it had everything. What is found still is told.
                let whose = Whose::of(job);
                let verdict = self.verdict;
                tokio::spawn(async move {
                    if let Ok(
                        Verdict::Passed(case)
                        | Verdict::Decided(case)
                        | Verdict::Stopped(case, _)
                        | Verdict::Failed(case, _),
                    ) = verdict.await
                    {
                        whose.tell(&case.finish());
                    }
                });
                Ok((outcome, None))
            }
        }
    }
}

fn judged(job: &mut Job, verdict: Verdict) -> Step<Option<Case>> {
    match verdict {
        Verdict::Passed(case) => Ok(Some(case)),
        Verdict::Unseen => {
            job.closing.record().waf = None;
            Ok(None)
        }
        Verdict::Decided(case) => unless_decided(job, case).map(Some),
        Verdict::Stopped(case, stop) => {
            conclude(job, case);
            Err(Refused::stop(stop))
        }
        Verdict::Failed(case, fault) => {
            let framing = job.conn().link.fault();
            conclude(job, case);
            Err(Refused::body(fault, framing))
        }
        Verdict::Uninspected => Err(Refused::refusal(Refusal::NotInspected)),
    }
}
