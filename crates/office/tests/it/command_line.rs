//! `mamori work` as people type it.

use clap::Parser;
use mamori_kernel::ledger::Actor;
use mamori_office::cli_work::{self, WorkCommand};
use mamori_office::register::Desk;
use serde_json::Value;

use crate::{CONTRACT, desk, open};

#[derive(Debug, Parser)]
struct Cli {
    #[command(subcommand)]
    command: WorkCommand,
}

async fn cli(desk: &Desk, line: &[&str], json: bool) -> Result<String, String> {
    let words = std::iter::once("work").chain(line.iter().copied());
    let command = Cli::try_parse_from(words)
        .map_err(|error| error.to_string())?
        .command;
    cli_work::run(
        desk,
        CONTRACT,
        command,
        Actor::machine("command-line"),
        json,
    )
    .await
    .map_err(|error| error.to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_records_lists_and_explains() {
    let test = open(|_| {}).await;
    let desk = desk(&test);
    let add = [
        "add",
        "--date",
        "R8.10.5",
        "--start",
        "9:00",
        "--end",
        "10:30",
        "--category",
        "site-correction",
        "--event",
        "画像の差替え",
        "--key",
        "k1",
    ];
    let said = cli(&desk, &add, false).await.expect("records");
    assert!(said.starts_with("作業-R8-001 を記録しました\n  2026-10-05（月） 09:00～10:30 1時間30分 site-correction ※該当 画像の差替え\n"), "{said}");
    assert!(
        said.contains("令和8年10月の算入時間: 1時間30分 / 7時間（残り 5時間30分）"),
        "{said}"
    );
    let said = cli(&desk, &add, false).await.expect("the same key");
    assert!(said.contains("記録済み"), "{said}");
    let error = cli(
        &desk,
        &[
            "add",
            "--date",
            "2026-10-10",
            "--hours",
            "1.33",
            "--category",
            "site-corection",
            "--event",
            "x",
        ],
        false,
    )
    .await
    .expect_err("wrong");
    for part in ["--hours（作業時間）", "1:19"] {
        assert!(error.contains(part), "{error}");
    }
    let error = cli(
        &desk,
        &[
            "add",
            "--date",
            "2026-10-10",
            "--hours",
            "1",
            "--category",
            "site-corection",
            "--event",
            "x",
        ],
        false,
    )
    .await
    .expect_err("wrong");
    assert!(
        error.contains(
            "--category（区分）: 「site-corection」は契約にありません。site-correction のことですか"
        ),
        "{error}"
    );
    let error = cli(
        &desk,
        &[
            "add",
            "--date",
            "2026-10-10",
            "--hours",
            "1",
            "--category",
            "upkeep",
            "--event",
            "x",
        ],
        false,
    )
    .await
    .expect_err("Saturday");
    assert!(
        error.contains("--reason（時間外の理由）") && error.contains("土曜日"),
        "{error}"
    );
    cli(
        &desk,
        &[
            "add",
            "--date",
            "2026-10-10",
            "--hours",
            "1",
            "--category",
            "fault",
            "--event",
            "改ざんの復旧",
            "--reason",
            "緊急",
        ],
        false,
    )
    .await
    .expect("has a reason");
    let said = cli(
        &desk,
        &[
            "correct",
            "作業-R8-001",
            "--because",
            "昼休みを除く",
            "--hours",
            "1",
        ],
        false,
    )
    .await
    .expect("corrects");
    assert!(
        said.contains("訂正しました") && said.contains("1時間 /"),
        "{said}"
    );
    let listed: Value = serde_json::from_str(
        &cli(&desk, &["list", "--month", "2026-10"], true)
            .await
            .expect("lists"),
    )
    .expect("JSON");
    assert_eq!(listed["total"], 2);
    assert_eq!(listed["gauge"]["counted_minutes"], 60);
    assert_eq!(listed["gauge"]["undecided_minutes"], 60);
    let said = cli(&desk, &["list", "--month", "2026-10", "--q", "復旧"], false)
        .await
        .expect("lists");
    assert!(
        said.contains("作業-R8-002")
            && !said.contains("作業-R8-001")
            && said.contains("算入が未定の時間: 1時間"),
        "{said}"
    );
    cli(
        &desk,
        &["withdraw", "作業-R8-002", "--because", "誤り"],
        false,
    )
    .await
    .expect("withdraws");
    let error = cli(
        &desk,
        &["withdraw", "作業-R8-002", "--because", "誤り"],
        false,
    )
    .await
    .expect_err("twice");
    assert!(error.contains("「取消し」なので"), "{error}");
    let said = cli(&desk, &["list", "--all"], false).await.expect("lists");
    assert!(said.contains("［取消し］"), "{said}");
    let error = cli(&desk, &["withdraw", "作業-R8-099", "--because", "x"], false)
        .await
        .expect_err("unknown");
    assert!(error.contains("作業-R8-099"), "{error}");
}
