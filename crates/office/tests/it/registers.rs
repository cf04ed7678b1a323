//! The same story on SQLite and PostgreSQL.

use std::collections::BTreeSet;

use jiff::civil::date;
use mamori_kernel::clock::tokyo_instant;
use mamori_kernel::ledger::Actor;
use mamori_office::register::{DeskError, Filter, Order, Refusal};
use mamori_store::{LedgerQuery, args};
use serde_json::{Value, json};

use crate::{CONTRACT, desk, entry, on_both, order, record, register};

#[tokio::test(flavor = "multi_thread")]
async fn an_act_is_a_row_and_its_evidence() {
    on_both(|test| async move {
        let desk = desk(&test);
        let id = record(&desk, entry("画像の差替え", "2026-10-05", "1:30")).await;
        let item = desk
            .get(CONTRACT, register("work"), &id)
            .await
            .expect("is there");
        assert_eq!((item.number.as_str(), item.revision), ("作業-R8-001", 1));
        assert_eq!(
            desk.get(CONTRACT, register("work"), "作業-R8-001")
                .await
                .expect("by number")
                .id,
            id
        );
        desk.act(order(
            "work",
            Some("作業-R8-001"),
            "correct",
            json!({"hours": "2", "correction_reason": "計り直し"}),
        ))
        .await
        .expect("corrected");
        let history = desk
            .history(CONTRACT, register("work"), &id)
            .await
            .expect("is there");
        let told: Vec<(&str, &Value)> = history
            .iter()
            .map(|h| (h.kind.as_str(), &h.payload["minutes"]))
            .collect();
        assert_eq!(
            told,
            [
                ("work.recorded", &json!(90)),
                ("work.corrected", &json!(120))
            ]
        );
        assert_eq!(history[0].personal, Some(json!({"by": "佐藤 花子"})));
        let records = test
            .app
            .db
            .ledger_records(&LedgerQuery::new(CONTRACT))
            .await
            .expect("reads");
        assert_eq!(records.len(), 2);
        for record in &records {
            assert_eq!(record.subject, format!("work:{id}"));
            assert_eq!(record.actor.to_string(), "person:staff-1");
            assert!(
                !record.payload.as_str().contains("佐藤"),
                "{}",
                record.payload
            );
        }
        assert!(records[0].personal.is_some());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_act_leaves_nothing() {
    on_both(|test| async move {
        let desk = desk(&test);
        let refused = [
            order("work", None, "record", entry("x", "2026-11-30", "1")),
            order(
                "subcontract",
                None,
                "register",
                json!({"party": "A社", "scope": "x", "core": false, "starts_on": "2026-10-30"}),
            ),
            order(
                "work",
                Some("作業-R8-001"),
                "withdraw",
                json!({"withdrawn_reason": "x"}),
            ),
            order("work", None, "recrod", json!({})),
        ];
        for order in refused {
            desk.act(order).await.expect_err("refused");
        }
        assert_eq!(
            test.app
                .db
                .ledger_head(CONTRACT)
                .await
                .expect("reads")
                .map_or(0, |head| head.seq),
            0
        );
        let id = record(&desk, entry("x", "2026-10-05", "1")).await;
        let item = desk
            .get(CONTRACT, register("work"), &id)
            .await
            .expect("is there");
        assert_eq!(item.number, "作業-R8-001", "a refused act takes no number");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_are_searched_filtered_and_paged() {
    on_both(|test| async move {
        let desk = desk(&test);
        for (event, day, hours) in [
            ("トップページの画像を差替え", "2026-10-05", "1"),
            ("リンク先の追加 (100%)", "2026-10-06", "1"),
            ("ＳＳＬ証明書の更新", "2026-09-30", "1"),
        ] {
            record(&desk, entry(event, day, hours)).await;
        }
        let gone = record(&desk, entry("二重の記録", "2026-10-07", "1")).await;
        desk.act(order(
            "work",
            Some(&gone),
            "withdraw",
            json!({"withdrawn_reason": "二重"}),
        ))
        .await
        .expect("ok");
        let found = async |filter: Filter| -> Vec<String> {
            let page = desk
                .list(CONTRACT, register("work"), &filter)
                .await
                .expect("lists");
            assert!(page.total >= page.items.len() as u64);
            page.items.into_iter().map(|item| item.number).collect()
        };
        let q = |q: &str| Filter {
            q: q.to_owned(),
            ..Filter::default()
        };
        let number = |n: u32| format!("作業-R8-{n:03}");
        assert_eq!(
            found(q("ssl 証明書")).await,
            [number(3)],
            "any width, any case, all words"
        );
        assert_eq!(found(q("画像　トップ")).await, [number(1)]);
        assert_eq!(found(q("100%")).await, [number(2)], "% is a character");
        assert_eq!(
            found(q("_")).await,
            Vec::<String>::new(),
            "_ is a character"
        );
        assert_eq!(found(q("佐藤")).await.len(), 4, "who worked is searched");
        assert_eq!(found(q("r8-002")).await, [number(2)]);
        let states = vec!["recorded".to_owned()];
        assert_eq!(
            found(Filter {
                states,
                ..Filter::default()
            })
            .await,
            [number(2), number(1), number(3)]
        );
        let days = Filter {
            from: Some(date(2026, 10, 1)),
            to: Some(date(2026, 10, 6)),
            ..Filter::default()
        };
        assert_eq!(found(days).await, [number(2), number(1)]);
        let page = |page| Filter {
            page,
            per_page: 3,
            ..Filter::default()
        };
        assert_eq!(found(page(1)).await, [number(4), number(2), number(1)]);
        assert_eq!(found(page(2)).await, [number(3)]);
        assert_eq!(found(page(3)).await, Vec::<String>::new());
        let other = desk
            .list("other-contract", register("work"), &Filter::default())
            .await
            .expect("lists");
        assert_eq!(other.total, 0, "contracts do not mix");
        let tally = desk
            .tally(CONTRACT, register("work"))
            .await
            .expect("counts");
        assert_eq!(
            tally,
            [("recorded".to_owned(), 3), ("withdrawn".to_owned(), 1)]
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_begin_anew_with_the_fiscal_year_and_have_no_gaps() {
    on_both(|test| async move {
        let desk = desk(&test);
        let mut running = Vec::new();
        for n in 0..12 {
            let desk = desk.clone();
            running.push(tokio::spawn(async move {
                record(&desk, entry(&format!("同時 {n}"), "2026-10-05", "0:10")).await
            }));
        }
        for task in running {
            task.await.expect("no panic");
        }
        let page = desk
            .list(CONTRACT, register("work"), &Filter::default())
            .await
            .expect("lists");
        let numbers: BTreeSet<String> = page.items.into_iter().map(|item| item.number).collect();
        let expected: BTreeSet<String> = (1..=12).map(|n| format!("作業-R8-{n:03}")).collect();
        assert_eq!(numbers, expected);
        test.clock
            .set(tokyo_instant(date(2027, 4, 1).at(9, 0, 0, 0)));
        let id = record(&desk, entry("年度末の作業", "2027-03-31", "0:10")).await;
        let item = desk
            .get(CONTRACT, register("work"), &id)
            .await
            .expect("is there");
        assert_eq!(item.number, "作業-R9-001");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_key_does_the_act_once() {
    on_both(|test| async move {
        let desk = desk(&test);
        let keyed = |event: &str| Order {
            key: Some("key-1".to_owned()),
            ..order("work", None, "record", entry(event, "2026-10-05", "1"))
        };
        let first = desk.act(keyed("一度だけ")).await.expect("ok");
        let again = desk.act(keyed("一度だけ")).await.expect("ok");
        assert_eq!((first.repeated, again.repeated), (false, true));
        assert_eq!(first.item, again.item);
        let error = desk.act(keyed("別の内容")).await.expect_err("same key");
        assert!(matches!(error, DeskError::KeyReused(_)), "{error}");
        let other = Order {
            actor: Actor::person("staff-2"),
            ..keyed("別の人の同じキー")
        };
        assert!(
            !desk
                .act(other)
                .await
                .expect("keys are a person's own")
                .repeated
        );
        assert_eq!(
            test.app
                .db
                .ledger_head(CONTRACT)
                .await
                .expect("reads")
                .expect("has records")
                .seq,
            2
        );
        // A refused act does not use up its key.
        let late = |day: &str| Order {
            key: Some("key-2".to_owned()),
            ..order("work", None, "record", entry("x", day, "1"))
        };
        desk.act(late("2026-12-01")).await.expect_err("ahead");
        desk.act(late("2026-10-06")).await.expect("the key is free");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_second_of_two_people_is_told() {
    on_both(|test| async move {
        let desk = desk(&test);
        let id = record(&desk, entry("x", "2026-10-05", "1")).await;
        let correct = |hours: &str| Order {
            revision: Some(1),
            ..order(
                "work",
                Some(&id),
                "correct",
                json!({"hours": hours, "correction_reason": "x"}),
            )
        };
        desk.act(correct("2")).await.expect("first");
        let error = desk.act(correct("3")).await.expect_err("has moved on");
        assert!(
            matches!(error, DeskError::Stale { revision: 2, .. }),
            "{error}"
        );
        let mut running = Vec::new();
        for _ in 0..6 {
            let (desk, id) = (desk.clone(), id.clone());
            running.push(tokio::spawn(async move {
                desk.act(order(
                    "work",
                    Some(&id),
                    "withdraw",
                    json!({"withdrawn_reason": "同時"}),
                ))
                .await
            }));
        }
        let mut done = 0;
        for task in running {
            match task.await.expect("no panic") {
                Ok(_) => done += 1,
                Err(DeskError::Refused(Refusal::State { .. })) => {}
                Err(error) => panic!("{error}"),
            }
        }
        assert_eq!(done, 1, "one of them withdraws it");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn personal_data_can_be_erased_and_the_row_rebuilt() {
    on_both(|test| async move {
        let desk = desk(&test);
        let trainings = register("training");
        let held = json!({"topic": "環境方針", "field": "environment", "held_on": "2026-10-05",
            "attendee_names": ["佐藤 花子", "鈴木 一郎"], "trainer": "田中"});
        let keyed = Order {
            key: Some("key-1".to_owned()),
            ..order("training", None, "hold", held)
        };
        let id = desk.act(keyed).await.expect("ok").item.id;
        // A damaged row is rebuilt from the ledger, personal data included.
        let intact = desk.get(CONTRACT, trainings, &id).await.expect("is there");
        test.app
            .db
            .execute("UPDATE office_item SET data = '{\"topic\":\"x\",\"field\":\"x\",\"held_on\":\"2026-01-01\"}' WHERE id = $1", args![&id])
            .await
            .expect("writes");
        assert!(desk.rebuild(CONTRACT, trainings, &id).await.expect("rebuilds"));
        assert!(!desk.rebuild(CONTRACT, trainings, &id).await.expect("is right now"));
        assert_eq!(desk.get(CONTRACT, trainings, &id).await.expect("is there").data, intact.data);
        // Erased: from ledger, row and search; the number of attendees stands.
        let erased = desk
            .erase_personal(CONTRACT, trainings, &id, "本人の求め（個人情報保護条例）", &Actor::person("admin"))
            .await
            .expect("erases");
        assert_eq!(erased, 1);
        let item = desk.get(CONTRACT, trainings, &id).await.expect("is there");
        assert_eq!(item.data["attendees"], 2);
        assert!(!Value::Object(item.data).to_string().contains("佐藤"));
        let found = desk.list(CONTRACT, trainings, &Filter { q: "佐藤".to_owned(), ..Filter::default() }).await.expect("lists");
        assert_eq!(found.total, 0);
        let history = desk.history(CONTRACT, trainings, &id).await.expect("is there");
        assert!(history[0].erased && history[0].personal.is_none());
        let row = test.app.db.fetch_one("SELECT CAST(COUNT(*) AS BIGINT) AS n FROM ledger_personal", args![]).await.expect("reads");
        assert_eq!(row.i64("n").expect("a number"), 0);
        let last = test.app.db.ledger_records(&LedgerQuery { newest_first: true, limit: 1, ..LedgerQuery::new(CONTRACT) }).await.expect("reads");
        assert_eq!(last[0].kind, "ledger.erased");
        // The digest of what was typed is gone too: names are easily guessed.
        let row = test
            .app
            .db
            .fetch_one(
                "SELECT CAST(COUNT(*) AS BIGINT) AS n FROM office_idempotency",
                args![],
            )
            .await
            .expect("reads");
        assert_eq!(row.i64("n").expect("a number"), 0);
        // The item lives on.
        desk.act(order("training", Some(&id), "correct", json!({"topic": "札幌市環境方針", "correction_reason": "名称"})))
            .await
            .expect("can still be corrected");
        assert_eq!(desk.get(CONTRACT, trainings, &id).await.expect("is there").data["attendees"], 2);
    })
    .await;
}
