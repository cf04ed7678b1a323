//! Requests in, decisions out: one JSON object a line, in the order of the input, in constant
//! memory, with as many threads as asked for.
//!
//! Lines go to the workers in batches, in turn; the writer takes the answers in the same turn, so
//! order costs no sorting. When the input pauses, what is there is judged and written out.

use std::collections::HashSet;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};

use mamori_waf::RuleSet;
use serde_json::{Value, json};

use crate::request::Request;
use crate::verdict::judge;

/// The longest line: the largest body of the rules, every byte written as `\u0000`.
const LONGEST: usize = 96 << 20;
/// Bytes that travel together.
const BATCH: usize = 64 << 10;
/// Batches that wait for a worker, and answers that wait for the writer.
const WAITING: usize = 2;
/// Names without meaning that are said, so that a file full of them does not fill the terminal.
const NAMES: usize = 20;

/// What went through.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Inspected {
    /// Requests judged.
    pub judged: u64,
    /// Lines that were no request.
    pub bad: u64,
}

/// A line of the input.
enum Line {
    Text(u64, Vec<u8>),
    TooLong(u64),
}

/// What became of a line.
struct Answer {
    line: u64,
    text: Vec<u8>,
    problem: Option<String>,
    unknown: Vec<String>,
}

/// Judges every line. `say` gets what a person should know: bad lines, names without meaning.
pub fn inspect(
    rules: &Arc<RuleSet>,
    detect: bool,
    jobs: NonZeroUsize,
    input: impl Read,
    output: impl Write + Send,
    say: impl Fn(&str) + Send,
) -> io::Result<Inspected> {
    // So that no request's figure holds what compiling costs.
    rules.warm();
    std::thread::scope(|scope| {
        let mut workers = Vec::new();
        let mut answers = Vec::new();
        for _ in 0..jobs.get() {
            let (give, lines) = sync_channel::<Vec<Line>>(WAITING);
            let (answered, take) = sync_channel::<Vec<Answer>>(WAITING);
            scope.spawn(move || work(rules, detect, &lines, &answered));
            workers.push(give);
            answers.push(take);
        }
        let writer = scope.spawn(move || write(&answers, output, &say));
        let read = distribute(input, &workers);
        drop(workers);
        let written = writer.join().expect("the writer does not panic");
        // Who stops reading is told first: the input broke off because of it.
        let inspected = written?;
        read?;
        Ok(inspected)
    })
}

fn distribute(input: impl Read, workers: &[SyncSender<Vec<Line>>]) -> io::Result<()> {
    let mut reader = BufReader::with_capacity(BATCH, input);
    let mut turn = workers.iter().cycle();
    let mut number = 0;
    let (mut batch, mut size) = (Vec::new(), 0);
    loop {
        let line = next_line(&mut reader, number + 1)?;
        number += 1;
        let ended = line.is_none();
        if let Some(line) = line {
            size += match &line {
                Line::Text(_, text) => text.len(),
                Line::TooLong(_) => 0,
            };
            batch.push(line);
        }
        if ended || size >= BATCH || reader.buffer().is_empty() {
            let worker = turn.next().expect("at least one works");
            let full = std::mem::take(&mut batch);
            size = 0;
            // The writer has ended, and says why.
            if (!full.is_empty() && worker.send(full).is_err()) || ended {
                return Ok(());
            }
        }
    }
}

