//! A page with every component, and the routes behind those that ask the server.

use std::convert::Infallible;
use std::time::Duration;

use axum::Json;
use axum::extract::{Form, State};
use axum::http::Uri;
use axum::response::sse::{self, Sse};
use axum::response::{IntoResponse, Redirect, Response};
use mamori_kernel::permission::Permission;
use mamori_runtime::{App, Capability, NavEntry, NavGroup, Route};
use mamori_web::components::{
    Cell, Column, Comparison, Empty, Event, Figure, Meter, Progress, Row, Shape, Stage, Stat, Step,
    Tab, Table, TableQuery, TableSpec, Upload, csv, form_key,
};
use mamori_web::{Field, Page, Tone, Visitor, WebError, form_page, html};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio_stream::StreamExt as _;

const READ: Permission = Permission::read("gallery");
const WRITE: Permission = Permission::write("gallery");

/// Text, address, group.
const MENU: [(&str, &str, NavGroup); 8] = [
    ("部品の一覧", "/gallery", NavGroup::Today),
    ("月締め", "/closing", NavGroup::Today),
    ("義務と期限", "/obligations", NavGroup::Contract),
    ("書類", "/documents", NavGroup::Contract),
    ("承認・協議", "/approvals", NavGroup::Contract),
    ("作業記録", "/work", NavGroup::Records),
    ("依頼", "/requests", NavGroup::Records),
    ("証跡台帳", "/ledger", NavGroup::Records),
];

