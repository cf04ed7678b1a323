//! Writes the shell and every component as files to look at:
//! `cargo run -p mamori-web --example gallery -- FOLDER`, then open them in a browser.

use std::path::PathBuf;
use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use mamori_kernel::permission::{Permission, Role};
use mamori_runtime::{App, Capability, NavEntry, NavGroup, Route};
use mamori_testkit::TestApp;
use mamori_web::{ContractTitle, Field, Installation, Page, Pages, Tone, Visitor, WebError, html};

const READ: Permission = Permission::read("gallery");

const MENU: [(&str, &str); 8] = [
    ("義務と期限", "/obligations"),
    ("書類", "/documents"),
    ("作業記録", "/work"),
    ("依頼", "/requests"),
    ("問合せ", "/questions"),
    ("承認・協議", "/approvals"),
    ("証明書類", "/attestations"),
    ("証跡台帳", "/ledger"),
];

#[derive(askama::Template)]
#[template(
    source = r#"{% extends "shell.html" %}{% block content %}
<div class="page-head"><div><h1>{{ page.title }}</h1><p class="lead">2026 年 10 月　契約上の義務 149 件</p></div><p><a class="button" href="/work">作業を記録する</a></p></div>
{% call ui::notice(Tone::Warn, "別紙3 状況報告書（10 月分）の期限は 11 月 10 日（火）です。あと 3 開庁日です。") %}{% endcall %}
{% call ui::notice(Tone::Bad, "証明書類「プライバシーマーク登録証」の期限が切れています。") %}{% endcall %}
<ul class="cards"><li class="card"><p class="muted">満たしている</p><p class="figure">96</p></li><li class="card"><p class="muted">満たしていない</p><p class="figure">2</p></li><li class="card"><p class="muted">文言から決まらない</p><p class="figure">5</p></li><li class="card"><p class="muted">期限が来ていない</p><p class="figure">46</p></li></ul>
<form class="filter" method="get" action="/obligations">{% call ui::field(state) %}{% endcall %}{% call ui::field(query) %}{% endcall %}<button class="button secondary" type="submit">絞り込む</button></form>
{% call ui::table("義務の一覧") %}<caption>義務の一覧 <span class="muted">149 件中 1〜6 件</span></caption>
<thead><tr><th scope="col">番号</th><th scope="col">内容</th><th scope="col">状態</th><th scope="col">期限</th><th scope="col" class="number">件数</th></tr></thead>
<tbody>{% for row in rows %}<tr><th scope="row" class="nowrap"><a href="/obligations/{{ row.0 }}">{{ row.0 }}</a></th><td>{{ row.1 }}</td><td>{% call ui::badge(row.2, row.3) %}{% endcall %}</td><td class="nowrap">2026-11-10（火）</td><td class="number">{{ row.4 }}</td></tr>{% endfor %}</tbody>{% endcall %}
{% call ui::pagination(pages) %}{% endcall %}
<h2>詳細</h2>
{% call ui::facts(facts) %}{% endcall %}
<h2>入力</h2>
<form class="form" method="post" action="/work"><input type="hidden" name="csrf" value="{{ page.csrf }}">
{% for field in fields %}{% call ui::field(field) %}{% endcall %}{% endfor %}
<p class="actions"><button class="button" type="submit">記録する</button><a class="button secondary" href="/work">やめる</a></p></form>
<h2>空の一覧</h2>
{% call ui::empty("この月の依頼はまだありません。", "/requests/new", "依頼を登録する") %}{% endcall %}
{% endblock %}"#,
    ext = "html"
)]
struct Gallery {
    page: Page,
    rows: Vec<(&'static str, &'static str, Tone, &'static str, u32)>,
    pages: Pages,
    facts: Vec<(&'static str, &'static str)>,
    fields: Vec<Field>,
    state: Field,
    query: Field,
}

async fn gallery(State(app): State<App>, visitor: Visitor) -> Result<Response, WebError> {
    let page = Page::new(&app, &visitor, "義務と期限")
        .here()
        .with_notice(Tone::Ok, "作業記録を追加しました。");
    html(&Gallery {
        page,
        rows: vec![
            (
                "O-001",
                "月次の状況報告書（別紙3）を翌月 10 日までに提出する",
                Tone::Ok,
                "満たしている",
                7,
            ),
            (
                "O-014",
                "サイトの稼働率 99.9 % 以上を保つ",
                Tone::Bad,
                "満たしていない",
                12,
            ),
            (
                "O-023",
                "障害の発生から 1 時間以内を目処に第一報を入れる",
                Tone::Doubt,
                "文言から決まらない",
                3,
            ),
            (
                "O-048",
                "年 1 回の復元訓練を行い、結果を報告する",
                Tone::Wait,
                "期限前",
                0,
            ),
            (
                "O-071",
                "通信量の上限に近づいたときは協議する",
                Tone::Quiet,
                "測っていない",
                0,
            ),
            (
                "O-102",
                "依頼による作業は月 7 時間まで",
                Tone::Warn,
                "注意",
                1234,
            ),
        ],
        pages: Pages {
            current: 3,
            size: 20,
            total: 149,
            base: "/obligations".to_owned(),
        },
        facts: vec![
            ("契約条項", "仕様書 5.2 (3)"),
            (
                "内容",
                "受託者は、毎月の作業内容及び作業時間を別紙3により翌月 10 日（閉庁日のときは翌開庁日）までに報告すること。",
            ),
            ("担当", "株式会社見本システムズ　運用課"),
        ],
        fields: vec![
            Field::new("date", "date", "作業日")
                .value("2026-10-09")
                .required(),
            Field::text("title", "作業の内容")
                .required()
                .help("別紙3 にそのまま載ります。個人名は書かないでください。")
                .error("作業の内容を書いてください。"),
            Field::select(
                "category",
                "区分",
                [("fix", "不具合対応"), ("change", "変更作業")],
            ),
            Field::new("textarea", "note", "備考"),
        ],
        state: Field::select("state", "状態", [("", "すべて"), ("bad", "満たしていない")]),
        query: Field::new("search", "q", "言葉で探す"),
    })
}

#[tokio::main]
async fn main() {
    let folder: PathBuf = std::env::args()
        .nth(1)
        .expect("a folder to write into")
        .into();
    std::fs::create_dir_all(&folder).expect("the folder can be made");
    let capability = Capability {
        id: "gallery",
        title_ja: "部品一覧",
        routes: vec![Route::get("/obligations", READ, gallery)],
        navigation: MENU
            .iter()
            .zip(1..)
            .map(|((label, href), order)| NavEntry {
                label,
                href,
                group: NavGroup::Today,
                permission: READ,
                order: order * 10,
            })
            .collect(),
        ..Capability::default()
    };
    let test = TestApp::with(vec![capability]).await;
    test.app.provide(Arc::new(Installation {
        contracts: vec![ContractTitle {
            id: "site-r8".to_owned(),
            title: "令和8年度 公式ウェブサイト保守業務委託".to_owned(),
        }],
        sample: true,
    }));
    let mut person = test.sign_in(Role::Manager).await;
    let mut stranger = test.anonymous();
    let failed = stranger
        .post_raw_form("/sign-in", &[("name", "tanaka"), ("password", "x")])
        .await;
    let pages = [
        ("gallery.html", person.get("/obligations").await.text()),
        ("sign-in.html", stranger.get("/sign-in").await.text()),
        ("sign-in-failed.html", failed.text()),
        ("missing.html", person.get("/nowhere").await.text()),
    ];
    for (name, shown) in pages {
        let shown = shown
            .replace(mamori_web::assets::stylesheet(), "mamori.css")
            .replace(mamori_web::assets::icon(), "icon.svg");
        std::fs::write(folder.join(name), shown).expect("the file can be written");
    }
    for (file, href) in [
        ("mamori.css", mamori_web::assets::stylesheet()),
        ("icon.svg", mamori_web::assets::icon()),
    ] {
        let bytes = stranger.get(href).await.bytes;
        std::fs::write(folder.join(file), bytes).expect("the file can be written");
    }
}