/// The next line, without its end; what is longer than a request can be is passed over.
fn next_line(reader: &mut BufReader<impl Read>, number: u64) -> io::Result<Option<Line>> {
    use std::io::BufRead as _;
    let mut text = Vec::new();
    let (mut some, mut too_long) = (false, false);
    loop {
        let piece = match reader.fill_buf() {
            Ok(piece) => piece,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        if piece.is_empty() {
            break;
        }
        some = true;
        let end = piece.iter().position(|byte| *byte == b'\n');
        let wanted = &piece[..end.unwrap_or(piece.len())];
        too_long |= text.len() + wanted.len() > LONGEST;
        if too_long {
            text = Vec::new();
        } else {
            text.extend_from_slice(wanted);
        }
        let used = end.map_or(piece.len(), |end| end + 1);
        reader.consume(used);
        if end.is_some() {
            break;
        }
    }
    Ok(some.then_some(if too_long {
        Line::TooLong(number)
    } else {
        Line::Text(number, text)
    }))
}

fn work(
    rules: &Arc<RuleSet>,
    detect: bool,
    lines: &Receiver<Vec<Line>>,
    answered: &SyncSender<Vec<Answer>>,
) {
    for batch in lines {
        let answers = batch
            .into_iter()
            .filter_map(|line| answer(rules, detect, line))
            .collect();
        if answered.send(answers).is_err() {
            return;
        }
    }
}

fn answer(rules: &Arc<RuleSet>, detect: bool, line: Line) -> Option<Answer> {
    let (number, text) = match line {
        Line::TooLong(number) => {
            let problem = format!(
                "行が {} MiB を超えています。要求を分けるか、本文を短くしてください",
                LONGEST >> 20
            );
            return Some(refused(number, &Value::Null, problem));
        }
        Line::Text(number, text) => (number, text),
    };
    let text = text.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&text);
    if text.trim_ascii().is_empty() {
        return None;
    }
    Some(match Request::parse(text) {
        Ok(request) => {
            let judged = judge(rules, &request, detect);
            Answer {
                line: number,
                text: serde_json::to_vec(&judged).expect("a decision is JSON"),
                problem: None,
                unknown: request.unknown,
            }
        }
        Err(bad) => refused(number, &bad.id, bad.to_string()),
    })
}

fn refused(line: u64, id: &Value, problem: String) -> Answer {
    let object = json!({"id": id, "line": line, "error": problem});
    Answer {
        line,
        text: object.to_string().into_bytes(),
        problem: Some(problem),
        unknown: Vec::new(),
    }
}