/// Number, words, tone, state, day, count.
type Duty = (String, &'static str, Tone, &'static str, &'static str, u64);

const DUTIES: [(&str, Tone, &str, &str, u64); 6] = [
    (
        "月次の状況報告書（別紙3）を翌月 10 日までに提出する",
        Tone::Ok,
        "満たしている",
        "2026-11-10",
        7,
    ),
    (
        "サイトの稼働率 99.9 % 以上を保つ",
        Tone::Bad,
        "満たしていない",
        "2026-10-31",
        12,
    ),
    (
        "障害の発生から 1 時間以内を目処に第一報を入れる",
        Tone::Doubt,
        "文言から決まらない",
        "2026-10-09",
        3,
    ),
    (
        "年 1 回の復元訓練を行い、結果を報告する",
        Tone::Wait,
        "期限前",
        "2027-03-31",
        0,
    ),
    (
        "通信量の上限に近づいたときは協議する",
        Tone::Quiet,
        "測っていない",
        "2026-12-01",
        0,
    ),
    (
        "依頼による作業は月 7 時間まで",
        Tone::Warn,
        "注意",
        "2026-10-31",
        1234,
    ),
];

const SPEC: TableSpec = TableSpec {
    sortable: &["key", "due", "count"],
    sort: "key",
    descending: false,
    filters: &["q", "state"],
    per_page: 20,
};

/// The gallery as a capability.
pub fn capability() -> Capability {
    Capability {
        id: "gallery",
        title_ja: "部品の一覧",
        routes: vec![
            Route::get("/gallery", READ, show),
            Route::post("/gallery", WRITE, take),
            Route::get("/gallery/events", READ, events),
            Route::get("/search", READ, show),
            Route::get("/search.json", READ, search),
        ],
        navigation: MENU
            .iter()
            .zip(1..)
            .map(|((label, href, group), order)| NavEntry {
                label,
                href,
                group: *group,
                permission: READ,
                order: order * 10,
            })
            .collect(),
        ..Capability::default()
    }
}

#[derive(askama::Template)]
#[template(
    source = r##"{% extends "shell.html" %}{% block content %}
<div class="page-head"><div><h1>{{ page.title }}</h1><p class="lead">2026 年 10 月　契約上の義務 120 件</p></div><p class="actions"><a class="button" href="/gallery?new" data-new>作業を記録する</a>{% call ui::dialog_link("close-month", "月を締める", "secondary") %}{% endcall %}</p></div>
{% call ui::notice(Tone::Warn, "別紙3 状況報告書（10 月分）の期限は 11 月 10 日（火）です。あと 3 開庁日です。") %}{% endcall %}

<h2>数値 {% call ui::help("数値") %}<p>契約の義務を状態ごとに数えたものです。未計測は満たしたものとして数えません。</p>{% endcall %}</h2>
<div data-live="/gallery/events"><p data-live-switch></p>
{% call ui::stats(stats) %}{% endcall %}</div>

<h2>流れ</h2>
{% call ui::steps(steps, "月締めの流れ") %}{% endcall %}

<h2>一覧</h2>
{% call ui::data_table(table) %}{% endcall %}

<h2>空の一覧</h2>
{% call ui::empty("この月の依頼はまだありません。", "/gallery", "依頼を登録する") %}{% endcall %}

<h2>使った量</h2>
{% for one in meters %}{% call ui::meter(one) %}{% endcall %}{% endfor %}
{% call ui::progress(progress) %}{% endcall %}

<h2>図</h2>
{% call ui::chart(figure) %}{% endcall %}

<h2>見出しで分けたもの</h2>
{% call ui::tabs(tabs, "書類の内容") %}
{% call ui::tab_panel("tab-facts", "概要") %}{% call ui::facts_of(facts) %}{% endcall %}{% endcall %}
{% call ui::tab_panel("tab-story", "経過") %}{% call ui::timeline(events) %}{% endcall %}{% endcall %}
{% call ui::tab_panel("tab-compare", "版の比較") %}{% call ui::comparison(compared) %}{% endcall %}{% endcall %}
{% endcall %}

<h2>細かい部品</h2>
<p>{% for (tone, text) in badges %}{% call ui::badge(tone, text) %}{% endcall %} {% endfor %}</p>
<p>{% call ui::copy(digest) %}{% endcall %}</p>
<p>{% call ui::time_ago("2026-10-01T00:00:00Z", "2026-10-01 09:00") %}{% endcall %}</p>
<p>検索へは {% call ui::key("/") %}{% endcall %}、新しく作るには {% call ui::key("n") %}{% endcall %} を押します。</p>
{% call ui::disclosure("契約の文言を見る") %}<p>受託者は、毎月の作業内容及び作業時間を別紙3により翌月 10 日（閉庁日のときは翌開庁日）までに報告すること。</p>{% endcall %}

<h2>入力</h2>
{% call ui::error_summary(fields) %}{% endcall %}
<form class="form" method="post" action="/gallery" data-draft="gallery" data-timer="gallery">{% call ui::form_keys(key) %}{% endcall %}
{% call ui::timer() %}{% endcall %}
{% for field in fields %}{% call ui::field(field) %}{% endcall %}{% endfor %}
<p class="actions"><button class="button" type="submit">記録する</button><a class="button quiet" href="/gallery">やめる</a></p></form>

{% call ui::dialog("close-month", "10 月分を締めますか") %}<p>締めたあとに作業を直すと、差し替えの版が要ります。</p><form method="post" action="/gallery"><input type="hidden" name="csrf" value="{{ page.csrf }}"><input type="hidden" name="title" value="締め"><p class="actions"><button class="button danger" type="submit">締める</button></p></form>{% endcall %}
{% endblock %}"##,
    ext = "html"
)]
struct Gallery {
    page: Page,
    stats: Vec<Stat>,
    steps: Vec<Step>,
    table: Table,
    meters: Vec<Meter>,
    progress: Progress,
    figure: Figure,
    tabs: Vec<Tab>,
    facts: Vec<(String, Cell)>,
    events: Vec<Event>,
    compared: Comparison,
    badges: Vec<(Tone, &'static str)>,
    digest: String,
    fields: Vec<Field>,
    key: String,
}

fn duties() -> Vec<Duty> {
    (0..120)
        .map(|n| {
            let (words, tone, state, due, count) = DUTIES[n % DUTIES.len()];
            (format!("O-{:03}", n + 1), words, tone, state, due, count)
        })
        .collect()
}

async fn show(State(app): State<App>, visitor: Visitor, uri: Uri) -> Result<Response, WebError> {
    let query = TableQuery::read(&SPEC, &uri);
    let found: Vec<Duty> = duties()
        .into_iter()
        .filter(|duty| query.filter("q").is_empty() || duty.1.contains(query.filter("q")))
        .filter(|duty| query.filter("state").is_empty() || duty.2.key() == query.filter("state"))
        .collect();
    let (rows, pages) = query.cut(found, |key, a, b| match key {
        "due" => a.4.cmp(b.4),
        "count" => a.5.cmp(&b.5),
        _ => a.0.cmp(&b.0),
    });
    if query.csv {
        let header = ["番号", "内容", "状態", "期限", "件数"].map(str::to_owned);
        let lines = rows.into_iter().map(|(key, words, _, state, due, count)| {
            vec![
                key,
                words.to_owned(),
                state.to_owned(),
                due.to_owned(),
                count.to_string(),
            ]
        });
        return Ok(csv::response("義務", &header, lines));
    }
    let columns = vec![
        Column::new("key", "番号").sortable().shape(Shape::Fixed),
        Column::new("words", "内容").shape(Shape::Long),
        Column::new("state", "状態").shape(Shape::Fixed),
        Column::new("due", "期限").sortable().shape(Shape::Fixed),
        Column::new("count", "件数").sortable().shape(Shape::Number),
    ];
    let rows = rows
        .into_iter()
        .map(|(key, words, tone, state, due, count)| {
            let cells = vec![
                Cell::link(format!("/obligations/{key}"), &key),
                Cell::text(words),
                Cell::badge(tone, state),
                Cell::time(due, due),
                Cell::text(count.to_string()),
            ];
            Row::new(key, cells)
        })
        .collect();
    let table = Table::new("duties", "義務の一覧", &query, columns, rows, pages)
        .note("10 月 9 日現在")
        .filter(vec![
            Field::new("search", "q", "言葉で探す"),
            Field::select(
                "state",
                "状態",
                [
                    ("", "すべて"),
                    ("bad", "満たしていない"),
                    ("warn", "注意"),
                    ("mark", "見本"),
                ],
            ),
        ])
        .with_csv()
        .empty(Empty::new("義務がまだありません。").action("/gallery", "契約を読み込む"));
    html(&page(&app, &visitor, table, fields("", "2026-10-09")))
}

#[derive(Deserialize)]
struct Entry {
    #[serde(default)]
    title: String,
    #[serde(default)]
    date: String,
}

/// Takes any entry with a title; without one the form comes back with what was typed.
async fn take(
    State(app): State<App>,
    visitor: Visitor,
    uri: Uri,
    Form(entry): Form<Entry>,
) -> Result<Response, WebError> {
    if entry.title.trim().is_empty() {
        let query = TableQuery::read(&SPEC, &uri);
        let pages = query.pages(0);
        let table = Table::new(
            "duties",
            "義務の一覧",
            &query,
            Vec::new(),
            Vec::new(),
            pages,
        )
        .empty(Empty::new("義務がまだありません。"));
        let mut fields = fields(&entry.title, &entry.date);
        fields[1].error = String::from("作業の内容を書いてください。");
        return form_page(&page(&app, &visitor, table, fields));
    }
    visitor
        .flash(&app, Tone::Ok, "作業記録を追加しました。")
        .await?;
    Ok(Redirect::to("/gallery").into_response())
}

/// A figure that changes, and once a word about it.
async fn events() -> Response {
    let ticks =
        tokio_stream::wrappers::IntervalStream::new(tokio::time::interval(Duration::from_secs(1)));
    let mut count = 1;
    let events = ticks.map(move |_| {
        count += 1;
        let say = if count == 3 {
            "満たしていない義務が 3 件になりました。"
        } else {
            ""
        };
        let data = json!({ "values": { "bad": count.to_string() }, "say": say });
        Ok::<_, Infallible>(sse::Event::default().data(data.to_string()))
    });
    Sse::new(events).into_response()
}

async fn search() -> Json<Value> {
    Json(json!({ "results": [
        { "href": "/gallery?q=%E7%A8%BC%E5%83%8D", "title": "O-014 サイトの稼働率 99.9 % 以上を保つ", "kind": "義務", "note": "仕様書 5.2" },
        { "href": "/gallery#tab-story", "title": "状況報告書 10 月分", "kind": "書類", "note": "案" },
        { "href": "//elsewhere.example/", "title": "よそのサイト", "kind": "罠", "note": "" },
    ] }))
}

fn fields(title: &str, date: &str) -> Vec<Field> {
    let upload = Upload {
        accept: ".pdf,.png",
        most_bytes: 2_500_000,
        several: true,
    };
    vec![
        Field::new("date", "date", "作業日").value(date).required(),
        Field::text("title", "作業の内容")
            .value(title)
            .required()
            .help("別紙3 にそのまま載ります。個人名は書かないでください。"),
        Field::new("time", "start", "始めた時刻"),
        Field::new("time", "end", "終えた時刻"),
        Field::new("number", "minutes", "時間（分）").range("1", "1440"),
        Field::select(
            "category",
            "区分",
            [("fix", "不具合対応"), ("change", "変更作業")],
        ),
        Field::radio(
            "counts",
            "7 時間に",
            [
                ("yes", "含める"),
                ("no", "含めない"),
                ("undecided", "文言から決まらない"),
            ],
        )
        .value("yes"),
        Field::checkbox("outside", "窓口時間の外に行った", false),
        Field::long("note", "備考", 400).help("別紙3 には載りません。"),
        Field::file("proof", "添付", upload),
    ]
}

fn page(app: &App, visitor: &Visitor, table: Table, fields: Vec<Field>) -> Gallery {
    Gallery {
        page: Page::new(app, visitor, "部品の一覧").here(),
        stats: vec![
            Stat::new("満たしている", "96", "件")
                .state(Tone::Ok, "順調")
                .href("/gallery?state=ok"),
            Stat::new("満たしていない", "2", "件")
                .state(Tone::Bad, "手当てが要る")
                .href("/gallery?state=bad")
                .live("bad"),
            Stat::new("使った時間", "5.5", "/ 7 時間")
                .state(Tone::Warn, "残り 1.5 時間")
                .note("10 月分"),
            Stat::new("市の回答待ち", "3", "件").note("いちばん長いもの 12 日"),
            Stat::new("稼働率", "99.98", "%")
                .state(Tone::Ok, "99.9 % 以上")
                .note("10 月 1 日〜9 日"),
        ],
        steps: vec![
            step("記録を確かめる", Stage::Done, "/gallery", "作業 12 件"),
            step("足りない証跡", Stage::Done, "/gallery", ""),
            step("言葉を整える", Stage::Now, "", "総評が空です"),
            step("書類を作る", Stage::Next, "", ""),
            step("提出する", Stage::Next, "", ""),
        ],
        table,
        meters: vec![
            meter("対応時間（10 月）", 5.5, "5.5 / 7.0 時間", Tone::Warn),
            meter(
                "対応時間（9 月）",
                8.2,
                "8.2 / 7.0 時間（1.2 時間超過）",
                Tone::Bad,
            ),
        ],
        progress: Progress {
            label: "証跡がそろった義務".to_owned(),
            done: 96,
            of: 120,
        },
        figure: figure(),
        tabs: vec![
            Tab::new("tab-facts", "概要"),
            Tab::new("tab-story", "経過").count(3),
            Tab::new("tab-compare", "版の比較"),
        ],
        facts: vec![
            ("条項".to_owned(), Cell::link("/gallery", "仕様書 5.2 (3)")),
            ("状態".to_owned(), Cell::badge(Tone::Wait, "期限前")),
            (
                "期限".to_owned(),
                Cell::time("2026-11-10", "2026-11-10（火）"),
            ),
            ("証跡".to_owned(), Cell::code("#1284")),
            (
                "理由".to_owned(),
                Cell::sentences(vec![
                    "翌月 10 日までに提出します。".to_owned(),
                    "10 日は開庁日です。".to_owned(),
                ]),
            ),
        ],
        events: vec![
            event("2026-10-09 14:03", Tone::Ok, "市が受理しました", "市担当者"),
            event("2026-10-08 17:20", Tone::Info, "提出しました", "責任者"),
            event(
                "2026-10-07 09:11",
                Tone::Warn,
                "総評が空のまま案を作りました",
                "担当者",
            ),
        ],
        compared: Comparison::of(
            (
                "第1版",
                "対応時間は 5.5 時間でした。\n障害はありませんでした。\n以上\n",
            ),
            (
                "第2版",
                "対応時間は 6.5 時間でした。\n障害はありませんでした。\n10 月 3 日の作業を加えました。\n以上\n",
            ),
        ),
        badges: vec![
            (Tone::Ok, "満たしている"),
            (Tone::Bad, "満たしていない"),
            (Tone::Warn, "注意"),
            (Tone::Info, "知らせ"),
            (Tone::Doubt, "文言から決まらない"),
            (Tone::Wait, "期限前"),
            (Tone::Quiet, "測っていない"),
            (Tone::Mark, "見本"),
        ],
        digest: "9f86d081884c7d659a2feaa0c55ad015".to_owned(),
        fields,
        key: form_key(),
    }
}

fn step(label: &str, stage: Stage, href: &str, note: &str) -> Step {
    Step {
        label: label.to_owned(),
        stage,
        href: href.to_owned(),
        note: note.to_owned(),
    }
}

fn meter(label: &str, value: f64, text: &str, tone: Tone) -> Meter {
    Meter {
        label: label.to_owned(),
        value,
        limit: 7.0,
        text: text.to_owned(),
        tone,
    }
}

fn event(at: &str, tone: Tone, title: &str, who: &str) -> Event {
    Event {
        iso: at.replace(' ', "T"),
        at: at.to_owned(),
        tone,
        title: title.to_owned(),
        text: String::new(),
        who: who.to_owned(),
        href: String::new(),
    }
}

/// A drawing of the shape that `mamori_document` makes, which is no dependency here.
fn figure() -> Figure {
    Figure {
        title: "対応時間".to_owned(),
        svg: r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 300 110" role="img" aria-labelledby="g-t" class="chart" font-size="9"><title id="g-t">対応時間</title><g fill="none"><rect class="chart-1" x="40" y="40" width="50" height="50"/><rect class="chart-1" x="130" y="25" width="50" height="65"/><rect class="chart-1" x="220" y="55" width="50" height="35"/></g><path d="M20 90h270" stroke="currentColor"/><g fill="currentColor"><text x="55" y="102">8 月</text><text x="145" y="102">9 月</text><text x="232" y="102">10 月</text></g></svg>"#.to_owned(),
        sentence: "8 月 5.0 時間、9 月 6.5 時間、10 月 3.5 時間です。".to_owned(),
        header: ["月", "時間"].map(str::to_owned).to_vec(),
        rows: [["8 月", "5.0"], ["9 月", "6.5"], ["10 月", "3.5"]]
            .map(|row| row.map(str::to_owned).to_vec())
            .to_vec(),
    }
}