fn write(
    answers: &[Receiver<Vec<Answer>>],
    output: impl Write,
    say: &impl Fn(&str),
) -> io::Result<Inspected> {
    let mut output = BufWriter::with_capacity(BATCH, output);
    let mut inspected = Inspected::default();
    let mut named = HashSet::new();
    for worker in answers.iter().cycle() {
        let batch = match worker.try_recv() {
            Ok(batch) => batch,
            Err(TryRecvError::Disconnected) => break,
            Err(TryRecvError::Empty) => {
                output.flush()?;
                match worker.recv() {
                    Ok(batch) => batch,
                    Err(_) => break,
                }
            }
        };
        for answer in batch {
            output.write_all(&answer.text)?;
            output.write_all(b"\n")?;
            match answer.problem {
                Some(problem) => {
                    inspected.bad += 1;
                    say(&format!("{} 行目: {problem}", answer.line));
                }
                None => inspected.judged += 1,
            }
            for name in answer.unknown {
                if named.len() < NAMES && !named.contains(&name) {
                    say(&format!(
                        "{} 行目: 「{name}」という項目は知らないので読みません（以後は知らせません）",
                        answer.line
                    ));
                    named.insert(name);
                }
            }
        }
    }
    output.flush()?;
    Ok(inspected)
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use mamori_waf::Builder;

    use super::*;

    fn rules() -> Arc<RuleSet> {
        let mut builder = Builder::new();
        builder
            .inline(
                "t",
                "SecRuleEngine On\nSecRequestBodyAccess On\nSecRule ARGS \"@contains evil\" \"id:7,phase:2,deny,log,status:403\"",
            )
            .expect("rules");
        builder.build().expect("built")
    }

    fn run(input: &[u8], jobs: usize) -> (Vec<Value>, Vec<String>, Inspected) {
        let said = Mutex::new(Vec::new());
        let mut output = Vec::new();
        let jobs = NonZeroUsize::new(jobs).expect("some");
        let inspected = inspect(&rules(), false, jobs, input, &mut output, |line| {
            said.lock().expect("fine").push(line.to_owned());
        })
        .expect("done");
        let lines = output
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty());
        let lines = lines
            .map(|line| serde_json::from_slice(line).expect("JSON"))
            .collect();
        (lines, said.into_inner().expect("fine"), inspected)
    }

    #[test]
    fn order_is_kept_by_many_workers() {
        let mut input = Vec::new();
        for number in 0..3000 {
            let word = if number % 3 == 0 { "evil" } else { "good" };
            // Some are long, so that batches differ.
            let more = "a".repeat(if number % 50 == 0 { 90_000 } else { 3 });
            let line =
                format!("{{\"id\":{number},\"method\":\"GET\",\"uri\":\"/?q={word}{more}\"}}\n");
            input.extend_from_slice(line.as_bytes());
        }
        for jobs in [1, 3] {
            let (lines, said, inspected) = run(&input, jobs);
            assert_eq!(
                inspected,
                Inspected {
                    judged: 3000,
                    bad: 0
                }
            );
            assert!(said.is_empty());
            for (number, line) in lines.iter().enumerate() {
                assert_eq!(line["id"], number);
                let (action, status, rules) = if number % 3 == 0 {
                    ("block", 403, json!([7]))
                } else {
                    ("pass", 200, json!([]))
                };
                assert_eq!(
                    (&line["action"], &line["status"]),
                    (&json!(action), &json!(status))
                );
                assert_eq!(line["rules"], rules);
            }
        }
    }

    #[test]
    fn a_bad_line_spoils_no_other() {
        let good = br#"{"id":1,"method":"GET","uri":"/"}"#;
        let input = [
            &b"\xef\xbb\xbf"[..],
            good,
            b"\n\n{\"id\":2,\"uri\":1}\r\n",
            good,
            b"\r\nnonsense\n",
            good,
        ]
        .concat();
        let (lines, said, inspected) = run(&input, 2);
        assert_eq!(inspected, Inspected { judged: 3, bad: 2 });
        let ids: Vec<&Value> = lines.iter().map(|line| &line["id"]).collect();
        assert_eq!(
            ids,
            [&json!(1), &json!(2), &json!(1), &Value::Null, &json!(1)]
        );
        assert_eq!(
            (&lines[1]["line"], &lines[3]["line"]),
            (&json!(3), &json!(5))
        );
        assert!(
            said[0].starts_with("3 行目: 要求として読めません"),
            "{said:?}"
        );
        assert!(lines[3]["error"].as_str().expect("text").contains("1 行に"));
    }

    #[test]
    fn nothing_gives_nothing_and_unknown_names_are_said_once() {
        assert_eq!(run(b"", 1), (vec![], vec![], Inspected::default()));
        assert_eq!(run(b"\n \n", 2).2, Inspected::default());
        let line = "{\"id\":1,\"method\":\"GET\",\"uri\":\"/\",\"label\":\"x\"}\n";
        let (_, said, inspected) = run(line.repeat(5).as_bytes(), 1);
        assert_eq!(inspected.judged, 5);
        assert_eq!(said.len(), 1);
        assert!(said[0].contains("label"));
    }

    #[test]
    fn a_line_without_end_is_not_kept() {
        let good = &b"\n{\"id\":1,\"method\":\"GET\",\"uri\":\"/\"}\n"[..];
        let input = io::repeat(b'a').take(LONGEST as u64 + 1).chain(good);
        let mut output = Vec::new();
        let inspected = inspect(
            &rules(),
            false,
            NonZeroUsize::MIN,
            input,
            &mut output,
            |_| {},
        )
        .expect("done");
        assert_eq!(inspected, Inspected { judged: 1, bad: 1 });
        assert!(String::from_utf8_lossy(&output).contains("96 MiB"));
    }

    /// Somebody at a terminal, or a program that asks line by line, gets each answer at once.
    #[test]
    fn answers_come_when_the_input_pauses() {
        struct Asker {
            left: u8,
            answers: Receiver<Vec<u8>>,
        }
        impl Read for Asker {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                // The next question is asked only after the answer to the last one.
                if self.left < 3 {
                    let wait = std::time::Duration::from_secs(20);
                    let answer = self.answers.recv_timeout(wait);
                    assert!(answer.is_ok(), "no answer came");
                }
                if self.left == 0 {
                    return Ok(0);
                }
                self.left -= 1;
                let line = b"{\"id\":1,\"method\":\"GET\",\"uri\":\"/\"}\n";
                buffer[..line.len()].copy_from_slice(line);
                Ok(line.len())
            }
        }
        struct Out(std::sync::mpsc::Sender<Vec<u8>>);
        impl Write for Out {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                let _ = self.0.send(bytes.to_vec());
                Ok(bytes.len())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let (sent, written) = std::sync::mpsc::channel::<Vec<u8>>();
        let asker = Asker {
            left: 3,
            answers: written,
        };
        let jobs = NonZeroUsize::new(2).expect("some");
        let inspected = inspect(&rules(), false, jobs, asker, Out(sent), |_| {}).expect("done");
        assert_eq!(inspected.judged, 3);
    }
}
